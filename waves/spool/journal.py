"""The append-only record of requests sent and of how each ended: one file per run, never reopened for appending.

Lines are ASCII JSON, each closed by a crc32 of everything before it, so that a flipped bit can change neither an answer
nor the ids by which it is resolved:
    {"t":"sent","call_id","version","model","backend","reserved_usd","items":[[short_id,entity_key,input_hash],…],
     "strict","at","crc32"}   {"t":"paid","call_id","status","usage":{…},"raw","at","crc32"}
    {"t":"ended","call_id","fate","reason","at","crc32"}
The requests of one submission are written after an intent, and before the submission goes out; its answers come to a
later run, and are in that run's journal:
    {"t":"intent","intent","backend","calls":[call_id,…],"at","crc32"}   {"t":"ticket","intent","batch_id","at","crc32"}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints
from zlib import crc32

from waves.calls import Call, Ended, Intent, Paid, Sent, Ticket
from waves.errors import BadDataError
from waves.models import Usage
from waves.spool.files import Appender, read_file, write_atomic
from waves.spool.sealed import parse_timestamp

JournalEntry = Sent | Paid | Ended | Intent | Ticket

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False)
_MARK = b',"crc32":'
_FATES = get_args(get_type_hints(Ended)["fate"])


class Journal:
    """The journal of one run. A line survives this process once the method returns, a power failure after `sync`.
    DiskError if it cannot be written; after that the journal takes no more lines."""

    def __init__(self, path: Path) -> None:
        self._file = Appender(path)

    def sent(self, sent: Sent) -> None:
        """Before the request goes out."""
        self._file.append(encode(sent))

    def paid(self, paid: Paid) -> None:
        """When the answer came, before it is interpreted. It counts as received after `sync`."""
        self._file.append(encode(paid))

    def ended(self, ended: Ended) -> None:
        self._file.append(encode(ended))

    def intent(self, intent: Intent) -> None:
        """Before the `sent` lines of its requests, all of which go out together after `sync`."""
        self._file.append(encode(intent))

    def ticket(self, ticket: Ticket) -> None:
        """As soon as the provider's id is known."""
        self._file.append(encode(ticket))

    def sync(self) -> None:
        self._file.sync()

    def close(self) -> None:
        self._file.close()


@dataclass(slots=True)
class JournalContents:
    """The lines of one journal. `late` holds answers and ends, at most one of each by call id, for requests that must
    have been sent by another run; only the journals of the whole wave show whether they were."""

    calls: dict[str, Call] = field(default_factory=dict)
    late: dict[str, tuple[Paid | None, Ended | None]] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """A journal as it was read. `bad_lines` counts the lines that were set aside; `torn`: the last line was cut off."""

    contents: JournalContents
    bad_lines: int
    torn: bool

    @property
    def calls(self) -> dict[str, Call]:
        """The requests that this run sent."""
        return self.contents.calls


def run_of(path: Path) -> str:
    """The run that wrote this journal: `<run_id>.jsonl`, or `<run_id>~2.jsonl` if it came back to the wave."""
    return path.stem.partition("~")[0]


def read_journal(path: Path) -> Reading:
    """Reads a journal, even while its run still writes it. Bad lines are copied once, to `….bad` beside it."""
    contents, bad, torn = parse(read_file(path), run_of(path))
    aside = path.with_suffix(".bad")
    if bad and not aside.exists():
        write_atomic(aside, b"".join(line + b"\n" for line in bad))
    return Reading(contents, len(bad), torn)


def encode(entry: JournalEntry) -> bytes:
    """One line, line feed included."""
    return with_checksum({"t": type(entry).__name__.lower(), **asdict(entry), "at": entry.at.isoformat()})


def with_checksum(fields: Mapping[str, Any]) -> bytes:
    """A line with its crc32, computed over the JSON in ASCII, where a lone surrogate is an escape like any other."""
    body = _ENCODER.encode(fields).encode("ascii")[:-1]
    return body + _MARK + b"%d}\n" % crc32(body)


def parse(data: bytes, run_id: str) -> tuple[JournalContents, list[bytes], bool]:
    """The contents, the bad lines, and whether the last line was torn. A line that repeats an earlier one is bad as
    well."""
    *lines, last = data.split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    contents = JournalContents()
    bad = [line for line in lines if not _enter(contents, line, run_id)]
    torn = bool(last) and not _enter(contents, last, run_id)
    return contents, bad, torn


def entry_of(line: bytes) -> JournalEntry | None:
    """The entry of a line; None if it is not a line that a run writes."""
    try:
        return _decode(line)
    except BadDataError:
        return None


def _enter(contents: JournalContents, line: bytes, run_id: str) -> bool:
    match entry_of(line):
        case None:
            return False
        case Intent() as entry:
            return contents.intents.setdefault(entry.intent, entry) is entry
        case Ticket() as entry:
            return contents.tickets.setdefault(entry.intent, entry) is entry
        case Sent() as entry:
            return contents.calls.setdefault(entry.call_id, call := Call(entry, run_id)) is call
        case entry if entry.call_id in contents.calls:
            return _enter_here(contents, entry)
        case entry:
            return _enter_late(contents, entry)


def _enter_here(contents: JournalContents, entry: Paid | Ended) -> bool:
    call = contents.calls[entry.call_id]
    match entry, call:
        case Paid(), Call(paid=None):
            contents.calls[entry.call_id] = replace(call, paid=entry)
        case Ended(), Call(ended=None):
            contents.calls[entry.call_id] = replace(call, ended=entry)
        case _:
            return False
    return True


def _enter_late(contents: JournalContents, entry: Paid | Ended) -> bool:
    match entry, contents.late.get(entry.call_id, (None, None)):
        case Paid(), (None, ended):
            contents.late[entry.call_id] = (entry, ended)
        case Ended(), (paid, None):
            contents.late[entry.call_id] = (paid, entry)
        case _:
            return False
    return True


def _decode(line: bytes) -> JournalEntry:
    body, _, check = line.rpartition(_MARK)
    if check != b"%d}" % crc32(body):
        raise BadDataError("a line of the journal does not match its checksum")
    try:
        return _entry(json.loads(body + b"}"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadDataError("a line of the journal is not what a run writes") from error


def _entry(fields: dict[str, Any]) -> JournalEntry:
    kind = fields.pop("t")
    fields["at"] = parse_timestamp(fields["at"])
    if kind == "sent":
        return Sent(**{**fields, "items": _triples(fields["items"])})
    if kind == "paid":
        return Paid(**{**fields, "usage": Usage(**fields["usage"])})
    if kind == "ended" and fields["fate"] in _FATES:
        return Ended(**fields)
    if kind == "intent":
        return Intent(**{**fields, "calls": _texts(fields["calls"])})
    if kind == "ticket":
        return Ticket(**fields)
    raise ValueError(kind)


def _triples(items: Iterable[Iterable[str]]) -> tuple[tuple[str, str, str], ...]:
    return tuple((short_id, entity_key, input_hash) for short_id, entity_key, input_hash in items)


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    texts = tuple(values)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("an id that is no text")
    return texts
