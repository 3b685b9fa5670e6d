"""Which rubric a step judges by: the version in force, or one that was named; from the registry, or from a file that
was never used. A file that was edited or removed since does not change what was registered.
"""

from __future__ import annotations

from contextlib import suppress

from waves.config import document
from waves.config import rubric as rubrics
from waves.config.rubric import Rubric
from waves.config.theme import Theme
from waves.errors import ConfigurationError
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry
from waves.store.rubrics.rubric_registry import Decider
from waves.store.tables import views


def active(db: Database, theme: Theme, *, read_only: bool) -> Rubric:
    """The version in force. The first file of a theme is registered by that; with `read_only` it is only read. After it
    no file is looked at: a draft, or none at all, is no reason for a fire to fail."""
    if not read_only:
        rubric_registry.ensure_theme(db, theme.theme_id)
        views.ensure_views(db, theme.theme_id)
    found = rubric_registry.active(db, theme.theme_id)
    if found is not None:
        return _from_text(theme, found.version, found.text)
    newest = rubrics.newest(theme.folder)
    if not read_only:
        register(db, theme, newest, by=None)
    return newest


def named(db: Database, theme: Theme, version: str) -> Rubric:
    """Any version, by its whole name, or by that of its file for the one in it now: `v2`. ConfigurationError, with the
    known ones, where there is no such version."""
    whole = whole_name(db, theme, version)
    return _from_text(theme, whole, text_of(db, theme, whole))


def whole_name(db: Database, theme: Theme, version: str) -> str:
    """`v2` → `v2-1a2b3c4`, for the file as it is now; any other name as it is. For a registered version no file is
    looked at; one that cannot be read is a fault only of whoever names it."""
    if rubric_registry.find(db, theme.theme_id, version) is not None:
        return version
    wanted = (path for path in rubrics.files(theme.folder) if path.stem == version)
    return next((rubrics.version_of(document.read_text(path), path.stem) for path in wanted), version)


def text_of(db: Database, theme: Theme, version: str) -> str:
    """The rubric file of any version as it was registered, else as it is; whether it is a rubric does not matter."""
    registered = rubric_registry.find(db, theme.theme_id, version)
    if registered is not None:
        return registered.text
    found = on_disk(theme)
    if version not in found:
        known = [one.version for one in rubric_registry.history(db, theme.theme_id)]
        names = ", ".join(dict.fromkeys([*known, *found])) or "none"
        raise ConfigurationError(f"theme {theme.theme_id} has no rubric version {version!r}", f"Known: {names}.")
    return found[version]


def register(
    db: Database, theme: Theme, rubric: Rubric, *, by: str | None, first: Decider = rubric_registry.BY_ITSELF
) -> None:
    """Enter the version where it is new. The theme's first one is in force by that, as `first` decided."""
    require_fit(db, theme, rubric)
    rubric_registry.register(db, theme.theme_id, rubric, theme.source.input, by=by, first=first)


def on_disk(theme: Theme) -> dict[str, str]:
    """Version → text of the theme's files, oldest first by their number. One that cannot be read has no version."""
    texts: dict[str, str] = {}
    for path in rubrics.files(theme.folder):
        with suppress(ConfigurationError):
            text = document.read_text(path)
            texts[rubrics.version_of(text, path.stem)] = text
    return texts


def newest_on_disk(theme: Theme) -> str | None:
    """The version of the file with the highest number; ConfigurationError where that one cannot be read."""
    newest = rubrics.files(theme.folder)[-1:]
    return next((rubrics.version_of(document.read_text(path), path.stem) for path in newest), None)


def _from_text(theme: Theme, version: str, text: str) -> Rubric:
    stem = version.rsplit("-", 1)[0]
    return rubrics.parse(text, stem, theme.folder / f"{stem}.md")


def require_fit(db: Database, theme: Theme, rubric: Rubric) -> None:
    """`check_fit`. A registered version keeps its text: to correct the file is only half of the remedy."""
    try:
        check_fit(theme, rubric)
    except ConfigurationError as fault:
        if rubric_registry.find(db, theme.theme_id, rubric.version) is None:
            raise
        activation = f"A corrected rubric file comes into force by `wave rubrics activate {theme.theme_id}`."
        raise ConfigurationError(fault.message, f"{fault.hint} {activation}") from fault


def check_fit(theme: Theme, rubric: Rubric) -> None:
    """A rubric and its theme speak of the same columns and fields."""
    where = theme.folder / "theme.yaml"
    for number, example in enumerate(rubric.examples, 1):
        foreign = sorted(set(example.input) - set(theme.source.input))
        if foreign:
            raise ConfigurationError(
                f"example {number} of rubric {rubric.version} has input {foreign[0]!r}, which source.input lacks",
                f"Correct the example, or add the column in {where}.",
            )
    if theme.target is None:
        return
    for value, column in theme.target.columns:
        if value in {"$label", "$labels"} and rubric.kind != "classify":
            raise ConfigurationError(
                f"{where}: {value} goes to {column!r}, but rubric {rubric.version} has no labels",
                "Name a field of the rubric's schema instead.",
            )
        if value == "$label" and rubric.multi:
            raise ConfigurationError(
                f"{where}: $label goes to {column!r}, but rubric {rubric.version} may give several labels",
                "Use $labels, or say `multi: false` in the rubric.",
            )
        if not value.startswith("$") and value not in rubric.schema["properties"]:
            raise ConfigurationError(
                f"{where}: field {value!r} goes to {column!r}, but rubric {rubric.version} has no such field",
                f"Its fields: {', '.join(rubric.schema['properties'])}.",
            )
