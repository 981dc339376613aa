"""Makes run folders as a batch leaves them, without a model; store, records and texts are real."""

import random
from collections.abc import Iterator
from pathlib import Path

import anyio
from own_loop import run_apart

from swe_scale.analysis.runs import open_run
from swe_scale.config import Bubblewrap, OpenAIEndpoint, RunConfig
from swe_scale.environment import Options
from swe_scale.grades import FILE, Grade, Judged, Ruling, lines_of, patch_id
from swe_scale.jobs import Job, Task, failure_key
from swe_scale.pipeline import solution_key
from swe_scale.records import (
    BASE,
    Candidate,
    Check,
    Completion,
    Decision,
    Diversity,
    Execution,
    Issue,
    Message,
    Opinion,
    Ranked,
    Reach,
    Reached,
    Sampling,
    Scores,
    Solution,
    Trajectory,
    Turn,
    Usage,
    Verdict,
    digest,
)
from swe_scale.store import Key
from swe_scale.store.sqlite import open_store

COMMIT = "1" * 40


def config(trajectories: int = 4, turns: int = 3) -> RunConfig:
    """Return the settings of a run of so many trajectories."""
    model = OpenAIEndpoint(base_url="http://localhost:1/v1", model="scripted")
    return RunConfig(
        models={"trajectory": (model,), "selection": (model,)},
        sandbox=Bubblewrap(),
        strategies={"revise": trajectories},
        turns=turns,
        context_tokens=1000,
    )


def issue(number: int) -> Issue:
    """Return one of the issues; two repositories take turns."""
    repo = ("acme/calendar", "acme/parser")[number % 2]
    return Issue(
        id=f"{repo.replace('/', '__')}-{number}",
        repo=f"https://github.com/{repo}",
        base_commit=COMMIT,
        title=f"Wrong total {number}",
        body="The total is off by one.\n\n<script>alert(1)</script>",
    )


def patch(number: int, variant: int) -> str:
    """Return a patch; each variant does something else."""
    return (
        f"diff --git a/pkg/part{number}.py b/pkg/part{number}.py\n--- a/pkg/part{number}.py\n"
        f"+++ b/pkg/part{number}.py\n@@ -1,2 +1,2 @@\n def total(values):\n"
        f"-    return sum(values) - 1\n+    return sum(values) + {variant}\n"
    )


def tree(number: int, variant: int) -> str:
    """Return the id of a patched tree."""
    return digest("tree", str(number), str(variant)) + "0" * 24


def check_of(number: int, author: int) -> Check:
    """Return the check of one trajectory."""
    script = f"from pkg.part{number} import total\nassert total([{author}]) == {author}\n"
    return Check.of(script, "reproduction", author=author)


def trajectory(number: int, index: int, turns: int, variants: list[int]) -> Trajectory:
    """Return a trajectory whose patch changes with its turns; `variants` are those of its turns, -1 none."""
    cost = Usage(calls=1, prompt_tokens=1000, cached_tokens=400, completion_tokens=100, seconds=0.5, usd=0.01)
    made = tuple(
        Turn(
            asked=(Message(role="user", content=f"Turn {place}: go on with issue {number}."),),
            completion=Completion(text=f"<edit>variant {variant}</edit>", usage=cost),
            action="edit" if variant >= 0 else "check",
            tree=tree(number, variant) if variant >= 0 else "0" * 40,
            patch=patch(number, variant) if variant >= 0 else "",
            check=check_of(number, index),
        )
        for place, variant in enumerate(variants[:turns], start=1)
    )
    total = Usage()
    for _ in made:
        total += cost
    return Trajectory(
        index=index,
        strategy="revise",
        model="scripted",
        sampling=Sampling(seed=index),
        turns=made,
        tree=made[-1].tree,
        patch=made[-1].patch,
        check=check_of(number, index),
        outcome="done",
        usage=total,
    )


def solution(number: int, trajectories: int, turns: int, chance: random.Random) -> Solution:
    """Return a solution: variant 0 is right; checks of trajectories that found it tell it apart."""
    made = [
        trajectory(number, index, turns, [-1, *(chance.randrange(3) for _ in range(turns))])
        for index in range(1, trajectories + 1)
    ]
    found: dict[str, list[Trajectory]] = {}
    for one in made:
        if one.patch:
            found.setdefault(one.tree, []).append(one)
    candidates = tuple(
        Candidate(id=name, patch=ones[0].patch, authors=tuple(one.index for one in ones))
        for name, ones in sorted(found.items())
    )
    checks = tuple(one.check for one in made if one.check is not None)
    verdicts = tuple(_verdicts(number, candidates, checks))
    ranked = tuple(
        Ranked(
            candidate=one.id, votes=len(one.authors), of=trajectories, form=one.id[:16],
            similar=len(one.authors) - 1, agreement=0.5, broken=0, excused=0,
            posterior=(len(one.authors) + 1) / (trajectories + 2), reasons=("votes of other trajectories",),
        )
        for one in sorted(candidates, key=lambda one: -len(one.authors))
    )  # fmt: skip
    best = ranked[0] if ranked and chance.random() < 0.9 else None
    usage = Usage()
    for one in made:
        usage += one.usage
    return Solution(
        issue=issue(number).id,
        outcome="proposed" if best else "abstained",
        patch=next(one.patch for one in candidates if one.id == best.candidate) if best else None,
        candidate=best.candidate if best else None,
        confidence=best.posterior if best else 0.0,
        reason="2 of 3 reproduction votes" if best else "nothing speaks for the best candidate",
        candidates=candidates,
        checks=checks,
        verdicts=verdicts,
        ranking=ranked,
        decisions=(Decision(number=1, action="start", reason="as planned", trajectory=1),),
        trajectories=tuple(made),
        usage=usage,
        stages={"trajectory": usage},
        seconds={"search": 12.5, "selection": 0.5},
        diversity=Diversity(trees=len(candidates), forms=len(candidates), files=1, behaviours=2, overlap=0.5),
        reached=tuple(_reached(number, candidates, checks)),
        opinions=tuple(_opinions(candidates)),
        scores=Scores(by="command score", values={one.id: 0.5 for one in candidates}) if number % 2 else None,
    )


