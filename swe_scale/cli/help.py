"""Help as plain text in groups: importing what typer would draw boxes with takes longer than all the rest."""

import inspect
from typing import Any

import typer
from typer.core import TyperCommand


class Command(TyperCommand):
    """A command whose options stand in its help under the panels that they name."""

    def format_options(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write the options, group by group, in the order of each group's first one."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
                groups.setdefault(getattr(parameter, "rich_help_panel", None) or kind, []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002
        """Return the whole summary for the list of commands, where others would cut it."""
        return inspect.cleandoc(self.help or "")
