"""Reports of Go's, Rust's and Ruby's runners, recorded, and as a hostile project may bend them."""

import json
from typing import Any

import pytest

from swe_scale.profiles import reading_go, reading_libtest, reading_rspec
from swe_scale.profiles.languages import WHOLE

GO = b"""{"Action":"start","Package":"example.com/stats"}
{"Action":"run","Package":"example.com/stats","Test":"TestTwo"}
{"Action":"output","Package":"example.com/stats","Test":"TestTwo","Output":"=== RUN   TestTwo\\n"}
{"Action":"pass","Package":"example.com/stats","Test":"TestTwo","Elapsed":0}
{"Action":"run","Package":"example.com/stats","Test":"TestNone"}
{"Action":"run","Package":"example.com/stats","Test":"TestNone/sub"}
{"Action":"fail","Package":"example.com/stats","Test":"TestNone/sub","Elapsed":0}
{"Action":"fail","Package":"example.com/stats","Test":"TestNone","Elapsed":0}
{"Action":"run","Package":"example.com/stats","Test":"TestLater"}
{"Action":"skip","Package":"example.com/stats","Test":"TestLater","Elapsed":0}
{"Action":"fail","Package":"example.com/stats","Elapsed":0.002}
{"ImportPath":"example.com/stats/bad [example.com/stats/bad.test]","Action":"build-fail"}
{"Action":"start","Package":"example.com/stats/bad"}
{"Action":"output","Package":"example.com/stats/bad","Output":"FAIL\\tstats/bad [build failed]\\n"}
{"Action":"fail","Package":"example.com/stats/bad","Elapsed":0,"FailedBuild":"example.com/stats/bad"}
{"Action":"start","Package":"example.com/stats/sub"}
{"Action":"run","Package":"example.com/stats/sub","Test":"TestExit"}
{"Action":"fail","Package":"example.com/stats/sub","Elapsed":0.1}
"""


def test_go() -> None:
    files = ("mean_test.go", "zero_test.go", "bad/b_test.go", "sub/x_test.go")
    assert reading_go.read(GO, files) == (
        {
            "mean_test.go::TestTwo": "passed",
            "mean_test.go::TestNone": "failed",
            "mean_test.go::TestNone/sub": "failed",
            "mean_test.go::TestLater": "skipped",
            "sub/x_test.go::TestExit": "error",
            "bad/b_test.go": "error",
        },
        True,
    )


def test_go_packages_without_a_file_that_was_asked_for() -> None:
    outcomes, _ = reading_go.read(GO, (WHOLE,)) or ({}, False)
    assert outcomes[f"{WHOLE}::.::TestTwo"] == "passed" and outcomes[f"{WHOLE}::sub::TestExit"] == "error"


def test_go_of_a_folder_that_is_named_like_its_module() -> None:
    report = b"\n".join(
        json.dumps({"Action": action, "Package": package, "Test": "TestA"}).encode()
        for package in ("x/foo", "x/foo/foo") for action in ("run", "pass")
    )  # fmt: skip
    outcomes, _ = reading_go.read(report, ("a_test.go", "foo/b_test.go")) or ({}, True)
    assert outcomes == {"a_test.go::TestA": "passed", "foo/b_test.go::TestA": "passed"}


def test_go_that_was_cut_off_is_not_whole() -> None:
    cut = GO[: GO.index(b'{"Action":"fail","Package":"example.com/stats","Elapsed"')]
    outcomes, whole = reading_go.read(cut, ("mean_test.go",)) or ({}, True)
    assert not whole and outcomes["mean_test.go::TestTwo"] == "passed"


def test_a_pass_that_is_printed_after_a_failure_is_none() -> None:
    forged = GO + b'{"Action":"pass","Package":"example.com/stats","Test":"TestNone"}\n'
    outcomes, _ = reading_go.read(forged, ("mean_test.go",)) or ({}, True)
    assert outcomes["mean_test.go::TestNone"] == "failed"


@pytest.mark.parametrize(
    "report", [b"", b"ok  \tx\t0.1s\n", b"{" * 9999, b"[1]\n3\n", b'{"Action":"pass"}', b"\xff" * 99]
)
def test_go_without_events(report: bytes) -> None:
    assert reading_go.read(report, ()) is None


