from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waves.backends.answers.envelope import read_envelope, usage_of
from waves.backends.answers.interpret import NO_MESSAGE, interpret
from waves.config.rubric import Rubric
from waves.models import Usage
from waves.outcomes import Answered, Discarded, Labelled, Rejected, Retryable

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

Message = Callable[..., str]
Build = Callable[[dict[str, Any]], Rubric]


def _verdict(short_id: object = "1", labels: object = ("question",), confidence: object = 0.9) -> dict[str, Any]:
    return {"id": short_id, "labels": labels, "confidence": confidence}


def _answer(message: Message, *verdicts: object) -> str:
    return message(json.dumps({"verdicts": verdicts}))


def _reasons(outcome: object) -> dict[str, str]:
    assert isinstance(outcome, Answered)
    assert not outcome.labelled
    return {item.short_id: item.reason for item in outcome.rejected}


def _stored(raw: str, rubric: Rubric) -> dict[str, Any]:
    outcome = interpret(raw, rubric, ["1"], strict=False)
    assert isinstance(outcome, Answered)
    (item,) = outcome.labelled
    return dict(item.output)


def test_a_good_answer_is_labelled_with_the_confidence_apart(rubric: Rubric, message: Message) -> None:
    raw = _answer(message, _verdict("1"), _verdict("2", [], 0))
    assert interpret(raw, rubric, ["1", "2"], strict=False) == Answered(
        (Labelled("1", {"labels": ["question"]}, 0.9, "strict"), Labelled("2", {"labels": []}, 0.0, "strict"))
    )


def test_an_answer_to_a_stricter_request_is_marked_as_retried(rubric: Rubric, message: Message) -> None:
    outcome = interpret(_answer(message, _verdict()), rubric, ["1"], strict=True)
    assert isinstance(outcome, Answered)
    assert outcome.labelled[0].parse == "retried"


@pytest.mark.parametrize("where", ["$defs", "definitions"])
def test_values_are_spelled_as_a_shared_schema_spells_them(where: str, build: Build, message: Message) -> None:
    shared = {"colour": {"enum": ["Red", "Blue"]}, "size": {"oneOf": [{"type": "integer"}, {"type": "null"}]}}
    shared["round"] = {"anyOf": [{"$ref": f"#/{where}/round"}, {"$ref": f"#/{where}/colour"}]}
    shared["nested"] = {
        "anyOf": [{"type": "array", "items": {"$ref": f"#/{where}/nested"}}, {"$ref": f"#/{where}/colour"}]
    }
    names = ("colour", "size", "round", "nested")
    rubric = build({name: {"$ref": f"#/{where}/{name}"} for name in names})
    rubric = replace(rubric, schema={**rubric.schema, where: shared}, wire_schema={**rubric.wire_schema, where: shared})
    raw = message('{"verdicts": [{"id": "1", "colour": "RED", "size": 1999.0, "round": "Blue", "nested": [["blue"]]}]}')
    assert _stored(raw, rubric) == {"colour": "Red", "size": 1999, "round": "Blue", "nested": [["Blue"]]}


@pytest.mark.parametrize("shape", ["[{}]", "{}", '{{"verdicts": [{}]}}'])
def test_the_verdicts_are_found_in_each_usual_shape(shape: str, rubric: Rubric, message: Message) -> None:
    raw = message(shape.format(json.dumps(_verdict(1))))
    assert interpret(raw, rubric, ["1"], strict=False) == Answered(
        (Labelled("1", {"labels": ["question"]}, 0.9, "strict"),)
    )


def test_text_in_several_blocks_is_one_answer_and_thinking_is_none(rubric: Rubric, message: Message) -> None:
    text = json.dumps([_verdict()])
    blocks = [
        {"type": "thinking", "thinking": "{}"},
        {"type": "text", "text": text[:7]},
        {"type": "text", "text": text[7:]},
    ]
    outcome = interpret(message("", content=blocks), rubric, ["1"], strict=False)
    assert isinstance(outcome, Answered)
    assert len(outcome.labelled) == 1


