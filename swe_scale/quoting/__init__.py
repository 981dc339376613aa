"""Makes text of strangers fit to be posted in our name: it reads as it was written, and nothing in it acts.

What acts is put into code formatting where there is such: GitHub and GitLab look for mentions and references
in the text of a page, and leave out what is code (the filters of the gem html-pipeline name `pre` and `code`
among the parents that they ignore). `@<!-- -->name` would do as well, but stands there as rubbish wherever
the text isn't rendered: in mails, in the message of a squashed commit, inside other code. An invisible
character would be worse: what is copied then differs from what is seen. In plain text, which has no code
formatting, the sign itself gives way to words: `(at)name`, `no. 99`.
"""

from swe_scale.quoting.markup import LARGEST, fenced, markdown_text, rst_line, unclosing
from swe_scale.quoting.plain import plain_line, shortened, visible

__all__ = [
    "LARGEST",
    "fenced",
    "markdown_text",
    "plain_line",
    "rst_line",
    "shortened",
    "unclosing",
    "visible",
]
