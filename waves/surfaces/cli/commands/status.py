"""`wave status`: every theme at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from waves.surfaces.cli.commands import quota
from waves.surfaces.cli.faults import show
from waves.surfaces.cli.tables import runs

if TYPE_CHECKING:
    from waves.errors import WaveError
    from waves.steps.reports.quota import BackendQuota
    from waves.steps.reports.status import ThemeStatus, WaveStatus


@click.command("status")
@click.argument("theme", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--watch", is_flag=True, help="Repeat every two seconds until Ctrl-C.")
@click.pass_context
def command(ctx: click.Context, theme: str | None = None, *, as_json: bool = False, watch: bool = False) -> None:
    """Progress, open wave, quarantine, snooze and spend of THEME, or of every theme. Read-only.

    Of a THEME that is named also its last runs: the gap before and after, items, requests, cost and wall clock.

    \b
    Example:
      wave status comment_classifier
      wave status --json | jq '.themes[].percent'
    """
    import time

    from waves.surfaces.cli import output

    while True:
        found, faults = _read(theme)
        if as_json:
            error = {"error": output.error_object(faults[0])} if faults else {}
            output.emit({"themes": [status_object(one) for one in found]} | error)
        else:
            if watch:
                click.clear()
            if found or not faults:
                _show(found)
            if theme is not None and found:
                runs.show(found[0].runs)
        for fault in faults:
            show(fault)
        if not watch:
            break
        time.sleep(2)
    ctx.exit(faults[0].exit_code if faults else 0)


def _read(theme: str | None) -> tuple[list[ThemeStatus], list[WaveError]]:
    """All themes that can be read, and what is wrong with the others: one broken theme hides no other."""
    from waves.config import project as projects
    from waves.config import theme as themes
    from waves.errors import WaveError
    from waves.steps.reports.status import status
    from waves.store.connect import open_database

    found: list[ThemeStatus] = []
    faults: list[WaveError] = []
    try:
        project = projects.load()
        if theme is not None:
            themes.load(project.prompts, theme)
        with open_database(project, migrate=False) as db:
            for theme_id in [theme] if theme else themes.known(project.prompts):
                try:
                    found.append(status(project, db, theme_id))
                except WaveError as fault:
                    faults.append(fault)
    except WaveError as fault:
        faults.append(fault)
    return found, faults


def status_object(one: ThemeStatus) -> dict[str, Any]:
    """One theme of `wave status --json`, as docs/design.md fixes it."""
    from waves.surfaces.cli.output import moment

    wave, run = one.wave, one.last_run
    return {
        "theme": one.theme_id,
        "rubric_version": one.rubric_version,
        "backend": one.backend,
        "total": one.census.total,
        "done": one.census.done,
        "missing": one.census.missing,
        "quarantined": one.census.quarantined,
        "percent": round(one.percent, 2),
        "estimated": one.census.estimated,
        "corrupt_parts": wave.corrupt_parts if wave else 0,
        "wave": {
            "id": wave.wave_id,
            "state": wave.state,
            "kind": wave.kind,
            "host": wave.host,
            "counts": _counts_object(wave.counts),
        }
        if wave
        else None,
        "snoozed_until": moment(one.quota.snoozed_until),
        "snooze_reason": one.quota.snooze_reason,
        "last_run": {
            "run_id": run.run_id,
            "started_at": moment(run.started_at),
            "finished_at": moment(run.finished_at),
            "state": run.state,
            "items_processed": run.items_processed,
            "items_errored": run.items_errored,
            "llm_cost_usd": run.llm_cost_usd,
        }
        if run
        else None,
        "spend": {"today_usd": one.spend.today_usd, "total_usd": one.spend.total_usd},
        "eta": {"waves": one.waves_left, "at": None},
    }


def _counts_object(counts: Any) -> dict[str, int] | None:  # noqa: ANN401 - Counts, or None where the folder is elsewhere
    names = ("emitted", "parts", "released", "quarantined", "missing")
    return {name: getattr(counts, name) for name in names} if counts is not None else None


def _show(found: list[ThemeStatus]) -> None:
    from rich.table import Table

    from waves.surfaces.cli import output

    console = output.console()
    table = Table(box=None, pad_edge=False)
    for name in ("theme", "rubric", "done", "missing", "quarantined", "%", "last run (UTC)", "state"):
        table.add_column(name, justify="right" if name in {"done", "missing", "quarantined", "%"} else "left")
    for one in found:
        census, run, about = one.census, one.last_run, "≈" if one.census.estimated else ""
        table.add_row(
            one.theme_id,
            one.rubric_version,
            f"{about}{census.done:,}",
            f"{about}{census.missing:,}",
            f"{census.quarantined:,}",
            f"{one.percent:.1f}",
            f"{run.started_at:%Y-%m-%d %H:%M:%SZ}" if run else "never",
            run.worded() if run else "",
        )
    console.print(table if found else "no theme yet: a theme is a folder under prompts/ with a theme.yaml")
    for line in (line for one in found for line in _notes(one)):
        console.print(line, soft_wrap=True, markup=False)


def _window_notes(one: BackendQuota) -> list[str]:
    """The snooze, and the window with the newest evidence of its capacity."""
    notes = []
    if one.snoozed_until is not None:
        notes.append(f"{one.backend} sleeps until {one.snoozed_until:%Y-%m-%d %H:%M:%SZ}: {one.snooze_reason}")
    if one.quota is not None:
        newest = next((judged for judged in reversed(one.quota.evidence) if judged.doubt is None), None)
        seen = f"; {quota.saying(newest)}" if newest else ""
        notes.append(f"window of {one.backend}: {one.quota.explain()}{seen}")
    return notes


def _notes(one: ThemeStatus) -> list[str]:
    """What an operator at night has to know beyond the table."""
    notes = []
    if one.wave is not None:
        wave = one.wave
        where = wave.counts.line() if wave.counts else f"its files are on host {wave.host}"
        what = "pilot" if wave.kind == "pilot" else "wave"
        notes.append(f"{one.theme_id}: {what} {wave.wave_id} is {wave.state} on {wave.host}: {where}")
        if wave.reason:
            notes.append(f"{one.theme_id}: {wave.reason}")
        notes += [f"{one.theme_id}: {line}" for line in _ways_out(one.theme_id, wave)]
        if wave.corrupt_parts:
            notes.append(f"{one.theme_id}: {wave.corrupt_parts} corrupt parts; the next fire sets them aside")
    notes += [f"{one.theme_id}: {line}" for line in _window_notes(one.quota)]
    notes += _spend_notes(one)
    if not one.has_file:
        notes.append(
            f"{one.theme_id}: the file of rubric {one.rubric_version} has changed or is gone; fires go on with the "
            "text that was registered"
        )
    if one.newest_version not in (None, one.rubric_version):
        notes.append(
            f"{one.theme_id}: rubric file {one.newest_version} is not active; "
            f"`wave rubrics activate {one.theme_id} {one.newest_version}` puts it in force"
        )
    if not one.approved or one.rows_left == 0:
        left = "for no more rows" if one.approved else f"and may take {one.rows_left} more rows"
        notes.append(
            f"{one.theme_id}: rubric {one.rubric_version} is {'approved' if one.approved else 'not approved'} {left}; "
            f"`wave approve {one.theme_id} --version {one.rubric_version} --by NAME`"
        )
    return notes


def _ways_out(theme: str, wave: WaveStatus) -> list[str]:
    """What only a person can end."""
    abandon = f"`wave abandon {theme} --by NAME` gives it up"
    if wave.state == "held":
        return [f"`wave collect {theme} --accept-orphans --by NAME` merges it as it is, {abandon}"]
    if wave.kind == "pilot":
        return [f"`wave approve {theme} --by NAME` merges it once it is complete, {abandon}"]
    return []


def _spend_notes(one: ThemeStatus) -> list[str]:
    spend = one.spend
    if spend.total_usd is None:
        models = ", ".join(spend.unknown_models)
        return [
            f"{one.theme_id}: what was spent is unknown: {models} answered at a cost that nobody knows; `wave spend`"
        ]
    if spend.total_usd == spend.maybe_paid_usd == 0:
        return []
    known = f"{one.theme_id}: spent ${spend.today_usd:,.4f} today (UTC), ${spend.total_usd:,.4f} in all"
    if spend.maybe_paid_usd == 0:
        return [known]
    most = "nobody knows how much" if spend.maybe_paid_usd is None else f"up to ${spend.maybe_paid_usd:,.4f}"
    return [f"{known}, and {most} more that was maybe paid"]
