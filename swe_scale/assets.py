"""Where the files that ship beside the code are: inside the wheel, or in the checkout's own folders."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "_assets"
_CHECKOUT = {"demo": _PACKAGE.parent / "evaluation" / "demo"}


def folder(name: str) -> Path:
    """Return the folder of one kind of asset: `prompts`, `sandboxes` or `demo`."""
    shipped = _SHIPPED / name
    return shipped if shipped.is_dir() else _CHECKOUT.get(name, _PACKAGE.parent / name)
