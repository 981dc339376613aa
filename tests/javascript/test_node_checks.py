"""Checks in JavaScript: only their own end counts, whatever the code under test does to end or bend them."""

from collections.abc import Mapping

import pytest
from solving_kit import LIMITS, Desk, again

from swe_scale.flags import BLIND, EXITED, FORGED, STEERING
from swe_scale.records import BASE, Check, File, Verdict

pytestmark = pytest.mark.anyio

FAULTY = "export function mean(values) {\n  return values.reduce((a, b) => a + b, 0) / values.length;\n}\n"
RIGHT = "export function mean(values) {\n  return values.length ? 1 : 0;\n}\n"
CHECK = """import { mean } from "../stats.mjs";
const seen = await mean([]);
console.log(seen);
process.exit(seen === 0 ? 0 : 42);
"""
ASSERTS = """import assert from "node:assert";
import { mean } from "../stats.mjs";
try {
  assert.strictEqual(mean([]), 0);
} catch {
  process.exit(42);
}
process.exit(0);
"""
STARTS = """import { spawnSync } from "node:child_process";
const code = "import('./stats.mjs').then(({ mean }) => console.log(mean([])))";
process.exit(`${spawnSync(process.execPath, ["-e", code]).stdout}` === "0\\n" ? 0 : 42);
"""
TRUSTS = """import { spawnSync } from "node:child_process";
const code = "import('./stats.mjs').then(({ mean }) => process.exit(mean([]) === 0 ? 0 : 1))";
process.exit(spawnSync(process.execPath, ["-e", code]).status === 0 ? 0 : 42);
"""


async def says(desk: Desk, script: str, files: Mapping[str, str] | None = None) -> Verdict:
    """Return what a check says of the tree with these files."""
    changes = {name: File(mode="100644", data=text.encode()) for name, text in (files or {}).items()}
    tree = await desk.trees.write(desk.trees.base, changes)
    check = Check.of(script, "reproduction", language="node")
    return await desk.setting.cells.verdict(check, tree if changes else BASE)


@pytest.mark.parametrize(
    ("script", "outcome", "code"),
    [
        ("process.exit(0)", "pass", 0),
        ("process.exit()", "pass", 0),
        ("process.exitCode = 0; process.exit()", "pass", 0),
        ("const end = () => process.exit(0); end()", "pass", 0),
        ("import { exit } from 'node:process'; exit(0)", "pass", 0),
        ("setTimeout(() => process.exit(0), 1)", "pass", 0),
        ("await Promise.resolve(); process.exit(0)", "pass", 0),
        ("process.chdir('/'); process.exit(0)", "pass", 0),
        ("console.log('x'.repeat(1000000)); process.exit(0)", "pass", 0),
        ("console.log('één €'); process.exit(0)", "pass", 0),
        ("setInterval(() => {}, 10); process.exit(0)", "pass", 0),
        ("import assert from 'assert'; assert.equal(1, 1); process.exit(0)", "pass", 0),
        ("if (process.argv[1].endsWith('check.mjs')) process.exit(0)", "pass", 0),
        ("process.exit(42)", "fail", 42),
        ("process.exitCode = 42", "fail", 42),
        ("process.reallyExit(42)", "fail", 42),
        ("", "error", 1),
        ("1", "error", 1),
        ("setTimeout(() => {}, 1)", "error", 1),
        ("process.exit(1)", "error", 1),
        ("process.exit(256 + 42)", "fail", 42),
        ("process.exit('no')", "error", 1),
        ("process.exit({ valueOf: () => 0 })", "error", 1),
        ("throw new Error('broken')", "error", 1),
        ("Promise.reject(new Error('broken'))", "error", 1),
        ("import './missing.mjs'; process.exit(0)", "error", 1),
        ("this is no script", "error", 1),
        ("process.abort()", "error", 134),
        ("process.kill(process.pid, 'SIGKILL')", "error", 137),
        ("process.reallyExit(0)", "error", 0),
        ("eval('process.exit(0)')", "error", 0),
    ],
)
async def test_the_exit_code_says_it(desk: Desk, script: str, outcome: str, code: int) -> None:
    verdict = await says(desk, script)
    assert (verdict.outcome, verdict.execution.exit_code) == (outcome, code), verdict.execution.output


async def test_what_a_check_prints_is_shown_without_the_nonce(desk: Desk) -> None:
    assert (await says(desk, "console.log('seen'); process.exit(0)")).execution.output == "seen"


async def test_a_natural_end_is_explained(desk: Desk) -> None:
    assert "its own process.exit(0)" in (await says(desk, "console.log(1)")).execution.output


