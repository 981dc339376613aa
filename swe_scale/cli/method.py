"""Understands how candidates are to be ranked and told apart, and how the budget is spent."""

import shlex
from math import isfinite
from shutil import which
from typing import Any, get_args

from pydantic import ValidationError

from swe_scale.cli.options import SolveOptions
from swe_scale.config import (
    RunConfig,
    ScoreCommand,
    ScoreConfig,
    ScoreEndpoint,
    Selection,
    UserConfig,
    explain,
)
from swe_scale.errors import UsageError
from swe_scale.policy import find_policy
from swe_scale.ranking import find_rule
from swe_scale.scoring import check_scorer

_SCORED = "scored"


def method_of(options: SolveOptions, user: UserConfig) -> dict[str, Any]:
    """Return rule, policy, least confidence and how finalists are told apart, as far as they are given.

    Raises:
        UsageError: there is no rule or policy of that name, what is said contradicts itself, or a verifier
            can't be used.
        ExtensionError: a rule or policy can't be loaded.
    """
    found: dict[str, Any] = {
        "selection": _selection(options),
        "selection_turns": options.selection_turns,
        "judges": _judges(options),
        "score": _score(options, user),
    }
    least = _least(options)
    if least is not None:
        found["min_confidence"] = least
    if options.rule is not None:
        find_rule(options.rule)
        found["rule"] = options.rule
    if options.rule == _SCORED and found["score"] is None:
        raise UsageError("--rule scored needs a verifier: name one by --score-command or --score-endpoint.")
    return found | _policy(options)


def _policy(options: SolveOptions) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if options.stragglers is not None:
        known = get_args(RunConfig.model_fields["stragglers"].annotation)
        if options.stragglers not in known:
            raise UsageError(f"--stragglers {options.stragglers!r:.80}: known are {', '.join(known)}.")
        found["stragglers"] = options.stragglers
    if options.objective is not None:
        found |= {"objective": options.objective, "policy": "adaptive"}
    if options.policy is not None:
        found["policy"] = options.policy
    if "policy" in found:
        find_policy(found["policy"], found.get("objective", "resolved"))
    return found


def _least(options: SolveOptions) -> float | None:
    if options.min_confidence is not None and options.wrong_costs is not None:
        raise UsageError("--min-confidence and --wrong-costs say the same in two ways: leave one out.")
    if options.wrong_costs is None:
        return options.min_confidence
    if not isfinite(options.wrong_costs):
        raise UsageError(f"--wrong-costs {options.wrong_costs} can't be used: give a number, 0 or more.")
    return options.wrong_costs / (1 + options.wrong_costs)


def _selection(options: SolveOptions) -> str:
    if options.selection not in (known := get_args(Selection)):
        raise UsageError(f"--selection {options.selection!r}: known are {', '.join(known)}.")
    return options.selection


def _judges(options: SolveOptions) -> int:
    nobody = "--selection none" if options.selection == "none" else "--selection-turns 0"
    if options.judges > 1 and (options.selection == "none" or options.selection_turns == 0):
        raise UsageError(
            f"--judges {options.judges} wants verdicts, but {nobody} asks nobody: leave one out."
        )
    return options.judges


def _score(options: SolveOptions, user: UserConfig) -> ScoreConfig | None:
    """Return the verifier: that of an option, with what the configuration says of its kind, else that one."""
    if options.score_command is not None and options.score_endpoint is not None:
        raise UsageError("--score-command and --score-endpoint name two verifiers: leave one out.")
    try:
        found = _named(options, user)
    except ValidationError as error:
        raise UsageError(f"--score-endpoint can't be used:\n{explain(error)}") from error
    if isinstance(found, ScoreCommand) and which(found.command[0]) is None:
        raise UsageError(f"there is no program {found.command[0]!r} to score patches with: check its name.")
    if isinstance(found, ScoreEndpoint):
        check_scorer(found)
    return found


def _named(options: SolveOptions, user: UserConfig) -> ScoreConfig | None:
    if options.score_command is not None:
        known = user.score.model_dump() if isinstance(user.score, ScoreCommand) else {}
        return ScoreCommand.model_validate({**known, "command": _words(options.score_command)})
    if options.score_endpoint is not None:
        known = user.score.model_dump() if isinstance(user.score, ScoreEndpoint) else {}
        return ScoreEndpoint.model_validate({**known, "url": options.score_endpoint})
    return user.score


def _words(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"--score-command {command!r} can't be read: {error}.") from error
    if not words:
        raise UsageError("--score-command is empty: name a program, with its arguments.")
    return words
