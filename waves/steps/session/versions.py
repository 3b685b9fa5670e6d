"""Which rubric a step judges by: the active version or a named one, from the registry or from a file that was never
registered. Editing or removing a file does not change what was registered.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from waves.config import document
from waves.config import rubric as rubrics
from waves.config.rubric import Rubric
from waves.config.theme import Theme
from waves.errors import ConfigurationError
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry
from waves.store.rubrics.rubric_registry import Decider
from waves.store.tables import views


def active_rubric(db: Database, theme: Theme, *, read_only: bool) -> Rubric:
    """The active version. If the theme has none, this registers its newest file, which becomes active by that; with
    `read_only` the file is only read. Once a version is active no file is read: a draft, or no file at all, is no
    reason for a fire to fail."""
    if not read_only:
        rubric_registry.ensure_theme(db, theme.theme_id)
        views.ensure_views(db, theme.theme_id)
    active = rubric_registry.active(db, theme.theme_id)
    if active is not None:
        return rubrics.parse_registered(active.text, *_origin(theme, active.version))
    newest = rubrics.newest(theme.folder)
    if not read_only:
        register(db, theme, newest, by=None)
    return newest


def load_rubric(db: Database, theme: Theme, version: str) -> Rubric:
    """The rubric of any version, given by its full name or by the stem of its file, e.g. `v2`. ConfigurationError that
    lists the known versions if there is no such one."""
    version = full_version(db, theme, version)
    registered = rubric_registry.find(db, theme.theme_id, version)
    parse = rubrics.parse if registered is None else rubrics.parse_registered
    return parse(rubric_text(db, theme, version), *_origin(theme, version))


def require_answerable(db: Database, theme: Theme, rubric: Rubric) -> None:
    """ConfigurationError if the rubric would be refused as a new one; it may have been registered before that."""
    try:
        rubrics.parse(rubric.text, *_origin(theme, rubric.version))
    except ConfigurationError as fault:
        raise _with_activation(db, theme, rubric, fault) from fault


def full_version(db: Database, theme: Theme, version: str) -> str:
    """`v2` → `v2-1a2b3c4`, for the file as it is now; any other name as it is. No file is read for a registered
    version, so an unreadable file is a fault only if it is the one that was named."""
    if rubric_registry.find(db, theme.theme_id, version) is not None:
        return version
    files = (path for path in rubrics.files(theme.folder) if path.stem == version)
    return next((_version_of_file(path) for path in files), version)


def rubric_text(db: Database, theme: Theme, version: str) -> str:
    """The text of any version as it was registered, else of its file as it is now. It need not be a valid rubric."""
    registered = rubric_registry.find(db, theme.theme_id, version)
    if registered is not None:
        return registered.text
    texts = versions_on_disk(theme)
    if version not in texts:
        known = [entry.version for entry in rubric_registry.history(db, theme.theme_id)]
        names = ", ".join(dict.fromkeys([*known, *texts])) or "none"
        raise ConfigurationError(f"theme {theme.theme_id} has no rubric version {version!r}", f"Known: {names}.")
    return texts[version]


def register(
    db: Database, theme: Theme, rubric: Rubric, *, by: str | None, first: Decider = rubric_registry.BY_ITSELF
) -> None:
    """Enter the version into the registry if it is new. The theme's first version becomes active by that, with `first`
    on record as the decision."""
    require_fit(db, theme, rubric)
    rubric_registry.register(db, theme.theme_id, rubric, theme.source.input, by=by, first=first)


def versions_on_disk(theme: Theme) -> dict[str, str]:
    """Version → text of the theme's rubric files, in the order of their numbers. An unreadable file is left out."""
    texts: dict[str, str] = {}
    for path in rubrics.files(theme.folder):
        with suppress(ConfigurationError):
            text = document.read_text(path)
            texts[rubrics.version_of(text, path.stem)] = text
    return texts


def newest_version_on_disk(theme: Theme) -> str | None:
    """The version of the file with the highest number; ConfigurationError if it cannot be read."""
    newest = rubrics.files(theme.folder)[-1:]
    return next((_version_of_file(path) for path in newest), None)


def _version_of_file(path: Path) -> str:
    return rubrics.version_of(document.read_text(path), path.stem)


def _origin(theme: Theme, version: str) -> tuple[str, Path]:
    """The stem of the file that a version was read from, and its path."""
    stem = version.rsplit("-", 1)[0]
    return stem, theme.folder / f"{stem}.md"


def require_fit(db: Database, theme: Theme, rubric: Rubric) -> None:
    """As `check_fit`, with a hint for registered versions."""
    try:
        check_fit(theme, rubric)
    except ConfigurationError as fault:
        raise _with_activation(db, theme, rubric, fault) from fault


def _with_activation(db: Database, theme: Theme, rubric: Rubric, fault: ConfigurationError) -> ConfigurationError:
    """A registered version keeps its text, so correcting the file is only half of the remedy."""
    if rubric_registry.find(db, theme.theme_id, rubric.version) is None:
        return fault
    activation = f"A corrected rubric file becomes active with `wave rubrics activate {theme.theme_id}`."
    return ConfigurationError(fault.message, f"{fault.hint} {activation}")


def check_fit(theme: Theme, rubric: Rubric) -> None:
    """ConfigurationError unless the theme has the columns and the rubric the fields that the other one refers to."""
    _check_examples(theme, rubric)
    if theme.target is not None:
        for field, column in theme.target.columns:
            _check_target_column(theme.folder / "theme.yaml", rubric, field, column)


def _check_examples(theme: Theme, rubric: Rubric) -> None:
    for number, example in enumerate(rubric.examples, 1):
        foreign = sorted(set(example.input) - set(theme.source.input))
        if foreign:
            raise ConfigurationError(
                f"example {number} of rubric {rubric.version} has input {foreign[0]!r}, which source.input lacks",
                f"Correct the example, or add the column in {theme.folder / 'theme.yaml'}.",
            )


def _check_target_column(file: Path, rubric: Rubric, field: str, column: str) -> None:
    """`field` is what `file` writes to `column`: a name with a dollar sign, or a field of the rubric's schema."""
    if field in {"$label", "$labels"} and rubric.kind != "classify":
        raise ConfigurationError(
            f"{file}: {field} goes to {column!r}, but rubric {rubric.version} has no labels",
            "Name a field of the rubric's schema instead.",
        )
    if field == "$label" and rubric.multi:
        raise ConfigurationError(
            f"{file}: $label goes to {column!r}, but rubric {rubric.version} may give several labels",
            "Use $labels, or set `multi: false` in the rubric.",
        )
    if not field.startswith("$") and field not in rubric.schema["properties"]:
        raise ConfigurationError(
            f"{file}: field {field!r} goes to {column!r}, but rubric {rubric.version} has no such field",
            f"Its fields: {', '.join(rubric.schema['properties'])}.",
        )
