"""Journals: what was paid for comes back to the letter, and a damaged line is neither believed nor lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waves.calls import Call, Ended, Intent, Paid, Sent, Ticket
from waves.errors import DiskError
from waves.models import Usage
from waves.spool.journal import Journal, JournalContents, Reading, encode, parse, read_journal, with_checksum

Entry = Sent | Paid | Ended | Intent | Ticket

AT = datetime(2026, 11, 20, 23, 0, 3, tzinfo=UTC)
HASH = "0" * 64


def _as_json_reads_it(text: str) -> str:
    """Two surrogates that stand side by side are one character to JSON; any other text is left as it is."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


_KINDS = "aZ0 é漢🙂\"'\\/{}[],:\n\r\t\x00\x1f\x7f\x85\u2028\ud83d\ude42\ud800"
TEXT = st.text(st.sampled_from(_KINDS), max_size=4).map(_as_json_reads_it)
"""One character of each kind: drawn from all of Unicode it costs four times as much, and most of it is Chinese."""
MOMENTS = st.datetimes(timezones=st.just(UTC))
TOKENS = st.none() | st.integers(0, 10**9)


def sent_of(call_id: str = "c1", **different: Any) -> Sent:
    fields: dict[str, Any] = {"version": "v1-abcdef0", "model": "m-1", "backend": "anthropic", "strict": False}
    fields |= {"items": (("1", "key-1", HASH), ("2", "a/b", HASH)), "reserved_usd": 0.01, "at": AT}
    return Sent(call_id, **{**fields, **different})


def paid_of(call_id: str = "c1", raw: str = '{"verdicts": []}') -> Paid:
    return Paid(call_id, 200, Usage(10, 20, 0, None), raw, AT)


def ended_of(call_id: str = "c1") -> Ended:
    return Ended(call_id, "maybe_paid", "time-out after 60 s", AT)


def ticket_of(batch_id: str) -> Ticket:
    return Ticket("i", batch_id, AT)


def _call_id(lines: list[Entry]) -> str:
    assert isinstance(lines[0], Sent)
    return lines[0].call_id


SENT = st.builds(
    Sent,
    call_id=TEXT,
    version=TEXT,
    model=TEXT,
    backend=TEXT,
    items=st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=2).map(tuple),
    strict=st.booleans(),
    reserved_usd=st.none() | st.floats(0, 100),
    at=MOMENTS,
)
USAGES = st.builds(Usage, TOKENS, TOKENS, TOKENS, TOKENS)
PAID = st.builds(Paid, TEXT, st.integers(100, 599), USAGES, TEXT, MOMENTS)
ENDED = st.builds(Ended, TEXT, st.sampled_from(["unpaid", "maybe_paid", "worker_lost"]), TEXT, MOMENTS)


def _of_one_call(sent: Sent, *rest: Paid | Ended | None) -> list[Entry]:
    return [sent, *(replace(entry, call_id=sent.call_id) for entry in rest if entry is not None)]


CALLS = st.builds(_of_one_call, SENT, st.none() | PAID, st.none() | ENDED)
"""The lines of one request: sent, then perhaps paid, then perhaps ended."""
thorough = settings(max_examples=30)
"""For what has been paid for."""
JOURNALS = st.lists(CALLS, max_size=3, unique_by=_call_id)


def as_calls(entries: Sequence[Sequence[Entry]]) -> dict[str, Call]:
    found = {}
    for sent, *rest in entries:
        assert isinstance(sent, Sent)
        paid = next((entry for entry in rest if isinstance(entry, Paid)), None)
        ended = next((entry for entry in rest if isinstance(entry, Ended)), None)
        found[sent.call_id] = Call(sent, "j", paid, ended)
    return found


def bytes_of(entries: Sequence[Sequence[Entry]]) -> bytes:
    return b"".join(encode(entry) for lines in entries for entry in lines)


@thorough
@given(JOURNALS)
def test_a_journal_comes_back_as_it_was(entries: list[list[Entry]]) -> None:
    assert parse(bytes_of(entries), "j") == (JournalContents(as_calls(entries)), [], False)


