"""`swe-scale estimate` beside `swe-scale run`: what was used lies in the range, and asking costs nothing."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from main_job import (
    ALSO_RIGHT,
    ISSUE,
    RIGHT,
    TEST,
    WRONG,
    Desk,
    agent_replies,
    assert_clean,
    bash,
    check,
    complaint,
    edit,
    endpoint,
    git,
    replies,
)
from scripted_server import ScriptedServer

PRICES = '[prices."scripted"]\nprompt = 1000.0\ncompletion = 5000.0\n'
"""US dollars per million tokens."""
CLOSED = endpoint("http://127.0.0.1:9/v1")
"""Where nobody listens."""
VARIED = (
    '[strategies.short]\nkind = "revise"\nvariant = "minimal"\n'
    '[strategies.careful]\nkind = "revise"\nvariant = "careful.md"\n'
)
Document = dict[str, Any]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a desk whose test file leaves a line each time that it is loaded."""
    made = Desk(tmp_path)
    note = f"open({str(tmp_path / 'log')!r}, 'a').write('test\\n')\n"
    (made.repository / "tests/test_stats.py").write_text(note + TEST)
    git(made.repository, "commit", "-qam", "note")
    return made


def serve(written: dict[str, str] | Callable[[str], str], **settings: Any) -> ScriptedServer:
    reply = written if callable(written) else written.__getitem__
    return ScriptedServer(lambda step, _: reply(step.partition("/")[2]), **settings)


def ask(desk: Desk, *arguments: str) -> subprocess.CompletedProcess[str]:
    place = str(desk.repository)
    return desk.run("estimate", str(desk.issue), "--repo", place, "--sandbox", "local", *arguments)


def document(desk: Desk, *arguments: str) -> Document:
    ran = ask(desk, *arguments, "--json")
    assert_clean(ran, 0)
    found: Document = json.loads(ran.stdout)
    return found


def total(found: Document, name: str) -> tuple[float, float, float]:
    one = found["total"][name]
    return one["low"], one["likely"], one["high"]


@dataclass(frozen=True)
class Case:
    """Settings of a run, and what the model says in it."""

    options: tuple[str, ...]
    written: Callable[[Path], dict[str, str] | Callable[[str], str]]


def hasty(log: Path) -> dict[str, str]:
    """Two replies: a check, and the change with the end."""
    place = "trajectory/{:02}/turn/{:02}"
    found = {"selection/turn/01": '<choose candidate="B"/>\n'}
    for index, body in enumerate((RIGHT, ALSO_RIGHT, RIGHT), start=1):
        found[place.format(index, 1)] = check(log, f"c{index}")
        found[place.format(index, 2)] = edit(body) + "<done/>\n"
    return found


def wordy(log: Path) -> Callable[[str], str]:
    """Another check with much output and another change in every reply, to the end; four checks to select."""

    def loud(name: str) -> str:
        return check(log, name).replace("import sys\n", "import sys\nprint('x' * 60000)\n", 1)

    def reply(step: str) -> str:
        stage, *where = step.split("/")
        thoughts = "I think about it at length, once more. " * 100 + "\n"
        if stage == "selection":
            return thoughts + "".join(loud(f"{step}-{number}") for number in range(4))
        changed = "<reset/>\n" + edit(f"    # {step}\n{RIGHT}") if where[-1] != "01" else ""
        return thoughts + loud(step) + changed

    return reply


def in_rounds(log: Path) -> Callable[[str], str]:
    """Plans that are missed at first, then trajectories, then some that learn from them, all wordy."""
    talk = wordy(log)
    seen = "<observations>\n" + "".join(f"{n}. {n} is so. {'x' * 900}\n" for n in range(1, 9))

    def reply(step: str) -> str:
        if not step.startswith("plan/"):
            return bash(f"echo command >> {log}; date > now.py") if "/06/" in step else talk(step)
        number = int(step[-2:])
        plans = "".join(f'<plan number="{n}">\n{"do it " * 900}{n}\n</plan>\n' for n in range(number, 4))
        return "Later." if number == 1 else seen if number == 2 else plans

    return reply


def read_first(log: Path) -> Callable[[str], str]:
    """A reader that finds everything relevant at length, and an order of it."""
    written = replies((RIGHT, ALSO_RIGHT), log)

    def reply(step: str) -> str:
        if step.startswith("reader/order/"):
            return '{"order": [2, 1]}'
        judged = {"relevant": True, "note": "it matters " * 40, "summary": "averages " * 20}
        return json.dumps(judged) if step.startswith("reader/") else written[step]

    return reply


def garbled(_: Path) -> Callable[[str], str]:
    return lambda step: f"I can't decide what to say to {step}."


