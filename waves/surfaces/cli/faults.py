"""Faults as a person reads them."""

from __future__ import annotations

import traceback

import click

from waves.errors import WaveError


def show(fault: WaveError) -> None:
    """What is wrong, then what to do."""
    click.echo(f"wave: {fault.message}", err=True)
    if fault.hint:
        click.echo(f"      {fault.hint}", err=True)


def as_fault(error: Exception) -> WaveError:
    """A fault as it is. Anything else is a bug: reported with the place in the code, without values, which may hold row
    text."""
    if isinstance(error, WaveError):
        return error
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{last.filename.rpartition('waves/')[2]}:{last.lineno} in {last.name}"
    return WaveError(
        f"this is a bug in waves: {type(error).__name__} at {where}",
        "Nothing that was paid for is lost. Please report this line.",
    )
