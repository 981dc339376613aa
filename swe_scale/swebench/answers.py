"""Reads whole rows of a dataset, answers and all. Only grading calls this."""

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from swe_scale.errors import UsageError
from swe_scale.swebench import questions
from swe_scale.swebench.instance import Gold, Instance
from swe_scale.swebench.questions import question_of
from swe_scale.swebench.rows import Found, RowFault, id_of, strings_of, text_of
from swe_scale.swebench.runners import runner_of, touched_tests
from swe_scale.swebench.source import stream

COLUMNS = questions.COLUMNS | {
    "patch", "test_patch", "FAIL_TO_PASS", "PASS_TO_PASS", "PASS_TO_PASS_LOCAL", "fail_to_pass",
    "pass_to_pass", "eval_script", "test_cmd", "test_cmds", "log_parser", "eval_type", "difficulty",
    "image_assets", "install_config",
}  # fmt: skip

NEEDED = frozenset({"instance_id", "repo", "base_commit", "patch", "test_patch"})


def read_instances(
    source: str | Path,
    ids: Collection[str] | None = None,
    unusable: Callable[[str], None] | None = None,
) -> Iterator[Instance]:
    """Yield the rows of a dataset with their answers, in its order.

    Args:
        source: the dataset, as for `read_questions`; of several files, later ones add columns by id.
        ids: which rows. None: all.
        unusable: told of each row that can't be used, which is left out. None: the first one raises.

    Raises:
        UsageError: there is no such dataset, it can't be read, or a row of it can't be used.
    """
    seen: set[str] = set()
    for found in _wanted(source, ids):
        try:
            instance = _instance(found)
            if instance.gold.instance in seen:
                raise RowFault(f"{instance.gold.instance} stands there twice")
        except RowFault as fault:
            told = f"{source}, {found.place}: {fault}"
            if unusable is None:
                raise UsageError(told) from fault
            unusable(told)
            continue
        seen.add(instance.gold.instance)
        yield instance


def _wanted(source: str | Path, ids: Collection[str] | None) -> Iterator[Found]:
    first = questions.questions_part(source)
    others = str(source).removeprefix(str(first)).split(",")[1:]
    added = _added(others, ids)
    for found in stream(first, COLUMNS, frozenset() if others else NEEDED):
        name = found.row.get("instance_id")
        if ids is None or name in ids:
            more = added.get(name, {}) if isinstance(name, str) else {}
            yield Found(found.place, {**found.row, **more}, found.names | more.keys(), found.fault)


def _added(others: list[str], ids: Collection[str] | None) -> dict[str, dict[str, Any]]:
    added: dict[str, dict[str, Any]] = {}
    for source in others:
        for found in stream(source, COLUMNS):
            name = found.row.get("instance_id")
            if isinstance(name, str) and (ids is None or name in ids):
                added.setdefault(name, {}).update(found.row)
    return added


def _instance(found: Found) -> Instance:
    if found.fault:
        raise RowFault(found.fault)
    return Instance(question_of(found), gold_of(found.row))


def gold_of(row: Mapping[str, Any]) -> Gold:
    """Return what only grading may see of a row.

    Raises:
        RowFault: the row lacks something, or holds what can't be used.
    """
    missing = [name for name in ("patch", "test_patch") if not isinstance(row.get(name), str)]
    fails = strings_of(row, "FAIL_TO_PASS", "fail_to_pass")
    if missing or not fails:
        raise RowFault(f"{', '.join([*missing, *([] if fails else ['FAIL_TO_PASS'])])} missing or empty")
    assets = row.get("image_assets")
    return Gold(
        instance=id_of(row),
        repo=text_of(row, "repo"),
        base_commit=text_of(row, "base_commit"),
        patch=row["patch"],
        test_patch=row["test_patch"],
        fail_to_pass=fails,
        pass_to_pass=strings_of(row, "PASS_TO_PASS_LOCAL", "PASS_TO_PASS", "pass_to_pass"),
        eval_script=text_of(row, "eval_script"),
        test_command=_command(row),
        log_parser=_parser(row),
        eval_type=text_of(row, "eval_type") or "pass_and_fail",
        version=text_of(row, "version"),
        difficulty=text_of(row, "difficulty"),
        image_assets=assets if isinstance(assets, dict) else {},
    )


def _command(row: Mapping[str, Any]) -> str:
    """Return the shell line that runs the hidden tests: as the row says, else as its repository is known."""
    if said := text_of(row, "test_cmd"):
        return said
    if lines := strings_of(row, "test_cmds"):
        return "\n".join(lines)
    runner = runner_of(text_of(row, "repo"))
    if config := _config(row):
        own = config.get("test_cmd")
        lines = (own,) if isinstance(own, str) else strings_of(config, "test_cmd")
        return (
            " ".join([" && ".join(lines), *map(shlex.quote, touched_tests(row["test_patch"]))])
            if lines
            else ""
        )
    return runner.line(text_of(row, "version"), row["test_patch"]) if runner else ""


def _parser(row: Mapping[str, Any]) -> str:
    said = text_of(row, "log_parser") or text_of(_config(row), "log_parser")
    if said:
        # SWE-bench-Live leaves out what all names of the official registry begin with.
        return said if said.startswith("parse_") else f"parse_log_{said}"
    runner = runner_of(text_of(row, "repo"))
    return runner.parser if runner else ""


def _config(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what SWE-rebench says of a row's installation; empty where it says nothing."""
    value = row.get("install_config")
    return value if isinstance(value, dict) else {}
