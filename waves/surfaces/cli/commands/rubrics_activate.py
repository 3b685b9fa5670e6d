"""`wave rubrics activate` and `wave rubrics rollback`: another version comes into force, and what that would cost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from waves.surfaces.cli.options import Person
from waves.words import counted

if TYPE_CHECKING:
    from waves.errors import NeedsPersonError
    from waves.steps.rubrics.activation_cost import ActivationCost


@click.command("activate", short_help="Put a version in force, after a look at what that costs.")
@click.argument("theme")
@click.argument("version", required=False)
@click.option(
    "--by", "name", type=Person(), default="operator", show_default=True, help="Who decides; stands in the audit log."
)
@click.option("--reason", default="", help="Why; stands in the audit log.")
@click.option("--yes", is_flag=True, help="Do it; without it a person is asked at the terminal.")
@click.option("--dry-run", is_flag=True, help="Say what it would cost; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def activate_version(
    theme: str, version: str | None, *, name: str, reason: str, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Put VERSION of THEME in force; default: that of the newest rubric file.

    Before anything moves it shows the gap that this opens and what it costs, and wants a yes. Rows that the version has
    judged as they are now are restored free by the next fires. It has to pass the `gate` of theme.yaml.

    \b
    Example:
      wave rubrics activate comment_classifier --dry-run
      wave rubrics activate comment_classifier v2-1a2b3c4 --by ana --yes
    """
    from waves.config import project as projects
    from waves.steps.rubrics import activation
    from waves.steps.rubrics.activation_cost import activation_cost
    from waves.surfaces.cli import output

    project = projects.load()
    found = activation_cost(project, theme, version, migrate=not dry_run)
    new = found.version != found.before
    a_person = not (yes or dry_run) and new and sys.stdin.isatty() and sys.stderr.isatty()
    if not as_json or a_person:
        _tell(found, err=as_json)
    fault = None if dry_run or not new else found.refusal
    if fault is None and new and not (yes or dry_run):
        fault = _asked(found) if a_person else _nobody_said_yes(found)
    if fault is None and new and not dry_run:
        activation.activate(project, theme, found.version, by=name, reason=reason)
    if as_json:
        in_force = not new or (fault is None and not dry_run)
        error = {"error": output.error_object(fault)} if fault else {}
        output.emit(_object(found, active=in_force, dry_run=dry_run) | error)
    if fault is not None:
        raise fault
    if not as_json and not (dry_run and new):
        click.echo(f"rubric {found.version} of theme {theme} is active")


@click.command("rollback", short_help="Put the version back in force that was so before.")
@click.argument("theme")
@click.option(
    "--by", "name", type=Person(), default="operator", show_default=True, help="Who decides; stands in the audit log."
)
@click.option("--reason", default="", help="Why; stands in the audit log.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def roll_back(theme: str, *, name: str, reason: str, as_json: bool) -> None:
    """Put the version of THEME back in force that was so before the active one. Rows it has judged are restored free by
    the next fires. A second rollback undoes the first. The gate of theme.yaml is not in its way.

    \b
    Example:
      wave rubrics rollback comment_classifier --by ana --reason "v2 mixes up two labels"
    """
    from waves.config import project
    from waves.steps.rubrics.activation import rollback
    from waves.surfaces.cli import output

    move = rollback(project.load(), theme, by=name, reason=reason)
    if as_json:
        output.emit({"theme": theme, "version": move.after, "before": move.before, "active": True})
    else:
        click.echo(f"rubric {move.after} of theme {theme} is active again")


def _asked(found: ActivationCost) -> NeedsPersonError | None:
    if click.confirm(f"Put rubric {found.version} in force?", default=False, err=True):
        return None
    return _nobody_said_yes(found)


def _nobody_said_yes(found: ActivationCost) -> NeedsPersonError:
    from waves.errors import NeedsPersonError

    return NeedsPersonError(
        f"rubric {found.version} of theme {found.theme_id} was not put in force: nobody has said yes to its price",
        "Look at it, then give --yes, or type yes at a terminal.",
    )


def _object(found: ActivationCost, *, active: bool, dry_run: bool) -> dict[str, Any]:
    """`wave rubrics activate --json`, as docs/design.md fixes it."""
    rows = found.outlook
    return {
        "theme": found.theme_id,
        "version": found.version,
        "before": found.before,
        "active": active,
        "to_ask": rows.to_ask,
        "to_restore": rows.to_restore,
        "estimated": rows.estimated,
        "requests": found.requests,
        "cost_usd": found.cost.usd,
        "waves": found.waves,
        "windows": found.windows,
        "approved": found.approved,
        "rows_left": found.rows_left,
        "waits": found.waits,
        "sampled": rows.sampled,
        "drifted": rows.drifted,
        "refusal": found.refusal.message if found.refusal else None,
        "dry_run": dry_run,
    }


def _tell(found: ActivationCost, *, err: bool) -> None:
    """The price in lines, on stderr where stdout is a program's."""
    rows, about = found.outlook, "about " if found.outlook.estimated else ""
    windows = f", {counted(found.windows, 'window')} of {found.backend}" if found.windows is not None else ""
    after = f", after {found.before}" if found.before not in (None, found.version) else ""
    click.echo(f"rubric {found.version} of theme {found.theme_id}{after}", err=err)
    took = f"{counted(found.requests, 'request')}, {counted(found.waves, 'wave')}{windows}"
    click.echo(f"  to ask: {about}{counted(rows.to_ask, 'row')} in {took}; {found.cost.text}", err=err)
    click.echo(f"  to restore without asking: {about}{counted(rows.to_restore, 'row')}", err=err)
    if rows.drifted:
        click.echo(
            f"  the source has drifted: {rows.drifted:,} of {rows.sampled:,} rows that were looked at have changed "
            f"since {found.before} judged them",
            err=err,
        )
    if found.rows_left is not None and found.waits is None:
        gate = "approved for some rows" if found.approved else "not approved"
        left = f"take {found.rows_left:,} more, then wait for" if found.rows_left else "restore and ask nothing until"
        approval = f"`wave approve {found.theme_id} --version {found.version} --by NAME`"
        click.echo(f"  {gate}: fires {left} {approval}", err=err)
    if found.waits is not None:
        click.echo(f"  fires wait: {found.waits}", err=err)
    if found.refusal is not None:
        click.echo(f"  the gate is closed: {found.refusal.message}", err=err)
