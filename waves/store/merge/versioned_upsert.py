"""collect: the parts of a converged wave → verdicts and target, in one transaction, idempotent.

The wave row is closed first, so of two processes that collect the same wave one does nothing. Every part enters history
under (theme, key, version, hash); the target changes only if the row still has the content that was judged, and only
while the wave's version is the active one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from psycopg import sql
from psycopg.types.json import Jsonb

from waves.errors import BadDataError, HeldError
from waves.models import Counts
from waves.store import faults, queries
from waves.store.connect import scalar
from waves.store.merge import merge
from waves.store.merge.entries import copy_entries, in_manifest_order
from waves.store.shape import fragments
from waves.store.text import printable_key
from waves.store.transactions import retried

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from waves.models import Manifest, Part
    from waves.store.connect import Database
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

_SQL = queries.load("collect.sql")
_FEW_ORPHANS = 20
"""Up to this many orphans need no person, at any share, unless the rate is set to 0."""
_KEYS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class MergeResult:
    """`entries = matched + orphaned`. `refused_by_target`: entity keys of matched entries whose value the target did
    not take; they are quarantined. `applied`: the wave's version is active, so the target was written."""

    entries: int = 0
    matched: int = 0
    orphaned: int = 0
    refused_by_target: tuple[str, ...] = ()
    applied: bool = False
    already_closed: bool = False

    def fill_in(self, counts: Counts) -> Counts:
        """The wave's `counts`, with those that only the merge knows."""
        return replace(
            counts,
            entries=self.entries,
            matched=self.matched,
            orphaned=self.orphaned,
            refused=len(self.refused_by_target),
        )


@dataclass(frozen=True, slots=True)
class _WaveToMerge:
    """A wave with its parts, and the terms on which it may be merged."""

    shape: Shape
    manifest: Manifest
    run_id: str
    parts: Sequence[Part]
    counts: Counts
    max_orphan_rate: float
    accept_orphans_by: str | None

    @property
    def bound(self) -> dict[str, object]:
        names = self.manifest
        return {"theme": names.theme_id, "wave": names.wave_id, "version": names.rubric_version, "run": self.run_id}


def collect(
    db: Database,
    shape: Shape,
    manifest: Manifest,
    run_id: str,
    parts: Iterable[Part],
    counts: Counts,
    *,
    max_orphan_rate: float,
    accept_orphans_by: str | None,
) -> MergeResult:
    """Merges `parts` and closes the wave. HeldError (nothing is merged, the wave stays open) if too many rows changed
    since prepare and no person accepts that; BadDataError if parts and wave do not belong together."""
    given = in_manifest_order(manifest, parts)
    wave = _WaveToMerge(shape, manifest, run_id, given, counts, max_orphan_rate, accept_orphans_by)
    with faults.mapped():
        return retried(db, lambda connection: _collect(connection, wave))


def remember(db: Database, shape: Shape, manifest: Manifest, run_id: str, parts: Iterable[Part]) -> int:
    """Enters into history what an abandoned wave paid for. Returns the number of new verdicts. The target is not
    touched: the next take restores such a verdict free if it still fits the row. Verdicts accepted meanwhile stay."""
    given = in_manifest_order(manifest, parts)
    wave = _WaveToMerge(shape, manifest, run_id, given, Counts(), 0.0, None)

    def act(connection: Connection) -> int:
        merge.create_tables(connection, shape)
        copy_entries(connection, wave.parts, wave.run_id)
        return int(scalar(connection, _SQL["remember_verdicts"], wave.bound))

    with faults.mapped():
        return retried(db, act)


def too_many_orphans(orphaned: int, entries: int, rate: float) -> bool:
    """Whether a person has to decide about the orphans before anything is merged."""
    if rate <= 0:
        return orphaned > 0
    return orphaned > _FEW_ORPHANS and orphaned > rate * entries


