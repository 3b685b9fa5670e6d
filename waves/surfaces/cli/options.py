"""Options that several commands share: a decorator for each; the types of a person's name and of a report's path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from waves.errors import DiskError
from waves.spool import files


class Person(click.ParamType[str]):
    """The value of `--by`: the audit log records who decided."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's signature
        name = str(value).strip()
        if not name:
            self.fail("a name is required", param, ctx)
        return name


class ReportFile(click.Path):
    """The path of a file that can be created or replaced. It is checked before anything is paid for."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401 - click's signature
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        folder = path.absolute().parent
        if not path.name:
            self.fail("a file name is required", param, ctx)
        if path.exists() and not path.is_file():
            self.fail(f"{str(path)!r} is not a regular file", param, ctx)
        if not folder.is_dir():
            self.fail(f"there is no folder {str(folder)!r}", param, ctx)
        if not os.access(folder, os.W_OK | os.X_OK):
            self.fail(f"no file can be created in {str(folder)!r}", param, ctx)
        return path


def write_report(path: Path, text: str) -> None:
    try:
        files.write_atomic(path.resolve(), text.encode())
    except DiskError as fault:
        raise DiskError(
            f"cannot write {path}: {fault.message.rpartition(': ')[2]}",
            "Name another file: what was paid for is kept, and nothing is asked again.",
        ) from fault


_DECIDES = "Who decides; recorded in the audit log."

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
by_required = click.option("--by", type=Person(), required=True, help=_DECIDES)
by_operator = click.option("--by", type=Person(), default="operator", show_default=True, help=_DECIDES)
reason_option = click.option("--reason", default="", help="Why; recorded in the audit log.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Change nothing; show what would be done.")
"""For commands that ask no model. A fire, an evaluation and a pilot have a help text of their own."""
parallel_option = click.option(
    "--parallel", type=click.IntRange(min=1), metavar="N", help="Keep N requests in flight at once."
)
backend_option = click.option("--backend", metavar="NAME", help="A backend of waves.yaml, or `rehearsal`.")