CASES = {
    "three": Case(("--samples", "3"), lambda log: replies((RIGHT, ALSO_RIGHT, WRONG), log)),
    "one": Case(("--samples", "1", "--turns", "3"), lambda log: replies((WRONG,), log)),
    "many alike": Case(
        ("--samples", "7", "--regression-seconds", "0"), lambda log: replies((RIGHT,) * 7, log)
    ),
    "every cell": Case(("--samples", "4", "--record-all"), lambda log: replies((RIGHT, WRONG) * 2, log)),
    "hasty": Case(("--samples", "3"), hasty),
    "wordy": Case(("--samples", "3", "--turns", "5", "--selection-turns", "2"), wordy),
    "with a reader": Case(("--samples", "2", "--reader-model", "scripted"), read_first),
    "garbled": Case(("--samples", "2", "--turns", "4"), garbled),
    "in rounds": Case(
        (
            "--strategy",
            "plan=3",
            "--strategy",
            "revise=1",
            "--strategy",
            "refine=1",
            "--strategy",
            "fork=1",
            "--turns",
            "4",
            "--selection-turns",
            "2",
        ),
        in_rounds,
    ),
    "varied": Case(
        ("--strategy", "short=1", "--strategy", "careful=1", "--config", "config.toml"),
        lambda log: replies((RIGHT, WRONG), log),
    ),
    "agents": Case(
        ("--strategy", "agent=3"),
        lambda log: agent_replies(
            3, f"echo command >> {log}; sed -i 's/len(values)/max(1, len(values))/' stats.py"
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_run_uses_lies_within_its_estimate(desk: Desk, name: str) -> None:
    case, log = CASES[name], desk.folder / "log"
    (desk.folder / "config.toml").write_text(VARIED)
    (desk.folder / "careful.md").write_text("Be careful. " * 200)
    with serve(case.written(log)) as server:
        options = (*case.options, *endpoint(server.base_url))
        found = document(desk, *options)
        assert not server.calls, "an estimate has called the model"
        ran = desk.solve(*options, "--json", "--name", "real")
        first = next(one for one in server.calls if "/reader/" not in one.step).body["messages"]
    assert ran.returncode in (0, 3), ran.stderr
    assert_read(found, json.loads(ran.stdout)["stages"].get("reader"))
    used = json.loads(ran.stdout)["usage"]
    for kind in ("calls", "prompt_tokens", "completion_tokens"):
        low, _, high = total(found, kind)
        assert low <= used[kind] <= high, (kind, low, used[kind], high)
        assert used[kind] <= found["at_most"][kind]
    sent = sum(len(message["content"].encode()) for message in first)
    least, most = found["first_prompt_bytes"]
    assert least <= sent <= most or name == "in rounds", "planning has a prompt of its own"
    if name not in ("in rounds", "varied"):
        assert least == most
    assert_executed(found, log.read_text().splitlines() if log.exists() else [])
    assert_on_disk(desk, found)


def assert_read(found: Document, used: dict[str, int] | None) -> None:
    """Fail unless an estimate speaks of a reader where there is one, with as many calls as it had."""
    said = re.search(r"; a reader ([\d,]+) – [\d,]+ – ([\d,]+)$", found["total"]["calls"]["assumption"])
    assert (said is None) == (used is None)
    if said and used:
        assert int(said[1]) <= used["calls"] <= int(said[2]) and used["calls"] > 3


def assert_executed(found: Document, lines: list[str]) -> None:
    """Fail unless the executions that left a line are as many as was estimated."""
    counts = {
        "test_runs": sum(line == "test" for line in lines),
        "agent_commands": sum(line == "command" for line in lines),
        "check_executions": sum(line not in ("test", "command") for line in lines),
    }
    for kind, count in counts.items():
        low, _, high = total(found, kind) if kind in found["total"] else (0, 0, 0)
        if kind == "test_runs" and high:
            high += total(found, "test_trials")[2]
        assert low <= count <= high, (kind, low, count, high)


def assert_on_disk(desk: Desk, found: Document) -> None:
    low, _, high = total(found, "run_folder")
    size = sum(file.stat().st_size for file in (desk.folder / "runs/real").iterdir())
    assert low <= size <= high, (low, size, high)


def test_a_long_issue_is_measured_as_it_is_sent(desk: Desk) -> None:
    desk.issue.write_text(ISSUE + "A line of a log that somebody pasted.\n" * 5000)
    with serve(replies((RIGHT,)), max_model_len=16_384) as server:
        options = ("--samples", "1", *endpoint(server.base_url))
        found = document(desk, *options)
        desk.solve(*options)
        sent = sum(len(message["content"].encode()) for message in server.calls[0].body["messages"])
    assert found["first_prompt_bytes"] == [sent, sent] and sent < 60_000


def test_a_budget_of_the_most_is_never_felt(desk: Desk) -> None:
    case = CASES["wordy"]
    with serve(case.written(desk.folder / "log")) as server:
        options = (*case.options, *endpoint(server.base_url))
        most = document(desk, *options)["at_most"]
        budget = most["prompt_tokens"] + most["completion_tokens"]
        ran = desk.solve(*options, "--budget", f"{budget}tokens", "--json")
    ends = {one["outcome"] for one in json.loads(ran.stdout)["trajectories"]}
    assert ends == {"turns"}


def test_nothing_is_left_behind_but_the_copy_of_the_repository(desk: Desk) -> None:
    with serve({}) as server:
        document(desk, *endpoint(server.base_url))
    assert not (desk.folder / "runs").exists()
    assert not (desk.folder / "log").exists()
    kept = {entry.name for entry in (desk.folder / "cache/swe-scale").iterdir()}
    assert kept == {"repositories"}


def test_a_person_reads_ranges_with_what_they_rest_on(desk: Desk) -> None:
    with serve({}) as server:
        ran = ask(desk, "--samples", "4", "--turns", "6", *endpoint(server.base_url))
    assert_clean(ran, 0, "4 × revise, up to 6 replies each")
    text = " ".join(ran.stdout.split())
    assert re.search(r"calls 8 22 32 4 × revise of 2 – 5 – 6 replies; selection 0 – 2 – 8", text)
    assert "GPU time" in text and "4,000 – 1,500 – 300 completion" in text
    assert "At most 32 calls" in text
    assert 'No price for scripted: set [prices."scripted"]' in text


def test_a_reader_that_leaves_is_no_fault(desk: Desk) -> None:
    command = shlex.join(desk.command("estimate", "a text", "--repo", "repo", "--sandbox", "local", *CLOSED))
    ran = subprocess.run(
        ["sh", "-c", f"({command}; echo $? >&2) | true"],
        cwd=desk.folder, env=desk.variables(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Traceback" not in ran.stderr and ran.stderr.rstrip()[-1] in "01"


def test_money_goes_by_the_prices(desk: Desk) -> None:
    config = desk.folder / "config.toml"
    config.write_text(PRICES)
    with serve(replies((RIGHT, WRONG))) as server:
        options = ("--samples", "2", "--config", str(config), *endpoint(server.base_url))
        found = document(desk, *options)
        used = json.loads(desk.solve(*options, "--json").stdout)["usage"]["usd"]
    low, likely, high = total(found, "usd")
    assert low <= used <= high <= found["at_most"]["usd"]
    assert not found["unpriced"]
    assert low < likely < high


def test_a_rate_makes_gpu_time_exact_in_it(desk: Desk) -> None:
    options = ("--samples", "2", *endpoint("https://models.example.com/v1"))
    assert "gpu_seconds" not in document(desk, *options, "--context-tokens", "1000")["total"]
    found = document(desk, *options, "--rate", "100", "--prefill-rate", "1000")
    _, likely, _ = total(found, "gpu_seconds")
    fresh = total(found, "prompt_tokens")[1] - total(found, "cached_tokens")[1]
    assert likely == pytest.approx(fresh / 1000 + total(found, "completion_tokens")[1] / 100, rel=0.01)


def test_without_an_endpoint_it_says_what_it_assumes(desk: Desk) -> None:
    ran = ask(desk, *CLOSED)
    assert_clean(ran, 0, "can't be reached", "a context of 32,768 tokens is assumed")


def test_a_configured_context_is_not_asked_for(desk: Desk) -> None:
    config = desk.folder / "config.toml"
    config.write_text(
        '[models.default]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
        "context_length = 8192\n"
    )
    ran = ask(desk, "--config", str(config))
    assert_clean(ran, 0, "context 8,192 tokens")
    assert "reached" not in ran.stderr


def test_a_server_that_a_run_would_start_is_not_started(desk: Desk) -> None:
    config = desk.folder / "config.toml"
    config.write_text(f'[serve]\ncommand = ["touch", "{desk.folder}/started"]\ncontext = 8192\n')
    (desk.folder / "model").mkdir()
    (desk.folder / "model/config.json").write_text('{"model_type": "qwen2"}')
    ran = ask(desk, "--serve", "./model", "--config", str(config))
    assert_clean(ran, 0, "context 8,192 tokens")
    assert not (desk.folder / "started").exists()
    refused = ask(desk, "--serve", "./model", *CLOSED)
    assert_clean(refused, 2, "leave out --base-url and --model")


def test_a_budget_below_one_call_is_refused_with_the_numbers_of_the_run(desk: Desk) -> None:
    with serve(replies((RIGHT, RIGHT))) as server:
        options = ("--samples", "2", *endpoint(server.base_url))
        refused = ask(desk, *options, "--budget", "100tokens")
        assert_clean(refused, 2, "the budget is smaller than one call: of 100 tokens")
        needed = re.search(r"Give at least --budget (\d+)tokens", refused.stderr)
        assert needed
        least = int(needed[1])
        assert_clean(ask(desk, *options, "--budget", f"{least - 1}tokens"), 2)
        assert_clean(desk.solve(*options, "--budget", f"{least - 1}tokens"), 3)
        assert not server.calls
        assert_clean(ask(desk, *options, "--budget", f"{least}tokens"), 0)
        desk.solve(*options, "--budget", f"{least}tokens")
        assert server.calls


def test_a_budget_in_money_below_one_call_is_refused(desk: Desk) -> None:
    config = desk.folder / "config.toml"
    config.write_text(PRICES)
    with serve({}) as server:
        options = ("--samples", "2", "--config", str(config), *endpoint(server.base_url))
        refused = ask(desk, *options, "--budget", "0.5usd")
        assert_clean(refused, 2, "the budget is smaller than one call: of 0.5 USD")
        needed = re.search(r"Give at least --budget ([\d.]+)usd", refused.stderr)
        assert needed
        assert_clean(ask(desk, *options, "--budget", f"{needed[1]}usd"), 0)


@pytest.mark.parametrize(
    ("budget", "remark"),
    [
        ("15000tokens", "is less than what is likely"),
        ("0.001min", "is less than the lowest estimate"),
        ("200000tokens", "is enough for what is likely"),
    ],
)
def test_a_budget_is_compared_with_the_estimate(desk: Desk, budget: str, remark: str) -> None:
    with serve({}) as server:
        found = document(desk, "--samples", "2", "--budget", budget, *endpoint(server.base_url))
    assert [line for line in found["remarks"] if remark in line]


def row(desk: Desk, name: str, **changes: object) -> str:
    head = git(desk.repository, "rev-parse", "HEAD")
    known = {"instance_id": name, "repo": "own/stats", "base_commit": head, "problem_statement": ISSUE}
    return json.dumps(known | changes)


def test_rows_are_summed_and_bad_ones_named(desk: Desk) -> None:
    shutil.copytree(desk.repository, desk.folder / "repos" / "own__stats")
    lines = [row(desk, "a"), row(desk, "b"), row(desk, "c", base_commit="0" * 40), "{"]
    (desk.folder / "rows.jsonl").write_text("\n".join(lines))
    with serve({}) as server:
        options = ("--samples", "2", "--sandbox", "local", *endpoint(server.base_url))
        ran = desk.run("estimate", "--rows", "rows.jsonl", "--repos", "repos", "--json", *options)
        one = document(desk, *options)
        assert not server.calls
    assert_clean(ran, 1)
    found = json.loads(ran.stdout)
    assert found["issues"].keys() == {"a", "b"}
    assert found["failures"].keys() == {"c"} and "line 4: not JSON" in found["unusable_rows"][0]
    for kind in ("calls", "prompt_tokens", "check_executions"):
        assert total(found, kind) == tuple(2 * value for value in total(one, kind))
    assert total(found, "seconds")[1] < 2 * total(one, "seconds")[1]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "give either an issue, or --rows FILE"),
        (("text", "--rows", "rows.jsonl"), "give either an issue, or --rows FILE"),
        (("--rows", "none.jsonl"), "none.jsonl does not exist"),
        (("missing.md", "--repo", "repo"), "missing.md does not exist"),
        (("a text", "--repo", "nowhere"), "nowhere"),
        (("a text", "--repo", "repo", "--context-tokens", "40000"), "don't fit the model's context"),
        (("a text", "--repo", "repo", "--budget", "1usd"), "--budget in usd needs a price"),
    ],
)
def test_bad_input_is_said_in_a_line_or_two(desk: Desk, arguments: tuple[str, ...], fault: str) -> None:
    ran = desk.run("estimate", *arguments, "--sandbox", "local", *CLOSED)
    assert ran.returncode in (1, 2) and "Traceback" not in ran.stderr
    said = complaint(ran)
    assert len(said) <= 2 and fault in said[0]


def test_the_agents_schemas_are_counted_where_tools_are_on(desk: Desk) -> None:
    bodies = {}
    for tools in ("false", "true"):
        config = desk.folder / f"{tools}.toml"
        config.write_text(
            '[models.default]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
            f"context_length = 65536\ntools = {tools}\n"
        )
        options = ("--strategy", "agent=1", "--config", str(config), "--budget", "10tokens")
        refused = ask(desk, *options)
        assert_clean(refused, 2)
        bodies[tools] = int(re.findall(r"--budget (\d+)tokens", refused.stderr)[-1])
    assert bodies["true"] > bodies["false"] + 1000