def test_the_case_of_labels_is_put_right(rubric: Rubric, extract: Rubric, message: Message) -> None:
    outcome = interpret(_answer(message, _verdict(labels=["QUESTION", "refutation"])), rubric, ["1"], strict=False)
    assert isinstance(outcome, Answered)
    assert outcome.labelled[0].output == {"labels": ["question", "Refutation"]}
    raw = _answer(message, {"id": "1", "title": "park", "place": {"kind": "park"}})
    outcome = interpret(raw, extract, ["1"], strict=False)
    assert isinstance(outcome, Answered)
    assert outcome.labelled == (Labelled("1", {"title": "park", "place": {"kind": "Park"}}, None, "strict"),)


def test_a_label_is_known_in_whatever_way_its_characters_are_composed(build: Build, message: Message) -> None:
    composed, decomposed = "Întrebare tâmpită", unicodedata.normalize("NFD", "Întrebare tâmpită")
    assert composed != decomposed
    for known, written in ((composed, decomposed), (decomposed, composed), (composed, decomposed.upper())):
        kind = {"type": "string", "enum": [known, "alta"]}
        rubric = build(
            {"kind": kind, "maybe": {"anyOf": [kind, {"type": "null"}]}, "const": {"const": known}, "text": {}}
        )
        raw = _answer(message, {"id": "1", "kind": written, "maybe": written, "const": written, "text": written})
        assert _stored(raw, rubric) == {"kind": known, "maybe": known, "const": known, "text": written}


def test_of_two_labels_that_differ_in_case_the_one_that_was_written_is_meant(build: Build, message: Message) -> None:
    rubric = build({"kind": {"type": "string", "enum": ["Âna", "âna"]}})
    raw = _answer(message, {"id": "1", "kind": unicodedata.normalize("NFD", "âna")})
    assert _stored(raw, rubric) == {"kind": "âna"}


def test_a_format_is_checked(build: Build, message: Message) -> None:
    rubric = build({"day": {"type": "string", "format": "date"}})
    assert _stored(_answer(message, {"id": "1", "day": "2026-02-28"}), rubric) == {"day": "2026-02-28"}
    outcome = interpret(_answer(message, {"id": "1", "day": "2026-02-30"}), rubric, ["1"], strict=False)
    assert _reasons(outcome) == {"1": "the verdict does not fit the schema at day: format"}


def test_a_value_that_is_valid_as_it_is_written_is_not_respelled(build: Build, message: Message) -> None:
    known = {"type": "string", "enum": ["US"]}
    rubric = build({"known": known, "free": {"anyOf": [known, {"type": "string"}]}})
    raw = _answer(message, {"id": "1", "known": " us ", "free": " us "})
    assert _stored(raw, rubric) == {"known": "US", "free": " us "}


@pytest.mark.parametrize("written", ["1999.0", "1999", "1.999e3", "199900E-2"])
def test_a_whole_number_is_an_integer_where_the_schema_asks_for_one(
    written: str, build: Build, message: Message
) -> None:
    maybe = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    rubric = build({"year": {"type": ["integer", "null"]}, "maybe": maybe, "all": {"items": {"type": "integer"}}})
    stored = _stored(message(f'[{{"id": "1", "year": {written}, "maybe": {written}, "all": [{written}]}}]'), rubric)
    assert repr(stored) == repr({"year": 1999, "maybe": 1999, "all": [1999]})


def test_a_decimal_keeps_its_digits(build: Build, message: Message) -> None:
    rubric = build({"price": {"type": "number"}, "either": {"type": ["integer", "number"]}})
    stored = _stored(message('[{"id": "1", "price": 12345678901234567.89, "either": 1999.0}]'), rubric)
    assert repr(stored) == repr({"price": Decimal("12345678901234567.89"), "either": Decimal("1999.0")})


