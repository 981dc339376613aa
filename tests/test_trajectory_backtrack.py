"""An agent is told what its check says apart, and is put back to its best state when that got worse twice."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from solving_kit import RIGHT, Desk, Spoken, again, bash, open_desk, ran, spoken

from swe_scale.records import Check, File, Outcome, Sampling, Trajectory, Turn, Verdict
from swe_scale.trajectory import Assignment
from swe_scale.trajectory.loop import run
from swe_scale.trajectory.progress import Progress

FIRST = Assignment(1, "agent", Sampling())
SUBMIT = "It is complete.\n<submit/>\n"
SCRIPT = (
    "import sys",
    "from stats import mean",
    "try:",
    "    sys.exit(0 if mean([]) == 0.0 else 42)",
    "except ZeroDivisionError:",
    "    print('it still divides')",
    "    sys.exit(42)",
)
WRITE_CHECK = bash("mkdir -p .swe-scale", "cat >.swe-scale/check.py <<'E'", *SCRIPT, "E")
CHANGE = bash(f"sed -i 's|^    return.*|{RIGHT}|' stats.py")
WORSE = bash("echo 'def mean(values): return sum(values) / len(values)' >stats.py")
BROKEN = bash("echo 'def mean(' >stats.py; echo gone >other.txt")


def told(turn: Turn) -> str:
    return turn.asked[0].content


async def converse(
    folder: Path, *replies: str, backtrack: bool = True, model: Spoken | None = None
) -> Trajectory:
    said = model or spoken([*replies, SUBMIT])
    async with open_desk(folder, said, turns=len(replies) + 1) as desk:
        made = await run(again(desk, backtrack=backtrack).setting, FIRST)
    assert made.outcome == "done", made.error
    return made


@pytest.mark.anyio
async def test_it_is_told_what_its_check_says_apart(tmp_path: Path) -> None:
    made = await converse(tmp_path, bash("ls"), WRITE_CHECK, bash("cat stats.py"), CHANGE, BROKEN)
    assert "run apart" not in told(made.turns[1]) and "run apart" not in told(made.turns[3])
    untouched, changed, broken = (told(made.turns[number]) for number in (2, 4, 5))
    assert "- On the untouched code: not resolved (exit code 42)." in untouched
    assert "your changes:" not in untouched and "it still divides" not in untouched
    assert "- On your changes: resolved (exit code 0)." in changed
    assert "- On your changes: it is broken (exit code 1). It printed:" in broken
    assert "SyntaxError" in broken and not any(turn.note for turn in made.turns)


@pytest.mark.anyio
async def test_after_two_worse_states_it_is_back_at_the_best(tmp_path: Path) -> None:
    look = bash("cat stats.py; ls; git apply --stat .swe-scale/undone.patch")
    made = await converse(tmp_path, WRITE_CHECK, CHANGE, WORSE, bash("ls"), BROKEN, look)
    change, worse, idle, back, look_ = made.turns[1:6]
    assert worse.tree != change.tree == back.tree == look_.tree == made.tree
    assert idle.tree == worse.tree and back.patch == change.patch == made.patch
    assert "Twice in a row your check's result was worse than before" in told(look_)
    assert "SyntaxError" in told(look_) and back.note in told(look_)
    assert look_.edited is not None
    assert RIGHT in look_.edited.output and "other.txt | " in look_.edited.output
    assert "other.txt\n" not in look_.edited.output.partition("other.txt | ")[0]


@pytest.mark.anyio
async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    made = await converse(tmp_path, WRITE_CHECK, CHANGE, WORSE, BROKEN, backtrack=False)
    assert "+def mean(" in made.patch and "other.txt" in made.patch
    assert "it is broken" in told(made.turns[4]) and "Twice" not in told(made.turns[4])


@pytest.mark.anyio
async def test_what_it_never_had_it_is_not_put_back_to(tmp_path: Path) -> None:
    more = bash("echo 'def mean((' >stats.py")
    made = await converse(tmp_path, WRITE_CHECK, BROKEN, more, bash("echo 'def mean(((' >stats.py"), WORSE)
    assert not any(turn.note for turn in made.turns) and "+def mean(values)" in made.patch


@pytest.mark.anyio
async def test_under_another_check_earlier_states_say_nothing(tmp_path: Path) -> None:
    other = bash("sed -i 's/still/yet/' .swe-scale/check.py")
    made = await converse(tmp_path, WRITE_CHECK, CHANGE, WORSE, other, BROKEN)
    assert not any(turn.note for turn in made.turns) and "other.txt" in made.patch


@pytest.mark.anyio
async def test_a_resumed_run_asks_and_judges_nothing_again(tmp_path: Path) -> None:
    replies = (WRITE_CHECK, CHANGE, WORSE, BROKEN, bash("ls"))
    first = await converse(tmp_path, *replies)
    model = Spoken({})
    async with open_desk(tmp_path, model, turns=6) as desk:
        assert await run(desk.setting, FIRST) == first
        assert desk.steps.made == 0 and model.requests == []


@pytest.mark.anyio
async def test_a_run_resumed_after_it_went_back_goes_on_from_there(tmp_path: Path) -> None:
    replies = [WRITE_CHECK, CHANGE, WORSE, BROKEN]
    async with open_desk(tmp_path, spoken(replies)) as desk:
        assert (await run(desk.setting, FIRST)).outcome == "failed"
    look = bash("cat stats.py; cat .swe-scale/undone.patch")
    async with open_desk(tmp_path, spoken([*replies, look, SUBMIT])) as desk:
        made = await run(desk.setting, FIRST)
    assert made.turns[4].edited is not None and made.patch == made.turns[1].patch
    assert RIGHT in made.turns[4].edited.output and "+gone" in made.turns[4].edited.output


async def lost(check: Check, candidate: str, repeat: int = 0) -> Verdict:
    """Return no verdict, as from a sandbox that is lost."""
    return Verdict(candidate=candidate, check=check.id, outcome="infra", execution=ran(None, "lost"))


@pytest.mark.anyio
async def test_a_check_that_could_not_be_run_stops_nothing_and_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path, spoken([WRITE_CHECK, CHANGE, SUBMIT])) as desk:
        with monkeypatch.context() as patched:
            patched.setattr(type(desk.setting.cells), "verdict", lambda _, *given: lost(*given))
            made = await run(desk.setting, FIRST)
    assert made.outcome == "done" and "run apart" not in told(made.turns[2])
    async with open_desk(tmp_path, Spoken({})) as desk:
        assert await run(desk.setting, FIRST) == made


@pytest.mark.anyio
async def test_agents_that_keep_all_places_can_still_be_judged(tmp_path: Path) -> None:
    made: list[Trajectory] = []
    async with open_desk(tmp_path, Spoken({})) as desk:
        cells = desk.setting.cells
        cells.boxes.total_tokens = 2
        cells.slots.total_tokens = 1

        async def one(index: int) -> None:
            setting = replace(desk.setting, model=spoken([WRITE_CHECK, CHANGE, BROKEN, SUBMIT], index))
            made.append(await run(setting, replace(FIRST, index=index)))

        with anyio.fail_after(120):
            async with anyio.create_task_group() as group:
                for index in range(1, 5):
                    group.start_soon(one, index)
        assert (cells.boxes.borrowed_tokens, cells.slots.borrowed_tokens) == (0, 0)
    assert [one.outcome for one in made] == ["done"] * 4


async def forked(desk: Desk, replies: Sequence[str], start: Trajectory, **given: object) -> Trajectory:
    assignment = replace(FIRST, index=2, strategy="fork", tree=start.tree, check=start.check)
    setting = replace(desk.setting, model=spoken(replies, 2))
    return await run(setting, replace(assignment, **given))  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_it_goes_on_from_a_state_of_another(tmp_path: Path) -> None:
    begun = await converse(
        tmp_path, WRITE_CHECK, CHANGE, bash("mkdir build; echo x >build/kept; echo y >y.txt")
    )
    look = bash("cat stats.py; ls .swe-scale")
    async with open_desk(tmp_path, Spoken({})) as desk:
        made = await forked(desk, [look, WORSE, BROKEN, SUBMIT], begun)
        first = made.turns[0].asked[1].content
        assert (
            "already holds the changes of an earlier attempt, and its check in `.swe-scale/check.py`" in first
        )
        alone = await forked(desk, ["<submit/>"], begun, index=2, check=None)
    assert made.turns[0].edited is not None
    assert RIGHT in made.turns[0].edited.output and "check.py" in made.turns[0].edited.output
    assert made.turns[0].tree == begun.tree and made.turns[0].patch == begun.patch
    # The state that it was given counts as its own: that is where it is put back to.
    assert made.turns[1].tree != begun.tree == made.turns[2].tree == made.tree
    assert made.check == begun.check and made.check is not None and made.check.author == 1
    assert (alone.outcome, alone.tree, alone.check) == ("done", begun.tree, None)
    assert "an earlier attempt. Look" in alone.turns[0].asked[1].content


@pytest.mark.anyio
async def test_what_a_fork_was_given_is_kept_whatever_its_name(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken({})) as desk:
        kept = {"build/kept.o": File(mode="100644", data=b"1\n")}
        tree = await desk.trees.write(desk.trees.base, kept)
        replies = [bash("echo 2 >build/other.o; echo 2 >>build/kept.o"), SUBMIT]
        setting = replace(desk.setting, model=spoken(replies))
        made = await run(setting, replace(FIRST, tree=tree))
    assert "build/kept.o" in made.patch and "other.o" not in made.patch and "+2" in made.patch


OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "error", "timeout")


@given(st.lists(st.tuples(st.sampled_from("kl"), st.sampled_from(OUTCOMES)), max_size=12))
def test_the_best_state_is_never_worse_than_another_under_the_same_check(
    states: list[tuple[str, Outcome]],
) -> None:
    progress, current = Progress(), ""
    rank = {"pass": 2, "fail": 1}
    seen: dict[str, int] = {}
    worse = 0
    for number, (check, outcome) in enumerate(states):
        tree = str(number)
        if check != current:
            current, seen, worse = check, {}, 0
        best = max(seen.values(), default=-1)
        seen[tree] = rank.get(outcome, 0)
        worse = 0 if seen[tree] >= best else worse + 1
        assert progress.gone_wrong(check, tree, outcome) == (worse == 2)
        worse %= 2
        assert seen[progress.best] == max(seen.values())
