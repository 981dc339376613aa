"""Counts tokens by the model's own `tokenizer.json`, where that lies on this machine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
from anyio.to_thread import run_sync

from swe_scale.models.hub import cached
from swe_scale.models.tokens import Unable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["FileTokens"]

_NAME: Final = "tokenizer.json"
_MOST: Final = 128 * 1024**2
"""Bytes; those of large vocabularies have 35 million."""


class FileTokens:
    """A tokenizer that is loaded when it is first needed, if there is one."""

    def __init__(self, model: str, named: Path | None = None) -> None:
        """Look for it where it usually is.

        Args:
            model: folder of a model, by its whole path, or its name at Hugging Face.
            named: the file, in place of looking for it.
        """
        self.name = f"the tokenizer of {model}"
        self._model = model
        self._named = named
        self._tokenizer: Tokenizer | None = None
        self._lock = anyio.Lock()

    async def count(self, text: str) -> int:
        """Return the tokens of a text.

        Raises:
            Unable: there is no such file, it holds no tokenizer, or the library for it isn't installed.
        """
        async with self._lock:
            if self._tokenizer is None:
                self._tokenizer = await run_sync(self._load)
            # One at a time: many at once would start the library's own threads, which complain of a fork.
            return await run_sync(self._count, self._tokenizer, text, abandon_on_cancel=True)

    def _count(self, tokenizer: "Tokenizer", text: str) -> int:
        try:
            return len(tokenizer.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False))
        except Exception as error:
            raise Unable(f"{self.name} fails: {_line(error)}") from None

    def _load(self) -> "Tokenizer":
        path = _found(self._model) if self._named is None else self._named
        if path is None:
            raise Unable
        self.name = f"the tokenizer in {path}"
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise Unable(
                f"{self.name} needs a library to be read: pip install 'swe-scale[tokenizers]'"
            ) from None
        try:
            tokenizer = Tokenizer.from_buffer(_read(path))
            tokenizer.no_truncation()
            tokenizer.no_padding()
        except Exception as error:
            raise Unable(f"{self.name} can't be read: {_line(error)}") from None
        return tokenizer


def _found(model: str) -> Path | None:
    """Return the file of a model; None where there is none on this machine."""
    folder = Path(model)
    # A name without a root is one at Hugging Face, whatever lies where this process was started.
    path = folder / _NAME if folder.is_absolute() else cached(model, _NAME, os.environ)
    return path if path is not None and path.is_file() else None


def _read(path: Path) -> bytes:
    place = path.expanduser()
    if not place.is_file():
        raise OSError("there is no such file")
    with place.open("rb") as file:
        raw = file.read(_MOST + 1)
    if len(raw) > _MOST:
        raise OSError("it is too large")
    return raw


def _line(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split())[:200] or type(error).__name__