def _collect(connection: Connection, wave: _WaveToMerge) -> MergeResult:
    if not _close_wave(connection, wave):
        return MergeResult(already_closed=True)
    shape = wave.shape
    applied = merge.lock_active_version(connection, shape) == wave.manifest.rubric_version
    merge.create_tables(connection, shape)
    refused = copy_entries(connection, wave.parts, wave.run_id)
    if applied:
        merge.lock_entries(connection, shape)
    matched = merge.match_entries(connection, shape, len(wave.parts))
    if applied:  # in history alone orphans do no harm
        _require_few_orphans(connection, wave, len(wave.parts) - matched)
    if applied and shape.target:
        reason = f"collected {wave.manifest.wave_id}"
        refused = {
            **merge.write_target(connection, shape, wave.manifest.rubric_version, wave.run_id, reason),
            **refused,
        }
    entries = _upsert_verdicts(connection, wave, refused)
    keys = merge.audit_refused(connection, shape, wave.run_id, refused)
    _audit_history(connection, wave, refused)
    result = MergeResult(entries, matched, entries - matched, keys, applied)
    counts = Jsonb(asdict(result.fill_in(wave.counts)))
    connection.execute(_SQL["record_counts"], {**wave.bound, "counts": counts})
    return result


def _close_wave(connection: Connection, wave: _WaveToMerge) -> bool:
    if connection.execute(_SQL["close_wave"], wave.bound).rowcount:
        return True
    if connection.execute(_SQL["find_wave"], wave.bound).fetchone() is None:
        raise BadDataError(
            f"the database does not know wave {wave.manifest.wave_id}",
            "was it restored from an older backup? Keep the wave's folder: its parts are paid for",
        )
    return False


def _require_few_orphans(connection: Connection, wave: _WaveToMerge, orphaned: int) -> None:
    entries = len(wave.parts)
    if wave.accept_orphans_by is not None:
        if orphaned:
            reason = f"accepted {orphaned} orphans of {entries} entries of wave {wave.manifest.wave_id}"
            connection.execute(_SQL["audit_orphans"], {**wave.bound, "by": wave.accept_orphans_by, "reason": reason})
    elif too_many_orphans(orphaned, entries, wave.max_orphan_rate):
        raise HeldError(
            f"{orphaned} of {entries} rows of wave {wave.manifest.wave_id} changed or vanished since prepare: "
            f"{_describe_orphans(connection, wave, orphaned)}",
            f"look at {wave.shape.source}, then: wave collect {wave.manifest.theme_id} --accept-orphans --by NAME, "
            f"or wave abandon {wave.manifest.theme_id} --by NAME",
        )


def _describe_orphans(connection: Connection, wave: _WaveToMerge, orphaned: int) -> str:
    """The number of each kind, and some of their keys: the person who decides has to know which rows to look at."""
    shape = wave.shape
    query = sql.SQL(_SQL["vanished"]).format(
        source_row=fragments.source_row(shape),
        source=fragments.relation(shape.source),
        in_scope=fragments.in_scope(shape),
        same_key=fragments.equal(fragments.key_of("s", shape), fragments.key_of_entry(shape)),
    )
    vanished = int(scalar(connection, query))
    keys = [printable_key(key) for (key,) in connection.execute(_SQL["orphans"], {"limit": _KEYS_SHOWN})]
    more = f" and {orphaned - len(keys)} more" if orphaned > len(keys) else ""
    return f"{orphaned - vanished} changed, {vanished} vanished; keys {', '.join(keys)}{more}"


def _upsert_verdicts(connection: Connection, wave: _WaveToMerge, refused: merge.Refused) -> int:
    """Returns the number of entries, which is the number of parts."""
    query = sql.SQL(_SQL["upsert_verdicts"]).format(applied_at=merge.applied_at_sql())
    entries = int(scalar(connection, query, {**wave.bound, **merge.refused_arrays(refused)}))
    if entries != len(wave.parts):  # parts have distinct ids: equal counts of matching ids are equal sets
        raise BadDataError(
            f"the entries of wave {wave.manifest.wave_id} are not its parts",
            "nothing was merged; look for a trigger or a rule on waves.verdict, then fire again",
        )
    return entries


def _audit_history(connection: Connection, wave: _WaveToMerge, refused: merge.Refused) -> None:
    """Audits entries that enter history only: orphans, and all entries if the target is not to be written."""
    wave_id, version = wave.manifest.wave_id, wave.manifest.rubric_version
    collected = f"collected {wave_id}"
    reasons = {
        "orphaned": f"orphaned in {wave_id}: the row changed or vanished since prepare",
        "kept": collected if wave.shape.target is None else f"{collected} into history: {version} is not active",
    }
    connection.execute(_SQL["audit_history"], {**wave.bound, **reasons, "refused": list(refused)})