CARGO = b"""   Compiling stats v0.1.0 (/work)
    Finished `test` profile [unoptimized + debuginfo] target(s) in 1.14s
     Running unittests src/lib.rs (target/debug/deps/stats-5d0e5f02f0c6e9e1)

running 4 tests
test tests::later ... ignored, later
test tests::panics - should panic ... ok
test tests::none ... FAILED
test tests::two ... ok

failures:

---- tests::none stdout ----
assertion `left == right` failed

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.22s

error: test failed, to rerun pass `--lib`
     Running tests/whole.rs (target/debug/deps/whole-489d7c4be539101a)

running 1 test
test one ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests stats

running 1 test
test src/lib.rs - mean (line 2) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.39s
"""


def test_cargo() -> None:
    assert reading_libtest.read(CARGO, ("tests/whole.rs",)) == (
        {
            f"{WHOLE}::stats::src/lib.rs::tests::later": "skipped",
            f"{WHOLE}::stats::src/lib.rs::tests::panics": "passed",
            f"{WHOLE}::stats::src/lib.rs::tests::none": "failed",
            f"{WHOLE}::stats::src/lib.rs::tests::two": "passed",
            "tests/whole.rs::one": "passed",
            f"{WHOLE}::stats::src/lib.rs - mean": "passed",
        },
        True,
    )


@pytest.mark.parametrize(
    "bent",
    [
        CARGO.replace(
            b"test tests::none ... FAILED\n", b"test tests::none ... FAILED\ntest tests::none ... ok\n"
        ),
        CARGO.replace(b"test tests::none ... FAILED\n", b"test tests::none ... ok\n"),
        CARGO.replace(b"test one ... ok\n", b""),
        CARGO.replace(b"test one ... ok\n", b"test one ... noise ok\n"),
        CARGO[: CARGO.index(b"test result: ok")],
    ],
)
def test_cargo_whose_sums_are_wrong_is_not_whole(bent: bytes) -> None:
    _, whole = reading_libtest.read(bent, ()) or ({}, True)
    assert not whole


def test_a_forged_line_makes_no_failed_test_pass() -> None:
    forged = CARGO.replace(b"running 4 tests\n", b"running 4 tests\ntest tests::none ... ok\n")
    outcomes, whole = reading_libtest.read(forged, ()) or ({}, True)
    assert outcomes[f"{WHOLE}::stats::src/lib.rs::tests::none"] == "failed" and not whole


@pytest.mark.parametrize("report", [b"", b"error: could not compile", b"test x ... ok\n" * 9, b"\xff"])
def test_what_cargo_says_without_running_a_test(report: bytes) -> None:
    assert reading_libtest.read(report, ()) is None


RSPEC: dict[str, Any] = {
    "version": "3.12.0",
    "examples": [
        {
            "id": "./spec/stats_spec.rb[1:1]", "description": "of two", "full_description": "mean of two",
            "status": "passed", "file_path": "./spec/stats_spec.rb", "line_number": 4,
        },
        {
            "id": "./spec/stats_spec.rb[1:2]", "description": "of none", "full_description": "mean of none",
            "status": "failed", "file_path": "./spec/stats_spec.rb", "line_number": 8,
            "exception": {"class": "RSpec::Expectations::ExpectationNotMetError", "message": "expected 0"},
        },
        {
            "id": "./spec/stats_spec.rb[1:3]", "description": "later", "full_description": "mean later",
            "status": "pending", "file_path": "./spec/stats_spec.rb", "pending_message": "not yet",
        },
    ],
    "summary": {
        "duration": 0.01, "example_count": 3, "failure_count": 1, "pending_count": 1,
        "errors_outside_of_examples_count": 0,
    },
    "summary_line": "3 examples, 1 failure, 1 pending",
}  # fmt: skip


def test_rspec() -> None:
    assert reading_rspec.read(json.dumps(RSPEC).encode(), ("spec/stats_spec.rb",)) == (
        {
            "spec/stats_spec.rb::mean of two": "passed",
            "spec/stats_spec.rb::mean of none": "failed",
            "spec/stats_spec.rb::mean later": "skipped",
        },
        True,
    )


@pytest.mark.parametrize(
    "summary", [None, {}, {"example_count": 4}, {"example_count": 3, "errors_outside_of_examples_count": 1}]
)
def test_rspec_whose_sums_are_wrong_is_not_whole(summary: object) -> None:
    read = reading_rspec.read(json.dumps({**RSPEC, "summary": summary}).encode(), ())
    assert read is not None and read[1] is False


@pytest.mark.parametrize("report", [b"", b"{}", b"[]", b'{"examples": {}}', b"[" * 99_999])
def test_what_is_no_report_of_rspec(report: bytes) -> None:
    assert reading_rspec.read(report, ()) is None
