"""The values that stages pass on: frozen, serialisable, importing nothing of ours."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

BASE = "base"
"""The reserved candidate id of the untouched tree."""

CheckKind = Literal["reproduction", "regression", "distinguishing"]
Outcome = Literal["pass", "fail", "error", "timeout", "infra"]
TrajectoryOutcome = Literal["done", "turns", "context", "budget", "malformed", "failed", "cancelled"]
Reach = Literal["executes", "misses", "unknown"]
Limit = Literal["wall", "memory", "pids", "disk", "output"]


def digest(*parts: str | bytes) -> str:
    """Return 16 hex digits that depend on every part and on where one ends and the next begins."""
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(len(raw).to_bytes(8, "big"))
        total.update(raw)
    return total.hexdigest()[:16]


class Record(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class Issue(Record):
    """What a solver may know of an issue. There is no field for hidden tests or a true patch."""

    id: str
    repo: str
    """Path or URL of the repository, as given."""
    base_commit: str
    """Full hash of the commit on which the issue is to be solved."""
    title: str
    body: str
    comments: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


class Service(Record):
    """A server beside the code under test, such as PostgreSQL: reached by its own cell alone."""

    name: str
    """Small letters, digits, `-` and `_`; its log is named after it."""
    port: int = Field(ge=1, le=65_535)
    """On which it listens, on the cell's own loopback."""
    command: str = ""
    """Shell line that runs it in the foreground, from what set-up has installed."""
    image: str = ""
    """Container image that runs it, in place of `command`."""
    ready: str = ""
    """Shell line that exits with 0 as soon as it can be used. Empty: as soon as the port is open."""
    variables: Mapping[str, str] = {}
    """For the service; of those that clients need, `[environment]` tells the commands."""


