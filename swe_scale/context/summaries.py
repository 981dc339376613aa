"""Has a reader model say what each file is for, before there is any issue (arXiv 2504.13171)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import anyio

from swe_scale.contents.encodings import decoded
from swe_scale.context.asking import Addressee, Asker, Question
from swe_scale.context.corpus import Corpus, load_corpus
from swe_scale.context.excerpt import Wanted
from swe_scale.context.finding import Tree
from swe_scale.context.history import COMMITS
from swe_scale.context.layout import SUMMARY, path_key, summary_key
from swe_scale.context.pack import Shown, fit
from swe_scale.context.questions import room_beside, shown_path
from swe_scale.context.replies import SUMMARISED, read_summary
from swe_scale.context.survey import Surveyed
from swe_scale.prompts import render
from swe_scale.records import ContextFile
from swe_scale.repo import Past

_TOKENS = 3000
"""Of a file that are shown: signatures and beginnings say what it is for."""
_LEAST = 100
"""Tokens that are shown however small the reader's context is."""
_AT_A_TIME = 200
"""Files whose texts are in memory at a time; what was said of them is then kept."""
_TOGETHER = 8_000_000
"""Estimated tokens of them, if there are several."""


@dataclass(frozen=True, slots=True)
class Summarised:
    """How many files were summarised."""

    done: int
    kept: int
    """Summarised before."""
    unclear: int
    """Nothing was understood of what was said; asking again brings the same."""
    left: int
    """Not read: the time or the budget was over, or the endpoint failed."""


async def summarise(tree: Tree, surveyed: Surveyed, asker: Asker, until: float) -> Summarised:
    """Have all code but tests summarised that isn't yet, what was changed lately first.

    Args:
        tree: which.
        surveyed: its files; the index knows each.
        asker: who reads.
        until: time of the event loop's clock at which nothing new is begun.

    Raises:
        EndpointRefused: the endpoint answers nothing at all.
        RepositoryError: the tree can't be read.
        StoreError: the record can't be written.
    """
    corpus = await anyio.to_thread.run_sync(load_corpus, surveyed.files, tree.index)
    keys: dict[str, int] = {}
    for number in _order(corpus, await tree.repository.past(tree.commit, COMMITS)):
        # Files of one content are read once.
        keys.setdefault(summary_key(corpus.contents[number], asker.model.name), number)
    known = tree.index.recall(SUMMARY, keys)
    waiting = {number: key for key, number in keys.items() if key not in known}
    done = unclear = 0
    for group in _groups(list(waiting), corpus):
        if asker.ended or anyio.current_time() >= until:
            break
        files = await _shown(tree, corpus, group, asker.addressee)
        questions = {number: _question(waiting[number], files[number]) for number in group}
        replies = await asker.ask_all(list(questions.values()), "files summarised")
        read = {
            number: read_summary(replies[question.address])
            for number, question in questions.items()
            if question.address in replies
        }
        said = {number: summary for number, summary in read.items() if summary}
        kept = {waiting[number]: summary for number, summary in said.items()}
        kept |= {path_key(corpus.paths[number], asker.model.name): text for number, text in said.items()}
        await anyio.to_thread.run_sync(tree.index.keep, SUMMARY, kept)
        done += len(said)
        # What was refused as too long is not said any better the next time.
        unclear += (len(read) if asker.ended else len(group)) - len(said)
    return Summarised(done, len(keys) - len(waiting), unclear, len(waiting) - done - unclear)


def _order(corpus: Corpus, past: Sequence[Past]) -> list[int]:
    """Return the files that are worth a summary, those first that were changed last."""
    code = {path: number for path, number in corpus.numbers.items() if corpus.kinds[number] == "code"}
    recent = (code[path] for commit in past for path in commit.paths if path in code)
    return list(dict.fromkeys([*recent, *code.values()]))


def _groups(numbers: Sequence[int], corpus: Corpus) -> Iterator[list[int]]:
    group: list[int] = []
    total = 0
    for number in numbers:
        size = int(corpus.sizes[number])
        if group and (len(group) == _AT_A_TIME or total + size > _TOGETHER):
            yield group
            group, total = [], 0
        group.append(number)
        total += size
    if group:
        yield group


async def _shown(tree: Tree, corpus: Corpus, numbers: Sequence[int], to: Addressee) -> dict[int, ContextFile]:
    read = await tree.repository.read(tree.hash, [corpus.paths[number] for number in numbers])

    def shown(number: int) -> ContextFile:
        path, content = shown_path(corpus.paths[number]), corpus.contents[number]
        room = max(_LEAST, min(_TOKENS, room_beside(_written(path, "", folded=True), to)))
        text = decoded(read[corpus.paths[number]]) or ""
        nothing = Wanted(weights={}, lines=frozenset(), names=frozenset())
        file = Shown(path, 0.0, (), text, lambda: tree.index.outline(content), nothing)
        return fit(file, room) or ContextFile(
            path=path, tokens=room, score=0.0, reasons=("cut",), text=text[:room]
        )

    return await anyio.to_thread.run_sync(lambda: {number: shown(number) for number in numbers})


def _question(key: str, file: ContextFile) -> Question:
    text = _written(file.path, file.text, folded=bool(file.reasons))
    return Question(f"reader/summary/{key}/1", text, SUMMARISED)


def _written(path: str, text: str, *, folded: bool) -> str:
    return render("summarise", path=path, text=text, folded=folded)
