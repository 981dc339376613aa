"""What a failing set-up lacks, by what compilers, shells and loaders really say."""

import pytest

from swe_scale.sandbox.missing import advice, missing, package_of


@pytest.mark.parametrize(
    ("output", "kind", "name", "package"),
    [
        ("a.c:3: fatal error: libpq-fe.h: No such file or directory\n", "header", "libpq-fe.h", "libpq-dev"),
        ("x.c:1: fatal error: 'openssl/ssl.h' file not found", "header", "openssl/ssl.h", "libssl-dev"),
        ("x.c:1:10: fatal error: my_own.h: No such file or directory", "header", "my_own.h", ""),
        ("Error: pg_config executable not found.\n", "program", "pg_config", "libpq-dev"),
        ("sh: 1: cmake: not found", "program", "cmake", "cmake"),
        ("bash: line 3: swig: command not found", "program", "swig", "swig"),
        ("error: command 'gcc' failed: No such file or directory", "program", "gcc", "gcc"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'git'", "program", "git", "git"),
        ("npm ERR! spawn make ENOENT", "program", "make", "make"),
        ("make: g++: No such file or directory", "program", "g++", "g++"),
        ("CMake Error: No CMAKE_CXX_COMPILER could be found.", "program", "c++", "g++"),
        ("Package 'libffi', required by 'virtual:world', not found", "", "", ""),
        ("No package 'libffi' found", "library of pkg-config", "libffi", "libffi-dev"),
        ("Package zlib was not found in the pkg-config path.", "library of pkg-config", "zlib", "zlib1g-dev"),
        ("/usr/bin/ld: cannot find -lz: No such file or directory", "library", "z", "zlib1g-dev"),
        ("ImportError: libGL.so.1: cannot open shared object file", "library", "GL.so.1", "libgl1"),
        ("ModuleNotFoundError: No module named 'numpy'", "Python module", "numpy", ""),
    ],
)  # fmt: skip
def test_it_is_named_with_its_package(output: str, kind: str, name: str, package: str) -> None:
    found = missing(f"before\n{output}\nafter\n")
    assert [(one.kind, one.name, one.package) for one in found] == ([(kind, name, package)] if kind else [])
    assert (name in advice(output)) and (package in advice(output))


def test_what_tells_nothing_gives_no_advice() -> None:
    assert advice("AssertionError: 1 != 2\nfailed\n") == ""


def test_hostile_output_is_bounded() -> None:
    said = "\n".join(f"sh: 1: program{number}: not found" for number in range(1000))
    assert len(missing(said)) == 3
    assert missing("fatal error: " + "a/" * 100_000) == ()


def test_packages_of_programs() -> None:
    assert package_of("cc") == "gcc" and package_of("nothing-like-it") == ""
