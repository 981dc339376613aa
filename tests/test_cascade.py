"""A further model is asked only where those before it leave enough to gain."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from solving_kit import CHECK, DONE, RIGHT, Spoken, candidate, check_by, edit, verdict
from test_stages import opened, settings, solved, task

from swe_scale.assignments import plan
from swe_scale.batch import solve_task
from swe_scale.policy import Fixed, Planned, Progress, composed
from swe_scale.policy.adaptive import Adaptive
from swe_scale.policy.cascade import Cascade
from swe_scale.ranking import Evidence
from swe_scale.records import BASE, Completion, Request

pytestmark = pytest.mark.anyio

WRONG = "    return sum(values) / max(len(values), 2)"
ALSO_WRONG = "    return sum(values) / (len(values) or 3) + 1"
NONE = Evidence((), {}, (), ())


def evidence(*sizes: int) -> Evidence:
    """Return changes of so many trajectories each, and checks that only their own authors' changes pass."""
    authors = iter(range(1, 50))
    several = [candidate(f"{n:040x}", [next(authors) for _ in range(size)]) for n, size in enumerate(sizes)]
    checks = tuple(check_by(author) for one in several for author in one.authors)
    cells = [verdict(BASE, check, "fail") for check in checks]
    cells += [
        verdict(one.id, check, "pass" if check.author in one.authors else "fail")
        for one in several
        for check in checks
    ]
    return Evidence(tuple(several), {one.id: one.id for one in several}, checks, tuple(cells))


CHEAP, DEAR = (1, 3, 5), (2, 4, 6)


def seen(begun: Sequence[int], *, finished: int | None = None, known: Evidence | None = None) -> Progress:
    ended = len(begun) if finished is None else finished
    checked = 0 if known is None else ended
    return Progress(6, len(begun), ended, checked, evidence=known, begun=tuple(begun))


@pytest.mark.parametrize(
    ("progress", "move"),
    [
        (seen(()), ("start", 1)),
        (seen((1,), finished=0), ("start", 3)),
        (seen(CHEAP, finished=2), None),
        (seen(CHEAP), ("check", None)),
        (seen(CHEAP, known=evidence(3)), ("stop", None)),
        (seen(CHEAP, known=evidence(2, 1)), ("start", 2)),
        (seen(CHEAP, known=evidence(1, 1, 1)), ("start", 2)),
        (seen(CHEAP, known=NONE), ("start", 2)),
        (seen((*CHEAP, 2), known=NONE), ("start", 4)),
        (seen((*CHEAP, *DEAR), known=evidence(1, 1, 1)), ("stop", None)),
    ],
)
async def test_one_model_after_the_other(progress: Progress, move: tuple[str, int | None] | None) -> None:
    found = Cascade(Fixed(), (CHEAP, DEAR)).next(progress)
    assert (found and (found.action, found.trajectory)) == move


async def test_what_waits_for_others_waits_for_the_last_model() -> None:
    policy = Cascade(Fixed(), (CHEAP, DEAR))
    early = Progress(6, 3, 3, 3, ("notes",), 3, evidence(1, 1, 1), begun=CHEAP)
    found = policy.next(early)
    assert found is not None and found.action == "start"
    late = Progress(6, 6, 6, 6, ("notes",), 3, evidence(1, 1, 1), begun=(*CHEAP, *DEAR))
    found = policy.next(late)
    assert found is not None and found.action == "refine"


async def test_where_all_learn_from_others_there_is_no_first_model() -> None:
    config = settings(strategies={"refine": 1}, cascade=True)
    policy = composed(config, plan(config), {})
    found = policy.next(Progress(0, 0, 0, 0, ("notes",), turns=8, plan=(Planned(1, "notes"),)))
    assert found is not None and found.action == "refine"