@pytest.mark.parametrize("script", [CHECK, ASSERTS, STARTS], ids=["exits", "asserts", "starts"])
async def test_right_and_faulty_code_are_told_apart(desk: Desk, script: str) -> None:
    assert (await says(desk, script)).outcome == "fail"
    verdict = await says(desk, script, {"stats.mjs": RIGHT})
    assert (verdict.outcome, verdict.flags) == ("pass", ()), verdict.execution.output


@pytest.mark.parametrize(
    "script",
    [
        "import { mean } from 'stats'; process.exit(mean([]) === 0 ? 0 : 42)",
        "import lib from '../lib/index.cjs'; process.exit(lib.mean([]) === 0 ? 0 : 42)",
        "import { createRequire } from 'node:module'; const load = createRequire(import.meta.url);"
        "process.exit(load('../lib/index.cjs').mean([]) === 0 ? 0 : 42)",
    ],
)
async def test_the_project_is_found(desk: Desk, script: str) -> None:
    right = {"stats.mjs": RIGHT, "lib/index.cjs": "exports.mean = () => 0;\n"}
    assert (await says(desk, script)).outcome == "fail"
    assert (await says(desk, script, right)).outcome == "pass"


def before(text: str) -> dict[str, str]:
    """Return a patch that puts code before the faulty one."""
    return {"stats.mjs": f"{text.strip()}\n{FAULTY}"}


FORGE = """
import fs from "node:fs";
import v8 from "node:v8";
const heap = await new Response(v8.getHeapSnapshot()).text();
for (const word of new Set(heap.match(/\\b[0-9a-f]{32}\\b/g) ?? [])) fs.writeSync(1, `\\n${word}\\n`);
process.reallyExit(0);
"""
NAMED = """
import vm from "node:vm";
const path = new URL("./.swe-scale/check.mjs", import.meta.url).href;
vm.runInThisContext("process.exit(0)", { filename: path });
"""
SOURCE_URL = """
const path = new URL("./.swe-scale/check.mjs", import.meta.url).href;
(0, eval)(`process.exit(0)\\n//# sourceURL=${path}`);
"""
FRAMES = """
const real = Error;
const path = new URL("./.swe-scale/check.mjs", import.meta.url).href;
Error.prepareStackTrace = (error, frames) => frames;
const proto = Object.getPrototypeOf(new Error().stack[0]);
for (const [name, value] of Object.entries({ getFileName: path, isEval: false, getScriptHash: "" })) {
  try { Object.defineProperty(proto, name, { value: () => value }); } catch {}
}
process.exit(0);
"""
REPLACED_ERROR = """
globalThis.Error = new Proxy(Error, { get: (target, name) => name === "prepareStackTrace"
  ? (error, frames) => target.prepareStackTrace(error, frames) : target[name] });
process.exit(0);
"""
FIRST_ARGUMENT = """
const code = process.exit;
process.exit = code.bind(process, 0);
"""
RESTORED = """
const own = Object.getOwnPropertyDescriptor(process, "exit");
const bound = process.exit.bind(process, 0);
process.exit = bound;
Object.defineProperty(process, "exit", own);
"""
GLOBAL = """
const real = process;
const get = (target, name) => name === "exit" ? () => real.exit(0) : target[name];
globalThis.process = new Proxy(real, { get });
"""
ITERATOR = "Array.prototype[Symbol.iterator] = function* () {};\nprocess.exit(0);"
RESULT = """
import fs from "node:fs";
const real = fs.writeSync;
fs.writeSync = (fd, text) => real(fd, text);
process.exit(0);
"""
LATER = "setTimeout(process.exit, 5, 0);\nexport const mean = () => new Promise(() => {});\n"
THROWS = "export const mean = () => ({ get then() { throw new Error('no'); } });\n"
REJECTS = "export const mean = () => Promise.reject(new Error('no'));\n"
CAUGHT = """
process.on("unhandledRejection", () => process.exit(0));
process.on("uncaughtException", () => process.exit(0));
"""
CODE = """
process.exitCode = 0;
process.on("exit", () => { process.exitCode = 0; process.reallyExit(0); });
"""
PACKAGE = {
    "node_modules/stats/package.json": '{"name": "stats", "main": "x.js"}',
    "node_modules/stats/x.js": "exports.mean = () => 0;\n",
}
LOUD = """
console.log = () => {};
process.stdout.write = () => true;
process.stdout.write("0".repeat(32));
process.reallyExit(0);
"""
ASSERT = "import assert from 'node:assert';\nassert.strictEqual = assert.strict.strictEqual = () => {};"
INSPECTED = """
import { Session } from "node:inspector";
const session = new Session();
session.connect();
session.post("Runtime.evaluate", { expression: "process.exit(0)" });
"""
OTHER = "process.execve?.(process.execPath, [process.execPath, '-e', '0']);\nprocess.reallyExit(0);"
REWRITES = """
import fs from "node:fs";
fs.writeFileSync(new URL("./.swe-scale/check.mjs", import.meta.url), "process.exit(0)");
await import("./.swe-scale/check.mjs?again");
"""