def _reached(number: int, candidates: tuple[Candidate, ...], checks: tuple[Check, ...]) -> Iterator[Reached]:
    words: tuple[Reach, ...] = ("executes", "misses", "unknown")
    for check in checks:
        for place, one in enumerate(candidates):
            reach = "executes" if one.id == tree(number, 0) else words[place % 3]
            yield Reached(check=check.id, candidate=one.id, reach=reach)


def _opinions(candidates: tuple[Candidate, ...]) -> Iterator[Opinion]:
    names = tuple(one.id for one in candidates[:3])
    if len(names) > 1:
        yield Opinion(judge="m", finalists=names, chosen=names[0], reason="So.")
        yield Opinion(judge="m", finalists=names[::-1], chosen=None)


def _verdicts(number: int, candidates: tuple[Candidate, ...], checks: tuple[Check, ...]) -> Iterator[Verdict]:
    right = tree(number, 0)
    for check in checks:
        for name in (BASE, *(one.id for one in candidates)):
            passed = name == right
            yield Verdict(
                candidate=name,
                check=check.id,
                outcome="pass" if passed else "fail",
                execution=Execution(
                    exit_code=0 if passed else 42, output=f"{name[:8]}\n<b>bold</b>\n", seconds=0.1
                ),
            )


def grade(number: int, variant: int) -> Grade:
    """Return the grade of one variant: 0 is resolved, 1 is not, 2 only to the letter of the rules."""
    official: Ruling = "unresolved" if variant == 1 else "resolved"
    hardened: Ruling = "resolved" if variant == 0 else "unresolved"
    text = "" if variant < 0 else patch(number, variant)
    if variant < 0:
        official = hardened = "unresolved"
    return Grade(
        instance=issue(number).id,
        patch=patch_id(text),
        rules="0" * 16,
        official=Judged(
            ruling=official, reason="" if official == "resolved" else "1 of 2 hidden tests fails"
        ),
        hardened=Judged(ruling=hardened, guards=("report-forged",) if variant == 2 else ()),
        difficulty=("<15 min fix", "1-4 hours")[number % 2],
        repo=issue(number).repo.removeprefix("https://github.com/"),
    )


def recorded_run(
    folder: Path, issues: int = 6, trajectories: int = 4, turns: int = 3, seed: int = 0, graded: bool = True
) -> Path:
    """Make a run folder of so many issues, the last of which failed; return it."""
    chance = random.Random(seed)
    settings = config(trajectories, turns)
    tasks = tuple(Task(issue=issue(number), options=Options()) for number in range(issues))

    async def write() -> None:
        async with open_store(folder) as store:
            await store.put(
                Key("job", "1"), Job(kind="eval", config=settings, tasks=tasks).model_dump(mode="json")
            )
            for number, task in enumerate(tasks[:-1]):
                made = solution(number, trajectories, turns, chance)
                key = solution_key(task.issue, task.options, settings)
                await store.put(key, made.model_dump(mode="json"))
                for one in made.trajectories:
                    path = f"{task.issue.id}/trajectory/{one.index:02}/turn/01"
                    await store.settle(await store.reserve(path, one.usage), one.usage)
            await store.put(failure_key(tasks[-1].issue.id), "the endpoint failed: connection refused")

    run_apart(lambda: anyio.run(write))
    if graded:
        graded_ones = (grade(number, variant) for number in range(issues) for variant in (-1, 0, 1, 2))
        (folder / FILE).write_text("".join(lines_of(graded_ones)), encoding="utf-8")
    return folder


def replace_solution(folder: Path, changed: Solution) -> None:
    """Put another solution in the place of that of its issue."""
    with open_run(folder) as run:
        task = next(one for one in run.job.tasks if one.issue.id == changed.issue)
        key = solution_key(task.issue, task.options, run.job.config)

    async def put() -> None:
        async with open_store(folder) as store:
            await store.put(key, changed.model_dump(mode="json"))

    run_apart(lambda: anyio.run(put))
