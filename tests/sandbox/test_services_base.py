"""A service that fails on the untouched code is nobody's result."""

import pytest
from keeper_kit import LIMITS, keeper, sh

from swe_scale.config import SandboxConfig
from swe_scale.errors import SandboxError
from swe_scale.records import Changes, Environment, File
from swe_scale.regression.suite import Suite
from swe_scale.sandbox import Template
from swe_scale.sandbox.services import on_base
from swe_scale.sandbox.services.beside import ServedTemplate

pytestmark = pytest.mark.anyio
OURS: dict[str, File | None] = {"check.mjs": File(mode="100644", data=b"")}


async def test_what_is_no_candidate_s_lets_no_service_s_failure_be_a_result(
    config: SandboxConfig, environment: Environment, template: Template
) -> None:
    bare = ServedTemplate(template, (keeper("exit 4; "),), "", config.kind == "local")
    async with bare.fork() as first, bare.fork() as second, bare.fork() as third:
        await first.write(first.workdir, {})
        await first.write(f"{first.workdir}/.swe-scale", OURS)
        await first.write(first.workdir, {f".swe-scale/{name}": file for name, file in OURS.items()})
        await second.write(second.workdir, OURS)
        await third.write(third.workdir, OURS)
        for each in (first, on_base(second)):
            with pytest.raises(SandboxError, match="ended with exit code 4"):
                await sh(each, "true")
        with pytest.raises(SandboxError, match="ended with exit code 4"):
            await sh(second, "true")
        assert (await sh(third, "true")).exit_code == 125


async def test_no_run_of_the_untouched_tests_counts_where_a_service_failed(
    config: SandboxConfig, environment: Environment, template: Template
) -> None:
    service = keeper("[ ! -e ~/seen ] || exit 4; ")
    line = "sh -c 'touch ~/seen; :'"
    suite = Suite(
        ServedTemplate(template, (service,), "", config.kind == "local"),
        line,
        frozenset(("demo.py", "tool.sh")),
        ("demo.py", "tool.sh"),
        LIMITS,
    )
    with pytest.raises(SandboxError, match="ended with exit code 4"):
        await suite.run({})
    broken: Changes = {"other.py": File(mode="100644", data=b"")}
    assert (await suite.run(broken)).outcomes == {"demo.py": "passed", "tool.sh": "failed"}
