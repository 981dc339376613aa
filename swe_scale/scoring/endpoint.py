"""A verifier behind a web address."""

from dataclasses import dataclass, field

import anyio
import httpx2

from swe_scale.config import OpenAIEndpoint, ScoreEndpoint
from swe_scale.errors import EndpointRefused, ScoreError
from swe_scale.models.endpoint import Endpoint as Address
from swe_scale.models.endpoint import endpoint_of
from swe_scale.records import Scores
from swe_scale.retry import retrying
from swe_scale.scoring.document import LARGEST_ANSWER, Question, read_scores

_TRIES = 2
"""Further ones, where the fault may pass."""
_PASSING = {429, 502, 503, 504}


class _Busy(ScoreError):
    """It may answer in a moment."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Posts the question, and follows nowhere else."""

    config: ScoreEndpoint
    address: Address
    _headers: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, config: ScoreEndpoint) -> "Endpoint":
        """Return the verifier at an address, with its key.

        Raises:
            ScoreError: the address is none, or the key can't be read or sent.
        """
        like = OpenAIEndpoint(
            model="the verifier", base_url=config.url, key_variable=config.key_variable,
            key_file=config.key_file,
        )  # fmt: skip
        try:
            address = endpoint_of(like)
        except EndpointRefused as error:
            raise ScoreError(" ".join(str(error).split())) from error
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if address.key:
            headers["Authorization"] = f"Bearer {address.key}"
        return cls(config, address, headers)

    async def score(self, question: Question) -> Scores:
        """Return the scores of the candidates.

        Raises:
            ScoreError: it can't be reached, refuses, took too long, or its answer can't be used.
        """
        document = question.written()
        try:
            with anyio.fail_after(self.config.seconds):
                async with self._client() as client:
                    answer: bytes = await retrying(_TRIES, _Busy)(self._ask, client, document)
        except TimeoutError as error:
            raise ScoreError(f"it gave no answer within {self.config.seconds:g} s") from error
        try:
            return read_scores(answer, question, f"endpoint {self.address.shown}")
        except ScoreError as error:
            raise ScoreError(self.address.without_key(str(error))) from None

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers=self._headers,
            timeout=self.config.seconds,
            follow_redirects=False,
            trust_env=not self.address.local,
        )

    async def _ask(self, client: httpx2.AsyncClient, document: bytes) -> bytes:
        try:
            async with client.stream("POST", self.config.url, content=document) as response:
                data = bytearray()
                async for part in response.aiter_bytes():
                    data += part
                    if len(data) > LARGEST_ANSWER:
                        break
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise _Busy(f"it can't be reached: {self.address.quoted(reason)}") from error
        status = response.status_code
        if status != 200:
            said = self.address.quoted(bytes(data[:4096]).decode("utf-8", "replace"))
            raise (_Busy if status in _PASSING else ScoreError)(f"it answered {status}: {said or 'no words'}")
        return bytes(data)
