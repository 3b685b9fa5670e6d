"""What `wave status` shows a person: a line for each theme, then notes on what the table has no column for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import click

from waves.steps.reports.status import ThemeStatus, WaveStatus
from waves.store.tables.run_metrics import Run
from waves.surfaces.cli import output
from waves.surfaces.cli.tables.quota import quota_notes

_COLUMNS = ("theme", "rubric", "done", "missing", "given up", "%", "last run (UTC)", "state")
_NUMBERS = {"done", "missing", "given up", "%"}
_SAID_ELSEWHERE = {"snoozed", "submitted", "not_converged", "converged", "prepared"}


def show_themes(themes: Sequence[ThemeStatus]) -> None:
    if not themes:
        click.echo("no theme yet: a theme is a folder under prompts/ with a theme.yaml")
        return
    output.table(_COLUMNS, map(_row, themes), right=_NUMBERS)
    for theme in themes:
        for note in _notes(theme):
            click.echo(output.harmless(f"{theme.theme_id}: {note}"))


def _row(theme: ThemeStatus) -> tuple[str, ...]:
    census, run, about = theme.census, theme.last_run, "≈" if theme.census.estimated else ""
    return (
        theme.theme_id,
        theme.rubric_version,
        f"{about}{census.done:,}",
        f"{about}{census.missing:,}",
        f"{about}{census.given_up:,}",
        f"{math.floor(10 * theme.percent) / 10:.1f}",
        f"{run.started_at:%Y-%m-%d %H:%M:%SZ}" if run else "never",
        run.state_in_words() if run else "",
    )


def _notes(theme: ThemeStatus) -> list[str]:
    """What needs a person first, then what explains the figures."""
    return [
        *(_wave_notes(theme.theme_id, theme.wave) if theme.wave else ()),
        *_run_notes(theme.last_run, theme.wave),
        *quota_notes(theme.quota),
        *_spend_notes(theme),
        *_rubric_notes(theme),
    ]


def _run_notes(run: Run | None, wave: WaveStatus | None) -> list[str]:
    """What the last run left for a person: its fault, rows that it gave up, or that wait. The wave's own line says what
    holds it, and that of the quota when its backend is asked again."""
    if run is None or run.error_summary is None or run.state in _SAID_ELSEWHERE:
        return []
    if wave is not None and wave.reason == run.error_summary:
        return []
    return [f"last run: {run.error_summary}"]


def _wave_notes(theme_id: str, wave: WaveStatus) -> list[str]:
    """The open wave: its counts, and how a person ends one that does not end by itself."""
    counts = wave.counts.line() if wave.counts else f"its files are on host {wave.host}"
    kind = "pilot" if wave.kind == "pilot" else "wave"
    notes = [f"{kind} {wave.wave_id} is {wave.state} on {wave.host}: {counts}"]
    if wave.reason:
        notes.append(wave.reason)
    abandon = f"`wave abandon {theme_id} --by NAME` gives it up"
    if wave.state == "held":
        notes.append(f"`wave collect {theme_id} --accept-orphans --by NAME` merges it as it is, {abandon}")
    elif wave.kind == "pilot":
        notes.append(f"`wave approve {theme_id} --by NAME` merges it once it is complete, {abandon}")
    if wave.corrupt_parts:
        notes.append(f"{wave.corrupt_parts} corrupt parts; the next fire sets them aside")
    return notes


def _rubric_notes(theme: ThemeStatus) -> list[str]:
    """A rubric file that differs from the active version, and an approval that is missing or used up."""
    theme_id, version, notes = theme.theme_id, theme.rubric_version, []
    if not theme.has_file:
        notes.append(
            f"the file of rubric {version} has changed or is gone; fires go on with the text that was registered"
        )
    if theme.newest_version not in (None, version):
        notes.append(
            f"rubric file {theme.newest_version} is not active; "
            f"`wave rubrics activate {theme_id} {theme.newest_version}` activates it"
        )
    if not theme.approved or theme.rows_left == 0:
        left = "for no more rows" if theme.approved else f"and may take {theme.rows_left} more rows"
        notes.append(
            f"rubric {version} is {'approved' if theme.approved else 'not approved'} {left}; "
            f"`wave approve {theme_id} --version {version} --by NAME`"
        )
    return notes


def _spend_notes(theme: ThemeStatus) -> list[str]:
    """What was spent: the known sum, what may come on top, or that it is unknown."""
    spend = theme.spend
    if spend.total_usd is None:
        models = ", ".join(spend.unknown_models)
        return [f"what was spent is unknown: answers of {models} have no known cost; see `wave spend`"]
    if spend.total_usd == spend.maybe_paid_usd == 0:
        return []
    known = f"spent ${spend.today_usd:,.4f} today (UTC), ${spend.total_usd:,.4f} in all"
    if spend.maybe_paid_usd == 0:
        return [known]
    most = "an unknown amount" if spend.maybe_paid_usd is None else f"up to ${spend.maybe_paid_usd:,.4f}"
    return [f"{known}, and {most} more was maybe paid"]
