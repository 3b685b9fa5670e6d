"""`wave rehearse`: the rehearsal provider by itself."""

from __future__ import annotations

import click

from waves.rehearsal.__main__ import main


@click.command(
    "rehearse", context_settings={"ignore_unknown_options": True}, epilog="All options: `wave rehearse -- --help`."
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, options: tuple[str, ...]) -> None:
    """Serve the Messages API on loopback, as a stand-in for a provider. It is a rehearsal and not a language model.

    \b
    Example:
      wave rehearse --port 8787 --scenario flaky
    """
    ctx.exit(main(list(options)))