def test_what_a_journal_writes_is_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run-1.jsonl")
    journal.sent(sent_of("c1"))
    journal.sent(sent_of("c2", strict=True, reserved_usd=None))
    journal.paid(paid_of("c2"))
    journal.ended(ended_of("c1"))
    told = {
        "c1": Call(sent_of("c1"), "run-1", ended=ended_of("c1")),
        "c2": Call(sent_of("c2", strict=True, reserved_usd=None), "run-1", paid_of("c2")),
    }
    assert read_journal(tmp_path / "run-1.jsonl") == Reading(JournalContents(told), 0, torn=False)
    journal.sync()
    journal.close()
    assert list(tmp_path.iterdir()) == [tmp_path / "run-1.jsonl"]


@thorough
@given(JOURNALS, st.data())
def test_a_journal_cut_anywhere_loses_at_most_its_last_line(entries: list[list[Entry]], data: st.DataObject) -> None:
    whole = bytes_of(entries)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    kept = cut.count(b"\n")
    flat = [entry for lines in entries for entry in lines]
    found, bad, torn = parse(cut, "j")
    told = [entry for call in found.calls.values() for entry in (call.sent, call.paid, call.ended) if entry]
    assert told in (flat[:kept], flat[: kept + 1])
    assert (bad, torn) in (([], False), ([], True))
    assert torn == bool(cut.rpartition(b"\n")[2] and told == flat[:kept])


@thorough
@given(JOURNALS.filter(bool), st.data())
def test_any_change_of_a_single_byte_changes_nothing_that_is_believed(
    entries: list[list[Entry]], data: st.DataObject
) -> None:
    whole = bytes_of(entries)
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    found, bad, torn = parse(whole[:at] + bytes([other]) + whole[at + 1 :], "j")
    true = as_calls(entries)
    assert bad or torn
    for call_id, call in found.calls.items():
        assert call.sent == true[call_id].sent
        assert call.paid in (None, true[call_id].paid)
        assert call.ended in (None, true[call_id].ended)


@given(st.binary(max_size=300))
def test_foreign_bytes_are_bad_lines_and_nothing_more(data: bytes) -> None:
    found, bad, _ = parse(data, "j")
    assert found == JournalContents()
    assert all(line in data for line in bad)


def test_a_line_has_the_agreed_form() -> None:
    sent = json.loads(encode(sent_of()))
    assert list(sent) == [
        "t",
        "call_id",
        "version",
        "model",
        "backend",
        "items",
        "strict",
        "reserved_usd",
        "at",
        "crc32",
    ]
    assert sent["items"] == [["1", "key-1", HASH], ["2", "a/b", HASH]]
    paid = json.loads(encode(paid_of()))
    assert list(paid) == ["t", "call_id", "status", "usage", "raw", "at", "crc32"]
    assert paid["usage"] == {
        "input": 10,
        "output": 20,
        "cache_write": 0,
        "cache_read": None,
        "cache_write_1h": None,
        "reported_usd": None,
    }
    assert list(json.loads(encode(ended_of()))) == ["t", "call_id", "fate", "reason", "at", "crc32"]


def test_a_line_is_ascii_and_one_line_whatever_the_answer_holds() -> None:
    line = encode(paid_of(raw="line\nfeed \u2028 \ud800 \x00 ș 🙂"))
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert line.endswith(b"}\n")


def test_bad_lines_are_kept_aside_once_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "run-1.jsonl"
    flipped = bytearray(encode(paid_of("c1")))
    flipped[30] ^= 1
    bad = [bytes(flipped), b'{"t":"sent","call_id":"x"}\n', b"\n", b"\xff\x00\n"]
    path.write_bytes(encode(sent_of("c1")) + b"".join(bad) + encode(sent_of("c2")) + encode(ended_of("c2")))
    told = {"c1": Call(sent_of("c1"), "run-1"), "c2": Call(sent_of("c2"), "run-1", ended=ended_of("c2"))}
    expected = Reading(JournalContents(told), 4, torn=False)
    assert read_journal(path) == expected
    aside = tmp_path / "run-1.bad"
    assert aside.read_bytes() == b"".join(bad)
    kept = aside.stat()
    assert read_journal(path) == expected
    assert aside.stat() == kept
    assert sorted(tmp_path.iterdir()) == [aside, path]


