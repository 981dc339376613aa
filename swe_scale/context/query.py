"""What an issue asks for: its visible text, and the weighted terms that files are compared with."""

from swe_scale.contents.words import terms, words
from swe_scale.records import Issue

_TITLE = 2.0
_MOST = 3_000
"""Terms that are looked for; a pasted log has more, and they say less and less."""


def visible_text(issue: Issue) -> str:
    """Return all that an issue says, without the hidden comments of a template."""
    first, *others = "\n".join((issue.title, issue.body, *issue.comments)).split("<!--")
    return first + "".join(other.partition("-->")[2] if "-->" in other else other for other in others)


def query_of(title: str, text: str) -> dict[str, float]:
    """Return the weights of a text's terms; those of its title weigh more."""
    wanted = dict.fromkeys((term for word in words(title) for term in terms(word)), _TITLE)
    for word in dict.fromkeys(words(text)):
        for term in terms(word):
            wanted.setdefault(term, 1.0)
    return dict(list(wanted.items())[:_MOST])
