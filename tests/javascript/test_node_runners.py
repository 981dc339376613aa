"""Real projects, installed and tested by their own runners: what is reported is what became of each test."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from git_kit import Kit

from swe_scale.config import Limits, Local
from swe_scale.environment import Options, prepare
from swe_scale.events import Events
from swe_scale.regression.running import Report, run_tests
from swe_scale.repo import Repository
from swe_scale.sandbox import open_backend

pytestmark = pytest.mark.anyio

STATS = "export const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;\n"
NODE_TEST = """import { describe, it, test } from "node:test";
import assert from "node:assert";
import { mean } from "../src/stats.js";
describe("mean", () => {
  it("two", () => assert.equal(mean([2, 4]), 3));
  describe("deep", () => { it("none", () => assert.equal(mean([]), 0)); });
  it.skip("later", () => {});
});
test("top", async (t) => { await t.test("sub", () => {}); });
"""
MOCHA = """import assert from "node:assert";
import { mean } from "../src/stats.js";
describe("mean", () => {
  it("two", () => assert.equal(mean([2, 4]), 3));
  it("none", () => assert.equal(mean([]), 0));
  it.skip("later", () => {});
  describe("deep", () => { before(() => { throw new Error("no"); }); it("never", () => {}); });
});
"""


async def ran(folder: Path, package: Mapping[str, object], files: Mapping[str, str], *tests: str) -> Report:
    """Return what a project's tests say, after it was set up as recognised."""
    content = {"package.json": json.dumps({"name": "stats", "type": "module", **package}), **files}
    Kit(folder / "source").commit({name: text.encode() for name, text in content.items()})
    repository = await Repository.open(str(folder / "source"), folder / "store")
    events = Events()
    async with open_backend(Local(), "tests", events) as backend:
        environment = await prepare(backend, repository, await repository.resolve(), Options(), events)
        assert environment.test_command is not None and environment.profile == "node"
        async with backend.open(environment) as template, template.fork() as sandbox:
            report = await run_tests(sandbox, environment.test_command, tests, Limits(seconds=120.0))
            assert [path for path in await sandbox.snapshot() if "node_modules" not in path] == []
            return report


async def test_node_test(tmp_path: Path) -> None:
    files = {
        "src/stats.js": STATS,
        "test/stats.test.js": NODE_TEST,
        "test/broken.test.js": "import './missing.js';\n",
        "test/empty.test.js": "process.stdout.write('nothing');\n",
    }
    tests = ("test/stats.test.js", "test/broken.test.js", "test/empty.test.js")
    report = await ran(tmp_path, {"scripts": {"test": "node --test"}}, files, *tests)
    assert report.complete and report.execution.exit_code == 1
    assert report.outcomes == {
        "test/stats.test.js::mean > two": "passed",
        "test/stats.test.js::mean > deep > none": "failed",
        "test/stats.test.js::mean > deep": "failed",
        "test/stats.test.js::mean > later": "skipped",
        "test/stats.test.js::mean": "failed",
        "test/stats.test.js::top > sub": "passed",
        "test/stats.test.js::top": "passed",
        "test/broken.test.js": "failed",
        "test/empty.test.js": "passed",
    }


async def test_mocha_from_the_registry(tmp_path: Path) -> None:
    package = {"scripts": {"test": "mocha --timeout 5000"}, "devDependencies": {"mocha": "^10.0.0"}}
    report = await ran(tmp_path, package, {"src/stats.js": STATS, "test/stats.js": MOCHA}, "test/stats.js")
    assert report.complete
    assert report.outcomes == {
        "test/stats.js::mean > two": "passed",
        "test/stats.js::mean > none": "failed",
        "test/stats.js::mean > later": "skipped",
        'test/stats.js::mean > deep > "before all" hook for "never"': "failed",
    }
    assert "NaN == 0" in report.execution.output


async def test_a_run_that_is_killed_leaves_what_it_had(tmp_path: Path) -> None:
    killed = "test('b', () => process.kill(process.pid, 9));"
    text = f"import test from 'node:test';\ntest('a', () => {{}});\n{killed}\n"
    report = await ran(
        tmp_path, {"scripts": {"test": "node --test"}}, {"test/a.test.js": text}, "test/a.test.js"
    )
    assert report.outcomes.get("test/a.test.js") == "failed"


async def test_any_other_command_counts_by_its_exit_code(tmp_path: Path) -> None:
    files = {"test/good.js": "console.log(1);\n", "test/bad.js": "throw new Error('no');\n"}
    report = await ran(
        tmp_path, {"scripts": {"test": "node test/good.js"}}, files, "test/good.js", "test/bad.js"
    )
    assert report.outcomes == {"test/good.js": "passed", "test/bad.js": "failed"}
    assert shutil.which("node")
