"""`wave retry`: quarantined, refused and failed items back to the gap."""

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
@click.option("--key", "keys", multiple=True, help="The entity key of an item; may be given several times.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@by_required
@reason_option
@dry_run_option
@json_option
def command(
    theme: str, *, keys: tuple[str, ...], everything: bool, by: str, reason: str, dry_run: bool, as_json: bool
) -> None:
    """Have items of THEME that were given up asked again: quarantined, refused and failed ones of the active version.

    \b
    Example:
      wave retry comment_classifier --all --by ana --reason "the provider was broken"
      wave retry comment_classifier --key 17 --key 23 --by ana --dry-run
    """
    if bool(keys) == everything:
        raise click.UsageError("name items with --key, or say --all")
    found = retry(project.load(), theme, None if everything else keys, by=by, reason=reason, dry_run=dry_run)
    unknown = sorted({audit.stored_key(key) for key in keys} - {one.entity_key for one in found})
    if as_json:
        items = [
            {"entity_key": one.entity_key, "state": one.state, "attempts": one.attempts, "reason": one.reason}
            for one in found
        ]
        output.emit({"theme": theme, "retried": 0 if dry_run else len(found), "items": items, "unknown_keys": unknown})
        return
    states = ", ".join(f"{count} {state}" for state, count in sorted(Counter(one.state for one in found).items()))
    verb = "would go" if dry_run else "went"
    click.echo(
        f"{counted(len(found), 'item')} of theme {theme} {verb} back to the gap" + (f": {states}" if states else "")
    )
    if unknown:
        click.echo(f"not among the items that were given up: {', '.join(unknown)}", err=True)
