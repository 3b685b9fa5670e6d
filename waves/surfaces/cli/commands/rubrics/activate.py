"""`wave rubrics activate` and `wave rubrics rollback`: make another version active, after a look at what that costs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, assert_never

import click

from waves.config import project
from waves.errors import NeedsPersonError
from waves.steps.rubrics import activation
from waves.steps.rubrics.activation_cost import ActivationCost, price
from waves.surfaces.cli import output
from waves.surfaces.cli.options import by_operator, dry_run_option, json_option, reason_option
from waves.surfaces.cli.tables.activation import cost_lines


@dataclass(frozen=True, slots=True)
class Preview:
    """Show the cost and change nothing: a dry run, or a version that is `active` already."""

    active: bool


@dataclass(frozen=True, slots=True)
class Refuse:
    """Change nothing, and say why: the theme's gate is closed, or nobody has confirmed the cost."""

    fault: NeedsPersonError


@dataclass(frozen=True, slots=True)
class Confirm:
    """Ask the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Activate:
    """Make the version active."""


@click.command("activate", short_help="Make a version active, after a look at what that costs.")
@click.argument("theme")
@click.argument("version", required=False)
@by_operator
@reason_option
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@dry_run_option
@json_option
def activate_version(
    theme: str, version: str | None, *, by: str, reason: str, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Make VERSION of THEME the active one; default: the version of the newest rubric file.

    First it shows how many rows would be asked again and what that costs, and asks for confirmation. Rows that the
    version has already judged with their present content are restored by the next fires, free of charge. If theme.yaml
    has a `gate`, the version must pass it.

    \b
    Example:
      wave rubrics activate comment_classifier --dry-run
      wave rubrics activate comment_classifier v2-1a2b3c4 --by ana --yes
    """
    here = project.load()
    cost = price(here, theme, version, migrate=not dry_run)
    interactive = not (yes or dry_run) and sys.stdin.isatty() and sys.stderr.isatty()
    decision = _decide(cost, yes=yes, dry_run=dry_run, interactive=interactive)
    if not as_json or (interactive and not isinstance(decision, Preview)):
        for line in cost_lines(cost):
            click.echo(line, err=as_json)
    if isinstance(decision, Confirm):
        decision = _confirmed(cost)
    fault: NeedsPersonError | None = None
    match decision:
        case Preview(active):
            pass
        case Refuse(fault):
            active = False
        case Activate():
            activation.activate(here, theme, cost.version, by=by, reason=reason)
            active = True
        case _:
            assert_never(decision)
    if as_json:
        error = {"error": output.error_object(fault)} if fault else {}
        output.emit(_object(cost, active=active, dry_run=dry_run) | error)
    if fault is not None:
        raise fault
    if active and not as_json:
        click.echo(f"rubric {cost.version} of theme {theme} is active")


@click.command("rollback", short_help="Make the previously active version active again.")
@click.argument("theme")
@by_operator
@reason_option
@json_option
def roll_back(theme: str, *, by: str, reason: str, as_json: bool) -> None:
    """Make the version of THEME active again that was active before the active one.

    Rows that it has judged are restored by the next fires, free of charge. A second rollback undoes the first. The
    `gate` of theme.yaml does not apply.

    \b
    Example:
      wave rubrics rollback comment_classifier --by ana --reason "v2 mixes up two labels"
    """
    move = activation.rollback(project.load(), theme, by=by, reason=reason)
    if as_json:
        output.emit({"theme": theme, "version": move.after, "before": move.before, "active": True})
    else:
        click.echo(f"rubric {move.after} of theme {theme} is active again")


def _decide(
    cost: ActivationCost, *, yes: bool, dry_run: bool, interactive: bool
) -> Preview | Refuse | Confirm | Activate:
    if cost.version == cost.before:
        return Preview(active=True)
    if dry_run:
        return Preview(active=False)
    if cost.refusal is not None:
        return Refuse(cost.refusal)
    if yes:
        return Activate()
    return Confirm() if interactive else Refuse(_unconfirmed(cost))


def _confirmed(cost: ActivationCost) -> Activate | Refuse:
    if click.confirm(f"Activate rubric {cost.version}?", default=False, err=True):
        return Activate()
    return Refuse(_unconfirmed(cost))


def _unconfirmed(cost: ActivationCost) -> NeedsPersonError:
    return NeedsPersonError(
        f"rubric {cost.version} of theme {cost.theme_id} was not activated: nobody has confirmed what it costs",
        "Look at the cost, then give --yes, or type yes at a terminal.",
    )


def _object(cost: ActivationCost, *, active: bool, dry_run: bool) -> dict[str, Any]:
    """`wave rubrics activate --json`, as docs/design.md fixes it."""
    rows = cost.outlook
    return {
        "theme": cost.theme_id,
        "version": cost.version,
        "before": cost.before,
        "active": active,
        "to_ask": rows.to_ask,
        "to_restore": rows.to_restore,
        "estimated": rows.estimated,
        "requests": cost.requests,
        "cost_usd": cost.cost.usd,
        "waves": cost.waves,
        "windows": cost.windows,
        "approved": cost.approved,
        "rows_left": cost.rows_left,
        "waits": cost.waits,
        "sampled": rows.sampled,
        "drifted": rows.drifted,
        "refusal": cost.refusal.message if cost.refusal else None,
        "dry_run": dry_run,
    }