class HostServer(Record):
    """A server that runs beside the sandboxes, such as one of a CI job's services."""

    host: str = Field(default="127.0.0.1", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$")
    port: int = Field(ge=1, le=65535)

    def __str__(self) -> str:
        """Return it as it is given to clients."""
        return f"{self.host}:{self.port}"


class Environment(Record):
    """Where checks run: an image or a prepared root, and how the repository's tests are started."""

    digest: str
    """Of everything that the environment was built from; part of every execution's cache key."""
    image: str | None = None
    """Name or id of a container image that holds the prepared tree at `workdir`."""
    root: str | None = None
    """Host folder that holds the prepared tree (`tree/`) and what set-up installed."""
    workdir: str
    """Absolute path of the work tree inside the sandbox."""
    user: int = 0
    """User and group as whom commands run in a container; 0 is the image's root, without its powers."""
    setup: tuple[str, ...] = ()
    """Shell lines that were run once, with the network, to prepare it."""
    test_command: str | None = None
    """Shell line that runs test files; `{tests}` stands for their paths. None: no tests are known."""
    profile: str | None = None
    """Name of the language profile that was recognised."""
    variables: Mapping[str, str] = {}
    """Non-secret environment variables of every command, PATH among them where set-up changed it."""
    subdir: str = ""
    """Folder of the work tree in which set-up and the repository's tests run; empty is its root."""
    services: tuple[Service, ...] = ()
    servers: tuple[HostServer, ...] = ()
    """Servers of this host that cells reach, beside those of their own."""
    python_version: str = ""
    """Of the interpreter that was asked for, such as `3.9`. Empty: the backend's own."""
    recipe: str = ""
    """Digest of what it was built by and from, the tree left out. Empty: nothing is known apart from that."""


class ContextFile(Record):
    """One file that the models are shown."""

    path: str
    tokens: int
    score: float
    reasons: tuple[str, ...]
    text: str


class RankedFile(Record):
    """A file's place among those that may matter, with what put it there."""

    path: str
    tokens: int
    """Of the whole file, estimated."""
    score: float
    reasons: tuple[str, ...]
    note: str = ""
    """What a reader model said of it."""
    relevant: bool | None = None
    """What it judged. None: it didn't read it."""


class Context(Record):
    """The files that all trajectories of an issue share, best first."""

    files: tuple[ContextFile, ...]
    tokens: int
    """Of all files shown."""
    counted_by: str = ""
    """What counted them, such as the server's tokenizer; empty: a third of the bytes stands for them."""
    ranking: tuple[RankedFile, ...] = ()
    """The best files, shown or not, best first."""
    considered: int = 0
    """Files of which any might have been shown."""
    skipped: int = 0
    """Files that were not considered."""
    skipped_by: Mapping[str, int] = {}
    """The same by reason: `binary`, `generated`, `vendored`, …"""


class Tool(Record):
    """Something that a model may call by a name of its own protocol, in place of writing it as text."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON schema of the arguments."""


class ToolCall(Record):
    """One call that a model made."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it; it may be malformed."""


class Picture(Record):
    """An image, as models take it."""

    media_type: str
    """Such as `image/png`."""
    data: str = Field(repr=False)
    """Its bytes in Base64."""


class Message(Record):
    """One message of a conversation with a model."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant."""
    answers: str = ""
    """Of a tool: the id of the call that it answers."""
    shared: int = Field(default=0, ge=0)
    """Leading characters that sibling conversations share to the byte: where a server keeps a prefix only
    on request, it is asked to keep it up to there."""
    pictures: tuple[Picture, ...] = ()
    """Of a user, before the text."""


class Sampling(Record):
    """How a reply is drawn."""

    temperature: float | None = 0.8
    """None, here and below: as the server does by itself."""
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    max_tokens: int = 4096
    seed: int | None = None
    effort: str | None = None
    """How much a reasoning model is to think, in the server's own word: `low`, `medium`, `high`, …"""
    logprobs: bool = False
    """Whether each token's log-probability is asked for."""


class Request(Record):
    """One call of a model."""

    step: str
    """Address of the call, for instance `pkg-12/trajectory/03/turn/05`; sent as X-Request-Id."""
    model: str
    messages: tuple[Message, ...]
    sampling: Sampling
    tools: tuple[Tool, ...] = ()
    reply_schema: Mapping[str, Any] | None = None
    """JSON schema that the reply is to keep, where the server can hold it to one; it may break it."""

    @property
    def issue(self) -> str:
        """Id of the issue that the call is for: what siblings have in common."""
        return self.step.partition("/")[0]


class Usage(Record):
    """What was spent. Tokens of all calls; `seconds` are the calls' own, summed over parallel ones."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Those of `prompt_tokens` that the server took from its prefix cache."""
    written_tokens: int = 0
    """Those of `prompt_tokens` that it wrote there, where that costs extra; none of them are cached ones."""
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    seconds: float = 0.0
    usd: float = 0.0

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum, field by field."""
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            written_tokens=self.written_tokens + other.written_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            seconds=self.seconds + other.seconds,
            usd=self.usd + other.usd,
        )


class Completion(Record):
    """A model's reply."""

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    """Why the reply ended: `stop`, or `length` when it was cut at `max_tokens`."""
    usage: Usage = Usage()
    logprobs: tuple[float, ...] | None = None
    """Of the reply's tokens, where they were asked for and given."""
    dropped: tuple[str, ...] = ()
    """What the server refused of the call's settings, so that it was made without: those of the sampling,
    and `response_format` where that was to hold the reply to a schema."""


class Execution(Record):
    """One command that ran in a sandbox."""

    exit_code: int | None
    """None when it was killed at its deadline; 128 + n after signal n."""
    output: str
    """Both streams in the order of arrival, head and tail; undecodable bytes are replaced."""
    timed_out: bool = False
    seconds: float = 0.0
    truncated: int = 0
    """Bytes left out of the middle of `output`."""
    limit: Limit | None = None
    """The limit that was hit, where the backend can tell."""


class File(Record):
    """One entry of a work tree."""

    mode: Literal["100644", "100755", "120000"]
    """Git's modes: plain, executable, symbolic link (`data` is then its target)."""
    data: bytes


Changes = Mapping[str, File | None]
"""Difference of a work tree from another: path relative to the root, POSIX; None deletes."""


class Check(Record):
    """A script that says whether the issue is resolved: exit 0 yes, 42 no, anything else broke.

    A repository test is a check too: its script is the path of the test file.
    """

    id: str
    """Digest of language and script: equal scripts are one check, whoever wrote them."""
    script: str
    kind: CheckKind
    author: int | None = None
    """Index of the trajectory that wrote it; None for the repository's own tests and for foreign ones."""
    language: str = "python"
    """`python`, `sh`, or another that a profile knows how to run."""
    foreign: bool = False
    """Not written for the exit codes above: 0 passes, anything else fails."""

    @classmethod
    def of(
        cls,
        script: str,
        kind: CheckKind,
        *,
        author: int | None = None,
        language: str = "python",
        foreign: bool = False,
    ) -> "Check":
        """Return the check with its id."""
        return cls(
            id=digest(language, str(foreign), script),
            script=script,
            kind=kind,
            author=author,
            language=language,
            foreign=foreign,
        )


class Turn(Record):
    """One exchange with the model, and the patch as it stands after it."""

    asked: tuple[Message, ...]
    """Messages appended before this call; the request is those of all turns, with the replies between."""
    completion: Completion
    action: str
    """What was understood of the reply: `check`, `edit`, `bash`, `done`, `malformed`, …"""
    untouched: Execution | None = None
    """The check (or an agent's command: see `edited`) on the untouched code."""
    edited: Execution | None = None
    """The check on the edited code; of an agent, the command in its sandbox."""
    tree: str
    """Git tree hash after this turn."""
    patch: str
    """Difference of that tree from the base commit."""
    note: str = ""
    """What a reader of the record should know, for instance that a sandbox was rebuilt."""
    check: Check | None = None
    """The check as it stands after this turn. None: there is none yet, or an older version recorded it."""


class Exchange(Record):
    """One request that an agent of somebody else's made of its model."""

    step: str
    """Address of the call, for instance `pkg-12/trajectory/03/request/005`."""
    shared: int = 0
    """Leading messages that it has in common with the request before it; they are left out of `asked`."""
    asked: str
    """The request as it was passed on: JSON, cut in the middle where it is long."""
    completion: Completion | None = None
    """None: there was none, or none that could be read; `fault` says why."""
    fault: str = ""


class Account(Record):
    """What an agent of somebody else's did, as far as that could be seen from outside."""

    execution: Execution
    """Its command, with the head and tail of what it said."""
    exchanges: tuple[Exchange, ...] = ()
    own: str = ""
    """What it wrote to the file that is named for that, cut in the middle where it is long."""


class Trajectory(Record):
    """One attempt. A failed one is data: `outcome` and `error` say how it ended."""

    index: int
    strategy: str
    model: str
    sampling: Sampling
    plan: str = ""
    """What it was given to begin with, in words: a plan, or notes of earlier ones."""
    began: str = ""
    """Tree from which it began; empty: the untouched one."""
    shown: tuple[str, ...] = ()
    """Candidates that it was told of before it began: it is no independent voice for them."""
    turns: tuple[Turn, ...]
    tree: str
    patch: str
    check: Check | None
    outcome: TrajectoryOutcome
    error: str = ""
    usage: Usage
    account: Account | None = None
    """Of an agent that isn't ours, in place of turns."""


class Candidate(Record):
    """A patched tree; identical trees of several authors are one candidate."""

    id: str
    """Git tree hash after applying the patch."""
    patch: str
    authors: tuple[int, ...] = ()
    shown: tuple[str, ...] = ()
    """Candidates that all of its authors were told of: what it has in common with them says nothing."""


class Verdict(Record):
    """One cell of candidates × checks."""

    candidate: str
    check: str
    repeat: int = 0
    outcome: Outcome
    flags: tuple[str, ...] = ()
    """Guards that spoke."""
    broken: tuple[str, ...] = ()
    """Of a repository test file: ids of tests that passed on the untouched code and no longer do."""
    execution: Execution


class LinesExecuted(Record):
    """What one traced run of a check on the untouched code executed of the work tree: a hint, no proof."""

    lines: Mapping[str, tuple[tuple[int, int], ...]] = {}
    """By path, the first and last line of each run of lines that were executed, counted from 1."""
    unsure: Mapping[str, tuple[tuple[int, int], ...]] = {}
    """Likewise, lines that weren't watched to the end: to do so would have taken too long."""
    read: tuple[str, ...] = ()
    """Files that were opened for something else than to execute them."""
    why: str = ""
    """Why there may be others that weren't seen. Empty: all was."""


class Reached(Record):
    """Whether a check executes, on the untouched code, what a candidate changes."""

    check: str
    candidate: str
    reach: Reach


class Crossed(Record):
    """How much of candidates × checks was run."""

    run: int = 0
    of: int = 0
    """Cells of the checks that vote, the repository's own tests aside."""
    tested: int = 0
    """Candidates on which the repository's own tests ran."""
    why: str = ""
    """Why the rest was left out; empty where nothing was."""


class Opinion(Record):
    """What a judge said of finalists: which one is right, or that none is."""

    judge: str
    """Name of the model, as its endpoint knows it: opinions of one model have their errors in common."""
    finalists: tuple[str, ...] = Field(min_length=1)
    """Candidates, in the order in which they were shown."""
    chosen: str | None
    """Candidate. None: none of them is right."""
    checks: tuple[str, ...] = ()
    """Ids of the checks that it had written itself, and whose outputs it had seen."""
    reason: str = ""
    """In its own words, shortened."""

    @model_validator(mode="after")
    def _among(self) -> "Opinion":
        if self.chosen is not None and self.chosen not in self.finalists:
            raise ValueError("what is chosen is none of the finalists")
        return self


class Scores(Record):
    """What an external verifier says of candidates; only their order within one issue counts."""

    by: str
    """The verifier, as its settings name it."""
    values: Mapping[str, FiniteFloat] = {}
    """By candidate; the higher, the likelier to be right. Those that it gave no number are left out."""
    fault: str = ""
    """Why there are none, or not all."""


class Decision(Record):
    """One numbered step of the search."""

    number: int
    action: Literal["triage", "start", "extend", "fork", "refine", "check", "select", "stop"]
    reason: str
    trajectory: int | None = None
    """Index of the trajectory that it starts, or that goes on."""
    turns: int | None = None
    """Replies after which that one is set aside. None: as many as it may have."""
    finished: tuple[int, ...] = ()
    """Indices of the trajectories that it was made on; none where it needed none."""


class Beginning(Record):
    """What a trajectory is given that begins when others have been judged."""

    told: str = ""
    """Notes of them, in words."""
    tree: str | None = None
    """Tree from which it goes on. None: the untouched one."""
    check: Check | None = None
    shown: tuple[str, ...] = ()
    """Candidates that the notes tell of."""


class Yield(Record):
    """What the trajectories of one strategy brought."""

    trajectories: int
    candidates: int
    """Trajectories that brought a candidate."""
    own: int
    """Normal forms that no other strategy brought."""


class Diversity(Record):
    """How much the candidates of one issue differ."""

    trees: int = 0
    forms: int = 0
    """Distinct normal forms: they differ in more than formatting and comments."""
    files: int = 0
    """Distinct sets of files, beside tests, that are changed."""
    behaviours: int = 0
    """Distinct outcomes over all checks and the repository's tests."""
    overlap: float | None = None
    """Mean token overlap of changed lines over all pairs of trajectories, 0 to 1; pairs of one form count 1.
    None: fewer than two brought a candidate."""
    strategies: Mapping[str, Yield] = {}


class Ranked(Record):
    """A candidate's place, best first, with what put it there."""

    candidate: str
    votes: int
    of: int
    """Votes that it could have had."""
    form: str
    """Digest of its normal form: equal ones differ in formatting and comments at most."""
    similar: int
    """Other trajectories whose patch has the same normal form."""
    agreement: float
    """Mean token overlap of its changed lines with the other candidates', 0 to 1."""
    broken: int
    """Repository tests that it breaks."""
    excused: int
    """Of these, tests that most trajectories break, as one that states the old behaviour would be."""
    posterior: float
    reasons: tuple[str, ...]


class Reproduction(Record):
    """Tests of an issue in the project's own layout, as far as there are any that show it."""

    patch: str | None = None
    """The proposed patch with them. None: there are none, or none that show it."""
    tests: tuple[str, ...] = ()
    """Ids of those that don't pass without the patch and pass with it, each time."""
    replies: int = Field(default=0, ge=0)
    """Of a model, that were had for them; 0 where the patch brought them."""
    fault: str = ""
    """Why there are none."""


class Words(Record):
    """What a change does, in words of a model that nobody has checked."""

    summary: str
    """One line."""
    paragraph: str = ""


class Solution(Record):
    """The answer to one issue: a patch with the evidence for it, or the reasons why there is none."""

    issue: str
    outcome: Literal["proposed", "abstained"]
    patch: str | None
    candidate: str | None
    confidence: float = Field(ge=0, le=1)
    reason: str
    candidates: tuple[Candidate, ...]
    checks: tuple[Check, ...]
    verdicts: tuple[Verdict, ...]
    ranking: tuple[Ranked, ...]
    decisions: tuple[Decision, ...]
    trajectories: tuple[Trajectory, ...]
    usage: Usage
    stages: Mapping[str, Usage]
    """`usage` by stage."""
    seconds: Mapping[str, float]
    """Wall-clock seconds per stage of this process; a resumed run counts only its own."""
    diversity: Diversity = Diversity()
    styled: Mapping[str, str] = {}
    """Trees of trajectories that the project's formatter changed, with the tree that was judged instead."""
    crossed: Crossed = Crossed()
    reached: tuple[Reached, ...] = ()
    """Whether written checks execute what candidates change. None: it wasn't asked."""
    forms: Mapping[str, str] = {}
    """Normal form by tree: of what was judged, and of the trees of turns where these are recorded."""
    turn_verdicts: tuple[Verdict, ...] = ()
    """Where turns are recorded: the cells of trees and checks that stood after some turn, beside `verdicts`.
    Their outputs are left out."""
    opinions: tuple[Opinion, ...] = ()
    """What judges said of the finalists, in the order in which they were asked."""
    scores: Scores | None = None
    """What an external verifier said of the candidates. None: none was asked."""
    reproduction: Reproduction | None = None
    """Tests of the issue in the project's layout. None: none were asked for, or nothing is proposed."""

    words: Words | None = None
    """Of the change. None: none were asked for or none could be had, or nothing is proposed."""

    @property
    def delivered(self) -> str | None:
        """The proposed patch, with tests of the issue where there are any; None where nothing is proposed."""
        tested = self.reproduction.patch if self.reproduction else None
        return tested or self.patch
