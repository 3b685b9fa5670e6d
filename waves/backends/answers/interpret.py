"""A raw answer of the Messages API → what may be stored of it, item by item.

Pure: the same raw text gives the same outcome in a worker and in a rescue. Only `end_turn` is storable. An item is
labelled if its id stands in the answer exactly once with a verdict that holds against the rubric's schema; every other
item that was asked for is rejected with a reason. Reasons are ours alone: no text of a row or of an answer is in them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from waves.backends.answers.json_ladder import NotJsonError, parse_answer
from waves.backends.answers.quote_repair import Form
from waves.backends.answers.verdict_check import Checker, InvalidVerdictError
from waves.config.rubric import Rubric
from waves.models import ParseRung, Usage
from waves.outcomes import Answered, Discarded, Labelled, Outcome, Rejected, Retryable

Envelope = Mapping[str, Any] | None
"""The message around the text, or None where the answer is something else."""

_PLAUSIBLE = 10**9
"""Tokens of one request; nobody counts more."""

_checker = lru_cache(maxsize=8)(Checker)


def interpret(raw: str, rubric: Rubric, short_ids: Sequence[str], strict: bool) -> Outcome:
    """What `raw`, the body of an answer with status 200, says about the items that were asked for."""
    return interpret_envelope(read_envelope(raw), rubric, short_ids, strict)


def read_envelope(raw: str) -> Envelope:
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def usage_of(envelope: Envelope) -> Usage:
    """The tokens that the provider counted, None where it did not say."""
    usage = (envelope or {}).get("usage")
    if not isinstance(usage, dict):
        return Usage()
    written = usage.get("cache_creation")
    return Usage(
        input=_count(usage, "input_tokens"),
        output=_count(usage, "output_tokens"),
        cache_write=_count(usage, "cache_creation_input_tokens"),
        cache_read=_count(usage, "cache_read_input_tokens"),
        cache_write_1h=_count(written, "ephemeral_1h_input_tokens") if isinstance(written, dict) else None,
    )


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    """What no request can have is as if it were not told: it goes into the journal, and the ledger must take it."""
    count = usage.get(name)
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _PLAUSIBLE else None


def interpret_envelope(envelope: Envelope, rubric: Rubric, short_ids: Sequence[str], strict: bool) -> Outcome:
    """As `interpret`, of an answer whose envelope was read before."""
    if envelope is None:
        return _reject_all(short_ids, "the answer is not a message of the Messages API")
    if (stopped := _stopped_early(envelope.get("stop_reason"), short_ids)) is not None:
        return stopped
    try:
        document, rung = parse_answer(_text(envelope), form(rubric, short_ids))
    except NotJsonError as error:
        return _reject_all(short_ids, str(error))
    return _sort_out(_verdicts(document), _checker(rubric), short_ids, "retried" if strict else rung)


def _stopped_early(stop_reason: object, short_ids: Sequence[str]) -> Outcome | None:
    match stop_reason:
        case "end_turn":
            return None
        case "max_tokens":
            return Retryable("truncated", "the answer reached max_tokens")
        case "refusal":
            return Discarded("refused", "the model refused")
        case "stop_sequence" | "tool_use" | "pause_turn" | "model_context_window_exceeded":
            return _reject_all(short_ids, f"the answer stopped with {stop_reason}")
        case _:
            return _reject_all(short_ids, "the answer has no stop reason that we know")


def _text(envelope: Mapping[str, Any]) -> str:
    content = envelope.get("content")
    blocks = (
        [b for b in content if isinstance(b, dict) and b.get("type") == "text"] if isinstance(content, list) else []
    )
    return "".join(text for block in blocks if isinstance(text := block.get("text"), str))


def form(rubric: Rubric, short_ids: Sequence[str]) -> Form:
    """A whole answer about these items."""
    checker = _checker(rubric)

    def whole(document: object) -> list[Mapping[str, Any]] | None:
        found = _listed(document)
        if found is None or not checker.is_whole({"verdicts": found}):
            return None
        return found if sorted(map(_id, found)) == sorted(short_ids) else None

    return Form(checker.names, whole)


def _listed(document: object) -> list[Any] | None:
    """What an answer lists: under `verdicts`, or the bare list, or the only verdict."""
    match document:
        case {"verdicts": list() as found}:
            return found
        case list() as found:
            return found
        case {"id": _}:
            return [document]
        case _:
            return None


def _verdicts(document: object) -> list[Mapping[str, Any]] | None:
    found = _listed(document)
    return None if found is None else [verdict for verdict in found if isinstance(verdict, dict)]


def _sort_out(
    verdicts: list[Mapping[str, Any]] | None, checker: Checker, short_ids: Sequence[str], parse: ParseRung
) -> Outcome:
    if verdicts is None:
        return _reject_all(short_ids, "the answer holds no verdicts")
    by_id = {_id(verdict): verdict for verdict in verdicts}
    times = Counter(_id(verdict) for verdict in verdicts)
    foreign = len(set(times) - set(short_ids))
    labelled: list[Labelled] = []
    rejected: list[Rejected] = []
    for short_id in short_ids:
        if times[short_id] != 1:
            rejected.append(Rejected(short_id, _why_not_once(times[short_id], foreign, parse)))
            continue
        try:
            output, confidence = checker.accept(by_id[short_id])
        except InvalidVerdictError as error:
            rejected.append(Rejected(short_id, str(error)))
        else:
            labelled.append(Labelled(short_id, output, confidence, parse))
    return Answered(tuple(labelled), tuple(rejected))


def _id(verdict: Mapping[str, Any]) -> str:
    """Ids are text; a model that writes the number means the same."""
    short_id = verdict.get("id")
    return str(short_id) if isinstance(short_id, str | int) and not isinstance(short_id, bool) else ""


def _why_not_once(times: int, foreign: int, parse: ParseRung) -> str:
    if times:
        return f"the answer holds {times} verdicts for this item"
    if parse == "repaired":
        return "the answer leaves this item out, or it cannot be told where its strings end"
    return "the answer leaves this item out" + (f" and names {foreign} that were not asked for" if foreign else "")


def _reject_all(short_ids: Sequence[str], reason: str) -> Answered:
    return Answered(rejected=tuple(Rejected(short_id, reason) for short_id in short_ids))
