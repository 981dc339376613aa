"""What is sent over the OpenAI chat protocol."""

from typing import Any

from swe_scale.records import Message, Request, Sampling, Tool

__all__ = ["body_of", "sendable"]

_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "effort": "reasoning_effort",
}
"""Our names of a sampling's settings, and the protocol's."""


def body_of(request: Request, length: str = "max_tokens") -> dict[str, Any]:
    """Return a request's body; `length` is the server's name of the longest reply."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(one) for one in request.messages],
        **_settings(request.sampling),
        length: request.sampling.max_tokens,
    }
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.reply_schema is not None:
        held = {"name": "reply", "strict": True, "schema": dict(request.reply_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": held}
    return body


def sendable(text: str) -> str:
    """Return the text without lone surrogates, which bytes that aren't UTF-8 may have left in it."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _settings(sampling: Sampling) -> dict[str, Any]:
    wanted = {theirs: getattr(sampling, ours) for ours, theirs in _SETTINGS.items()}
    found = {name: value for name, value in wanted.items() if value is not None}
    return {**found, "logprobs": True} if sampling.logprobs else found


def _message(message: Message) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.answers:
        sent["tool_call_id"] = message.answers
    if message.tool_calls:
        sent["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": sendable(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return sent


def _content(message: Message) -> str | list[dict[str, Any]]:
    text = sendable(message.content)
    if not message.pictures:
        return text
    shown = [
        {"type": "image_url", "image_url": {"url": f"data:{one.media_type};base64,{one.data}"}}
        for one in message.pictures
    ]
    return [*shown, {"type": "text", "text": text}]


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}
