"""Option types that several commands share: the name of a person, and the path of a report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class Person(click.ParamType[str]):
    """The value of `--by`: the audit log records who decided."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's signature
        given = str(value).strip()
        if not given:
            self.fail("a name is wanted", param, ctx)
        return given


class ReportFile(click.Path):
    """The path of a file that can be made, or put in the place of another one."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401 - click's signature
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        folder = path.absolute().parent
        if not path.name:
            self.fail("a file name is wanted", param, ctx)
        if path.exists() and not path.is_file():
            self.fail(f"{str(path)!r} is not a regular file", param, ctx)
        if not folder.is_dir():
            self.fail(f"there is no folder {str(folder)!r}", param, ctx)
        if not os.access(folder, os.W_OK | os.X_OK):
            self.fail(f"no file can be made in {str(folder)!r}", param, ctx)
        return path


def write_report(path: Path, text: str) -> None:
    from waves.errors import DiskError
    from waves.spool import files

    try:
        files.write_atomic(path.resolve(), text.encode())
    except DiskError as fault:
        raise DiskError(
            f"cannot write {path}: {fault.message.rpartition(': ')[2]}",
            "Name another file: what was paid for is kept, and nothing is asked again.",
        ) from fault
