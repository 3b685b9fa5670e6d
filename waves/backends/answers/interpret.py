"""A raw answer of the Messages API → the parts of it that may be stored, item by item.

Pure: the same raw text gives the same outcome in a worker and in a rescue. Only `end_turn` is storable. An item is
labelled if its id stands in the answer exactly once, with a verdict that is valid against the rubric's schema; every
other requested item is rejected with a reason. Reasons are our own words: no text of a row or of an answer is in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from waves.backends.answers.envelope import Envelope, read_envelope, text_of
from waves.backends.answers.json_ladder import NotJsonError, parse_answer
from waves.backends.answers.quote_repair import AnswerShape
from waves.backends.answers.verdict_check import Checker, InvalidVerdictError
from waves.config.rubric import Rubric
from waves.models import ParseRung
from waves.outcomes import Answered, Discarded, Labelled, Outcome, Rejected, Retryable

_checker = lru_cache(maxsize=8)(Checker)

NO_MESSAGE = Retryable(
    "outage",
    "the answer is not a message of the Messages API; does base_url lead to a proxy or a login page?",
    maybe_paid=True,
)
"""Something between us and the model answered in its place, e.g. a portal's login page: this says nothing about the
items. The model may have been asked all the same."""


def interpret(raw: str, rubric: Rubric, short_ids: Sequence[str], strict: bool) -> Outcome:
    """What `raw`, the body of an answer with status 200, says about the requested items."""
    return interpret_envelope(read_envelope(raw), rubric, short_ids, strict)


def interpret_envelope(envelope: Envelope, rubric: Rubric, short_ids: Sequence[str], strict: bool) -> Outcome:
    """As `interpret`, for an answer whose envelope has been read."""
    if envelope is None:
        return NO_MESSAGE
    if (stopped := _stopped_early(envelope.get("stop_reason"), short_ids)) is not None:
        return stopped
    try:
        document, rung = parse_answer(text_of(envelope), answer_shape(rubric, short_ids))
    except NotJsonError as error:
        return _reject_all(short_ids, str(error))
    return _sort_items(_verdicts(document), _checker(rubric), short_ids, "retried" if strict else rung)


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
            return _reject_all(short_ids, "the answer has no known stop reason")


def answer_shape(rubric: Rubric, short_ids: Sequence[str]) -> AnswerShape:
    """The shape of a complete answer about these items."""
    checker = _checker(rubric)

    def complete(document: object) -> list[Mapping[str, Any]] | None:
        verdicts = _listed(document)
        if verdicts is None or not checker.is_whole({"verdicts": verdicts}):
            return None
        return verdicts if sorted(map(_id, verdicts)) == sorted(short_ids) else None

    return AnswerShape(checker.names, complete)


def _listed(document: object) -> list[Any] | None:
    """What an answer lists: under `verdicts`, as a bare list, or as a single verdict."""
    match document:
        case {"verdicts": list() as listed}:
            return listed
        case list() as listed:
            return listed
        case {"id": _}:
            return [document]
        case _:
            return None


def _verdicts(document: object) -> list[Mapping[str, Any]] | None:
    listed = _listed(document)
    return None if listed is None else [verdict for verdict in listed if isinstance(verdict, dict)]


def _sort_items(
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
        return "the answer leaves this item out, or the ends of its strings are ambiguous"
    return "the answer leaves this item out" + (f" and names {foreign} that were not requested" if foreign else "")


def _reject_all(short_ids: Sequence[str], reason: str) -> Answered:
    return Answered(rejected=tuple(Rejected(short_id, reason) for short_id in short_ids))
