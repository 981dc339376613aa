"""What a profile says of a language's programs: what runs tests and checks, and what must be there."""

from typing import Literal

from swe_scale.records import Record


class Runner(Record):
    """A program that runs test files and reports what became of each test."""

    command: str
    """Shell line; `{tests}` stands for the paths of test files."""
    matches: str = ""
    """Regular expression by which a shell line is known to start it."""
    report: str
    """Form of its report, by the name of the reader: `junit`, `lines`, …"""
    reports: str = ""
    """Pattern of the files that it writes by itself, at any depth; empty: those that flags name."""
    collect: str = ""
    """Shell line that gathers them into `{report}` once it has ended; empty: each is read by itself."""
    driver: str = ""
    """A file of ours that is put beside the report; `{driver}` is its path."""
    instead: str = ""
    """Takes the place of what `matches` finds; with `{report}` and `{driver}`."""
    flags: str = ""
    """Put before the paths; `{report}` is where the report goes, `{root}` the folder that it runs in."""
    finished: tuple[int, ...]
    """Exit codes after which the report is whole; none: it says so itself, whatever the code is."""
    exit_code: bool = False
    """Whether its exit code counts for the whole suite where it writes no report."""
    selects: Literal["files", "folders", "suite"] = "files"
    """What `{tests}` stands for: test files, their folders, or nothing, since all are run."""
    everything: str = ""
    """What `{tests}` stands for where all are to be run."""
    watched: bool = False
    """Whether test files of ours can run beside the repository's, to show that it tells the truth."""
    tally: str = ""
    """Regular expression of the failures that it prints at its end; its group is their number."""


class CheckRun(Record):
    """How a check in a language is run."""

    suffix: str
    """Of its file, without the dot."""
    command: str
    """Shell line; `{script}` is the check's file, `{scratch}` an empty folder."""


class Toolchain(Record):
    """What a place needs in order to build and run a language's projects."""

    programs: tuple[str, ...] = ()
    """Those that must be there."""
    packages: tuple[str, ...] = ()
    """Debian's packages that bring them."""
    wheels: tuple[str, ...] = ()
    """Packages of the Python index that bring them into a virtual environment; none: there are none."""
