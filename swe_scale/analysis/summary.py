"""All figures of one run: what its report shows, and its `--json` document."""

from collections.abc import Mapping

from swe_scale.analysis.figures import Measured, Share, Spread
from swe_scale.analysis.leaks import Finding
from swe_scale.analysis.scores import Calibration, Scores
from swe_scale.records import Record, Usage
from swe_scale.timeline import Span


class Named(Record):
    """An issue, and what is said of it."""

    issue: str
    text: str


class Reason(Record):
    """A reason, and the issues that it holds for."""

    text: str
    issues: tuple[str, ...]


class Counts(Record):
    """Issues of a run by what became of them; the first is the sum of the next three."""

    issues: int
    finished: int
    """With a solution: a patch or an abstention."""
    failed: int
    """Infrastructure failed: nothing is known of how well they would have been solved."""
    unstarted: int
    """Without a solution and without a failure: not begun, or under way."""
    proposed: int
    abstained: int
    """With `proposed`, all that are finished."""


class Part(Record):
    """The issues of one repository, or of one difficulty."""

    name: str
    issues: int
    official: Share | None
    """As `Scores.resolved`. None: there are no grades."""
    hardened: Share | None


class Stage(Record):
    """What one stage has cost, over all issues and all processes."""

    name: str
    usage: Usage
    """Tokens; `seconds` of the calls; `usd` US dollars."""
    unsettled: int
    """Calls that are booked at their bound, since nobody knows what they cost."""


class Costs(Record):
    """What a run has cost."""

    total: Usage
    stages: tuple[Stage, ...]
    """Dearest first."""
    usd_per_issue: float
    """Over issues that are finished or failed."""
    tokens_per_issue: float
    usd_per_resolved: float | None
    """US dollars per issue that the hardened grades call resolved. None: none is, or there are no grades."""
    tokens_per_resolved: float | None


class Priced(Record):
    """One point of the cost frontier: fewer trajectories, and all the rest as it was."""

    samples: int
    usd: float
    """Per issue, US dollars."""
    tokens: float
    """Per issue."""
    ranked: Measured
    """As `Scores.ranked_at`, hardened."""
    coverage: Measured
    """As `Scores.pass_at`, hardened."""


class Times(Record):
    """When what was worked on, and how long it took, in seconds of wall clock."""

    issue: Spread | None
    """Of finished issues: the sum of their stages. None: none is finished."""
    stages: Mapping[str, Spread]
    """By stage, over the finished issues; a resumed run counts its last process only."""
    spans: tuple[Span, ...]
    """Of all processes, by `began`; empty for runs that were made before spans were kept."""


class Strategy(Record):
    """What the trajectories of one strategy brought, over all issues."""

    name: str
    trajectories: int
    candidates: int
    """Trajectories that brought one."""
    own: int
    """Normal forms that no other strategy brought."""


class Variety(Record):
    """How much the candidates of an issue differ: means over finished issues."""

    trees: float
    forms: float
    """Distinct normal forms."""
    files: float
    """Distinct sets of files."""
    behaviours: float
    overlap: float | None
    """Mean token overlap of changed lines, 0 to 1, over the issues that have one."""
    strategies: tuple[Strategy, ...]


class Outcome(Record):
    """One issue in one line."""

    issue: str
    repo: str
    difficulty: str
    outcome: str
    """`proposed`, `abstained`, `failed` or `unstarted`."""
    reason: str
    confidence: float
    official: str
    """Of the proposal: `resolved`, `unresolved`, `infra`, or empty where it has no grade or there is none."""
    hardened: str
    covered: bool | None
    """Whether any candidate is resolved, hardened. None: not all were graded."""
    trajectories: int
    candidates: int
    usage: Usage
    """Of all its calls in all processes."""


class Summary(Record):
    """The figures of one run."""

    name: str
    folder: str
    models: tuple[str, ...]
    """Of the trajectories, as they were called."""
    strategies: Mapping[str, int]
    """Trajectories per issue that were asked for, by strategy."""
    samples: int
    """Their sum."""
    turns: int
    """At most, per trajectory."""
    counts: Counts
    failures: tuple[Named, ...]
    abstentions: tuple[Reason, ...]
    """Most frequent first; numbers in reasons are left out when they are grouped."""
    graded: int
    """Grades in the run folder. 0: `official`, `hardened`, `frontier` and `calibration` are empty."""
    official: Scores | None
    hardened: Scores | None
    repositories: tuple[Part, ...]
    difficulties: tuple[Part, ...]
    """Of issues whose difficulty is known."""
    costs: Costs
    frontier: tuple[Priced, ...]
    calibration: Calibration | None
    times: Times
    findings: tuple[Finding, ...]
    """Signs that an answer was looked up or remembered: certain ones first, then likely ones, then notes."""
    findings_left_out: int
    """Further ones: of the least certain kind that there is."""
    variety: Variety | None
    """None: no issue is finished."""
    outcomes: tuple[Outcome, ...]
    """Of all issues, in the run's order."""
    notes: tuple[str, ...]
    """What is missing, and the command that would bring it."""
