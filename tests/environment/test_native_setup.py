"""How projects in C and C++ are configured, built and tested, by their build systems."""

import json
import subprocess
from pathlib import Path

import pytest

from swe_scale.environment.native import plan
from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project
from swe_scale.profiles import recognise, recognised, runner_of


def planned(*paths: str, **texts: str) -> Plan:
    named = {path.replace("__", "."): text for path, text in texts.items()}
    found = plan(Project((*paths, *named), named))
    assert found is not None
    return found


TESTED = "project(x C)\nenable_testing()\nadd_test(NAME a COMMAND a)\n"


def test_cmake_is_configured_apart_with_the_options_that_turn_tests_on() -> None:
    options = (
        TESTED + 'option(X_BUILD_TESTS "t" OFF)\noption(X_BUILD_FUZZ_TESTS "f" OFF)\noption(LTO "l" ON)\n'
    )
    found = planned("a.c", CMakeLists__txt=options)
    assert (found.profile, found.python, found.needs) == ("native", True, ("native",))
    configure = next(line for line in found.setup if "cmake -S" in line)
    assert "-DX_BUILD_TESTS=ON" in configure and "FUZZ" not in configure and "LTO" not in configure
    assert found.setup[-1].startswith("cmake --build .swe-scale/build")
    assert found.test and configure in found.test and found.test.endswith("ctest --test-dir .swe-scale/build")
    assert planned("a.c", CMakeLists__txt="project(x C)\n").test is None


PRESETS = {
    "configurePresets": [{"name": "win-msvc"}, {"name": "base", "hidden": True}, {"name": "dev"}],
    "testPresets": [
        {"name": "a", "configurePreset": "win-msvc"},
        {"name": "b", "configurePreset": "dev"},
    ],
}


@pytest.mark.parametrize(
    ("presets", "used"),
    [
        (json.dumps(PRESETS), "--preset dev"),
        (json.dumps({**PRESETS, "configurePresets": []}), ""),
        ("[1]", ""),
        ("{", ""),
        ('{"testPresets": [3, {}], "configurePresets": 4}', ""),
        (json.dumps({**PRESETS, "configurePresets": [{"name": ["a"]}, {"name": {}}]}), ""),
        (json.dumps({**PRESETS, "configurePresets": [{"name": ["a"]}, {"name": "dev"}]}), "--preset dev"),
        (json.dumps({"configurePresets": [{"name": "\0"}], "testPresets": [{"configurePreset": "\0"}]}), ""),
        ("[" * 100_000, ""),
    ],
)
def test_the_preset_of_the_first_tests_for_this_system_is_used(presets: str, used: str) -> None:
    project = Project(
        ("CMakeLists.txt", "CMakePresets.json"), {"CMakeLists.txt": TESTED, "CMakePresets.json": presets}
    )
    found = plan(project)
    assert found and (used in found.setup[-2]) and bool(used) == ("--preset" in found.setup[-2])


def test_meson_writes_its_own_report() -> None:
    found = planned(
        "a.c",
        meson__build="project('x', 'c')\n",
        meson_options__txt="option('tests', type: 'boolean', value: false)\n",
    )
    assert any("meson setup .swe-scale/build -Dtests=true" in line for line in found.setup)
    runner = runner_of(found.test or "")
    assert runner and runner.reports.endswith("testlog.junit.xml")


@pytest.mark.parametrize(
    ("paths", "start", "prepared"),
    [
        (("configure.ac", "Makefile.am"), "autoreconf -fi && mkdir", True),
        (("configure.ac", "Makefile.am", "autogen.sh"), "NOCONFIGURE=1 sh ./autogen.sh && mkdir", True),
        (("configure", "Makefile.am", "Makefile.in"), "find . -name aclocal.m4", True),
        (("configure", "Makefile.in"), "find . -name aclocal.m4", False),
    ],
)
def test_what_is_configured_by_a_script(paths: tuple[str, ...], start: str, prepared: bool) -> None:
    found = planned(*paths, "a.c")
    assert found.setup[0].startswith(f"mkdir -p .swe-scale && {start}")
    # Where a changed header may go unnoticed, nothing is built that could be out of date.
    assert any(line.startswith("make") for line in found.setup) is prepared
    assert found.test and found.test.endswith(" check") and "make" in found.test


def test_of_a_makefile_the_target_counts_that_it_has() -> None:
    assert (
        planned("a.c", Makefile="all:\n\ttrue\ntest: all\n\ttrue\n").test == 'make -j "$(nproc)" && make test'
    )
    assert planned("a.c", Makefile="test := x\nall:\n").test is None
    assert planned("a.c", Makefile="tests:\n\ttrue\ncheck:\n\ttrue\n").setup == ()


def test_a_missing_compiler_is_named_with_its_package() -> None:
    assert (
        "Debian" in planned("a.cpp", Makefile="check:\n").setup[0]
        and "g++" in planned("a.cpp", Makefile="").setup[0]
    )


def test_what_is_no_project_in_c_has_no_plan() -> None:
    assert plan(Project(("a.c",), {})) is None
    bindings = {
        "pyproject.toml": '[build-system]\nrequires = ["scikit-build-core"]\n',
        "CMakeLists.txt": TESTED,
    }
    assert plan(Project(tuple(bindings), bindings)) is None


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (("CMakeLists.txt", "a.c"), ["native"]),
        (("Makefile", "a.c"), ["native"]),
        (("Makefile", "setup.py", "a.py", "v/a.c", "v/b.c"), ["python", "native"]),
        (("CMakeLists.txt", "pyproject.toml", "a.py", "a.c", "b.h"), ["native", "python"]),
        (("CMakeLists.txt", "pyproject.toml", "a.py", "b.py", "a.c"), ["python", "native"]),
        (("README",), []),
    ],
)
def test_the_likeliest_language_comes_first(paths: tuple[str, ...], names: list[str]) -> None:
    assert [profile.name for profile in recognised(paths)] == names
    assert [one.name for one in filter(None, [recognise(paths)])] == names[:1]


def test_options_come_in_limited_numbers() -> None:
    cmake = TESTED + "".join(f"option(A{number}_TESTS)\n" for number in range(50_000))
    meson = "".join(f"option('a{number}-tests', type: 'boolean')\n" for number in range(50_000))
    for found in (planned(CMakeLists__txt=cmake), planned(meson__build="", meson_options__txt=meson)):
        assert all(len(line) < 10_000 for line in found.setup)


def test_without_a_virtual_environment_only_what_is_there_is_used(tmp_path: Path) -> None:
    line = next(one for one in planned(CMakeLists__txt=TESTED).setup if "command -v ninja" in one)
    env = {"PATH": str(tmp_path)}
    ran = subprocess.run(["/bin/sh", "-ec", line], env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 127 and "ninja: not found" in ran.stderr and "python" not in ran.stderr
