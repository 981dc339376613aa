"""Finds what a service would fetch, look up or run by itself: the network beyond the model."""

from collections.abc import Iterator
from typing import Any

from swe_scale.models.gateway.connection import Rejected
from swe_scale.models.gateway.kinds import Kind

__all__ = ["all_text", "refuse_elsewhere"]

_ELSEWHERE = (
    "previous_response_id", "conversation", "prompt_id", "container", "web_search_options",
    "search_parameters", "data_sources", "mcp_servers", "plugins",
)  # fmt: skip
"""Fields that bring in what the request doesn't hold."""
_OWN_TOOLS = ("function", "custom", "local_shell", "shell", "apply_patch", "namespace")
"""Types of tools that a client carries out by itself."""
_OWN_TOOLS_NATIVE = ("bash_", "text_editor_", "computer_", "memory_")
_SAID = ("messages", "input", "system", "instructions")
_CALLED = frozenset({"tool_calls", "function_call", "arguments", "input", "action", "annotations"})
"""What tools were called with, and what a service found: nothing that anybody fetches."""
_MEDIA = frozenset({"image", "audio", "video", "file", "filedata"})
"""Fields of some servers that hold an address, or what is to be found there."""
_KEPT = frozenset({"fileid", "fileids"})
_TEXTUAL = frozenset({
    "text", "input_text", "output_text", "refusal", "message", "ephemeral", "search_result",
    "thinking", "redacted_thinking", "reasoning", "reasoning_text", "summary_text",
    "reasoning.text", "reasoning.summary", "reasoning.encrypted",
    "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output",
    "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output", "exit", "timeout",
    "apply_patch_call", "apply_patch_call_output", "tool_use", "tool_result", "tool_reference", "direct",
})  # fmt: skip
"""Types of parts that are text, and of what is inside them."""


def refuse_elsewhere(fields: dict[str, Any], kind: Kind) -> None:
    """Refuse a request with which the service would reach beyond the model.

    Raises:
        Rejected: it is one.
    """
    for name in _ELSEWHERE:
        if fields.get(name):
            raise Rejected(400, f"{name} can't be used here: an agent reaches its model endpoint alone")
    if isinstance(fields.get("prompt"), dict):
        raise Rejected(400, "a stored prompt can't be used here: an agent reaches its model endpoint alone")
    for tool in _tools(fields):
        if not _is_own(tool, kind):
            name = str(tool.get("type"))[:60] if isinstance(tool, dict) else "a tool of unknown form"
            raise Rejected(400, f"{name}: tools that the service runs by itself can't be used here")
    if any(_is_kept(part) or any(map(_is_away, _links(part))) for part in _parts(fields)):
        raise Rejected(400, "files and images must be in the request: the service fetches none by itself")


def all_text(fields: dict[str, Any]) -> bool:
    """Return whether all that is said is text, whose bytes bound its tokens."""
    return all(_is_text(part) for part in _parts(fields))


def _tools(fields: dict[str, Any]) -> Iterator[object]:
    """Yield the tools, those in groups too."""
    waiting = [fields.get("tools")]
    while waiting:
        one = waiting.pop()
        for tool in one if isinstance(one, list) else ():
            yield tool
            if isinstance(tool, dict):
                waiting.append(tool.get("tools"))


def _is_own(tool: object, kind: Kind) -> bool:
    if not isinstance(tool, dict):
        return False
    said = tool.get("type")
    if kind.native:
        return said in (None, "custom") or str(said).startswith(_OWN_TOOLS_NATIVE)
    # The service has shells of its own, too.
    place = tool.get("environment") if said == "shell" else None
    return said in _OWN_TOOLS and (
        place is None or (isinstance(place, dict) and place.get("type") == "local")
    )


def _parts(fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the messages and all objects in them, but for what tools were called with."""
    waiting = [fields.get(name) for name in _SAID]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            yield one
            waiting += [inner for name, inner in one.items() if name not in _CALLED]


def _links(part: dict[str, Any]) -> Iterator[str]:
    """Yield what stands where an address may stand."""
    for name, value in part.items():
        if _may_lead(name):
            yield from (
                one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)
            )


def _may_lead(name: str) -> bool:
    plain = _plain(name)
    return plain in _MEDIA or plain.endswith(("url", "uri"))


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _is_away(link: str) -> bool:
    return not link.startswith("data:")


def _is_kept(part: dict[str, Any]) -> bool:
    """Return whether a part stands for what the service keeps, or holds tensors, which servers unpack."""
    if part.get("type") == "item_reference" or (part.get("id") and part.keys() <= {"id", "type", "status"}):
        return True
    return any(value and (_plain(name) in _KEPT or name.endswith("_embeds")) for name, value in part.items())


def _is_text(part: dict[str, Any]) -> bool:
    said = part.get("type")
    known = said is None or (isinstance(said, str) and said in _TEXTUAL)
    return known and not any(_may_lead(name) or name == "input_audio" for name in part)
