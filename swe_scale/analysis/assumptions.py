"""What an estimate supposes where nothing is known: every number that was chosen, with its grounds."""

from swe_scale.analysis.ranges import Range, Typical
from swe_scale.records import Record


def _range(low: float, likely: float, high: float) -> Range:
    return Range(low=low, likely=likely, high=high)


def _typical(low: float, likely: float) -> Typical:
    return Typical(low=low, likely=likely)


class Assumptions(Record):
    """The numbers that no setting gives; each value is for the estimate of its name."""

    bytes_per_token: Range = _range(4.6, 3.6, 2.2)
    """Measured on source code, issues, patches and tests with two tokenizers (32,768 and 131,072 tokens):
    2.7 to 4.1 over many files; single files 1.9 to 4.7."""
    template_tokens: Range = _range(0, 5, 12)
    """That a chat template adds to one message."""
    tool_tokens: Range = _range(0, 150, 500)
    """In which a server explains how tools are called."""

    reading_reply: Range = _range(8, 90, 400)
    """Tokens in which a reader says what it thinks of a file, on average."""
    revise_turns: Typical = _typical(2, 5)
    """Replies of a `revise` trajectory, up to its turns: a check and the change; two checks, two changes and
    the end."""
    agent_turns: Typical = _typical(2, 15)
    """Replies of any other trajectory, likewise; agents look around first."""
    exec_turns: Typical = _typical(0, 20)
    """Requests of a command-line agent, up to those that it may make."""
    selection_turns: Typical = _typical(0, 2)
    """Replies of a selection: there is none; checks and a decision."""

    reply_tokens: Typical = _typical(24, 1000)
    """Of a reply on average, up to the longest: a few lines changed; a check or a change, with reasons."""
    effort_share: float = 0.5
    """Of the longest reply that a likely one takes where effort is asked for: thoughts are long."""
    revise_output: Typical = _typical(100, 1500)
    """Bytes that follow a reply of `revise`, up to what two executions may say: exit codes; a traceback."""
    agent_output: Typical = _typical(40, 4000)
    """Bytes that follow a reply of an agent, up to what its commands may say; files that it looks at."""
    selection_output: Typical = _typical(300, 6000)
    """Bytes that follow a reply of a selection, which runs each of its checks on every finalist."""
    exec_opening: Range = _range(2000, 12_000, 24_000)
    """Bytes of a command-line agent's first prompt: its own instructions and the issue."""
    exec_seconds: Typical = _typical(5, 300)
    """That such an agent runs, its requests included, up to its limit."""
    mending_opening: Range = _range(4000, 16_000, 40_000)
    """Bytes of the first prompt where a set-up failed and a model is to mend it."""
    plan_told: Typical = _typical(0, 900)
    """Bytes of a plan, as a trajectory is given it."""
    notes_told: Typical = _typical(0, 6000)
    """Bytes of notes of earlier trajectories, likewise."""
    selection_evidence: Range = _range(600, 6000, 40_000)
    """Bytes of the finalists' patches and the checks that a selection begins with."""

    distinct_candidates: float = 0.7
    """Likely candidates per trajectory; at least there is one and at most one each."""
    voting_checks: float = 0.6
    """Likely share of checks that fail on the untouched code, so that they are run on every candidate."""
    executions_per_reply: float = 1.5
    """Likely runs of its check, for a reply of `revise` that isn't its last."""
    executions_per_command: float = 0.5
    """Likely runs of its check, apart, for a command of an agent: where it has changed one or the other."""
    selection_checks: float = 1.5
    """Likely checks in a reply of a selection that isn't its last."""

    check_seconds: Range = _range(0.1, 1.5, 30)
    """Of one check in its sandbox, up to the limit of a command."""
    command_seconds: Range = _range(0.1, 3, 60)
    """Of one reply's commands, likewise."""
    tests_seconds: Typical = _typical(1, 20)
    """Of one run of the repository's tests near the change, up to `--regression-seconds`."""
    trial_seconds: Typical = _typical(0.5, 4)
    """Of one test file tried by itself, up to half of that."""
    style_seconds: Typical = _typical(0.3, 4)
    """Of the project's formatters on one candidate, up to their limit."""
    setup_seconds: Range = _range(0, 60, 900)
    """Of set-up; nothing where the environment has been built before."""

    stream_tokens_per_second: Range = _range(150, 50, 15)
    """Completion tokens per second of one conversation: a turn waits for the one before."""
    rate: Range = _range(4000, 1500, 300)
    """Completion tokens per second of a whole endpoint of one's own, with many conversations at a time: from
    a data centre's GPU with a small or sparse model to a card of 24 GB."""
    prefill_rate: Range = _range(40_000, 10_000, 2000)
    """Prompt tokens per second of such an endpoint, of those that aren't in its cache."""

    installed_bytes: Range = _range(20e6, 400e6, 5e9)
    """What set-up installs."""
    folder_bytes: Range = _range(20_000, 60_000, 300_000)
    """Of a run's record, whatever is in it."""
    step_bytes: Range = _range(250, 800, 6000)
    """Of the record of one call or one execution, beside the texts."""
    packed: Range = _range(0.2, 0.4, 1.0)
    """What compressing leaves of the texts that are kept."""
    execution_output: Typical = _typical(50, 1500)
    """Bytes that one execution says, up to what is kept of it."""
