"""The judge: what a corpus of notes must look like after any number of crashes, told by the provider's own record.

Reads the record, the journals and the database; asks the product for nothing but the format of its journals.
"""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.faults.place import GONE_WITHIN, THEME, Place, until
from waves.calls import Call
from waves.rehearsal.record import input_hash
from waves.spool.history import merge
from waves.spool.journal import read_journal, run_of


@dataclass(frozen=True, slots=True)
class Overpaid:
    """Good answers beyond the first of an item, and how many may be: those of requests in flight at a kill."""

    answers: int
    allowed: int
    requests: int


def calls(place: Place) -> dict[str, Call]:
    """Every request of the journals, by call id."""
    found: dict[str, Call] = {}
    for folder in sorted((place.folder / "waves").glob("*/journal")):
        readings = [(run_of(path), read_journal(path)) for path in sorted(folder.glob("*.jsonl"))]
        assert not any(reading.bad_lines for _, reading in readings), folder
        sent = [call_id for _, reading in readings for call_id in reading.calls]
        assert len(set(sent) | found.keys()) == len(sent) + len(found), "a call stands in two journals"
        found |= merge(readings).calls
    return found


def nothing_is_left_running(place: Place) -> None:
    until(lambda: not place.processes(), f"all processes gone: {place.processes()}", GONE_WITHIN)


def no_temporary_file(place: Place) -> None:
    left = [path for path in place.data.rglob(".*") if path.suffix == ".tmp"]
    assert not left


def all_accepted(place: Place, *, but: frozenset[str] = frozenset()) -> None:
    """Every row has exactly one accepted verdict, and the target shows it; `but` are quarantined."""
    rows = place.sql(
        """SELECT n.id::text, v.state, v.output -> 'labels' = n.labels::jsonb AND v.confidence = n.confidence
                  AND v.rubric_version = n.version AND v.applied_at IS NOT NULL
             FROM note n LEFT JOIN waves.verdict v ON v.entity_key = n.id::text AND v.theme_id = %s""",
        THEME,
    )
    assert Counter(key for key, _, _ in rows) == Counter(list(place.inputs()))
    wrong = [row for row in rows if (row[1] != "quarantined" if row[0] in but else row[1:] != ("accepted", True))]
    assert not wrong
    (unclosed,) = place.sql("SELECT count(*) FROM waves.wave WHERE state <> 'closed'")
    assert unclosed == (0,)


def runs_are_closed(place: Place) -> None:
    assert place.sql("SELECT run_id FROM waves.runs WHERE state = 'running' OR finished_at IS NULL") == []


def ledger_agrees(place: Place, sent: dict[str, Call]) -> None:
    """Paid ≤ answered by the record ≤ paid + maybe paid; the ledger has every request of the journals, and no other."""
    rows = dict(place.sql("SELECT call_id, fate FROM waves.ledger"))
    assert rows.keys() == sent.keys()
    assert {call_id for call_id, fate in rows.items() if fate == "paid"} == {
        call_id for call_id, call in sent.items() if call.paid
    }
    fates = Counter(rows.values())
    answered = len(place.provider.answers())
    assert fates["paid"] <= answered <= fates["paid"] + fates["maybe_paid"]
    ours, theirs = booked_tokens(place), counted_tokens(place)
    assert ours == theirs if answered == fates["paid"] else all(map(operator.le, ours, theirs)), (ours, theirs)
    assert len(place.provider.lines("arrived")) <= len(rows)


def booked_tokens(place: Place) -> tuple[int, ...]:
    """What the ledger says that was paid for: input, output, written to the cache, read from it."""
    (row,) = place.sql(
        """SELECT coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
                  coalesce(sum(cache_write_tokens), 0)::bigint, coalesce(sum(cache_read_tokens), 0)::bigint
             FROM waves.ledger WHERE fate = 'paid'"""
    )
    return row


def counted_tokens(place: Place) -> tuple[int, ...]:
    """What the provider says of the same, whoever was there to hear it."""
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return tuple(sum(line[name] for line in place.provider.answers()) for name in names)


def overpaid(place: Place, sent: dict[str, Call]) -> Overpaid:
    """Each item may be answered well once, and once more for each request with it that was in flight at a kill."""
    lost = [call for call in sent.values() if not call.paid and (not call.ended or call.ended.fate == "worker_lost")]
    allowed = Counter(key for call in lost for _, key, _ in call.sent.items)
    answered = Counter(
        item["sha256"] for line in place.provider.answers() if not line["fault"] for item in line["items"]
    )
    hashes = {key: input_hash(given) for key, given in place.inputs().items()}
    extra = {key: max(0, answered[digest] - 1) for key, digest in hashes.items()}
    assert all(count <= allowed[key] for key, count in extra.items()), (extra, allowed)
    return Overpaid(sum(extra.values()), sum(allowed.values()), len(lost))


def after_all(place: Place, *, but: frozenset[str] = frozenset()) -> Overpaid:
    """Everything that has to hold once the last fire ended well."""
    nothing_is_left_running(place)
    no_temporary_file(place)
    all_accepted(place, but=but)
    runs_are_closed(place)
    sent = calls(place)
    ledger_agrees(place, sent)
    return overpaid(place, sent)


def journal_of(place: Place) -> Path:
    """The newest journal of the newest wave."""
    return max((place.wave / "journal").glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
