"""Shadow comparison: what would change if another version were in force, on rows that both have judged, without gold.

Reads the verdicts that are known and the parts of the open pilot; asks nobody. What was found is kept, as figures.
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


@dataclass(frozen=True, slots=True)
class Comparison:
    """`pilot` is the open wave that some of the pairs come from; `groups` are the most frequent flips, `more_groups`
    how many others there are; `inputs` the content of their examples, as far as it is still what was judged."""

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
        pilot = _pilot(project, db, theme)
        before = load_rubric(db, theme, _active(db, theme_id) if old is None else old)
        after = load_rubric(db, theme, _latest(theme, pilot) if new is None else new)
        if before.version == after.version:
            raise ConfigurationError(f"both sides are {before.version}", "Name another version with --old or --new.")
        agreement = _blank(before, after)
        versions = (before.version, after.version)
        if pilot is not None and pilot.rubric_version not in versions:
            pilot = None
        _add_up(db, theme_id, agreement, versions, _of_pilot(project, db, theme, pilot, versions), limit)
        if not agreement.compared:
            raise _nothing_in_common(db, theme_id, versions, pilot)
        groups = agreement.groups()
        shown = tuple(groups[:_SHOWN])
        keys = {pair.entity_key for group in shown for pair in group.examples}
        return Comparison(
            comparison_id=_record(db, theme_id, versions, agreement, whole=limit is None or agreement.compared < limit),
            old=before.version,
            new=after.version,
            pilot=pilot.wave_id if pilot is not None else None,
            agreement=agreement,
            groups=shown,
            more_groups=len(groups) - len(shown),
            inputs=known_rows.current_inputs(db, shape, keys),
        )


def _active(db: Database, theme_id: str) -> str:
    found = rubric_registry.active(db, theme_id)
    if found is None:
        raise ConfigurationError(f"theme {theme_id} has no active rubric yet", f"`wave fire {theme_id}` begins it.")
    return found.version


def _latest(theme: Theme, pilot: WaveRow | None) -> str:
    return pilot.rubric_version if pilot else rubrics.newest(theme.folder).version


def _blank(old: Rubric, new: Rubric) -> Agreement:
    if old.kind != "classify" or new.kind != "classify":
        return Agreement(None)
    require_scikit_learn()
    return Agreement(tuple(dict.fromkeys([*old.labels, *new.labels])), single=not (old.multi or new.multi))


def _pilot(project: Project, db: Database, theme: Theme) -> WaveRow | None:
    """The open pilot, where its files are on this host."""
    row = waves.current(db, theme.theme_id)
    if row is None or row.kind != "pilot" or row.wave_id not in wave_dir.wave_ids(project.data, theme.theme_id):
        return None
    return row


def _of_pilot(
    project: Project, db: Database, theme: Theme, pilot: WaveRow | None, versions: tuple[str, str]
) -> list[Pair]:
    """Its rows that the other version has judged, too. The pilot may be of either."""
    if pilot is None:
        return []
    wave = load_wave(WaveDir.open(project.data, theme.theme_id, pilot.wave_id, db.installation))
    valid, _ = wave.parts.read()
    of_new = pilot.rubric_version == versions[1]
    others = comparisons.accepted_outputs(db, theme.theme_id, versions[0] if of_new else versions[1], valid.keys())
    pairs = ((identity, others[identity], part.output) for identity, part in valid.items() if identity in others)
    return [Pair(*each, other, own) if of_new else Pair(*each, own, other) for each, other, own in pairs]


def _nothing_in_common(
    db: Database, theme_id: str, versions: tuple[str, str], pilot: WaveRow | None
) -> ConfigurationError:
    before, after = versions
    held = rubric_facts.verdict_counts(db, theme_id, versions).verdicts
    tried = before if held[before] < held[after] else after
    return ConfigurationError(
        f"no row was judged by both {before} and {after} with the same content",
        f"The open pilot has rows of its own alone: give it up with `wave abandon {theme_id} --by NAME`, or merge it."
        if pilot is not None
        else f"`wave pilot {theme_id} --version {tried}` has it judge a sample.",
    )


def _add_up(
    db: Database,
    theme_id: str,
    agreement: Agreement,
    versions: tuple[str, str],
    of_pilot: Sequence[Pair],
    limit: int | None,
) -> None:
    """First the pilot's rows, then the others, `limit` at most."""
    seen = {pair.entity_key for pair in of_pilot}
    with closing(comparisons.pairs(db, theme_id, *versions)) as known:
        others = (pair for pair in known if pair.entity_key not in seen)
        for pair in islice(chain(of_pilot, others), limit):
            agreement.add(pair)


def _record(db: Database, theme_id: str, versions: tuple[str, str], agreement: Agreement, *, whole: bool) -> int:
    figured = figures(agreement)
    return comparisons.store_comparison(
        db, theme_id, *versions, compared=agreement.compared, flips=agreement.flips, whole=whole, report=figured
    )


def figures(agreement: Agreement) -> dict[str, object]:
    """All that is known without a look at a row."""
    flips = [{"old": one.old, "new": one.new, "field": one.field, "count": one.count} for one in agreement.groups()]
    return {
        "exact_agreement": agreement.exact,
        "kappa": agreement.kappa(),
        "labels": [asdict(one) for one in agreement.by_label()],
        "fields": [asdict(one) for one in agreement.by_field()],
        "groups": flips[:_SHOWN],
    }
