"""`wave prune`: remove closed waves from disk."""

from __future__ import annotations

import click


@click.command("prune")
@click.argument("theme")
@click.option(
    "--keep-days", type=click.IntRange(min=0), help="Closed longer ago than so many days; default: the limit."
)
@click.option("--dry-run", is_flag=True, help="Remove nothing; say what would go.")
def command(theme: str, *, keep_days: int | None, dry_run: bool) -> None:
    """Remove the folders of waves of THEME that the database says are closed, after `keep_days`.

    \b
    Example:
      wave prune comment_classifier --keep-days 7
    """
    from waves import project
    from waves.steps.prune import prune
    from waves.steps.session import Opening

    gone = prune(Opening(project.load(), theme, {"keep_days": keep_days}), dry_run=dry_run)
    if dry_run:
        click.echo(f"would remove {len(gone)} waves" + "".join(f"\n  {wave_id}" for wave_id in gone))
