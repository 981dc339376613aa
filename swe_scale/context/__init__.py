"""Chooses the files of a repository that the models are shown for an issue."""

from swe_scale.context.asking import Addressee, Asker
from swe_scale.context.cascade import Asked, Wish, find_context, find_questions
from swe_scale.context.excerpt import estimate_tokens
from swe_scale.context.layout import Questioning

__all__ = [
    "Addressee",
    "Asked",
    "Asker",
    "Questioning",
    "Wish",
    "estimate_tokens",
    "find_context",
    "find_questions",
]
