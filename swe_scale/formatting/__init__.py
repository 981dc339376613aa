"""The style of the house: a project's own formatters, run over candidates before they are judged."""

from swe_scale.formatting.style import STYLE_SECONDS, Style, Styled

__all__ = ["STYLE_SECONDS", "Style", "Styled"]
