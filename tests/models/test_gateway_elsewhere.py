"""What an agent asks of its model has the service reach nothing else, and is bounded whatever it holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from anthropic_server import AnthropicServer
from chat_protocol import whole
from gateway_kit import CHAT, Page, native, open_led, paged, served

from swe_scale.models.gateway.body import prepared
from swe_scale.models.gateway.connection import Rejected
from swe_scale.models.gateway.kinds import KINDS

pytestmark = pytest.mark.anyio
AWAY = "http://169.254.169.254/latest"
PICTURE = "data:image/png;base64,AAAA"
REPLY = Page(whole("m", "because", {"prompt_tokens": 1, "completion_tokens": 1}))
SHOWN = {"type": "image_url", "image_url": {"url": PICTURE}}

PARTS: dict[str, dict[str, Any]] = {
    "image": {"type": "image_url", "image_url": {"url": AWAY}},
    "image at once": {"type": "image_url", "image_url": AWAY},
    "image without a type": {"image_url": AWAY},
    "image of another spelling": {"type": "image", "imageUrl": AWAY},
    "image in a list": {"type": "image_url", "image_url": [PICTURE, AWAY]},
    "image by its kind": {"type": "image", "image": AWAY},
    "image of this host": {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
    "image of an odd scheme": {"type": "image_url", "image_url": {"url": f" {AWAY}"}},
    "video": {"type": "video_url", "video_url": {"url": AWAY}},
    "frames": {"type": "video", "video": [PICTURE, AWAY]},
    "audio": {"type": "audio_url", "audio_url": {"url": AWAY}},
    "anything": {"type": "a_url", "a": {"b": {"url": AWAY}}},
    "kept file": {"type": "file", "file": {"file_id": "file-1"}},
    "kept files": {"type": "file", "file": {"fileIds": ["file-1"]}},
    "file elsewhere": {"type": "file", "file": {"filename": "a.pdf", "file_data": AWAY}},
    "bucket": {"type": "file", "file": {"fileUri": "gs://bucket/a"}},
    "native image": {"type": "image", "source": {"type": "url", "url": AWAY}},
    "native file": {"type": "document", "source": {"type": "file", "file_id": "file-1"}},
    "nested": {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "url": AWAY}]},
    "tensors": {"type": "image_embeds", "image_embeds": "AAAA"},
    "earlier answer": {"type": "item_reference", "id": "msg_1"},
    "earlier answer, unsaid": {"id": "msg_1"},
    "earlier sound": {"type": "text", "audio": {"id": "audio_1"}},
}
FIELDS: dict[str, dict[str, Any]] = {
    "plugins": {"plugins": [{"id": "web"}]},
    "live search": {"search_parameters": {"mode": "on"}},
    "data": {"data_sources": [{"type": "azure_search"}]},
    "servers of tools": {"mcp_servers": [{"url": AWAY}]},
    "a shell of the service": {"tools": [{"type": "shell", "environment": {"type": "container_auto"}}]},
    "a shell of unknown form": {"tools": [{"type": "shell", "environment": "container_auto"}]},
    "tools in a group": {"tools": [{"type": "namespace", "name": "a", "tools": [{"type": "web_search"}]}]},
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_what_the_service_would_fetch_is_refused(path: str, part: dict[str, Any]) -> None:
    said = {"role": "user", "content": [{"type": "text", "text": "why?"}, part]}
    name = "input" if path == "/v1/responses" else "messages"
    with pytest.raises(Rejected, match="fetches none"):
        refused({name: [said]}, path)
    if path == "/v1/messages":
        with pytest.raises(Rejected, match="fetches none"):
            refused({"messages": [], "system": [part]}, path)


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
def test_what_the_service_would_do_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="can't be used here"):
        refused(CHAT | fields, "/v1/chat/completions")


def refused(fields: dict[str, Any], path: str) -> None:
    """Ask, unless that is refused."""
    prepared(json.dumps(fields).encode(), KINDS[path], served("http://127.0.0.1:9/v1"), 100)


async def test_fields_that_nobody_knows_are_left_out(tmp_path: Path) -> None:
    unknown: dict[str, Any] = {
        name: {"a": 1}
        for name in (
            "models", "provider", "route", "transforms", "service_tier", "store", "metadata", "prediction",
            "chat_template", "chat_template_kwargs", "prompt_embeds", "kv_transfer_params", "api_base",
            "extra_body", "logits_processors", "priority", "mm_processor_kwargs", "modalities", "audio",
        )
    }  # fmt: skip
    known: dict[str, Any] = {
        "temperature": 0.5,
        "seed": 1,
        "reasoning_effort": "low",
        "tool_choice": "auto",
        "top_k": 3,
    }
    with paged(chat_completions=REPLY) as server:
        config = served(server.base_url, extra_body={"provider": {"order": ["here"]}})
        async with open_led(tmp_path, config) as led:
            assert (await led.ask(**unknown, **known)).status_code == 200
        (body,) = server.bodies()
    own = {"model": "m", "max_tokens": 100, "provider": {"order": ["here"]}}
    assert body == CHAT | known | own


async def test_native_fields_that_nobody_knows_are_left_out(tmp_path: Path) -> None:
    said = [{"role": "user", "content": [{"type": "text", "text": "why?"}]}]
    with AnthropicServer(lambda *_: "because") as server:
        async with open_led(tmp_path, native(server.base_url)) as led:
            answer = await led.ask(
                "messages", messages=said, max_tokens=5, context_management={"edits": []}, inference_geo="us",
                speed="fast", betas=["a"], system=[{"type": "text", "text": "be brief"}],
            )  # fmt: skip
        assert answer.status_code == 200
        assert server.calls[-1].body.keys() == {"messages", "max_tokens", "model", "system"}


TEXTS: dict[str, list[Any]] = {
    "plain": [{"role": "user", "content": f"see {AWAY}"}],
    "in parts": [
        {"role": "user", "content": [{"type": "text", "text": AWAY, "cache_control": {"type": "ephemeral"}}]}
    ],
    "a call": [
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"url": AWAY}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": AWAY}]},
    ],
    "a call of the older form": [
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"arguments": {"url": AWAY}}}]},
        {"role": "tool", "tool_call_id": "t", "content": AWAY},
    ],
}


@pytest.mark.parametrize("messages", TEXTS.values(), ids=TEXTS)
async def test_text_is_bounded_by_its_bytes(tmp_path: Path, messages: list[Any]) -> None:
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url), usd=2.0) as led:
            assert (await led.ask(messages=messages)).status_code == 200
        assert server.bodies()[0]["messages"] == messages


@pytest.mark.parametrize(
    "part",
    [
        SHOWN,
        {"image_url": PICTURE},
        {"type": "text", "text": "", "image_url": {"url": PICTURE}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
        {"type": ["text"], "text": "why?"},
        {"type": "of another time"},
    ],
    ids=lambda part: str(part)[:40],
)
async def test_what_is_not_text_may_fill_the_context(tmp_path: Path, part: dict[str, Any]) -> None:
    """That of the server's list holds 9,000 tokens, which with the reply cost 9.1 USD."""
    messages = [{"role": "user", "content": [part]}]
    with paged(chat_completions=REPLY) as server:
        for usd, status in ((9.0, 402), (9.2, 200)):
            async with open_led(tmp_path / str(usd), served(server.base_url), usd=usd) as led:
                assert (await led.ask(messages=messages)).status_code == status


@pytest.mark.parametrize(
    ("length", "known", "most"),
    [(None, {}, 1 << 20), (20_000, {}, 20_000), (20_000, {"max_model_len": 9000}, 20_000),
     (2_000, {"max_model_len": 9000}, 9000)],
)  # fmt: skip
async def test_the_context_is_the_larger_that_is_known(
    tmp_path: Path, length: int | None, known: dict[str, int], most: int
) -> None:
    listed = Page.of({"object": "list", "data": [{"id": "m", "object": "model", **known}]})
    messages = [{"role": "user", "content": [SHOWN]}]
    with paged(chat_completions=REPLY, models=listed) as server:
        config = served(server.base_url, context_length=length)
        for more, status in ((99, 402), (101, 200)):
            usd = (most + more) / 1000
            async with open_led(tmp_path / str(usd), config, usd=usd) as led:
                assert (await led.ask(messages=messages)).status_code == status
