"""Replies from files, addressed by step: what tests, the demo and replay use in place of a model."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from swe_scale.config import ScriptedReplies
from swe_scale.errors import ContextExceeded, ModelError
from swe_scale.models.reply import split_reasoning
from swe_scale.records import Completion, Request, Usage

__all__ = ["Replies", "open_replies", "open_scripted"]

_DEFAULT_CONTEXT = 131_072


class _Line(BaseModel):
    step: str
    text: str


@dataclass(frozen=True)
class Replies:
    """Texts by step, read when they are first asked for and then kept."""

    source: Path
    read: Callable[[str], str | None]
    kept: dict[str, str] = field(default_factory=dict)

    def text(self, step: str) -> str:
        """Return the reply to a step.

        Raises:
            ModelError: there is none, it can't be read, or the step is no address.
        """
        if step not in self.kept:
            text = self.read(step)
            if text is None:
                raise ModelError(f"{self.source} has no reply for step {step!r}")
            self.kept[step] = text
        return self.kept[step]


def open_replies(source: Path) -> Replies:
    """Return the replies of a folder or of a JSON Lines file.

    In a folder, `pkg-12/trajectory/03/turn/05` is answered by `trajectory/03/turn/05.md`: the issue's id is
    left out. In a file, a line `{"step", "text"}` may name the step with it or without; the former wins.

    Raises:
        ModelError: it is neither, or a line is malformed.
    """
    if source.is_dir():
        return Replies(source, lambda step: _from_folder(source, step))
    lines = _lines(source)
    return Replies(source, lambda step: lines.get(step, lines.get(step.partition("/")[2])))


def _from_folder(folder: Path, step: str) -> str | None:
    parts = step.split("/")[1:]
    if not parts or any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ModelError(f"{step!r} is no step that {folder} could answer: ISSUE/NAME/NAME… is expected")
    path = folder.joinpath(*parts[:-1], f"{parts[-1]}.md")
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeError) as error:
        raise ModelError(f"the reply {str(path)!r} can't be read: {error}") from error


def _lines(source: Path) -> dict[str, str]:
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ModelError(
            f"the replies in {source} can't be read: {error}\nGive a folder, or a JSON Lines file."
        ) from error
    found: dict[str, str] = {}
    # Not splitlines: U+2028 and the like may stand in a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = _Line.model_validate(json.loads(line))
        except (ValueError, RecursionError, ValidationError) as error:
            raise ModelError(f'{source}, line {number}: not of the form {{"step": …, "text": …}}') from error
        found[entry.step] = entry.text
    return found


@dataclass(slots=True)
class ScriptedModel:
    """A model whose replies are written down. The same step always gets the same reply."""

    name: str
    context_length: int
    replies: Replies
    tools: bool = False

    async def complete(self, request: Request) -> Completion:
        """Return the written reply, at once; its usage is approximate: a token per four bytes.

        Raises:
            ContextExceeded: the prompt is longer than the context, by that count.
            ModelError: no reply is written for the step.
        """
        prompt = sum(_tokens(message.content) for message in request.messages)
        if prompt > self.context_length:
            raise ContextExceeded(
                f"the prompt of step {request.step!r} has about {prompt} tokens; "
                f"the context of {self.name} has {self.context_length}"
            )
        text, reasoning = split_reasoning(self.replies.text(request.step))
        thought = _tokens(reasoning)
        return Completion(
            text=text,
            reasoning=reasoning,
            usage=Usage(
                calls=1,
                prompt_tokens=prompt,
                completion_tokens=_tokens(text) + thought,
                reasoning_tokens=thought,
            ),
        )


@asynccontextmanager
async def open_scripted(config: ScriptedReplies) -> AsyncIterator[ScriptedModel]:
    """Return the model that answers from the configured replies.

    Raises (on entry):
        ModelError: they can't be read.
    """
    context = config.context_length or _DEFAULT_CONTEXT
    yield ScriptedModel(config.model, context, open_replies(config.replies))


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // 4)
