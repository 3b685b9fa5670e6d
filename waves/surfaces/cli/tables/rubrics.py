"""What `wave rubrics` shows a person: a line for each version, and the decisions about one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from waves.steps.rubrics.version_report import Version, VersionDetails
from waves.store.rubrics.rubric_facts import EvaluationRecord
from waves.store.rubrics.rubric_registry import UNLIMITED
from waves.surfaces.cli import output

_COLUMNS = ("theme", "version", "state", "registered (UTC)", "by", "approved by", "for rows", "verdicts", "F1")
_NUMBERS = {"for rows", "verdicts", "F1"}


def show_versions(versions: Mapping[str, Sequence[Version]]) -> None:
    """A line for each version of each theme."""
    output.table(_COLUMNS, _rows(versions), right=_NUMBERS)


def show_details(theme: str, details: VersionDetails) -> None:
    """One version: its line, what was decided about it, and its text."""
    show_versions({theme: [details.version]})
    for decision in details.decisions:
        change = " ".join(f"{name}={value}" for name, value in decision.after.items())
        why = f": {decision.reason}" if decision.reason else ""
        click.echo(output.harmless(f"{decision.created_at:%Y-%m-%d %H:%M:%SZ}  {decision.actor}  {change}{why}"))
    click.echo("\n" + output.harmless(details.text, keep="\n\t"))


def _rows(versions: Mapping[str, Sequence[Version]]) -> Iterator[tuple[str, ...]]:
    for theme, of_theme in versions.items():
        for version in of_theme:
            cells = (
                theme,
                version.version,
                version.state,
                f"{version.created_at:%Y-%m-%d %H:%M}" if version.created_at else "",
                version.created_by or "",
                version.approved_by or "",
                _approved(version.approved_rows),
                f"{'≈' if version.verdicts_estimated else ''}{version.verdicts:,}",
                _f1(version.evaluation),
            )
            yield tuple(map(output.harmless, cells))


def _f1(evaluation: EvaluationRecord | None) -> str:
    """In brackets if it was measured in another setting than that of the theme's fires."""
    if evaluation is None or evaluation.macro_f1 is None:
        return ""
    return f"{evaluation.macro_f1:.3f}" if evaluation.usual else f"({evaluation.macro_f1:.3f})"


def _approved(rows: int | None) -> str:
    return "" if rows is None else "any" if rows == UNLIMITED else f"{rows:,}"
