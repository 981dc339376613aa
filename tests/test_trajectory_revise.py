"""Strategy `revise`: whole conversations with written replies, over a real repository and sandbox."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from solving_kit import CHECK, DONE, FILES, RIGHT, SOURCE, Desk, Spoken, edit, open_desk, spoken

from swe_scale.config import Budget, Limits
from swe_scale.errors import ContextExceeded, ModelError, SandboxError, UsageError
from swe_scale.records import Completion, Request, Sampling, Trajectory, Usage
from swe_scale.retry import without_waiting
from swe_scale.sandbox import Sandbox, Template
from swe_scale.trajectory import Assignment, find_strategy
from swe_scale.trajectory.loop import run

pytestmark = pytest.mark.anyio
FIRST = Assignment(1, "revise", Sampling())
NEW = edit(RIGHT)


async def converse(folder: Path, replies: Sequence[str] | Spoken, turns: int = 8) -> Trajectory:
    """Return the trajectory that comes of these replies."""
    model = replies if isinstance(replies, Spoken) else spoken(replies)
    async with open_desk(folder, model, turns=turns) as desk:
        return await run(desk.setting, FIRST)


def observations(made: Trajectory) -> list[str]:
    """Return what the model was told after each of its replies but the last."""
    return [turn.asked[-1].content for turn in made.turns[1:]]


def actions(made: Trajectory) -> list[str]:
    return [turn.action for turn in made.turns]


async def test_check_edit_done(tmp_path: Path) -> None:
    made = await converse(tmp_path, [CHECK, NEW, DONE])
    assert (made.outcome, actions(made)) == ("done", ["check", "edit", "done"])
    checked, edited, done = made.turns
    assert checked.patch == "" and edited.patch == done.patch == made.patch
    assert f"+{RIGHT}\n" in made.patch and made.patch.startswith("diff --git a/stats.py b/stats.py")
    assert checked.untouched is not None and checked.untouched.exit_code == 42 and checked.edited is None
    assert edited.edited is not None and edited.edited.exit_code == 0
    assert made.check is not None and made.check.author == 1 and made.check.kind == "reproduction"
    first, second = observations(made)
    assert "not resolved" in first and "go on to the changes" in first
    assert "The check now passes" in second and "6 replies left" in second
    assert made.usage.calls == 3


async def test_it_may_end_with_its_changes(tmp_path: Path) -> None:
    made = await converse(tmp_path, [CHECK, NEW + DONE])
    assert made.outcome == "done" and made.patch and len(made.turns) == 2
    at_once = await converse(tmp_path / "b", [CHECK + NEW + DONE])
    assert at_once.outcome == "done" and at_once.check is not None and at_once.tree == made.tree


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()


async def test_a_malformed_reply_counts_and_is_corrected(tmp_path: Path) -> None:
    made = await converse(tmp_path, ["I think so.", "<check>\nx\n", CHECK, "<done>"], turns=4)
    assert made.outcome == "turns"
    assert actions(made) == ["malformed", "malformed", "check", "malformed"]
    first, second, _ = observations(made)
    assert "there is no tag in the reply\n" in first and "3 replies left" in first
    assert "line 1: <check> is never closed" in second and "Nothing was changed. 2 replies left." in second
    assert made.turns[1].note.startswith("line 1")


async def test_what_never_keeps_the_format_is_told_apart(tmp_path: Path) -> None:
    made = await converse(tmp_path, ["a", "b", "c"], turns=3)
    assert (made.outcome, made.patch, made.check) == ("malformed", "", None)
    assert made.error == "no reply kept the format"


async def test_a_reply_that_was_cut_is_told_so(tmp_path: Path) -> None:
    class Cut(Spoken):
        async def complete(self, request: Request) -> Completion:
            reply = await super().complete(request)
            return reply.model_copy(update={"finish": "length"})

    made = await converse(tmp_path, Cut(spoken(["<check>\nimport", CHECK]).replies), turns=2)
    assert "it was cut off at the longest reply allowed" in observations(made)[0]


async def test_nothing_is_changed_before_there_is_a_check(tmp_path: Path) -> None:
    made = await converse(tmp_path, [NEW, CHECK], turns=2)
    assert actions(made) == ["malformed", "check"]
    assert "write a check before you change the code" in observations(made)[0]
    assert made.patch == ""


async def test_done_without_changes_is_not_done(tmp_path: Path) -> None:
    made = await converse(tmp_path, [DONE, CHECK + DONE, NEW, DONE])
    assert made.outcome == "done" and len(made.turns) == 4
    first, second, _ = observations(made)
    assert "There is neither a check nor a change yet." in first
    assert "There are no changes yet." in second


@pytest.mark.parametrize("name", ["submit", "choose"])
async def test_tags_of_others_mean_nothing_here(tmp_path: Path, name: str) -> None:
    tag = '<choose candidate="A"/>' if name == "choose" else "<submit/>"
    made = await converse(tmp_path, [tag], turns=1)
    assert made.turns[0].note == f"<{name}/> has no meaning here; <done/> ends your work"


async def test_of_several_tags_of_others_always_the_same_is_named(tmp_path: Path) -> None:
    made = await converse(tmp_path, ['<submit/>\n<choose candidate="A"/>'], turns=1)
    assert made.turns[0].note == "<choose/> has no meaning here; <done/> ends your work"


async def test_a_refused_edit_shows_what_stands_there_and_changes_nothing(tmp_path: Path) -> None:
    wrong = edit(RIGHT, "    return sum(values)/len(values)")
    made = await converse(tmp_path, [CHECK, CHECK.replace("resolved", "x") + wrong, NEW, DONE])
    assert actions(made) == ["check", "refused", "edit", "done"]
    told = observations(made)[1]
    assert "    2     return sum(values) / len(values)\n" in told and "Nothing was changed" in told
    assert (
        made.turns[1].patch == "" and made.check is not None and "x" not in made.check.script.split("(")[-1]
    )


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ('<create path="../out.py">\nx\n</create>', "must stay below the repository's root"),
        ('<create path="/etc/x">\nx\n</create>', "must stay below the repository's root"),
        ('<create path=".git/hooks/x">\nx\n</create>', "git's own folder can't be changed"),
        ('<create path="stats.py/x.py">\nx\n</create>', "stats.py/x.py can't be made: stats.py is a file"),
        ('<create path="docs">\nx\n</create>', "docs is a folder"),
        ('<rename from="notes.txt" to="docs"/>', "docs is a folder"),
        ('<create path="stats.py">\nx\n</create>', "stats.py exists already"),
        ('<delete path="none.py"/>', "there is no file none.py"),
    ],
)
async def test_hostile_paths_are_refused(tmp_path: Path, reply: str, told: str) -> None:
    model, files = spoken([CHECK, reply]), {**FILES, "docs/index.txt": b"x\n"}
    async with open_desk(tmp_path, model, turns=3, files=files) as desk:
        made = await run(desk.setting, FIRST)
    assert made.turns[1].action == "refused" and told in made.turns[1].note
    assert made.patch == "" and made.outcome == "failed"


async def test_new_deleted_renamed_files_and_reset(tmp_path: Path) -> None:
    changes = (
        '<create path="new/mod.py">\nx = 1\n</create>\n<rename from="notes.txt" to="docs/notes.txt"/>\n'
        '<delete path=".gitignore"/>\n'
    )
    made = await converse(tmp_path, [CHECK, changes, "<reset/>", "<reset/>\n" + NEW, DONE])
    second, third, fourth = made.turns[1:4]
    assert {
        line for line in second.patch.splitlines() if line.startswith(("new file", "deleted", "rename "))
    } >= {
        "new file mode 100644",
        "deleted file mode 100644",
    }
    assert "docs/notes.txt" in second.patch
    assert third.patch == "" and third.action == "edit"
    assert fourth.patch == made.patch and "docs" not in made.patch


async def test_edits_add_up(tmp_path: Path) -> None:
    made = await converse(tmp_path, [CHECK, edit("2", "two", "notes.txt"), NEW, DONE])
    assert "+2\n" in made.patch and f"+{RIGHT}\n" in made.patch


async def test_the_budgets_end_keeps_the_work(tmp_path: Path) -> None:
    class Dear(Spoken):
        async def complete(self, request: Request) -> Completion:
            reply = await super().complete(request)
            return reply.model_copy(update={"usage": Usage(prompt_tokens=3000, completion_tokens=1000)})

    model = Dear(spoken([CHECK, NEW, DONE]).replies)
    async with open_desk(tmp_path, model, budget=Budget(tokens=14_000)) as desk:
        made = await run(desk.setting, FIRST)
    assert made.outcome == "budget" and "may need" in made.error
    assert len(model.requests) == len(made.turns) == 2
    assert made.patch == made.turns[-1].patch != ""


class Forgetful(Spoken):
    """A model whose context is full, or whose endpoint is gone, at the third call."""

    error: ModelError = ContextExceeded("the prompt no longer fits")

    async def complete(self, request: Request) -> Completion:
        if request.step.endswith("03"):
            raise self.error
        return await super().complete(request)


@pytest.mark.parametrize(
    ("error", "outcome"), [(ContextExceeded("too long"), "context"), (ModelError("gone"), "failed")]
)
async def test_what_was_done_before_the_model_failed_is_kept(
    tmp_path: Path, error: ModelError, outcome: str
) -> None:
    model = Forgetful(spoken([CHECK, NEW]).replies)
    model.error = error
    made = await converse(tmp_path, model)
    assert (made.outcome, made.error) == (outcome, str(error))
    assert f"+{RIGHT}\n" in made.patch and made.check is not None


async def test_the_time_is_over(tmp_path: Path) -> None:
    class Slow(Spoken):
        async def complete(self, request: Request) -> Completion:
            if request.step.endswith("03"):
                await anyio.sleep_forever()
            return await super().complete(request)

    async with open_desk(tmp_path, Slow(spoken([CHECK, NEW]).replies)) as desk:
        # Long enough for two turns, and the third never ends.
        setting = replace(desk.setting, deadline=anyio.current_time() + 5)
        made = await run(setting, FIRST)
    assert (made.outcome, made.error) == ("budget", "the time is over")
    assert made.patch and len(made.turns) == 2


async def test_a_resumed_run_asks_nothing_again(tmp_path: Path) -> None:
    first = await converse(tmp_path, [CHECK, NEW, DONE])
    silent = Spoken({})
    again = await converse(tmp_path, silent)
    assert again == first
    assert silent.requests == []


async def test_a_resumed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    stopped = await converse(tmp_path, [CHECK, NEW])
    assert stopped.outcome == "failed" and len(stopped.turns) == 2
    model = spoken([CHECK, NEW, DONE])
    made = await converse(tmp_path, model)
    assert made.outcome == "done"
    assert [one.step.rpartition("/")[2] for one in model.requests] == ["03"]


async def test_another_reply_leads_to_another_conversation(tmp_path: Path) -> None:
    """A step depends on all before it, so a changed prompt or reply is not mistaken for the old one."""
    await converse(tmp_path, [CHECK, NEW, DONE])
    model = spoken([CHECK, NEW, DONE])
    async with open_desk(tmp_path, model) as desk:
        made = await run(desk.setting, Assignment(1, "revise", Sampling(seed=7)))
    assert made.outcome == "done" and len(model.requests) == 3


class Lossy:
    """A template that loses some forks in a row."""

    def __init__(self, inner: Template, lost: range) -> None:
        self.inner, self.lost, self.forks = inner, lost, 0

    @asynccontextmanager
    async def fork(self, limits: Limits | None = None, socket: Path | None = None) -> AsyncIterator[Sandbox]:
        self.forks += 1
        if self.forks in self.lost:
            raise SandboxError("the daemon restarts")
        async with self.inner.fork(limits) as sandbox:
            yield sandbox


async def test_a_lost_sandbox_is_not_told_as_what_a_check_says(tmp_path: Path) -> None:
    model = spoken([CHECK, NEW, DONE])
    async with open_desk(tmp_path, model) as desk:
        cells = replace(desk.setting.cells, template=Lossy(desk.setting.cells.template, range(2, 7)))
        with without_waiting():
            made = await run(replace(desk.setting, cells=cells), FIRST)
    assert (made.outcome, made.error) == ("failed", "its sandbox failed: the daemon restarts")
    assert actions(made) == ["check"] and len(model.requests) == 2
    resumed = await converse(tmp_path, spoken([CHECK, NEW, DONE]))
    assert resumed.outcome == "done" and resumed.turns[:1] == made.turns


async def test_half_characters_are_refused(tmp_path: Path) -> None:
    made = await converse(tmp_path, [CHECK.replace("resolved", "\ud800", 1), CHECK, NEW, DONE])
    assert actions(made) == ["malformed", "check", "edit", "done"]
    assert "characters that aren't text" in observations(made)[0]


async def test_a_check_that_passes_at_once_is_called_into_question(tmp_path: Path) -> None:
    made = await converse(tmp_path, ["<check>\nexit(0)\n</check>", "<check>\nexit(1)\n</check>"], turns=4)
    first, second = observations(made)[0], made.turns[1]
    assert "should exit 42. Revise it." in first
    assert second.untouched is not None and second.untouched.exit_code == 1


async def test_crlf_files_keep_their_ends(tmp_path: Path) -> None:
    files = {**FILES, "stats.py": SOURCE.replace("\n", "\r\n").encode()}
    async with open_desk(tmp_path, spoken([CHECK, NEW, DONE]), files=files) as desk:
        made = await run(desk.setting, FIRST)
        changed = await desk.trees.changes(made.tree)
    file = changed["stats.py"]
    assert file is not None and file.data.count(b"\r\n") == file.data.count(b"\n") == 2


async def test_unknown_strategies_are_named() -> None:
    with pytest.raises(UsageError, match="there is no strategy 'magic'; known are: revise, agent"):
        find_strategy(Assignment(1, "magic", Sampling()))


async def test_progress_is_reported(tmp_path: Path) -> None:
    async with open_desk(tmp_path, spoken([CHECK, NEW, DONE])) as desk:
        await run(desk.setting, FIRST)
        assert desk.texts("turn") == ["check", "edit", "done"]
        assert desk.texts("trajectory") == ["done"]


async def test_siblings_share_the_beginning_of_their_prompts(tmp_path: Path) -> None:
    model = Spoken({})
    async with open_desk(tmp_path, model) as desk:
        await opened_all(desk)
    assert len(model.requests) == 4
    systems = {request.messages[0].content for request in model.requests}
    shared = {request.messages[1].content.partition("# What you do")[0] for request in model.requests}
    assert len(systems) == len(shared) == 1
    revising = {request.messages for request in model.requests[:2]}
    assert len(revising) == 1


async def opened_all(desk: Desk) -> None:
    for index, name in enumerate(["revise", "revise", "agent", "agent"], start=1):
        made = await run(desk.setting, Assignment(index, name, Sampling(seed=index)))
        assert made.outcome == "failed"
