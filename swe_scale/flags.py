"""Names of the guards that may speak in a verdict, so that whoever judges and whoever ranks mean the same."""

from typing import Final

EXITED: Final = "exit-not-its-own"
"""The check ended with 0, but not by itself: the code under test ended it, or bent what it says no with."""
UNGUARDED: Final = "end-unguarded"
"""Nothing tells whether the check or the code under test ended its process: its language has no launcher."""
FORGED: Final = "forged"
"""A control of the candidate passed, though the same check was made to say no at its end."""
BLIND: Final = "blind"
"""The check passes, too, on code that does nothing but exit with 0: it trusts an exit code."""
TEST_EDITS: Final = "test-edits-ignored"
"""The candidate changes tests; the untouched ones counted."""
STEERING: Final = "steering-ignored"
"""The candidate changes what steers a runner or interpreter, or would be loaded in its place; left out."""
CRASHED: Final = "runner-crashed"
"""The runner ended before it told of every test that is due."""
TAMPERED: Final = "tampered"
"""The runner's report can't be true: it is wrong on tests of our own, or differs from what was printed."""
UNWATCHED: Final = "runner-unwatched"
"""Tests of our own can't run beside the repository's, so nothing shows whether the report is true."""
SLOW: Final = "slow-before"
"""The tests came near their time limit on the untouched code, so a time-out is not the candidate's fault."""

CHEATS: Final = frozenset({FORGED, TAMPERED})
"""Those that speak against the candidate itself, whatever else it passes."""
