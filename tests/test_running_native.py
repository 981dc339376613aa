"""Projects in C and C++, built and tested for real as candidates change them."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from running_kit import Built, built, project

from swe_scale.environment.native import plan
from swe_scale.profiles import WHOLE, check_languages

pytestmark = pytest.mark.anyio

HEADER = "#define ONE 1\nint add(int a, int b);\n"
SOURCE = '#include "calc.h"\nint add(int a, int b) { return a + b * ONE; }\n'
BROKEN = SOURCE.replace("+", "-")
MAIN = "#include <assert.h>\n#include <calc.h>\nint main(void) { assert(add(1, 2) == 3); return 0; }\n"
PLUS = "#include <cassert>\nint main() { assert(2 + 2 == 4); return 0; }\n"
ROOT = """
cmake_minimum_required(VERSION 3.10)
project(calc C CXX)
option(CALC_BUILD_TESTS "off by default" OFF)
file(GLOB SOURCES src/*.c)
add_library(calc ${SOURCES})
target_include_directories(calc PUBLIC include)
if(CALC_BUILD_TESTS)
  enable_testing()
  add_subdirectory(tests)
endif()
"""
TESTS = """
add_executable(test_calc test_calc.c)
target_link_libraries(test_calc calc)
add_test(NAME test_calc COMMAND test_calc)
add_executable(plus plus.cpp)
add_test(NAME plus COMMAND plus)
add_test(NAME left COMMAND sh -c "exit 77")
set_tests_properties(left PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME off COMMAND true)
set_tests_properties(off PROPERTIES DISABLED TRUE)
"""
CMAKE = {
    "CMakeLists.txt": ROOT,
    "include/calc.h": HEADER,
    "src/calc.c": SOURCE,
    "tests/CMakeLists.txt": TESTS,
    "tests/test_calc.c": MAIN,
    "tests/plus.cpp": PLUS,
}
CALC, OTHER = f"{WHOLE}::test_calc", f"{WHOLE}::plus"
BASE = {CALC: "passed", OTHER: "passed", f"{WHOLE}::left": "skipped", f"{WHOLE}::off": "skipped"}
MAKEFILE = """CFLAGS = -Iinclude
check: test_calc
\t./test_calc
test_calc: tests/test_calc.o src/calc.o
\t$(CC) -o $@ $^
"""
MAKE = {path: CMAKE[path] for path in ("include/calc.h", "src/calc.c", "tests/test_calc.c")}
MAKE |= {"Makefile": MAKEFILE}
# What Automake's test driver does, without Automake: results in .trs files, the exit code of make.
AUTOMAKE = """check:
\t@bad=0; for t in one two; do \\
\t  if sh tests/$$t.sh; then r=PASS; else r=FAIL; bad=1; fi; \\
\t  printf ':test-result: %s\\n:global-test-result: %s\\n' $$r $$r >tests/$$t.trs; \\
\tdone; exit $$bad
"""
DRIVEN = {"Makefile": AUTOMAKE, "tests/one.sh": "grep -q 1 value", "tests/two.sh": "true", "value": "1\n"}
DRIVEN |= {"tests/one.trs": ":test-result: PASS\n", "tests/old.trs": ":test-result: PASS\n"}

NATIVE = pytest.mark.parametrize("found", [name for name in ("cmake",) if shutil.which(name)])


@pytest.fixture
async def cmake(tmp_path: Path) -> AsyncIterator[Built]:
    found = plan(project(CMAKE))
    assert found is not None
    async with built(tmp_path, CMAKE, found) as project_built:
        yield project_built


@NATIVE
async def test_cmake_projects_are_judged_by_what_their_sources_compile_to(found: str, cmake: Built) -> None:
    assert found
    base = await cmake.ran()
    assert (base.outcomes, base.complete, base.execution.exit_code) == (BASE, True, 0)
    broken = await cmake.ran({"src/calc.c": BROKEN})
    assert (broken.outcomes, broken.complete) == ({**BASE, CALC: "failed"}, True)
    header = await cmake.ran({"include/calc.h": HEADER.replace("ONE 1", "ONE 2")})
    assert header.outcomes[CALC] == "failed"
    moved = {"src/calc.c": '#include "calc.h"\n', "src/new.c": SOURCE}
    assert (await cmake.ran(moved)).outcomes == BASE


@NATIVE
async def test_what_does_not_compile_passes_nothing(found: str, cmake: Built) -> None:
    assert found
    report = await cmake.ran({"src/calc.c": "int add(int a, int b) { return"})
    assert (report.outcomes, report.complete) == ({}, False)
    assert "calc.c" in report.execution.output and report.execution.exit_code


IGNORE = 'set(CTEST_CUSTOM_TESTS_IGNORE "test_calc")\n'
WRITES = f'file(WRITE "${{CMAKE_BINARY_DIR}}/CTestCustom.cmake" [[{IGNORE}]])\n'
OMITTED = TESTS.replace("COMMAND test_calc)", "COMMAND true)")


@NATIVE
@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"tests/CMakeLists.txt": OMITTED}, "failed"),
        ({"tests/test_calc.c": "int main(void) { return 0; }\n"}, "failed"),
        ({"CMakeLists.txt": ROOT.replace("add_subdirectory(tests)", "")}, None),
        ({".swe-scale/build/CTestCustom.cmake": IGNORE}, "failed"),
        ({"CMakeLists.txt": ROOT + WRITES}, None),
    ],
)
async def test_a_candidate_gains_nothing_by_leaving_tests_out(
    found: str, cmake: Built, changes: dict[str, str], outcome: str | None
) -> None:
    assert found
    report = await cmake.ran({"src/calc.c": BROKEN, **changes})
    assert report.outcomes.get(CALC) == outcome


async def test_plain_makefiles_are_judged_by_their_exit_code(tmp_path: Path) -> None:
    found = plan(project(MAKE))
    assert found is not None
    async with built(tmp_path, MAKE, found) as made:
        assert (await made.ran()).outcomes == {WHOLE: "passed"}
        assert (await made.ran({"src/calc.c": BROKEN})).outcomes == {WHOLE: "failed"}
        assert (await made.ran({"src/calc.c": "int"})).outcomes == {WHOLE: "failed"}
        changed = {"include/calc.h": HEADER.replace("ONE 1", "ONE 2")}
        assert (await made.ran(changed)).outcomes == {WHOLE: "failed"}
        shadowing = {"src/calc.c": BROKEN, "GNUmakefile": "check:\n\ttrue\n"}
        assert (await made.ran(shadowing)).outcomes == {WHOLE: "failed"}


async def test_results_of_automakes_driver_are_read_and_old_ones_are_not(tmp_path: Path) -> None:
    found = plan(project(DRIVEN))
    assert found is not None and found.test is not None
    async with built(tmp_path, DRIVEN, found) as made:
        one, two = f"{WHOLE}::tests/one", f"{WHOLE}::tests/two"
        assert (await made.ran()).outcomes == {one: "passed", two: "passed"}
        changed = await made.ran({"value": "2\n"})
        assert (changed.outcomes, changed.complete) == ({one: "failed", two: "passed"}, True)


async def test_a_project_in_a_folder_is_built_and_tested_there(tmp_path: Path) -> None:
    files = {f"lib/calc/{path}": text for path, text in DRIVEN.items()} | {"Makefile": "check:\n\tfalse\n"}
    found = plan(project(files).below("lib/calc"))
    assert found is not None
    async with built(tmp_path, files, found, "lib/calc") as made:
        report = await made.ran({"lib/calc/value": "2\n"})
        assert report.outcomes == {f"{WHOLE}::tests/one": "failed", f"{WHOLE}::tests/two": "passed"}


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ('#include "../src/calc.c"\nint main(void) { return add(1, 2) == 3 ? 0 : 42; }\n', 0),
        ('#include "src/calc.c"\nint main(void) { return add(1, 2) == 4 ? 0 : 42; }\n', 42),
        ("#include <calc.h>\nint main(void) { return ONE - 1; }\n", 0),
        ("int main(void) { return 0 }\n", 1),
        ("int add(int, int);\nint main(void) { return add(1, 2); }\n", 1),
    ],
)
def test_a_check_in_c_is_compiled_with_the_sources_at_hand(tmp_path: Path, script: str, code: int) -> None:
    for path, text in {**MAKE, "scratch/check.c": script}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    found = check_languages()["native"]
    line = found.command.format(script="scratch/check.c", scratch="scratch")
    ran = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=False)
    assert ((tmp_path / "scratch" / f"check.{found.suffix}").is_file(), ran.returncode) == (True, code)
