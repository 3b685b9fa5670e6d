"""`wave retry`: give quarantined, refused and failed items back to the gap."""

from __future__ import annotations

from collections import Counter

import click

from waves.config import project
from waves.steps.operator.retry import retry
from waves.store.tables import audit
from waves.surfaces.cli import output
from waves.surfaces.cli.options import by_required, dry_run_option, json_option, reason_option
from waves.words import counted


@click.command("retry")
@click.argument("theme")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="The entity key of an item; can be repeated.")
@click.option("--all", "everything", is_flag=True, help="Retry all of them.")
@by_required
@reason_option
@dry_run_option
@json_option
def command(
    theme: str, *, keys: tuple[str, ...], everything: bool, by: str, reason: str, dry_run: bool, as_json: bool
) -> None:
    """Give items of THEME back to the gap, so that they are asked again: those that are quarantined, refused or failed
    for the active version.

    \b
    Example:
      wave retry comment_classifier --all --by ana --reason "the provider was broken"
      wave retry comment_classifier --key 17 --key 23 --by ana --dry-run
    """
    if bool(keys) == everything:
        raise click.UsageError("name items with --key, or give --all")
    items = retry(project.load(), theme, None if everything else keys, by=by, reason=reason, dry_run=dry_run)
    unknown = sorted({audit.stored_key(key) for key in keys} - {item.entity_key for item in items})
    if as_json:
        rows = [
            {"entity_key": item.entity_key, "state": item.state, "attempts": item.attempts, "reason": item.reason}
            for item in items
        ]
        output.emit({"theme": theme, "retried": 0 if dry_run else len(items), "items": rows, "unknown_keys": unknown})
        return
    states = ", ".join(f"{count} {state}" for state, count in sorted(Counter(item.state for item in items).items()))
    verb = "would go" if dry_run else "went"
    click.echo(
        f"{counted(len(items), 'item')} of theme {theme} {verb} back to the gap" + (f": {states}" if states else "")
    )
    if unknown:
        click.echo(f"neither quarantined, refused nor failed: {', '.join(unknown)}", err=True)