@pytest.mark.parametrize("number", ["1e999", "-1e400", "1e-400", "0e-20000", "0." + "1" * 2000])
def test_a_number_that_no_column_holds_is_rejected(number: str, build: Build, message: Message) -> None:
    outcome = interpret(
        message(f'[{{"id": "1", "n": {number}}}]'), build({"n": {"type": "number"}}), ["1"], strict=False
    )
    assert "cannot store" in _reasons(outcome)["1"]


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (_verdict(labels=["joke"]), "the verdict does not fit the schema at labels/0: enum"),
        (_verdict(labels=["question", "Question"]), "the verdict does not fit the schema at labels: uniqueItems"),
        (_verdict(labels="question"), "the verdict does not fit the schema at labels: type"),
        ({"id": "1"}, "the verdict does not fit the schema at its top: required"),
        (_verdict() | {"row text": 1}, "the verdict does not fit the schema at its top: additionalProperties"),
        (_verdict(confidence=1.5), "confidence is not a number from 0 to 1"),
        (_verdict(confidence="0.9"), "the verdict does not fit the schema at confidence: type"),
        (_verdict(labels=["a\0"]), "the verdict holds something that PostgreSQL cannot store"),
        (_verdict(labels=["\ud800"]), "the verdict holds something that PostgreSQL cannot store"),
    ],
)
def test_a_verdict_that_does_not_hold_is_rejected_alone(
    verdict: object, reason: str, rubric: Rubric, message: Message
) -> None:
    outcome = interpret(_answer(message, verdict, _verdict("2")), rubric, ["1", "2"], strict=False)
    assert isinstance(outcome, Answered)
    assert outcome.rejected == (Rejected("1", reason),)
    assert [item.short_id for item in outcome.labelled] == ["2"]


def test_an_infinite_number_is_rejected(rubric: Rubric, message: Message) -> None:
    raw = message('[{"id": "1", "labels": [], "confidence": 1e999}]')
    assert "cannot store" in _reasons(interpret(raw, rubric, ["1"], strict=False))["1"]


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_a_verdict_nested_without_end_is_rejected(depth: int, rubric: Rubric, message: Message) -> None:
    raw = message('[{"id": "1", "confidence": 1, "labels": ' + "[" * depth + "]" * depth + "}]")
    assert list(_reasons(interpret(raw, rubric, ["1"], strict=False))) == ["1"]


def test_an_id_is_taken_only_if_it_stands_there_once(rubric: Rubric, message: Message) -> None:
    raw = _answer(message, _verdict("1"), _verdict("2"), _verdict("2", []), _verdict("9"))
    outcome = interpret(raw, rubric, ["1", "2", "3"], strict=False)
    assert isinstance(outcome, Answered)
    assert [item.short_id for item in outcome.labelled] == ["1"]
    assert outcome.rejected == (
        Rejected("2", "the answer holds 2 verdicts for this item"),
        Rejected("3", "the answer leaves this item out and names 1 that were not requested"),
    )


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "<html>busy</html>",
        "{",
        "[]",
        "null",
        '"text"',
        "[" * 100_000,
        "{}",
        '{"stop_reason": "end_turn"}',
        '{"stop_reason": "end_turn", "content": "text"}',
        '{"type": "error", "content": []}',
    ],
)
def test_what_is_no_message_is_an_outage(raw: str, rubric: Rubric) -> None:
    assert interpret(raw, rubric, ["1", "2"], strict=False) == NO_MESSAGE
    assert usage_of(read_envelope(raw)) == Usage()


@pytest.mark.parametrize(
    "raw",
    [
        '{"content": []}',
        '{"stop_reason": "end_turn", "content": [null, {"type": "text"}]}',
        '{"stop_reason": ["end_turn"], "content": [], "usage": 7}',
        '{"stop_reason": "end_turn", "content": [{"type": "text", "text": "{}"}]}',
    ],
)
def test_a_message_that_lacks_something_rejects_every_item(raw: str, rubric: Rubric) -> None:
    assert set(_reasons(interpret(raw, rubric, ["1", "2"], strict=False))) == {"1", "2"}


