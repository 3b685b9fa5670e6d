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
    "--key", "keys", multiple=True, required=True, metavar="KEY", help="The entity key of a row; can be repeated."
)
@by_required
@click.option("--reason", default="", help="Why; recorded in the audit log. Do not name the row in it.")
@dry_run_option
@json_option
def command(theme: str, *, keys: tuple[str, ...], by: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Erase what waves knows of a row of THEME: verdicts, audit entries, feedback, and its traces in all files of the
    theme on this host. Only a record stays, under a digest of the key: that the row was forgotten, by whom and why.

    Your own tables are not touched. Delete the row there first: a row that still exists is in the gap again, and the
    model is asked again. Write a composite key as a JSON array. If the command is killed, run it again: it goes on.

    \b
    Example:
      wave forget comment_classifier --key 17 --by ana --reason "request of 20 November"
      wave forget comment_classifier --key '["hg19", "chr7"]' --by ana --dry-run
    """
    erased = forget_rows(project.load(), theme, keys, by=by, reason=reason, dry_run=dry_run)
    if as_json:
        figures = {"theme": theme, "rows": erased.rows, "dry_run": dry_run, "found": erased.any}
        output.emit(figures | {"erased": erased.traces, "other_hosts": erased.other_hosts})
        return
    traces = ", ".join(f"{count:,} {_WORDS[kind]}" for kind, count in erased.traces.items() if count)
    verb = "would be erased" if dry_run else "erased"
    click.echo(f"{verb}: {traces}" if traces else f"nothing is known of {'these rows' if len(keys) > 1 else 'it'}")
    click.echo("your own tables are not touched: a row that still exists there is asked again", err=True)
    if erased.other_hosts:
        hosts = ", ".join(erased.other_hosts)
        click.echo(f"other hosts hold waves of this theme: run the command there too: {hosts}", err=True)
