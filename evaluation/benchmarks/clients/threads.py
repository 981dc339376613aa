"""Keeps mini-swe-agent's agents alive in one process, a thread each, and tells the memory that they take.

Usage: threads.py ISSUES AGENTS TURNS; AGENTS are per issue. Runs in an environment of its own, in which
mini-swe-agent is installed. All wait to be answered when they have taken their last turn but one.
"""

import gc
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "turns"))

import texts
from mini import IdleEnvironment, InstantModel
from minisweagent.agents.default import DefaultAgent  # type: ignore[import-not-found]


class HeldModel(InstantModel):
    """Answers at once, but for one turn, which waits."""

    def __init__(self, number: int, turn: int, there: threading.Semaphore, go_on: threading.Event) -> None:
        super().__init__(number)
        self._turn = turn
        self._there = there
        self._go_on = go_on

    def query(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        if self._asked + 1 == self._turn:
            self._there.release()
            self._go_on.wait()
        return super().query(messages)


def work(number: int, issue: int, turns: int, there: threading.Semaphore, go_on: threading.Event) -> None:
    """Make one trajectory; those of an issue are shown the same files."""
    agent = DefaultAgent(
        HeldModel(number, turns, there, go_on),
        IdleEnvironment(number),
        system_template="You resolve issues in the sandbox.",
        instance_template="{{ task }}",
        step_limit=turns,
        cost_limit=0.0,
    )
    agent.run("\n".join((*texts.files(issue), texts.ISSUE)))
    assert agent.n_calls == turns


def resident() -> int:
    """Return the bytes of memory that this process has, garbage collected."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory(issues: int, each: int, turns: int) -> float:
    """Return the kB per agent of a process in which all wait to be answered, less it without any."""
    there, go_on = threading.Semaphore(0), threading.Event()
    open_gate = threading.Event()
    open_gate.set()
    work(0, 0, 3, threading.Semaphore(0), open_gate)
    before, count = resident(), issues * each
    given = [(number, number // each + 1, turns, there, go_on) for number in range(count)]
    threads = [threading.Thread(target=work, args=one) for one in given]
    for thread in threads:
        thread.start()
    for _ in threads:
        there.acquire()
    found = resident() - before
    go_on.set()
    for thread in threads:
        thread.join()
    return found / 1000 / count


if __name__ == "__main__":
    print(json.dumps({"kB": memory(*map(int, sys.argv[1:]))}))
