"""A real HTTP server in the shape of Anthropic's: its Messages protocol, its models, its prompt cache."""

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import unquote

from chat_protocol import Fault, tokens
from messages_protocol import (
    SAMPLED,
    Content,
    PromptCache,
    events,
    fault,
    prefix,
    sent,
    weight,
    wrong,
)
from scripted_server import Handler, ScriptedServer

ABILITIES: dict[str, Any] = {
    "effort": {
        "supported": True,
        **{level: {"supported": True} for level in ("low", "medium", "high", "max")},
        "xhigh": None,
    },
    "thinking": {
        "supported": True,
        "types": {"adaptive": {"supported": True}, "enabled": {"supported": False}},
    },
}
"""Of a model that decides itself how much to think."""
BUDGET: dict[str, Any] = {
    "effort": {"supported": False, **{level: {"supported": False} for level in ("low", "medium", "high")}},
    "thinking": {
        "supported": True,
        "types": {"adaptive": {"supported": False}, "enabled": {"supported": True}},
    },
}
"""Of one that has to be told."""


class _Handler(Handler):
    _kept: tuple[str, ...] = ()

    @property
    def _script(self) -> "AnthropicServer":
        script = self.server.script
        assert isinstance(script, AnthropicServer)
        return script

    def _listed(self) -> tuple[Fault | None, bytes]:
        script = self._script
        path = unquote(self.path.partition("?")[0])
        row = {"type": "model", "id": script.model, "display_name": script.model, "lifecycle": "active"}
        if path == "/v1/models":
            others = [{**row, "id": name} for name in script.others]
            listed = {"data": [row, *others], "has_more": False, "first_id": None, "last_id": None}
            return None, json.dumps(listed).encode()
        if path != f"/v1/models/{script.model}":
            return fault(404, f"model: {path.rpartition('/')[2]}"), b""
        told = {"max_input_tokens": script.max_model_len, "max_tokens": script.longest}
        return None, json.dumps({**row, **told, "capabilities": script.capabilities}).encode()

    def _refused(self) -> Fault | None:
        script = self._script
        given = {self.headers.get("X-Api-Key"), self.headers.get("Authorization", "").removeprefix("Bearer ")}
        if script.key is not None and given - {None, script.key}:
            # As careless as a server can be: it repeats what it was given.
            return fault(401, f"invalid x-api-key {given}")
        return None

    def _reply(self, step: str, body: dict[str, Any], prompt: int) -> bytes | Fault:
        script = self._script
        if body.get("model") != script.model:
            return fault(404, f"model: {body.get('model')}")
        found = wrong(body, self.headers.get("anthropic-version", ""), script.samples) or self._thought(body)
        if found:
            return fault(400, found)
        size = sum(weight(block) for block in prefix(body))
        if script.max_model_len is not None and size > script.max_model_len:
            return fault(400, f"prompt is too long: {size} tokens > {script.max_model_len} maximum")
        try:
            text = script.reply(step, body)
        except LookupError as missing:
            return fault(400, str(missing))
        content = script.contents.get(step) or Content([{"type": "text", "text": text}])
        counts, kept = script.cache.look(body)
        self._kept = tuple(kept)
        usage: dict[str, Any] = {**counts, "output_tokens": tokens(json.dumps(content.blocks))}
        if content.thought is not None:
            usage["output_tokens_details"] = {"thinking_tokens": content.thought}
        if body.get("stream") and script.streams:
            return sent(events(script.model, content, usage))
        reply = {"type": "message", "role": "assistant", "model": script.model, "content": content.blocks}
        stop = {"stop_reason": content.stop, "stop_details": content.details}
        return json.dumps({**reply, **stop, "usage": usage}).encode()

    def _thought(self, body: dict[str, Any]) -> str | None:
        """Return what is wrong with the thinking that is asked for."""
        told = self._script.capabilities or {}
        effort = body.get("output_config", {}).get("effort")
        if effort and not (told.get("effort", {}).get(effort) or {}).get("supported"):
            return "output_config.effort: Input should be 'low', 'medium' or 'high'"
        thinking = body.get("thinking")
        if thinking is None:
            return None
        if not told.get("thinking", {}).get("types", {}).get(thinking["type"], {}).get("supported"):
            return f'"thinking.type.{thinking["type"]}" is not supported for this model.'
        if not 1024 <= thinking.get("budget_tokens", 1024) < body["max_tokens"]:
            return "`max_tokens` must be greater than `thinking.budget_tokens`"
        if any(name in body for name in SAMPLED):
            return "`temperature` may only be set to 1 when thinking is enabled."
        return None

    def _write(self, fault: Fault, reply: bytes, events: bool = False) -> None:
        # Only what has begun to be answered can be read by others.
        self._script.cache.begin(list(self._kept))
        self._kept = ()
        super()._write(fault, reply, events and self._script.streams)


@dataclass
class AnthropicServer(ScriptedServer):
    """Serves a script in Anthropic's protocol while its context lasts."""

    handler: ClassVar[type[Handler]] = _Handler

    model: str = "claude"
    path: str = ""
    max_model_len: int | None = 200_000
    contents: dict[str, Content] = field(default_factory=dict)
    """By step, replies that are more than a text."""
    others: tuple[str, ...] = ()
    """Further models that are listed."""
    capabilities: dict[str, Any] | None = field(default_factory=lambda: ABILITIES)
    samples: bool = False
    """Whether the model takes a temperature, in the protocol's earlier version."""
    longest: int | None = 64_000
    """Tokens of a reply, at most."""
    streams: bool = True
    cache: PromptCache = field(default_factory=PromptCache)
