"""Writes SVG that a strict content security policy lets through: elements, attributes, texts, no styles."""

from collections.abc import Iterable

from markupsafe import Markup, escape

from swe_scale.viewer.visible import visible

Value = str | float | int | None


def element(name: str, *children: str | Markup, **attributes: Value) -> Markup:
    """Return an element; `class_` and `stroke_width` are written as SVG has them, None is left out."""
    given = "".join(
        f' {_attribute(key)}="{escape(_written(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = joined(child if isinstance(child, Markup) else escape(visible(child)) for child in children)
    return Markup(f"<{name}{given}>{inner}</{name}>")  # noqa: S704 - every part of it is escaped


def joined(parts: Iterable[Markup]) -> Markup:
    """Return elements one after another."""
    return Markup("").join(parts)


def picture(title: str, description: str, width: float, height: float, *children: Markup) -> Markup:
    """Return a drawing that is as wide as its place and that a screen reader can name."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *children,
        viewBox=f"0 0 {_written(width)} {_written(height)}",
        role="img",
        class_="plot",
    )


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _written(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return visible(str(value))
