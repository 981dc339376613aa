"""The one door at which the client library's errors become ours."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAIError

from swe_scale.errors import ContextExceeded, EndpointRefused, Interrupted, ModelError
from swe_scale.models.endpoint import Endpoint

__all__ = ["Unavailable", "UnknownModel", "Unreachable", "broken", "refused", "translate"]


class Unavailable(ModelError):
    """The endpoint refused in a way that may pass, and charged nothing: it is busy, or restarts."""

    def __init__(self, text: str, *, retry_after: float | None = None, busy: bool = False) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        """Seconds to wait, if the server said so."""
        self.busy = busy
        """Whether it only wants fewer calls."""


class Unreachable(ModelError):
    """No connection came about, so nothing was sent; may pass, too."""


class UnknownModel(EndpointRefused):
    """The endpoint answers, but not with this model."""

    def __init__(self, text: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.known = known
        """Names that it does know."""


# The client library wraps the errors of an HTTP library whose name differs between its versions.
_UNSENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}

# vLLM, SGLang, OpenAI, llama.cpp, Anthropic, Gemini, and text-generation-inference, in their own words.
_TOO_LONG = re.compile(
    r"context[ _](length|size|window|limit)|longer than the model|prompt is too long|input token count"
    r"|too many tokens|reduce the length|max_new_tokens. must be",
    re.IGNORECASE,
)
_TAG = re.compile(r"(?is)<(style|script|head)\b.*?</\1>|</?[a-z!][^<>]*>")
_PASSING = {408, 409, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}
_LATE = {408, 504, 524}
"""A gateway lost patience; the server behind it may have gone on."""


def translate(error: OpenAIError, endpoint: Endpoint) -> ModelError:
    """Return our error for one of the client library's."""
    match error:
        case APIStatusError():
            return refused(error.status_code, error.body, error.response.headers, endpoint)
        case APIConnectionError():
            return broken(error, endpoint, late=isinstance(error, APITimeoutError))
        case APIError():
            return ModelError(endpoint.says(f"failed: {endpoint.quoted(error.message)}"), charged=True)
        case _:
            return ModelError(endpoint.says(f"can't be called: {endpoint.quoted(str(error))}"))


def refused(status: int, body: object, headers: Mapping[str, str], endpoint: Endpoint) -> ModelError:
    """Return the error for an answer that is an error.

    Args:
        status: HTTP status.
        body: the answer's `error` object, or whatever was there instead.
        headers: the answer's.
        endpoint: whose answer it is.
    """
    words = endpoint.quoted(_words(body))
    if _is_too_long(status, body, words):
        return ContextExceeded(
            endpoint.says(f"finds the prompt too long: {words}", "Shorten the context, or the replies.")
        )
    said = f" ({words})" if words else ""
    if 300 <= status < 400:
        target = endpoint.quoted(headers.get("location", "an unnamed place"))
        return EndpointRefused(
            endpoint.says(f"redirects to {target}", "Put the final address into base_url.")
        )
    match status:
        case 401 | 403:
            return _denied(status, said, endpoint)
        case 404 | 405:
            return UnknownModel(
                endpoint.says(f"was not found: {status}{said}", "Check the model's name and base_url.")
            )
        case 400 | 402 | 429 if _is_unpaid(status, body, words):
            return EndpointRefused(
                endpoint.says(f"has no quota left{said}", "Add credit, or use another endpoint.")
            )
        case 501:
            what = f"offers no chat completions: {status}{said}"
            return EndpointRefused(
                endpoint.says(what, "Check base_url: it must be an OpenAI-compatible API.")
            )
        case 429:
            return Unavailable(
                endpoint.says(f"allows no more calls now: 429{said}", "Lower max_in_flight, or wait."),
                retry_after=_retry_after(headers),
                busy=True,
            )
        case _ if status in _PASSING:
            kind = Interrupted if status in _LATE else Unavailable
            return kind(
                endpoint.says(f"failed: {status}{said}", "See the server's log."),
                retry_after=_retry_after(headers),
            )
    return ModelError(endpoint.says(f"refuses the request: {status}{said}", "Check the model's settings."))


def _denied(status: int, said: str, endpoint: Endpoint) -> ModelError:
    place = endpoint.key_place
    if not endpoint.key:
        return EndpointRefused(endpoint.says(f"wants a key: {status}{said}", endpoint.keyless))
    verb = "refuses the key" if status == 401 else "denies access with the key"
    what = f"{verb} in {place}: {status}{said}"
    return EndpointRefused(endpoint.says(what, "Check that it is of this endpoint."))


def broken(error: Exception, endpoint: Endpoint, *, late: bool) -> ModelError:
    """Return the error for a connection that did not come about, or broke.

    Args:
        error: the client library's, which the HTTP library's caused.
        endpoint: to which.
        late: whether it was given up because it took too long.
    """
    causes = list(_causes(error))
    if not any(type(cause).__name__ in _UNSENT for cause in causes):
        if late:
            return ModelError(endpoint.says("gave no reply in time"), charged=True)
        return Interrupted(
            endpoint.says("broke the connection off before the reply", "See the server's log.")
        )
    for cause in causes:
        match cause:
            case ssl.SSLError():
                reason = getattr(cause, "verify_message", "") or cause.reason or str(cause)
                return Unreachable(
                    endpoint.says(
                        f"can't be reached: TLS failed ({endpoint.quoted(reason)})",
                        "Check http or https in base_url, and the server's certificate.",
                    )
                )
            case socket.gaierror():
                return Unreachable(
                    endpoint.says(
                        "can't be reached: no such host", "Check base_url, and this machine's network."
                    )
                )
            case ConnectionRefusedError():
                return Unreachable(
                    endpoint.says(
                        "can't be reached: connection refused", "Start the server, or correct base_url."
                    )
                )
            case _:
                continue
    reason = "no connection in time" if late else endpoint.quoted(str(error.__cause__))
    return Unreachable(
        endpoint.says(f"can't be reached: {reason}", "Check base_url, proxies and the network.")
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        if isinstance(seen, BaseExceptionGroup):
            yield from seen.exceptions
        seen = seen.__cause__ or seen.__context__


def _is_too_long(status: int, body: object, words: str) -> bool:
    if status == 413:
        return "per minute" not in words
    if status not in (400, 422, 500):
        return False
    if _field(body, "param") == "input_tokens" or _field(body, "code") == "context_length_exceeded":
        return True
    return bool(_TOO_LONG.search(words))


def _is_unpaid(status: int, body: object, words: str) -> bool:
    codes = f"{_field(body, 'code')} {_field(body, 'type')}"
    if status == 400:
        return "credit balance is too low" in words or "organization_on_hold" in codes
    return status == 402 or "quota" in codes or "spend_limit" in codes


def _field(body: object, name: str) -> str:
    return str(body.get(name) or "") if isinstance(body, dict) else ""


def _words(body: object) -> str:
    """Return what the server says in an error's body, whatever its form."""
    if isinstance(body, dict):
        said = body.get("message") or body.get("detail") or body.get("error") or body
        return str(said)
    # Of a page, which no model server sends, its words say enough.
    return _TAG.sub(" ", body) if isinstance(body, str) else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    wish = headers.get("retry-after", "")
    try:
        seconds = float(wish)
    except ValueError:
        until = _date(wish)
        if until is None:
            return None
        # Both dates are the server's: this machine's clock may be wrong, or jump.
        seconds = (until - (_date(headers.get("date", "")) or datetime.now(UTC))).total_seconds()
    return max(seconds, 0.0) if isfinite(seconds) else None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