ATTACKS: Mapping[str, tuple[dict[str, str], str, str | None]] = {
    "exit at import": (before("process.exit(0);"), CHECK, EXITED),
    "exit in a call": ({"stats.mjs": "export const mean = () => process.exit(0);\n"}, CHECK, EXITED),
    "exit by a getter": (
        {"stats.mjs": "export const mean = () => ({ get then() { process.exit(0); } });\n"}, CHECK, EXITED,
    ),
    "exit later": ({"stats.mjs": LATER}, CHECK, EXITED),
    "reallyExit": (before("process.reallyExit(0);"), CHECK, EXITED),
    "exit as a callback": (before("[0].forEach(process.exit);"), CHECK, EXITED),
    "throws in a getter": ({"stats.mjs": THROWS}, CHECK, None),
    "never settles": ({"stats.mjs": "export const mean = () => new Promise(() => {});\n"}, CHECK, None),
    "rejects": ({"stats.mjs": REJECTS}, CHECK, None),
    "unhandled rejection caught": ({"stats.mjs": CAUGHT + REJECTS}, CHECK, EXITED),
    "exit code set": (before(CODE), CHECK, None),
    "at exit": (before("process.on('exit', () => process.reallyExit(0));"), CHECK, None),
    "named like the check": (before(NAMED), CHECK, EXITED),
    "source URL of the check": (before(SOURCE_URL), CHECK, EXITED),
    "frames forged": (before(FRAMES), CHECK, EXITED),
    "Error replaced": (before(REPLACED_ERROR), CHECK, EXITED),
    "exit bound to 0": (before(FIRST_ARGUMENT), CHECK, EXITED),
    "exit restored": (before(RESTORED), CHECK, EXITED),
    "process replaced": (before(GLOBAL), CHECK, EXITED),
    "iterators broken": (before(ITERATOR), CHECK, EXITED),
    "writing replaced": (before(RESULT), CHECK, EXITED),
    "output imitated": (before(LOUD), CHECK, EXITED),
    "assert patched": (before(ASSERT), ASSERTS, EXITED),
    "inspector": (before(INSPECTED), CHECK, None),
    "another program": (before(OTHER), CHECK, EXITED),
    "check rewritten": (before(REWRITES), CHECK, EXITED),
    "memory searched": (before(FORGE), CHECK, FORGED),
    "exit code trusted": (before("process.exit(0);"), TRUSTS, BLIND),
    "a package in its place": (PACKAGE, CHECK, STEERING),
    "the check's own place": ({".swe-scale/check.mjs": "process.exit(0)"}, CHECK, STEERING),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
async def test_no_attack_ends_in_a_pass(desk: Desk, name: str) -> None:
    files, script, flag = ATTACKS[name]
    verdict = await says(desk, script, files)
    assert verdict.outcome != "pass", verdict.execution.output
    assert (flag in verdict.flags) if flag else not verdict.flags, (
        verdict.outcome,
        verdict.flags,
        verdict.execution,
    )


async def test_timers_that_never_end_run_into_the_limit(desk: Desk) -> None:
    cells = desk.setting.cells
    quick = again(desk, cells=type(cells)(
        cells.issue, cells.environment, cells.template, cells.steps, cells.cache, cells.events,
        LIMITS.model_copy(update={"seconds": 3.0}), cells.slots, cells.trees,
    ))  # fmt: skip
    verdict = await says(quick, "import '../stats.mjs';\n", before("setInterval(() => {}, 1000);"))
    assert verdict.outcome == "timeout"


async def test_typescript_runs_where_node_can(desk: Desk) -> None:
    files = {
        "src/mean.ts": "import { none } from './none.js';\nimport { one } from './one';\n"
        "export const mean = (values: number[]): number => values.length ? one : none;\n",
        "src/none.ts": "export const none: number = 0;\n",
        "src/one/index.ts": "export const one: number = 1;\n",
    }
    able = await says(desk, "process.exit(process.features.typescript ? 0 : 42)")
    script = "import { mean } from '../src/mean.ts'; process.exit(mean([]) === 0 ? 0 : 42)"
    assert (await says(desk, script, files)).outcome == ("pass" if able.outcome == "pass" else "error")
