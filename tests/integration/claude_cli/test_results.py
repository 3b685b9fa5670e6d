"""For any output and any end of the tool: accepted only if every condition holds, paid if it was paid."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from waves.backends.answers.interpret import interpret
from waves.config.rubric import Rubric
from waves.models import Usage
from waves.outcomes import Answered, Fatal, Outcome, Retryable, Snoozed

Make = Callable[..., dict[str, Any]]
IDS = ["1", "2"]

TEXTS: list[tuple[str, int, int | None, Any]] = [
    ("Claude AI usage limit reached|1795300000", 1, None, "quota"),
    ("5-hour limit reached ∙ resets 5am", 1, None, "quota"),
    ("Session limit reached ∙ resets 10am", 0, None, "quota"),
    ("You've hit your limit · resets 1pm (Europe/Lisbon)", 1, 429, "quota"),
    ("You've hit your limit · resets Feb 7, 11am (Asia/Seoul)", 1, 429, "quota"),
    ("You've hit your session limit · resets 3:50pm (Asia/Tokyo)", 1, 429, "quota"),
    ("You've hit your 5-hour limit · resets 12:51pm (UTC)", 1, 429, "quota"),
    ("You've hit your weekly limit · resets Nov 25, 9:51am (UTC)", 1, 429, "quota"),
    ("You've hit your Opus limit · resets 9am (UTC)", 1, 429, "quota"),
    ("You've reached your Fable 5 limit.", 1, 429, "quota"),
    ("You've hit your usage credit limit · resets 9am (UTC)", 1, 429, "spend"),
    ("You've hit your monthly spend limit", 1, 429, "spend"),
    ("You're out of usage credits · resets 9am", 1, 429, "spend"),
    ("API Error: Server is temporarily limiting requests (not your usage limit) · later", 1, 429, "rate"),
    ("API Error: Request rejected (429) · this may be a temporary capacity issue", 1, 429, "rate"),
    ("Please speak up, I did not hear you", 0, None, "quota"),
    ("Total cost: $0.00", 0, None, "quota"),
    ("Not logged in · Please run /login", 1, None, "credentials"),
    ("Not logged in · Please run /login", 1, 401, "credentials"),
    ("Invalid API key · Fix external API key", 1, 401, "credentials"),
    ("Failed to authenticate. API Error: 401 OAuth token has expired", 1, 401, "credentials"),
    ("OAuth token revoked · Please run /login", 1, 403, "credentials"),
    ("OAuth session expired and could not be refreshed", 1, None, "credentials"),
    ("Credit balance is too low", 1, 400, "credentials"),
    ("There's an issue with the selected model (m). It may not exist", 1, 404, "configuration"),
    ("API Error: 400 row text", 1, 400, "invalid"),
    ("Prompt is too long", 1, None, "invalid"),
    ("API Error: 529 overloaded", 1, 529, "outage"),
    ("API Error: 500 internal", 1, 500, "outage"),
    ("API Error: Unable to connect to API (ConnectionRefused)", 1, None, "outage"),
    ("API Error: Connection to the API was lost (ECONNRESET).", 1, None, "maybe paid outage"),
]


def in_a_word(outcome: Outcome) -> str:
    if isinstance(outcome, Retryable) and outcome.maybe_paid:
        return f"maybe paid {outcome.kind}"
    return "answered" if isinstance(outcome, Answered) else outcome.kind


@pytest.mark.parametrize(("text", "code", "status", "expected"), TEXTS, ids=[text for text, *_ in TEXTS])
def test_a_text_in_the_place_of_an_answer_is_no_answer(
    text: str, code: int, status: int | None, expected: str, claude: Any, result: Make
) -> None:
    claude.acts(result(text, is_error=code != 0, api_error_status=status), code=code)
    outcome = claude.ask()
    assert in_a_word(outcome) == expected
    assert not claude.answers
    assert text not in repr(outcome)
    assert "row text" not in repr(outcome)
    if isinstance(outcome, Snoozed) and expected == "quota":
        has_time = re.search(r"resets \d", text) is not None  # a date may be too far ahead on the day of this test
        assert outcome.until is not None or not has_time


def test_a_good_result_is_passed_up_and_labels_every_item(claude: Any, good: Make, rubric: Rubric) -> None:
    claude.acts(good("1", "2"))
    outcome = claude.ask()
    assert isinstance(outcome, Answered)
    assert [item.short_id for item in outcome.labelled] == IDS
    (answer,) = claude.answers
    assert (answer.call_id, answer.status) == ("call-1", 200)
    assert answer.usage == Usage(9, 5, 0, 4, reported_usd=0.25)
    assert interpret(answer.raw, rubric, IDS, strict=False) == outcome


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 1),
        ({"is_error": True}, 0),
        ({"subtype": "error_max_turns"}, 0),
        ({"num_turns": 0}, 0),
        ({"structured_output": None}, 0),
        ({"structured_output": "text"}, 0),
        ({"structured_output": {"verdicts": "none"}}, 0),
        ({"structured_output": {"verdicts": [{"id": "1", "labels": ["no such"], "confidence": 0.5}]}}, 0),
    ],
)
def test_a_paid_result_that_lacks_a_condition_is_kept_and_rejected_for_every_item(
    changes: dict[str, Any], code: int, claude: Any, good: Make, rubric: Rubric
) -> None:
    claude.acts(good("1", "2", **changes), code=code)
    outcome = claude.ask()
    assert isinstance(outcome, Answered)
    assert not outcome.labelled
    assert [item.short_id for item in outcome.rejected] == IDS
    (answer,) = claude.answers
    assert answer.usage.input == 9
    assert interpret(answer.raw, rubric, IDS, strict=False) == outcome


def test_two_results_are_none(claude: Any, good: Make) -> None:
    claude.acts(good("1", "2"), good("1", "2"))
    outcome = claude.ask()
    assert isinstance(outcome, Answered)
    assert not outcome.labelled
    assert [answer.usage for answer in claude.answers] == [Usage()]


@pytest.mark.parametrize(
    "act",
    [
        {},
        {"code": 143},
        {"killed": True},
        {"lines": ['{"type":"result","subtype":"success","is_error":fal']},
        {"lines": [{"type": "system", "subtype": "init", "apiKeySource": "none"}], "code": 1},
    ],
    ids=["nothing", "ended", "killed", "half a line", "no result"],
)
def test_without_a_result_it_may_have_been_paid(act: dict[str, Any], claude: Any) -> None:
    claude.acts(**{"lines": [], **act})
    outcome = claude.ask()
    if act.get("lines") and isinstance(act["lines"][0], str):
        assert isinstance(outcome, Snoozed)
        return
    assert outcome == Retryable("outage", "the CLI ended without a result", maybe_paid=True)
    assert not claude.answers


def test_a_row_that_is_a_command_of_the_tool_is_no_answer(claude: Any, result: Make) -> None:
    claude.acts(result("Total cost: $0", num_turns=0, structured_output={"verdicts": []}))
    assert isinstance(claude.ask(), Snoozed)
    assert not claude.answers


def test_what_the_tool_does_not_understand_is_a_matter_of_its_version(claude: Any) -> None:
    claude.acts(stderr="error: unknown option '--system-prompt-file'", code=1)
    outcome = claude.ask()
    assert isinstance(outcome, Fatal)
    assert outcome.kind == "configuration"


def stream(stop_reason: str | None) -> list[dict[str, Any]]:
    usage = {"input_tokens": 9, "output_tokens": 1, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 4}
    usage |= {"cache_creation": {"ephemeral_1h_input_tokens": 7}}  # type: ignore[dict-item]
    started = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": usage}}
    ended = {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {"output_tokens": 30}}
    events = [started, *([ended] if stop_reason else [])]
    return [{"type": "stream_event", "event": event} for event in events]


def test_usage_is_that_of_every_request_that_the_tool_sent(claude: Any, good: Make) -> None:
    claude.acts(*stream("tool_use"), good("1", "2"))
    claude.ask()
    assert claude.answers[0].usage == Usage(9, 30, 7, 4, 7, reported_usd=0.25)


@pytest.mark.parametrize(("reason", "expected"), [("max_tokens", "truncated"), ("refusal", "refused")])
def test_an_answer_that_stopped_early_ends_the_tool_before_it_asks_again(
    reason: str, expected: str, claude: Any, rubric: Rubric
) -> None:
    claude.acts(*stream(reason), hang=True)
    outcome = claude.ask()
    assert in_a_word(outcome) == expected
    (answer,) = claude.answers
    assert answer.usage == Usage(9, 30, 7, 4, 7)
    assert interpret(answer.raw, rubric, IDS, strict=False) == outcome


def test_an_answer_that_broke_off_may_have_been_paid(claude: Any, result: Make) -> None:
    synthetic = {"type": "assistant", "error": "server_error", "message": {"model": "<synthetic>"}}
    claude.acts(*stream(None), synthetic, result("API Error: Connection lost", is_error=True), code=1)
    assert in_a_word(claude.ask()) == "maybe paid outage"
    assert not claude.answers


def test_a_bad_structure_is_paid_once_though_the_tool_counts_nothing(claude: Any, result: Make) -> None:
    whole = {"type": "assistant", "message": {"id": "msg_1", "model": "m", "usage": {}}}
    failed = result(subtype="error_max_structured_output_retries", is_error=True, errors=["Failed to provide"])
    claude.acts(*stream(None), whole, failed, code=1)
    assert in_a_word(claude.ask()) == "answered"
    assert [answer.usage for answer in claude.answers] == [Usage(9, None, 7, 4, 7)]


def event(**info: Any) -> dict[str, Any]:
    return {"type": "rate_limit_event", "rate_limit_info": info}


def test_a_warning_of_a_window_comes_with_the_answer(claude: Any, good: Make) -> None:
    windows = {"seven_day": {"utilization": 0.25, "resetsAt": 1795600000}}
    claude.acts(
        event(status="allowed_warning", resetsAt=1795300000, rateLimitType="five_hour", utilization=0.9),
        event(status="allowed", unifiedWindows=windows),
        good("1", "2"),
    )
    assert isinstance(claude.ask(), Answered)
    five, seven = claude.answers[0].meters
    assert (five.limit, five.used, five.rejected) == ("five_hour", 0.9, False)
    assert (seven.limit, seven.used) == ("seven_day", 0.25)
    assert five.resets_at.timestamp() == 1795300000
    assert seven.resets_at.timestamp() == 1795600000


def test_a_window_that_refuses_is_read_from_its_event_and_not_from_words(claude: Any, result: Make) -> None:
    failure = result("Nothing that anybody knows", is_error=True, api_error_status=429)
    claude.acts(event(status="rejected", resetsAt=4000000000, rateLimitType="seven_day"), failure, code=1)
    outcome = claude.ask()
    assert isinstance(outcome, Snoozed)
    assert (outcome.kind, outcome.until) == ("quota", None)  # so far ahead is nonsense: the pause is ours
    assert [meter.limit for meter in outcome.meters] == ["seven_day"]


def test_words_of_the_model_cannot_put_the_backend_to_sleep(claude: Any, result: Make) -> None:
    """It answered with text although the schema was required; the row asked for this text."""
    text = "You've hit your session limit · resets 3:50pm (Asia/Tokyo)"
    claude.acts(*stream("end_turn"), result(text, usage={"input_tokens": 9, "output_tokens": 5}))
    assert in_a_word(claude.ask()) == "answered"
    assert len(claude.answers) == 1


def test_a_foreign_key_is_left_alone(claude: Any) -> None:
    claude.acts({"type": "system", "subtype": "init", "apiKeySource": "apiKeyHelper"}, hang=True)
    outcome = claude.ask()
    assert isinstance(outcome, Fatal)
    assert outcome.kind == "credentials"


def test_raw_is_one_json_document_that_tells_how_it_ended(claude: Any, good: Make) -> None:
    claude.acts(good("1", "2"), code=0)
    claude.ask()
    details = json.loads(claude.answers[0].raw)["claude"]
    assert (details["exit_code"], details["subtype"], details["num_turns"]) == (0, "success", 2)