def test_only_end_turn_is_storable(rubric: Rubric, message: Message) -> None:
    def stopped(reason: str | None) -> object:
        return interpret(message(json.dumps([_verdict()]), reason), rubric, ["1"], strict=False)

    assert isinstance(stopped("max_tokens"), Retryable)
    assert stopped("refusal") == Discarded("refused", "the model refused")
    for reason in ("stop_sequence", "tool_use", "pause_turn", "model_context_window_exceeded", "new one", None):
        assert list(_reasons(stopped(reason))) == ["1"]


def test_usage_is_what_the_provider_said(message: Message) -> None:
    usage = {"input_tokens": 7, "output_tokens": 3, "cache_creation_input_tokens": 0, "cache_read_input_tokens": "many"}
    assert usage_of(read_envelope(message("", usage=usage))) == Usage(7, 3, 0, None)
    written = {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 5}
    usage = {"input_tokens": 1, "cache_creation_input_tokens": 7, "cache_creation": written}
    assert usage_of(read_envelope(message("", usage=usage))) == Usage(1, None, 7, None, cache_write_1h=5)


@pytest.mark.parametrize("count", [True, -1, 10**10, 10**30, 10**400], ids=lambda count: str(count)[:9])
def test_a_count_that_no_ledger_could_take_is_as_if_it_were_not_told(message: Message, count: int) -> None:
    usage = {"input_tokens": count, "output_tokens": count, "cache_creation": {"ephemeral_1h_input_tokens": count}}
    assert usage_of(read_envelope(message("", usage=usage))) == Usage()


@pytest.mark.parametrize("written", [None, 7, [], {}, {"ephemeral_1h_input_tokens": "5"}])
def test_how_long_written_tokens_stay_is_unknown_where_the_provider_does_not_say(
    message: Message, written: object
) -> None:
    assert usage_of(read_envelope(message("", usage={"cache_creation": written}))).cache_write_1h is None


_labels = st.sampled_from(["question", "PROPOSAL", "joke", "", "\0", "\ud800", 7, None])
_verdicts = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["1", "2", 1, "9", None, True, [], 1.0]),
        "labels": st.lists(_labels, max_size=3) | _labels,
        "confidence": st.none() | st.floats() | st.booleans() | st.integers() | st.text(max_size=2),
        "more": st.none(),
    },
)
_answers = st.lists(_verdicts | st.none() | st.integers(), max_size=4).map(lambda verdicts: {"verdicts": verdicts})


@unhurried
@given(document=_answers, stop=st.sampled_from(["end_turn", "end_turn", "max_tokens", "x"]), cut=st.integers(0, 30))
def test_whatever_comes_each_item_is_in_one_place_and_labels_hold(
    document: object, stop: str, cut: int, rubric: Rubric, message: Message
) -> None:
    text = json.dumps(document)
    outcome = interpret(message(text[: len(text) - max(0, cut - 25)], stop), rubric, ["1", "2"], strict=False)
    if not isinstance(outcome, Answered):
        return
    labelled = [item.short_id for item in outcome.labelled]
    assert sorted(labelled + [item.short_id for item in outcome.rejected]) == ["1", "2"]
    for item in outcome.labelled:
        jsonschema_rs.validate(dict(rubric.schema), dict(item.output))
        assert item.confidence is None or 0 <= item.confidence <= 1


@unhurried
@given(raw=st.text(max_size=80))
def test_garbage_never_raises_and_is_never_labelled(raw: str, rubric: Rubric, message: Message) -> None:
    assert interpret(raw, rubric, ["1", "2"], strict=False) == NO_MESSAGE
    assert set(_reasons(interpret(message(raw), rubric, ["1", "2"], strict=False))) == {"1", "2"}
