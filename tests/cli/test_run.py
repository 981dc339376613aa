"""`swe-scale run` as its user meets it: a process, a repository, an HTTP endpoint."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from chat_protocol import Fault, error
from chat_script import ANY
from main_job import ALSO_RIGHT, ISSUE, RIGHT, SOURCE, WRONG, Desk, endpoint, git, make_repository, replies
from scripted_server import ScriptedServer

THREE = (RIGHT, ALSO_RIGHT, WRONG)
CONTRACT = {
    "outcome", "patch", "confidence", "reason", "candidates", "checks", "verdicts", "decisions", "usage",
}  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def serve(bodies: tuple[str, ...] = THREE, **settings: object) -> ScriptedServer:
    written = replies(bodies)
    return ScriptedServer(lambda step, _: written[step.partition("/")[2]], **settings)  # type: ignore[arg-type]


def assert_clean(ran: subprocess.CompletedProcess[str], code: int, *texts: str) -> None:
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr + ran.stdout
    for text in texts:
        assert text in ran.stderr, ran.stderr


def test_one_command_ends_in_one_patch_with_its_evidence(desk: Desk) -> None:
    with serve() as server:
        ran = desk.solve("--samples", "3", "--json", "--out", "fix.diff", *endpoint(server.base_url))
    assert_clean(ran, 0)
    answer = json.loads(ran.stdout)
    assert answer.keys() >= CONTRACT
    assert answer["outcome"] == "proposed"
    assert (desk.folder / "fix.diff").read_text() == answer["patch"]
    git(desk.repository, "apply", "--check", str(desk.folder / "fix.diff"))
    assert len(answer["candidates"]) == 3 and len(answer["checks"]) >= 3
    right = {one["id"] for one in answer["candidates"] if "max(" not in one["patch"]}
    assert answer["candidate"] in right
    assert answer["usage"]["prompt_tokens"] > 0


def test_below_the_least_confidence_nothing_is_proposed_and_the_evidence_is_kept(desk: Desk) -> None:
    with serve() as server:
        given = ("--samples", "3", "--json", "--name", "same", *endpoint(server.base_url))
        doubted = desk.solve(*given, "--wrong-costs", "99")
        calls = len(server.calls)
        wrong = (("--min-confidence", "1.5"), ("--wrong-costs", "-1"), ("--wrong-costs", "inf"))
        both = ("--min-confidence", "0.5", "--wrong-costs", "1")
        refused = [desk.solve(*given, *options) for options in (*wrong, both)]
        lower = desk.solve(*given[:4], "other", *given[5:], "--min-confidence", "0.2")
    assert_clean(doubted, 3)
    answer, again = json.loads(doubted.stdout), json.loads(lower.stdout)
    assert (answer["outcome"], answer["patch"]) == ("abstained", None) and calls
    assert "and 0.99 is asked" in answer["reason"] and len(answer["candidates"]) == 3
    assert again["outcome"] == "proposed" and again["confidence"] == answer["confidence"]
    assert [one.returncode for one in refused] == [2, 2, 2, 2]
    assert "say the same in two ways" in refused[3].stderr
    assert not any("Traceback" in one.stderr for one in refused)


def test_the_run_folder_is_as_promised_and_never_dirties_the_tree(desk: Desk) -> None:
    with serve() as server:
        ran = subprocess.run(
            desk.command("run", "../issue.md", "--sandbox", "local", "--samples", "3", "--name", "first",
                         *endpoint(server.base_url)),
            cwd=desk.repository, env=desk.variables(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert_clean(ran, 0)
    folder = desk.repository / "runs" / "first"
    assert {"run.sqlite", "config.toml", "preds.jsonl"} <= {path.name for path in folder.iterdir()}
    assert (desk.repository / "runs" / ".gitignore").read_text() == "*\n"
    assert git(desk.repository, "status", "--porcelain") == ""
    row = json.loads((folder / "preds.jsonl").read_text())
    assert row.keys() == {"instance_id", "model_name_or_path", "model_patch"}
    assert "Candidates × checks" in ran.stdout and "lost: fails" in ran.stdout


def test_the_same_command_resumes_without_a_call(desk: Desk) -> None:
    with serve() as server:
        options = ("--samples", "3", "--json", *endpoint(server.base_url))
        first, calls = desk.solve(*options), len(server.calls)
        again = desk.solve(*options)
        assert len(server.calls) == calls
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert len([path for path in (desk.folder / "runs").iterdir() if path.is_dir()]) == 1


def test_apply_changes_the_work_tree_and_refuses_a_dirty_one(desk: Desk) -> None:
    with serve() as server:
        options = ("--samples", "3", "--apply", *endpoint(server.base_url))
        (desk.repository / "tests/test_stats.py").write_text("# mine\n")
        refused = desk.solve(*options)
        assert_clean(refused, 2, "uncommitted changes", "--force")
        assert not server.calls, "nothing may be spent before it is refused"
        assert_clean(desk.solve(*options, "--force"), 0)
        assert (desk.repository / "tests/test_stats.py").read_text() == "# mine\n"
        git(desk.repository, "checkout", "-q", "--", ".")
        assert_clean(desk.solve(*options), 0, "patch applied")
    assert "stats.py" in git(desk.repository, "status", "--porcelain")


def test_a_patch_that_no_longer_applies_is_not_lost(desk: Desk) -> None:
    base = git(desk.repository, "rev-parse", "HEAD")
    (desk.repository / "stats.py").write_text("def mean(values):\n    return 1\n")
    git(desk.repository, "commit", "-qam", "moved on")
    with serve() as server:
        ran = desk.solve(
            "--samples", "3", "--apply", "--base", base, "--name", "kept", *endpoint(server.base_url)
        )
    assert_clean(ran, 1, "doesn't apply", "stats.py")
    kept = json.loads((desk.folder / "runs" / "kept" / "preds.jsonl").read_text())
    assert kept["model_patch"].startswith("diff --git")


def test_it_abstains_when_only_its_author_speaks_for_a_patch(desk: Desk) -> None:
    with serve((WRONG,)) as server:
        ran = desk.solve("--samples", "1", *endpoint(server.base_url))
    assert_clean(ran, 3)
    assert "No patch is proposed" in ran.stdout and "nobody but its own author" in ran.stdout.replace(
        "\n", " "
    )


def test_a_model_that_never_keeps_the_format_ends_in_abstention(desk: Desk) -> None:
    with ScriptedServer(lambda step, _: "Sure! I changed `stats.py` for you.") as server:
        ran = desk.solve("--samples", "2", "--turns", "3", *endpoint(server.base_url))
        assert len(server.calls) == 6
    assert_clean(ran, 3)
    assert "2 never kept the format" in ran.stdout


def test_the_issue_from_standard_input_or_as_text(desk: Desk) -> None:
    with serve() as server:
        options = (
            "--repo",
            str(desk.repository),
            "--sandbox",
            "local",
            "--samples",
            "3",
            *endpoint(server.base_url),
        )
        assert_clean(desk.run("run", "-", *options, stdin=ISSUE), 0)
        assert_clean(desk.run("run", ISSUE, *options), 0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("run", "", "--repo", "repo"), "is empty"),
        (("run", "docs/issue.md", "--repo", "repo"), "does not exist"),
        (("run", "missing.md", "--repo", "repo"), "does not exist"),
        (("run", "some words", "--repo", "repo"), "no model is named"),
        (("run", "some words", "--repo", "repo", "--model", "m"), "belong together"),
        (("run", "some words", "--repo", "repo", "--base-url", "ftp://x/v1", "--model", "m"), "http://"),
        (("resume", "nothing"), "there is no run"),
        (("eval", "missing.jsonl", "--name", "../up"), "--name"),
    ],
)
def test_bad_arguments_are_explained(desk: Desk, arguments: tuple[str, ...], text: str) -> None:
    assert_clean(desk.run(*arguments), 2, text)


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("--budget", "lots", "2usd"),
        ("--budget", "0usd", "2usd"),
        ("--budget", "1usd", "needs a price"),
        ("--strategy", "revise", "NAME=COUNT"),
        ("--strategy", "dance=2", "known are: revise, agent"),
        ("--name", "../escape", "letters, digits"),
        ("--context-tokens", "500000", "don't fit the model's context"),
        ("--sandbox", "jail", "known are: docker, bubblewrap, local"),
        ("--image", "python:3.11", "needs the docker sandbox"),
        ("--environment", "none.toml", "none.toml"),
        ("--config", "none.toml", "can't be read"),
    ],
)
def test_bad_options_are_explained(desk: Desk, option: str, value: str, text: str) -> None:
    with serve() as server:
        assert_clean(desk.solve(option, value, *endpoint(server.base_url)), 2, text)
        assert not server.calls


def test_a_repository_or_commit_that_is_not_there(desk: Desk) -> None:
    with serve() as server:
        plain = desk.folder / "plain"
        plain.mkdir()
        assert_clean(desk.solve(*endpoint(server.base_url), repo=plain), 1, "not", "repository")
        assert_clean(desk.solve("--base", "v9.9", *endpoint(server.base_url)), 1, "v9.9")


def test_endpoints_that_fail_are_named_with_what_to_do(desk: Desk) -> None:
    assert_clean(desk.solve(*endpoint("http://127.0.0.1:9/v1")), 1, "http://127.0.0.1:9/v1", "scripted")
    with serve() as server:
        unknown = desk.solve("--base-url", server.base_url, "--model", "other")
        assert_clean(unknown, 1, "other", "scripted")


def test_an_endpoint_that_breaks_in_every_trajectory_is_a_failure_and_resumable(desk: Desk) -> None:
    with serve() as server:
        server.faults[ANY] = [error(400, "the engine is out of order") for _ in range(3)]
        broken = desk.solve("--samples", "3", "--name", "again", *endpoint(server.base_url))
        assert_clean(broken, 1, "out of order")
        server.faults.clear()
        assert_clean(desk.run("resume", "again"), 0)


def test_one_lost_trajectory_does_not_stop_the_others(desk: Desk) -> None:
    with serve() as server:
        server.faults["issue/trajectory/03/turn/01"] = [error(400, "bad luck")]
        ran = desk.solve("--samples", "3", "--json", *endpoint(server.base_url))
    assert_clean(ran, 0)
    ends = [one["outcome"] for one in json.loads(ran.stdout)["trajectories"]]
    assert ends == ["done", "done", "failed"]


def test_passing_faults_are_tried_again(desk: Desk) -> None:
    with serve() as server:
        server.faults[ANY] = [Fault(429, b"{}", {"Retry-After": "0"}), Fault(503, b"{}"), Fault(close=True)]
        assert_clean(desk.solve("--samples", "3", *endpoint(server.base_url)), 0)


def test_a_context_larger_than_the_model_ends_the_trajectories_not_the_run(desk: Desk) -> None:
    with serve(max_model_len=1000) as server:
        ran = desk.solve("--samples", "2", "--context-tokens", "0", *endpoint(server.base_url))
    assert_clean(ran, 3)
    assert "2 ran out of context" in ran.stdout


def test_a_budget_in_tokens_is_never_exceeded(desk: Desk) -> None:
    with serve() as server:
        ran = desk.solve("--samples", "3", "--budget", "12000tokens", "--json", *endpoint(server.base_url))
        spent = sum(len(json.dumps(call.body["messages"])) // 4 for call in server.calls)
    assert ran.returncode in (0, 3), ran.stderr
    assert json.loads(ran.stdout)["usage"]["prompt_tokens"] <= 12000
    assert 0 < spent <= 12000


def test_an_environment_that_cannot_be_built_shows_command_and_output(desk: Desk) -> None:
    broken = '[environment]\nsetup = ["echo preparing", "echo no such library >&2; exit 7"]\n'
    repository = make_repository(desk.folder / "broken", {"stats.py": SOURCE, "swe-scale.toml": broken})
    with serve() as server:
        ran = desk.solve(*endpoint(server.base_url), "--repair-rounds", "0", repo=repository)
        assert_clean(ran, 1, "exit 7", "no such library")
        assert not server.calls


def test_two_runs_of_one_name_at_once(desk: Desk) -> None:
    with serve(delay=6.0) as server:
        command = desk.command(
            "run", str(desk.issue), "--repo", str(desk.repository), "--sandbox", "local", "--samples", "1",
            "--name", "one", *endpoint(server.base_url),
        )  # fmt: skip
        first = subprocess.Popen(
            command,
            cwd=desk.folder,
            env=desk.variables(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        server.wait_until(lambda: server.in_flight > 0)
        second = desk.solve("--samples", "1", "--name", "one", *endpoint(server.base_url))
        assert_clean(second, 2, "in use by another swe-scale")
        assert first.wait(60) == 0 or first.returncode == 3


def test_only_the_environment_is_read_from_the_repository(desk: Desk) -> None:
    greedy = (
        '[environment]\nsetup = []\ntest = "python3 -m unittest {tests}"\n'
        '[models.default]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "evil"\n'
        "[limits]\nseconds = 1\n"
    )
    files = {"stats.py": SOURCE, "swe-scale.toml": greedy}
    repository = make_repository(desk.folder / "greedy", files)
    with serve() as server:
        ran = desk.solve("--samples", "3", *endpoint(server.base_url), repo=repository)
    assert_clean(ran, 0, "models", "limits")


def test_the_key_is_nowhere(desk: Desk) -> None:
    canary = "sk-canary-0123456789"
    desk.environment["OPENAI_API_KEY"] = canary
    with serve(key=canary) as server:
        ran = desk.solve("--samples", "3", *endpoint(server.base_url))
        assert_clean(ran, 0)
        assert server.calls
    for path in (desk.folder / "runs").rglob("*"):
        assert not path.is_file() or canary.encode() not in path.read_bytes(), path
    assert canary not in ran.stdout + ran.stderr


class _GitHub(BaseHTTPRequestHandler):
    """Answers as GitHub's API does for one issue with one comment."""

    def do_GET(self) -> None:
        address = "https://github.com/owner/project/issues/7"
        author = {"login": "someone", "type": "User"}
        issue = {
            "number": 7, "title": "mean() of an empty list crashes", "body": "`mean([])` raises.",
            "state": "open", "comments": 1, "labels": [{"name": "bug"}], "html_url": address, "user": author,
            "author_association": "NONE",
        }  # fmt: skip
        comment = {"body": "It should return 0.0.", "user": author, "author_association": "OWNER"}
        body = json.dumps([comment] if self.path.partition("?")[0].endswith("/comments") else issue).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_address_of_a_github_issue(desk: Desk) -> None:
    github = ThreadingHTTPServer(("127.0.0.1", 0), _GitHub)
    threading.Thread(target=github.serve_forever, args=(0.05,), daemon=True).start()
    config = desk.folder / "config.toml"
    config.write_text(f'[github]\napi = "http://127.0.0.1:{github.server_port}"\n')
    with serve() as server:
        ran = desk.run(
            "run", "https://github.com/owner/project/issues/7", "--repo", str(desk.repository),
            "--sandbox", "local", "--samples", "3", "--config", str(config), *endpoint(server.base_url),
        )  # fmt: skip
        asked = json.dumps(server.calls[0].body["messages"])
    github.shutdown()
    github.server_close()
    assert_clean(ran, 0, "owner__project-7")
    assert "It should return 0.0." in asked
