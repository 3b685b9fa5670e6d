"""The command `wave`. A command's module is imported when that command runs: `wave --help` imports none of them.

A fault becomes text and an exit code here; `fire`, which reports one beside its counts, shows it by the same function.
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

COMMANDS: dict[str, tuple[str, str]] = {
    "status": ("reports", "Show every theme at a glance: progress, open wave, quarantine, spend."),
    "fire": ("fires", "Run the whole cycle, as cron does: rescue, prepare, run, collect."),
    "prepare": ("fires", "Open a wave from the gap, and write its batch files."),
    "run": ("fires", "Classify the missing items of the open wave."),
    "collect": ("fires", "Merge the open wave into the database, if it has converged."),
    "quota": ("reports", "Show how full a backend's window is, and what the next fire may take."),
    "spend": ("reports", "Show requests, tokens and US dollars by day, theme, model or backend."),
    "pilot": ("rubrics", "Let a rubric version judge a sample, and show what it would change."),
    "compare": ("rubrics", "Compare two rubric versions on the same rows: agreement and flips."),
    "approve": ("rubrics", "Open the gate for a rubric version, and merge its pilot."),
    "eval": ("rubrics", "Compare versions, models and batch sizes on gold."),
    "rubrics": ("rubrics", "List, show, compare, activate and roll back a theme's rubric versions."),
    "audit": ("reports", "Show what changed, who changed it, and why: one row, one run, or all."),
    "config": ("project", "Show the limits of a theme and where each comes from; set one."),
    "retry": ("fires", "Give quarantined, refused and failed items back to the gap."),
    "abandon": ("fires", "Give up the open wave; what was paid for stays in history."),
    "takeover": ("fires", "Give up a wave that another host holds open."),
    "forget": ("project", "Erase what is known of a row: verdicts, audit entries, files."),
    "prune": ("project", "Remove closed waves from disk."),
    "doctor": ("project", "Check configuration, database, themes and disk; suggest fixes."),
    "db": ("project", "Run psql on the project's database, also on the embedded one."),
    "rehearse": ("project", "Run the rehearsal provider by itself."),
    "demo": ("project", "Classify the sample comments, or another sample, to 100 %."),
}
"""The folder of `commands/` in which a command is, and what it does. The order is that in which an operator needs them:
look, fire, single steps, cost, decisions, repairs, trying out."""

EXIT_CODE_HELP = "\b\nExit codes:\n" + "\n".join(f"  {code:>2}  {meaning}" for code, meaning in EXIT_CODES.items())


def _load(name: str) -> click.Command:
    folder, _ = COMMANDS[name]
    command: click.Command = importlib.import_module(f"waves.surfaces.cli.commands.{folder}.{name}").command
    return command


class LazyGroup(click.Group):
    """Knows the name and the one-line help of every command, and imports only the command that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = _load(cmd_name)
        inner = command.commands.values() if isinstance(command, click.Group) else ()
        for each in (command, *inner):
            each.epilog = f"{each.epilog or ''}\n\n{EXIT_CODE_HELP}".strip()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

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
    """Let a language model classify or enrich every row of a PostgreSQL table, wave by wave, from cron.

    \b
    Example:
      wave --status                    the progress of every theme
      wave fire comment_classifier     one fire, as cron runs it
    """
    if status:
        ctx.invoke(_load("status"))
    elif ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the command line. A fault becomes two lines on stderr and its exit code."""
    gc.set_threshold(100_000, 50)  # rows and parts hold no cycles: the search for them took a fifth of a large collect
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the caller closed it
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
    except SystemExit:  # click raises it when the reader of our output has closed the pipe
        code = 0
    except OSError as error:  # disk and network have faults of their own, so this is about our output
        unwritten = DiskError(f"cannot write the output: {error.strerror}", "Make room, or write it somewhere else.")
        show(unwritten)
        code = unwritten.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort: two lines instead of a traceback
        fault = as_fault(error)
        show(fault)
        code = fault.exit_code
    gc.freeze()  # everything ends with the process: a last collection at exit took 0.1 s
    sys.exit(code if isinstance(code, int) else 0)
