"""`wave forget`: erase what is known of a row."""

from __future__ import annotations

import click

from waves.config import project
from waves.steps.operator.forget import forget_rows
from waves.surfaces.cli import output
from waves.surfaces.cli.options import by_required, dry_run_option, json_option

_WORDS = {
    "verdicts": "verdicts",
    "audit_entries": "audit entries",
    "feedback": "feedback entries",
    "notes": "reasons and answers that named it",
    "reports": "reports that showed it",
    "files": "files",
}


@click.command("forget")
@click.argument("theme")
@click.option(
    "--key", "keys", multiple=True, required=True, help="The entity key of a row; may be given several times."
)
@by_required
@click.option("--reason", default="", help="Why; stands in the audit log. Do not name the row in it.")
@dry_run_option
@json_option
def command(theme: str, *, keys: tuple[str, ...], by: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Erase what waves knows of a row of THEME: verdicts, audit entries, feedback, and its traces in all files of the
    theme on this host. What is left is a record under a digest of its key that it was forgotten, by whom and why.

    Your own tables are not touched. Delete the row there first: one that still exists is in the gap again, and is asked
    for anew. A key that is an array of texts is written as JSON. Run again after a kill, it goes on.

    \b
    Example:
      wave forget comment_classifier --key 17 --by ana --reason "request of 20 November"
      wave forget comment_classifier --key '["hg19", "chr7"]' --by ana --dry-run
    """
    found = forget_rows(project.load(), theme, keys, by=by, reason=reason, dry_run=dry_run)
    if as_json:
        told = {"theme": theme, "rows": found.rows, "dry_run": dry_run, "found": found.any, "erased": found.traces}
        output.emit(told | {"other_hosts": found.other_hosts})
        return
    told_of = ", ".join(f"{count:,} {_WORDS[kind]}" for kind, count in found.traces.items() if count)
    verb = "would be erased" if dry_run else "erased"
    click.echo(f"{verb}: {told_of}" if told_of else f"nothing is known of {'these rows' if len(keys) > 1 else 'it'}")
    click.echo("your own tables are not touched: a row that still exists there is asked for again", err=True)
    if found.other_hosts:
        hosts = ", ".join(found.other_hosts)
        click.echo(f"waves of this theme lie on other hosts, too: run it there as well: {hosts}", err=True)
