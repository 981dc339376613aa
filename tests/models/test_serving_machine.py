"""What is made of nvidia-smi's answers; a script of that name stands in for it."""

from pathlib import Path

import pytest

from swe_scale.models.serving.machine import Gpu, Machine, survey

pytestmark = pytest.mark.anyio

MIB = 1024**2
ADA = "0, GPU-aaaa1111, NVIDIA GeForce RTX 4090, 24564, 11, 8.9, [N/A]"
HOPPER = "1, GPU-bbbb2222, NVIDIA H100 80GB HBM3, 81559, 0, 9.0, Disabled"
CARD, BIG = (
    Gpu("NVIDIA GeForce RTX 4090", 24_564 * MIB, 11 * MIB, 8.9),
    Gpu("NVIDIA H100 80GB HBM3", 81_559 * MIB, 0, 9.0),
)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of nvidia-smi, first on the path."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "nvidia-smi"


def install(tool: Path, script: str, first: str = "#!/bin/sh") -> None:
    tool.write_text(f"{first}\n{script}\n")
    tool.chmod(0o755)


def says(tool: Path, *rows: str) -> None:
    lines = "\n".join(rows)
    install(tool, f"cat <<'END'\n{lines}\nEND")


async def test_cards_are_listed(tool: Path) -> None:
    says(tool, ADA, HOPPER)
    assert await survey({}) == Machine((CARD, BIG))


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("0", (CARD,)),
        ("1,0", (BIG, CARD)),
        (" 1 ", (BIG,)),
        ("GPU-bbbb2222", (BIG,)),
        ("GPU-bbbb", (BIG,)),
        ("7", ()),
        ("-1", ()),
        ("", ()),
        ("NoDevFiles", ()),
    ],
)
async def test_only_visible_cards_count(tool: Path, visible: str, found: tuple[Gpu, ...]) -> None:
    says(tool, ADA, HOPPER)
    machine = await survey({"CUDA_VISIBLE_DEVICES": visible})
    assert machine.gpus == found
    assert bool(machine.why) == (not found)


async def test_our_own_variable_counts_where_the_server_gets_no_other(
    tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(tool, ADA, HOPPER)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert (await survey({})).gpus == (BIG,)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            'echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; exit 9',
            "nvidia-smi failed: NVIDIA-SMI has failed because it couldn't communicate",
        ),
        ("echo 'Field \"compute_cap\" is not a valid field to query.' >&2; exit 2", "not a valid field"),
        ("exit 1", "it said nothing"),
        ("echo No devices were found", "isn't understood: No devices were found"),
        ("true", "lists no GPU"),
        ("printf '\\033[31mred\\n'; exit 1", "\ufffd[31mred"),
        ("head -c 3000 /dev/zero | tr '\\0' x; exit 1", "x" * 200),
        ("echo '0, GPU-a, Thing, [N/A], [N/A], 11.0, [N/A]'", "how much memory"),
        ("echo '0, GPU-a, Thing, 0, 0, 11.0, [N/A]'", "how much memory"),
        ("echo '0, GPU-a, A100, 81920, 0, 8.0, Enabled'", "MIG"),
        ("printf '\\377\\376, a\\n'", "isn't understood"),
    ],
)
async def test_a_tool_that_fails_is_quoted(tool: Path, script: str, why: str) -> None:
    install(tool, script)
    machine = await survey({})
    assert machine.gpus == () and why in machine.why
    assert len(machine.why) < 300 and "\n" not in machine.why and "\x1b" not in machine.why


async def test_no_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (await survey({})).why == "there is no nvidia-smi, so no NVIDIA driver"


async def test_a_tool_that_is_no_program(tool: Path) -> None:
    install(tool, "", "\x7fELF")
    assert "can't be started" in (await survey({})).why


async def test_a_tool_that_hangs(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swe_scale.models.serving.machine._SECONDS", 0.2)
    install(tool, "exec sleep 600")
    assert "the driver hangs" in (await survey({})).why


async def test_a_card_of_unknown_capability_has_none(tool: Path) -> None:
    says(tool, ADA.replace("8.9", "[N/A]"))
    assert (await survey({})).gpus[0].capability == 0
