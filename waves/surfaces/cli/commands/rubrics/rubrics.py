"""`wave rubrics`: a theme's rubric versions, their texts and differences. `activate` has the rest of its commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from waves.config import project
from waves.config import theme as themes
from waves.steps.rubrics.version_report import Version, VersionDetails, theme_versions, version_details, version_diff
from waves.store.rubrics.rubric_registry import UNLIMITED
from waves.surfaces.cli import output
from waves.surfaces.cli.commands.rubrics.activate import activate_version, roll_back
from waves.surfaces.cli.options import json_option
from waves.surfaces.cli.tables.rubrics import show_details, show_versions


class ThemeFirst(click.Group):
    """`wave rubrics THEME show` means `wave rubrics show THEME`; `wave rubrics THEME` lists its versions."""

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
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the rubric versions of all themes, or of one; show, compare and activate versions; roll back.

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
    here = project.load()
    by_theme = theme_versions(here, themes.known(here.prompts))
    if as_json:
        output.emit({"themes": [_theme_object(theme, known) for theme, known in by_theme.items()]})
    else:
        show_versions(by_theme)


@command.command("list", short_help="List all versions of a theme; one of them is active.")
@click.argument("theme")
@json_option
def list_versions(theme: str, *, as_json: bool) -> None:
    """List all versions of THEME: those that were used, and files that were never activated.

    \b
    Example:
      wave rubrics list comment_classifier
    """
    by_theme = theme_versions(project.load(), [theme])
    if as_json:
        output.emit(_theme_object(theme, by_theme[theme]))
    else:
        show_versions(by_theme)


@command.command("show", short_help="Show the text of a version, and what was decided about it.")
@click.argument("theme")
@click.argument("version", required=False)
@json_option
def show_version(theme: str, version: str | None, *, as_json: bool) -> None:
    """Show the text of VERSION of THEME as it was registered, with its history; default: the active version.

    \b
    Example:
      wave rubrics show comment_classifier v2-1a2b3c4
    """
    details = version_details(project.load(), theme, version)
    if as_json:
        output.emit({"theme": theme, **_object(details.version), **_text_object(details)})
    else:
        show_details(theme, details)


@command.command("diff", short_help="Show how two versions differ.")
@click.argument("theme")
@click.argument("old", required=False)
@click.argument("new", required=False)
@json_option
def show_difference(theme: str, old: str | None, new: str | None, *, as_json: bool) -> None:
    """Show what changes from version OLD of THEME to NEW; default: from the active version to the newest file.

    \b
    Example:
      wave rubrics diff comment_classifier
      wave rubrics diff comment_classifier v1-0a1b2c3 v2-1a2b3c4
    """
    difference = version_diff(project.load(), theme, old, new)
    text = "\n".join(difference.lines)
    if as_json:
        output.emit({"theme": theme, "old": difference.old, "new": difference.new, "diff": text})
    elif text:
        click.echo(output.harmless(text, keep="\n\t"))
    else:
        click.echo(f"{difference.old} and {difference.new} are identical")


command.add_command(activate_version)
command.add_command(roll_back)


def _theme_object(theme: str, versions: Sequence[Version]) -> dict[str, Any]:
    return {"theme": theme, "versions": [_object(version) for version in versions]}


def _text_object(details: VersionDetails) -> dict[str, Any]:
    decisions = [
        {
            "at": output.moment(decision.created_at),
            "actor": decision.actor,
            "before": decision.before,
            "after": decision.after,
            "reason": decision.reason or None,
        }
        for decision in details.decisions
    ]
    return {"text": details.text, "decisions": decisions}


def _object(version: Version) -> dict[str, Any]:
    """A version as docs/design.md fixes it."""
    measured = asdict(version.evaluation) if version.evaluation else {}
    return {
        "version": version.version,
        "state": version.state.replace(" ", "_"),
        "active": version.state == "active",
        "created_at": output.moment(version.created_at),
        "created_by": version.created_by,
        "approved": version.approved_rows is not None,
        "approved_by": version.approved_by,
        "approved_rows": None if version.approved_rows == UNLIMITED else version.approved_rows,
        "verdicts": version.verdicts,
        "verdicts_estimated": version.verdicts_estimated,
        "evaluation": {name: value for name, value in measured.items() if name != "version"} or None,
    }
