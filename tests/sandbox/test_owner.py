import subprocess
import sys

from swe_scale.sandbox.owner import gone, owner


def test_a_living_process_is_not_gone() -> None:
    assert not gone(owner())


def test_a_dead_process_is_gone() -> None:
    program = "from swe_scale.sandbox.owner import owner; print(owner())"
    name = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert name != owner()
    assert gone(name)


def test_a_process_with_a_reused_number_is_another() -> None:
    host, pid, started = owner().split("-")
    assert gone(f"{host}-{pid}-{int(started) + 1}")


def test_what_cannot_be_seen_from_here_is_not_gone() -> None:
    _, _, process = owner().partition("-")
    for name in (f"0123456789abcdef-{process}", "", "foreign", f"{owner().split('-')[0]}-x-1"):
        assert not gone(name)
