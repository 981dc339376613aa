"""Carries out `swe-scale export`: writes a run's record as tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from swe_scale.analysis.exporting import Format, export_run
from swe_scale.analysis.runs import open_run
from swe_scale.cli.run_folder import folder_of
from swe_scale.cli.screen import Screen
from swe_scale.errors import UsageError


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be exported, as given."""

    run: str
    to: Path
    form: str
    tables: tuple[str, ...]
    """None is all."""


def run_export(wish: Wish, *, json: bool) -> int:
    """Write the tables; return 0.

    Raises:
        UsageError: there is no such run, format or table.
        StoreError: the record can't be read, or the tables can't be written.
    """
    forms: dict[str, Format] = {name: name for name in get_args(Format)}
    if wish.form not in forms:
        raise UsageError(f"--format {wish.form!r}: known are {', '.join(forms)}.")
    screen = Screen.open(json)
    with open_run(folder_of(wish.run)) as run:
        made = export_run(run, wish.to, forms[wish.form], wish.tables)
    if json:
        screen.document(made.model_dump(mode="json"))
    else:
        told = ", ".join(f"{count:,} {name}" for name, count in made.rows.items())
        screen.answer.print(f"{wish.to}: {told}", markup=False, highlight=False, soft_wrap=True)
    return 0
