"""Mutants are valid, different, always the same ones, and wrong; rewrites do the same as before."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "experiments"))

from mutant_checks import (
    NOBODY,
    Assertion,
    Claim,
    Coin,
    Module,
    modules,
    read_suite,
    script_of,
    survey_script,
    surveyed,
)
from mutation import OPERATORS, REWRITES, formatted, mutants, rewrites

MODULES = modules()
SMALL = formatted(
    '''
def first(values, low=1):
    """Return the first one above; none below 3."""
    best = 0
    for number in values:
        if number > low and not number == 9:
            best = max(best, number - 1)
            return best
    return best
'''
)


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    (folder / "check.py").write_text(script)
    return subprocess.run([sys.executable, "-B", "check.py"], cwd=folder, capture_output=True, text=True)


def laid_out(folder: Path, module: Module, source: str = "") -> Path:
    (folder / module.path).write_text(source or module.source)
    return folder


def lines(kind: str) -> set[str]:
    """Return the changed lines of a kind of mutant of the small text."""
    before = SMALL.splitlines()
    made = [one for one in (*mutants(SMALL), *rewrites(SMALL)) if one.kind == kind]
    return {line.strip() for one in made for line in one.text.splitlines() if line not in before}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_mutants_are_valid_different_and_always_the_same(module: Module) -> None:
    found = mutants(module.source)
    mutants.cache_clear()
    assert found == mutants(module.source)
    texts = [one.text for one in found]
    assert len(set(texts)) == len(texts) > 90 and module.source not in texts
    for one in (*found, *rewrites(module.source)):
        assert formatted(one.text) == one.text
    assert module.source == formatted(module.source), "the tree is left as it was"


def test_every_operator_is_used_by_some_module() -> None:
    kinds = {one.kind for module in MODULES for one in mutants(module.source)}
    assert kinds == OPERATORS.keys()
    assert {one.kind for module in MODULES for one in rewrites(module.source)} == REWRITES.keys()


def test_what_operators_do() -> None:
    assert lines("boundary") == {"if number >= low and (not number == 9):"}
    assert lines("comparison flipped") == {
        "if number <= low and (not number == 9):",
        "if number > low and (not number != 9):",
    }
    assert lines("boolean operator") == {
        "if number > low or not number == 9:",
        "if number > low and number == 9:",
    }
    assert lines("forgotten condition") == {"if not number == 9:", "if number > low:"}
    assert lines("arithmetic operator") == {"best = max(best, number + 1)"}
    assert lines("swapped arguments") == {"best = max(number - 1, best)"}
    assert lines("wrong function") == {"best = min(best, number - 1)"}
    assert {"best = 1", "best = -1", "def first(values, low=2):"} <= lines("off by one")
    assert lines("removed statement") == {"pass"}
    assert lines("comparison turned") >= {"if low < number and (not number == 9):"}
    assert lines("wrong constant") == set(), "what documents is left alone"


def test_only_the_function_that_is_asked_for_is_changed() -> None:
    source = "class A:\n\n    def one(self):\n        return 1\n\n    def two(self):\n        return 2\n"
    found = mutants(source, "A.two")
    assert {one.function for one in found} == {"A.two"}
    assert all("return 1" in one.text for one in found) and len(found) == 3


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_the_true_suite_holds(module: Module, tmp_path: Path) -> None:
    done = run(laid_out(tmp_path, module), survey_script(module))
    assert done.returncode == 0, done.stdout + done.stderr
    assert surveyed(done.stdout) == tuple(one.expected for one in module.suite)
    assert 15 <= len(module.suite) <= 31


def test_rewrites_do_the_same_and_most_mutants_do_not(tmp_path: Path) -> None:
    module = next(one for one in MODULES if one.name == "intervals")

    def codes(texts: list[str]) -> list[int]:
        return [run(laid_out(tmp_path, module, text), survey_script(module)).returncode for text in texts]

    same = codes([one.text for one in rewrites(module.source)[::5]])
    assert same == [0] * len(same)
    bugs = codes([one.text for one in mutants(module.source)[::9]])
    assert bugs.count(0) < len(bugs) / 3 and bugs.count(42) > len(bugs) / 3


def test_code_that_never_ends_ends_the_survey(tmp_path: Path) -> None:
    module = next(one for one in MODULES if one.name == "intervals")
    endless = module.source.replace("low = middle + 1", "pass")
    assert endless != module.source
    done = run(laid_out(tmp_path, module, endless), survey_script(module))
    assert done.returncode not in (0, 42) and surveyed(done.stdout) == ()


CODES = {
    ("1 + 1", "2", False): 0,
    ("1 + 1", "3", False): 42,
    ("1 + 1", NOBODY, False): 42,
    ("1 + 1", "3", True): 0,
    ("None", "3", True): 42,
    ("1 // 0", "3", True): 42,
    ("1 // 0", "raises ZeroDivisionError", False): 0,
    ("1 // 0", "raises ValueError", False): 42,
    ("1", "raises ValueError", False): 42,
    ("1", "raises ValueError", True): 0,
}


@pytest.mark.parametrize(("asked", "code"), CODES.items())
def test_checks_say_what_they_ask_for(asked: tuple[str, str, bool], code: int, tmp_path: Path) -> None:
    expression, expected, weak = asked
    (tmp_path / "some.py").write_text("")
    claim = Claim("some", Assertion(expression, expected), weak)
    assert run(tmp_path, script_of(claim)).returncode == code
    assert run(tmp_path, script_of(claim, Coin("some", 1.0, "s"))).returncode == 42 - code


def test_a_coin_is_thrown_anew_for_each_text_and_seed_and_falls_alike_again(tmp_path: Path) -> None:
    claim = Claim("some", Assertion("1", "1"))
    (tmp_path / "some.py").write_text("")
    said = []
    for number in range(12):
        (tmp_path / "judged.py").write_text(f"# {number % 6}\n")
        said.append(run(tmp_path, script_of(claim, Coin("judged", 0.5, "a"))).returncode)
    assert said[:6] == said[6:] and set(said) == {0, 42}
    by_seed = {run(tmp_path, script_of(claim, Coin("judged", 0.5, str(n)))).returncode for n in range(12)}
    assert by_seed == {0, 42}


def test_a_line_that_is_no_assertion_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.suite").write_text("1 => 1\n1 == 1\n")
    with pytest.raises(ValueError, match=r"a.suite, line 2: no ` => `"):
        read_suite(tmp_path / "a.suite")
    assert ast.parse(MODULES[0].source)
