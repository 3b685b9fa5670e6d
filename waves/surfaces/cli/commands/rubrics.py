"""`wave rubrics`: the versions of a theme's rubric, their texts, how two differ. Activation: `rubrics_activate`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from waves.surfaces.cli.commands.rubrics_activate import activate_version, roll_back

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from waves.steps.rubrics.version_report import Version
    from waves.store.rubrics.rubric_facts import EvaluationRecord


class ThemeFirst(click.Group):
    """`wave rubrics THEME show` means `wave rubrics show THEME`, and `wave rubrics THEME` its list."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        first, *others = args
        if first not in self.commands and others and others[0] in self.commands:
            args = [others[0], first, *others[1:]]
        elif first not in self.commands and (not others or others[0].startswith("-")):
            args = ["list", *args]
        return super().resolve_command(ctx, args)


@click.group("rubrics", cls=ThemeFirst, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout; for all themes.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the rubric versions of all themes or of one; show, compare, activate one, or roll back.

    \b
    Example:
      wave rubrics
      wave rubrics comment_classifier
      wave rubrics comment_classifier activate v2-1a2b3c4 --by ana
    """
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError("give --json after the command")
        return
    from waves.config import project as projects
    from waves.config import theme as themes
    from waves.steps.rubrics.version_report import theme_versions

    project = projects.load()
    found = theme_versions(project, themes.known(project.prompts))
    if as_json:
        _emit(
            {
                "themes": [
                    {"theme": theme, "versions": [_object(one) for one in every]} for theme, every in found.items()
                ]
            }
        )
    else:
        _table(found)


@command.command("list", short_help="All versions of a theme, and which is in force.")
@click.argument("theme")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def list_versions(theme: str, *, as_json: bool) -> None:
    """All versions of THEME: those that were used, and files that wait for activation.

    \b
    Example:
      wave rubrics list comment_classifier
    """
    from waves.config import project
    from waves.steps.rubrics.version_report import theme_versions

    found = theme_versions(project.load(), [theme])
    if as_json:
        _emit({"theme": theme, "versions": [_object(one) for one in found[theme]]})
    else:
        _table(found)


@command.command("show", short_help="The text of a version, and what was decided about it.")
@click.argument("theme")
@click.argument("version", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def show_version(theme: str, version: str | None, *, as_json: bool) -> None:
    """The text of VERSION of THEME as it was registered, with its history; default: the version in force.

    \b
    Example:
      wave rubrics show comment_classifier v2-1a2b3c4
    """
    from waves.config import project
    from waves.steps.rubrics.version_report import version_details
    from waves.surfaces.cli.output import harmless, moment

    found = version_details(project.load(), theme, version)
    if as_json:
        decisions = [
            {
                "at": moment(one.created_at),
                "actor": one.actor,
                "before": one.before,
                "after": one.after,
                "reason": one.reason or None,
            }
            for one in found.decisions
        ]
        _emit({"theme": theme, **_object(found.version), "text": found.text, "decisions": decisions})
        return
    _table({theme: [found.version]})
    for one in found.decisions:
        done = " ".join(f"{name}={value}" for name, value in one.after.items())
        why = f": {one.reason}" if one.reason else ""
        click.echo(harmless(f"{one.created_at:%Y-%m-%d %H:%M:%SZ}  {one.actor}  {done}{why}"))
    click.echo("\n" + harmless(found.text, keep="\n\t"))


@command.command("diff", short_help="How two versions differ.")
@click.argument("theme")
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def show_difference(theme: str, old: str | None, new: str | None, *, as_json: bool) -> None:
    """What changes from version OLD of THEME to NEW; default: from the one in force to the newest file.

    \b
    Example:
      wave rubrics diff comment_classifier
      wave rubrics diff comment_classifier v1-0a1b2c3 v2-1a2b3c4
    """
    from waves.config import project
    from waves.steps.rubrics.version_report import version_diff
    from waves.surfaces.cli.output import harmless

    found = version_diff(project.load(), theme, old, new)
    if as_json:
        _emit({"theme": theme, "old": found.old, "new": found.new, "diff": "\n".join(found.lines)})
    elif found.lines:
        click.echo(harmless("\n".join(found.lines), keep="\n\t"))
    else:
        click.echo(f"{found.old} and {found.new} are alike")


command.add_command(activate_version)
command.add_command(roll_back)


def _emit(value: Mapping[str, Any]) -> None:
    from waves.surfaces.cli import output

    output.emit(value)


def _object(one: Version) -> dict[str, Any]:
    """A version as docs/design.md fixes it."""
    from waves.store.rubrics.rubric_registry import UNLIMITED
    from waves.surfaces.cli.output import moment

    measured = asdict(one.evaluation) if one.evaluation else {}
    return {
        "version": one.version,
        "state": one.state.replace(" ", "_"),
        "active": one.state == "active",
        "created_at": moment(one.created_at),
        "created_by": one.created_by,
        "approved": one.approved_rows is not None,
        "approved_by": one.approved_by,
        "approved_rows": None if one.approved_rows == UNLIMITED else one.approved_rows,
        "verdicts": one.verdicts,
        "verdicts_estimated": one.verdicts_estimated,
        "evaluation": {name: value for name, value in measured.items() if name != "version"} or None,
    }


def _table(found: Mapping[str, Sequence[Version]]) -> None:
    """A line for each version; the theme stands first where there may be several."""
    from rich.table import Table
    from rich.text import Text

    from waves.surfaces.cli import output

    table = Table(box=None, pad_edge=False)
    for name in ("theme", "version", "state", "registered (UTC)", "by", "approved by", "for rows", "verdicts", "F1"):
        table.add_column(name, justify="right" if name in {"for rows", "verdicts", "F1"} else "left")
    for theme, versions in found.items():
        for one in versions:
            cells = (
                theme,
                one.version,
                one.state,
                f"{one.created_at:%Y-%m-%d %H:%M}" if one.created_at else "",
                one.created_by or "",
                one.approved_by or "",
                _rows(one.approved_rows),
                f"{'≈' if one.verdicts_estimated else ''}{one.verdicts:,}",
                _f1(one.evaluation),
            )
            table.add_row(*(Text(output.harmless(cell)) for cell in cells))
    output.console().print(table)


def _f1(found: EvaluationRecord | None) -> str:
    """In brackets where it was measured in another setting than that of the theme's fires."""
    if found is None or found.macro_f1 is None:
        return ""
    return f"{found.macro_f1:.3f}" if found.usual else f"({found.macro_f1:.3f})"


def _rows(approved: int | None) -> str:
    from waves.store.rubrics.rubric_registry import UNLIMITED

    return "" if approved is None else "any" if approved == UNLIMITED else f"{approved:,}"
