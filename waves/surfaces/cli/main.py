"""The command `wave`. A command's module is imported when the command runs: `--help` must not pay for any of them.

This is the one place where a fault becomes text and an exit code.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import sys
from pathlib import Path

import click

from waves.errors import EXIT_CODES, DiskError
from waves.surfaces.cli.faults import as_fault, show

COMMANDS: dict[str, str] = {
    "status": "Every theme at a glance: progress, open wave, quarantine, spend.",
    "fire": "The whole cycle, what cron calls: rescue, prepare, run, collect.",
    "prepare": "Open a wave from the gap, and write its batch files.",
    "run": "Classify what is missing of the open wave.",
    "collect": "Merge the open wave into the database, if it converged.",
    "quota": "How full a backend's window is; what the next fire may take.",
    "spend": "Requests, tokens and US dollars: by day, theme, model or backend.",
    "pilot": "Have a rubric version judge a sample, and show what it would change.",
    "compare": "Two rubric versions on the same rows: agreement, and what flips.",
    "approve": "Open the gate for a rubric version, and merge its pilot.",
    "eval": "Compare versions, models and batch sizes on gold.",
    "rubrics": "The rubric versions of a theme: show, compare, activate, roll back.",
    "audit": "What changed, who changed it, and why: of one row, one run, or all.",
    "config": "The limits of a theme, where each comes from; set one.",
    "retry": "Have quarantined, refused and failed items asked again.",
    "abandon": "Give up the open wave; what was paid for stays in history.",
    "takeover": "Give up a wave that another host holds open.",
    "forget": "Erase what is known of a row: verdicts, audit entries, files.",
    "prune": "Remove closed waves from disk.",
    "doctor": "Check configuration, database, themes and disk; offer remedies.",
    "db": "Run psql on the project's database, the embedded one included.",
    "rehearse": "Run the rehearsal provider by itself.",
    "demo": "Work through the sample comments, or another sample, to 100 %.",
}
"""In the order of an operator's needs: look, fire, step by step, what it takes, decide, mend, try out."""
EXIT_CODE_HELP = "\b\nExit codes:\n" + "\n".join(f"  {code:>2}  {meaning}" for code, meaning in EXIT_CODES.items())


class LazyGroup(click.Group):
    """Knows the names and one-line helps of all commands, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"waves.surfaces.cli.commands.{cmd_name}")
        command: click.Command = module.command
        inner = command.commands.values() if isinstance(command, click.Group) else ()
        for one in (command, *inner):
            one.epilog = f"{one.epilog or ''}\n\n{EXIT_CODE_HELP}".strip()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, invoke_without_command=True, epilog=EXIT_CODE_HELP)
@click.option("--status", is_flag=True, help="The same as `wave status`.")
@click.version_option(package_name="headless-waves", prog_name="wave")
@click.pass_context
def cli(ctx: click.Context, *, status: bool) -> None:
    """Have a language model classify or enrich every row of a PostgreSQL table, wave by wave, from cron.

    \b
    Example:
      wave fire comment_classifier     one fire, as cron does it
      wave --status                    where every theme stands
    """
    if status:
        command = importlib.import_module("waves.surfaces.cli.commands.status").command
        ctx.invoke(command)
    elif ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the command line; faults leave as two lines on stderr and their exit code."""
    gc.set_threshold(100_000, 50)  # rows and parts hold no cycles: looking for some took a fifth of a large collect
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it was closed before us
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.ClickException as wrong:
        wrong.show()
        code = wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 75
    except SystemExit:  # how click says that the reader of our output has left
        code = 0
    except OSError as error:  # disk and network have faults of their own: what is left is our output
        unwritten = DiskError(f"cannot write the output: {error.strerror}", "Make room, or send it somewhere else.")
        show(unwritten)
        code = unwritten.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort: one line instead of a page
        fault = as_fault(error)
        show(fault)
        code = fault.exit_code
    gc.freeze()  # all of it goes with the process: looking through it once more at the end took 0.1 s
    sys.exit(code if isinstance(code, int) else 0)