async def test_a_policy_that_gives_a_model_up_early_leaves_its_other_trajectories_out() -> None:
    tiers = (tuple(range(1, 9)), (9, 10, 11))
    policy = Cascade(Adaptive(worth=0.02), tiers)
    hopeless = Progress(11, 5, 5, 5, evidence=NONE, begun=(1, 2, 3, 4, 5))
    found = policy.next(hopeless)
    while found is not None and found.action == "start" and found.trajectory in tiers[0]:
        begun = (*hopeless.begun, found.trajectory)
        hopeless = Progress(11, len(begun), len(begun), len(begun), evidence=NONE, begun=begun)
        found = policy.next(hopeless)
    assert found is not None and (found.action, found.trajectory) == ("start", 9)
    assert len(hopeless.begun) < 8


def writes(bodies: Sequence[str]) -> dict[str, str]:
    return {
        f"trajectory/{index:02}/turn/{turn:02}": text
        for index, body in enumerate(bodies, start=1)
        for turn, text in enumerate((CHECK.replace("print(", f"print({index}, "), edit(body), DONE), start=1)
    } | {"selection/turn/01": 'So.\n<choose candidate="A"/>'}


def models(*bodies: str) -> tuple[Spoken, Spoken]:
    return Spoken(writes(bodies), name="cheap"), Spoken(writes(bodies), name="dear")


async def test_the_second_model_is_never_asked_where_the_first_agrees(tmp_path: Path) -> None:
    cheap, dear = models(RIGHT, RIGHT, RIGHT, RIGHT)
    found = await solved(
        tmp_path, {"trajectory": (cheap, dear), "selection": (cheap,)}, settings(cascade=True)
    )
    assert not dear.requests and [one.index for one in found.trajectories] == [1, 3]
    assert found.outcome == "proposed" and found.decisions[-2].action == "stop"
    assert "the next model isn't asked: 2 trajectories made the leading change" in found.decisions[-2].reason


async def test_it_is_asked_where_the_first_is_of_two_minds(tmp_path: Path) -> None:
    cheap, dear = models(WRONG, RIGHT, ALSO_WRONG, RIGHT)
    found = await solved(
        tmp_path, {"trajectory": (cheap, dear), "selection": (cheap,)}, settings(cascade=True)
    )
    assert [(one.index, one.model) for one in found.trajectories] == [
        (1, "cheap"), (2, "dear"), (3, "cheap"), (4, "dear"),
    ]  # fmt: skip
    started = [one.trajectory for one in found.decisions if one.action == "start"]
    assert started == [1, 3, 2, 4] and found.patch is not None and RIGHT.strip() in found.patch


@dataclass
class Cut(Spoken):
    """Answers four times, and then not before the process is killed."""

    full: anyio.Event = field(default_factory=anyio.Event)

    async def complete(self, request: Request) -> Completion:
        if len(self.requests) == 4:
            self.full.set()
            await anyio.sleep_forever()
        return await super().complete(request)


async def test_killed_while_the_second_model_is_asked_it_goes_on(tmp_path: Path) -> None:
    bodies = (WRONG, RIGHT, ALSO_WRONG, RIGHT)
    cheap, dear = Spoken(writes(bodies), name="cheap"), Cut(writes(bodies), name="dear")
    config = settings(cascade=True)
    async with opened(tmp_path, {"trajectory": (cheap, dear), "selection": (cheap,)}, config) as session:
        with anyio.move_on_after(60) as scope:
            async with anyio.create_task_group() as group:

                async def end_it() -> None:
                    await dear.full.wait()
                    scope.cancel()

                group.start_soon(end_it)
                await solve_task(task(tmp_path), session)
    first = [request.step for request in dear.requests]
    again = models(*bodies)
    found = await solved(tmp_path, {"trajectory": again, "selection": (again[0],)}, config)
    assert {one.split("/")[2] for one in first} == {"02", "04"}
    later = [request.step for request in again[1].requests]
    assert not {*first} & {*later} and len(first) + len(later) == 6
    assert not [one for one in again[0].requests if "trajectory" in one.step]
    assert [one.trajectory for one in found.decisions if one.action == "start"] == [1, 3, 2, 4]