@pytest.mark.parametrize("tail", [b"", b"\n", b"\n \n", b"\x00" * 50, b'{"t":"paid","call_id":"c1","sta'])
def test_a_blank_or_torn_end_is_no_bad_line(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "run-1.jsonl"
    path.write_bytes(encode(sent_of()) + tail)
    reading = read_journal(path)
    assert reading == Reading(JournalContents({"c1": Call(sent_of(), "run-1")}), 0, torn=bool(tail.strip(b"\n ")))
    assert not path.with_suffix(".bad").exists()


def test_a_complete_last_line_counts_even_without_its_line_feed() -> None:
    data = encode(sent_of()) + encode(paid_of())[:-1]
    assert parse(data, "j") == (JournalContents({"c1": Call(sent_of(), "j", paid_of())}), [], False)


@pytest.mark.parametrize(
    "entry",
    [sent_of("c1"), paid_of("c1", raw="other"), paid_of("late", raw="other"), Intent("i", "b", (), AT), ticket_of("u")],
    ids=["sent twice", "paid twice", "late and twice", "intended twice", "two tickets"],
)
def test_what_is_told_twice_is_a_bad_line(entry: Entry) -> None:
    line = encode(entry)
    intent, ticket = Intent("i", "b", ("c1", "c2"), AT), ticket_of("t")
    calls = {"c1": Call(sent_of(), "j", paid_of())}
    told = JournalContents(calls, {"late": (paid_of("late"), None)}, {"i": intent}, {"i": ticket})
    before: list[Entry] = [sent_of(), paid_of(), paid_of("late"), intent, ticket]
    assert parse(b"".join(encode(one) for one in before) + line, "j") == (told, [line[:-1]], False)


def test_what_another_run_sent_is_told_apart() -> None:
    data = encode(paid_of("c1")) + encode(ended_of("c2")) + encode(ended_of("c1"))
    late: dict[str, tuple[Paid | None, Ended | None]] = {
        "c1": (paid_of("c1"), ended_of("c1")),
        "c2": (None, ended_of("c2")),
    }
    assert parse(data, "j") == (JournalContents(late=late), [], False)


def test_an_answer_that_comes_after_the_end_still_counts() -> None:
    data = encode(sent_of()) + encode(ended_of()) + encode(paid_of())
    assert parse(data, "j") == (JournalContents({"c1": Call(sent_of(), "j", paid_of(), ended_of())}), [], False)


@pytest.mark.parametrize(
    "fields",
    [
        {"t": "asked", "call_id": "c1", "at": AT.isoformat()},
        {"t": "ended", "call_id": "c1", "fate": "forgotten", "reason": "", "at": AT.isoformat()},
        {"t": "paid", "call_id": "c1", "status": 200, "usage": [], "raw": "", "at": AT.isoformat()},
        {"t": "sent", "call_id": "c1", "items": [["1", "k"]], "at": AT.isoformat()},
        {"t": "ended", "call_id": "c1", "fate": "unpaid", "reason": "", "at": "2026-11-20T23:00:03"},
        {"call_id": "c1"},
    ],
    ids=str,
)
def test_a_line_with_a_good_checksum_and_other_fields_is_bad(fields: dict[str, Any]) -> None:
    line = with_checksum(fields)
    assert parse(line, "j") == (JournalContents(), [line[:-1]], False)


def test_a_journal_is_never_reopened(tmp_path: Path) -> None:
    Journal(tmp_path / "run-1.jsonl").close()
    with pytest.raises(DiskError):
        Journal(tmp_path / "run-1.jsonl")


def test_a_journal_that_cannot_be_read_is_a_disk_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError):
        read_journal(tmp_path / "gone.jsonl")


def test_sync_makes_all_lines_durable_at_once(disk: Any) -> None:
    journal = Journal(disk.root / "run-1.jsonl")
    for n in range(3):
        journal.sent(sent_of(f"c{n}"))
        journal.paid(paid_of(f"c{n}"))
    journal.sync()
    journal.close()
    assert disk.order("write", "fsync")[1:] == [("write", "run-1.jsonl")] * 6 + [("fsync", "run-1.jsonl")]
