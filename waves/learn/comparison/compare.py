"""Shadow comparison: what would change if another version were active, on rows that both have judged, without gold.

Reads known verdicts and the parts of the open pilot; asks no model. The figures of the comparison are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import chain, islice

from waves.config import rubric as rubrics
from waves.config import theme as themes
from waves.config.project import Project
from waves.config.rubric import Rubric
from waves.config.theme import Theme
from waves.errors import ConfigurationError
from waves.learn.comparison.agreement import Agreement, Group
from waves.learn.scikit_learn import require_scikit_learn
from waves.models import Identity
from waves.spool import wave_dir
from waves.spool.wave_dir import WaveDir
from waves.steps.session.versions import load_rubric
from waves.steps.session.wave import load_wave
from waves.store.catalog import describe as catalog
from waves.store.connect import Database, open_database
from waves.store.rows import known_rows
from waves.store.rubrics import comparisons, rubric_facts, rubric_registry
from waves.store.rubrics.comparisons import Pair
from waves.store.tables import waves
from waves.store.tables.waves import WaveRow

_SHOWN = 40
"""Groups of flips that are reported; the others are counted."""

Versions = tuple[str, str]
"""The old one and the new one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`pilot` is the open wave that some of the pairs come from; `groups` are the most frequent flips, `more_groups`
    is the number of others; `inputs` holds the content of their examples, as far as it did not change since."""

    comparison_id: int
    old: str
    new: str
    pilot: str | None
    agreement: Agreement
    groups: tuple[Group, ...]
    more_groups: int
    inputs: Mapping[Identity, Mapping[str, str | None]] = field(hash=False)


def compare(project: Project, theme_id: str, *, old: str | None, new: str | None, limit: int | None) -> Comparison:
    """By default the active version against that of the open pilot, or else that of the newest file."""
    theme = themes.load(project.prompts, theme_id)
    with open_database(project) as db:
        shape = catalog.describe(db, theme)
        pilot = _find_pilot(project, db, theme)
        before, after = _choose_rubrics(db, theme, pilot, old, new)
        versions = (before.version, after.version)
        agreement = _empty_agreement(before, after)
        if pilot is not None and pilot.rubric_version not in versions:
            pilot = None
        _add_pairs(db, theme_id, agreement, versions, _pilot_pairs(project, db, theme, pilot, versions), limit)
        if not agreement.compared:
            raise _nothing_in_common(db, theme_id, versions, pilot)
        whole = limit is None or agreement.compared < limit
        groups = agreement.groups()
        shown = tuple(groups[:_SHOWN])
        keys = {pair.entity_key for group in shown for pair in group.examples}
        return Comparison(
            comparison_id=_record(db, theme_id, versions, agreement, whole=whole),
            old=before.version,
            new=after.version,
            pilot=pilot.wave_id if pilot is not None else None,
            agreement=agreement,
            groups=shown,
            more_groups=len(groups) - len(shown),
            inputs=known_rows.current_inputs(db, shape, keys),
        )


def _choose_rubrics(
    db: Database, theme: Theme, pilot: WaveRow | None, old: str | None, new: str | None
) -> tuple[Rubric, Rubric]:
    before = load_rubric(db, theme, _active_version(db, theme.theme_id) if old is None else old)
    after = load_rubric(db, theme, _newest_version(theme, pilot) if new is None else new)
    if before.version == after.version:
        raise ConfigurationError(f"both sides are {before.version}", "Name another version with --old or --new.")
    return before, after


def _active_version(db: Database, theme_id: str) -> str:
    active = rubric_registry.active(db, theme_id)
    if active is None:
        raise ConfigurationError(
            f"theme {theme_id} has no active rubric yet", f"`wave fire {theme_id}` activates the first one."
        )
    return active.version


def _newest_version(theme: Theme, pilot: WaveRow | None) -> str:
    return pilot.rubric_version if pilot else rubrics.newest(theme.folder).version


def _empty_agreement(old: Rubric, new: Rubric) -> Agreement:
    if old.kind != "classify" or new.kind != "classify":
        return Agreement(None)
    require_scikit_learn()
    return Agreement(tuple(dict.fromkeys([*old.labels, *new.labels])), single=not (old.multi or new.multi))


def _find_pilot(project: Project, db: Database, theme: Theme) -> WaveRow | None:
    """The open pilot, if its files are on this host."""
    row = waves.current(db, theme.theme_id)
    if row is None or row.kind != "pilot" or row.wave_id not in wave_dir.wave_ids(project.data, theme.theme_id):
        return None
    return row


def _pilot_pairs(project: Project, db: Database, theme: Theme, pilot: WaveRow | None, versions: Versions) -> list[Pair]:
    """The pilot's rows that the other version has judged, too. The pilot may be of either."""
    if pilot is None:
        return []
    wave = load_wave(WaveDir.open(project.data, theme.theme_id, pilot.wave_id, db.installation))
    valid, _ = wave.parts.read()
    old, new = versions
    pilot_is_new = pilot.rubric_version == new
    others = comparisons.accepted_outputs(db, theme.theme_id, old if pilot_is_new else new, valid.keys())
    both = ((identity, others[identity], part.output) for identity, part in valid.items() if identity in others)
    return [Pair(*row, other, own) if pilot_is_new else Pair(*row, own, other) for row, other, own in both]


def _nothing_in_common(db: Database, theme_id: str, versions: Versions, pilot: WaveRow | None) -> ConfigurationError:
    old, new = versions
    held = rubric_facts.verdict_counts(db, theme_id, versions).verdicts
    judged_fewer = old if held[old] < held[new] else new
    return ConfigurationError(
        f"no row was judged by both {old} and {new} with the same content",
        f"The open pilot has rows of its own alone: give it up with `wave abandon {theme_id} --by NAME`, or merge it."
        if pilot is not None
        else f"`wave pilot {theme_id} --version {judged_fewer}` has it judge a sample.",
    )


def _add_pairs(
    db: Database,
    theme_id: str,
    agreement: Agreement,
    versions: Versions,
    pilot_pairs: Sequence[Pair],
    limit: int | None,
) -> None:
    """First the pilot's rows, then the others, `limit` at most."""
    seen = {pair.entity_key for pair in pilot_pairs}
    with closing(comparisons.pairs(db, theme_id, *versions)) as known:
        others = (pair for pair in known if pair.entity_key not in seen)
        for pair in islice(chain(pilot_pairs, others), limit):
            agreement.add(pair)


def _record(db: Database, theme_id: str, versions: Versions, agreement: Agreement, *, whole: bool) -> int:
    return comparisons.store_comparison(
        db,
        theme_id,
        *versions,
        compared=agreement.compared,
        flips=agreement.flips,
        whole=whole,
        report=_figures(agreement),
    )


def _figures(agreement: Agreement) -> dict[str, object]:
    """The figures alone: no text of any row."""
    groups = agreement.groups()[:_SHOWN]
    return {
        "exact_agreement": agreement.exact,
        "kappa": agreement.kappa(),
        "labels": [asdict(label) for label in agreement.by_label()],
        "fields": [asdict(field) for field in agreement.by_field()],
        "groups": [
            {"old": group.old, "new": group.new, "field": group.field, "count": group.count} for group in groups
        ],
    }
