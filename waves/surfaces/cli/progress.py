"""What a fire shows while it runs: a progress bar on a terminal, a line for each wave in a pipe; warnings always."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from waves.models import Counts
from waves.surfaces.cli.output import harmless, on_terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Warnings:
    """Nothing but the warnings, each once, on stderr: cron mails what is printed."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    def opened(self, wave_id: str, emitted: int, done: int) -> None: ...

    def advanced(self, done: int) -> None: ...

    def converged(self, wave_id: str, counts: Counts) -> None: ...

    def warned(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self._show(f"wave: {harmless(message)}")

    def _show(self, line: str) -> None:
        click.echo(line, err=True)


class Bar(Warnings):
    """A progress bar with rate and ETA on stderr, and the counts line of each wave on stdout."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._task: TaskID | None = None
        self._started = time.monotonic()
        self._from = 0

    def opened(self, wave_id: str, emitted: int, done: int) -> None:
        self._started, self._from = time.monotonic(), done
        self._task = self._progress.add_task(wave_id, total=emitted, completed=done, rate="")

    def advanced(self, done: int) -> None:
        if self._task is None:
            return
        elapsed = time.monotonic() - self._started
        rate = (done - self._from) / elapsed if elapsed > 0 else 0.0
        self._progress.update(self._task, completed=done, rate=f"{rate:,.1f} items/s")

    def converged(self, wave_id: str, counts: Counts) -> None:
        if self._task is not None:
            self._progress.refresh()  # otherwise a wave shorter than the refresh interval is never drawn
            self._progress.remove_task(self._task)
            self._task = None
        self._show(f"wave {wave_id}: {counts.line()}")

    def _show(self, line: str) -> None:
        self._progress.console.print(line, highlight=False, markup=False)


class Lines(Warnings):
    """The counts line of each wave on stdout, without a terminal: for `wave demo` in a pipe."""

    def converged(self, wave_id: str, counts: Counts) -> None:
        click.echo(f"wave {wave_id}: {counts.line()}")


@contextmanager
def watching(*, enabled: bool) -> Iterator[Warnings]:
    """A bar if it is enabled and stderr is a terminal, otherwise the warnings alone."""
    if not enabled or not on_terminal():
        yield Warnings()
        return
    from rich.console import Console  # imported here, because cron and `--json` show no bar
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress)


@contextmanager
def lines() -> Iterator[Lines]:
    yield Lines()
