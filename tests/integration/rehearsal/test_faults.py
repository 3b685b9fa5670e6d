"""Every fault, as the official SDK meets it."""

from __future__ import annotations

import json
import time
from typing import Any

import anthropic
import httpx2
import pytest


def text_of(message: anthropic.types.Message) -> str:
    (block,) = message.content
    assert isinstance(block, anthropic.types.TextBlock)
    return block.text


def always(fault: str) -> dict[str, Any]:
    return {"faults": {fault: 1.0}}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("400", anthropic.BadRequestError),
        ("401", anthropic.AuthenticationError),
        ("402", anthropic.PaymentRequiredError),
        ("403", anthropic.PermissionDeniedError),
        ("404", anthropic.NotFoundError),
        ("413", anthropic.ContentTooLargeError),
        ("429", anthropic.RateLimitError),
        ("500", anthropic.InternalServerError),
        ("503", anthropic.ServiceUnavailableError),
        ("504", anthropic.GatewayTimeoutError),
        ("529", anthropic.OverloadedError),
    ],
)
def test_a_status_arrives_as_the_sdk_names_it(start: Any, status: str, error: type[anthropic.APIStatusError]) -> None:
    with pytest.raises(error) as caught:
        start(always(status)).create()
    assert caught.value.type
    assert caught.value.request_id == caught.value.body["request_id"]  # type: ignore[index]


def test_a_429_by_chance_carries_the_retry_after_of_the_scenario(start: Any) -> None:
    with pytest.raises(anthropic.RateLimitError) as caught:
        start(always("429") | {"retry_after": 7}).create()
    assert caught.value.response.headers["retry-after"] == "7"


def test_a_hanging_request_is_never_answered(start: Any) -> None:
    provider = start(always("hang"))
    with pytest.raises(anthropic.APITimeoutError):
        provider.create(timeout=0.2)
    (ended,) = provider.wait_for(1, "ended")
    assert (ended["answered"], ended["client_gone"], ended["fault"]) == (False, True, "hang")


def was_cut(provider: Any) -> None:
    (ended,) = provider.wait_for(1, "ended")
    assert (ended["answered"], ended["client_gone"], ended["fault"]) == (False, False, "reset")


def test_a_reset_comes_in_the_middle_of_the_answer(start: Any) -> None:
    provider = start(always("reset"))
    with pytest.raises(anthropic.APIConnectionError) as caught:
        provider.create()
    assert "reset" in str(caught.value.__cause__)
    was_cut(provider)


def test_a_reset_comes_in_the_middle_of_a_stream(start: Any) -> None:
    provider = start(always("reset"))
    with provider.client().messages.stream(**provider.ask()) as stream:
        assert next(iter(stream)).type == "message_start"
        with pytest.raises(httpx2.ReadError, match="reset"):
            stream.until_done()
    was_cut(provider)


def test_a_web_page_comes_with_status_200(start: Any) -> None:
    provider = start(always("html"))
    response = provider.client().messages.with_raw_response.create(**provider.ask())
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html")
    assert b"<html>" in response.http_response.content


def test_an_empty_object_comes_with_status_200(start: Any) -> None:
    provider = start(always("empty_object"))
    response = provider.client().messages.with_raw_response.create(**provider.ask())
    assert (response.status_code, response.http_response.content) == (200, b"{}")


def test_a_refusal_has_no_content(start: Any) -> None:
    message = start(always("refusal")).create()
    assert (message.stop_reason, message.content) == ("refusal", [])
    assert message.stop_details is not None


@pytest.mark.parametrize(("fault", "reason"), [("max_tokens", "max_tokens"), ("truncated", "end_turn")])
def test_a_cut_answer_is_no_json(start: Any, fault: str, reason: str) -> None:
    message = start(always(fault)).create()
    assert message.stop_reason == reason
    with pytest.raises(json.JSONDecodeError):
        json.loads(text_of(message))


def test_a_code_fence_stands_around_the_answer(start: Any) -> None:
    text = text_of(start(always("code_fence")).create())
    assert len(json.loads(text.removeprefix("```json\n").removesuffix("\n```"))["verdicts"]) == 3


def test_prose_stands_around_the_answer(start: Any) -> None:
    text = text_of(start(always("prose")).create())
    assert len(json.loads(text[text.index("{") : text.rindex("}") + 1])["verdicts"]) == 3


def test_python_literals_stand_for_json(start: Any) -> None:
    assert text_of(start(always("python_literal")).create()).startswith("{'verdicts': [{'")


def test_an_unescaped_quote_stands_inside_a_string(start: Any) -> None:
    text = text_of(start(always("unescaped_quote")).create())
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert len(json.loads(text.replace('„"', "„”"))["verdicts"]) == 3


def ids(message: anthropic.types.Message) -> list[str]:
    return [verdict["id"] for verdict in json.loads(text_of(message))["verdicts"]]


def test_missing_id_leaves_one_verdict_out(start: Any) -> None:
    item_ids = ids(start(always("missing_id")).create())
    assert len(item_ids) == 2
    assert set(item_ids) < {"1", "2", "3"}


def test_duplicate_id_gives_one_verdict_twice(start: Any) -> None:
    item_ids = ids(start(always("duplicate_id")).create())
    assert (len(item_ids), set(item_ids)) == (4, {"1", "2", "3"})


def test_foreign_id_gives_one_verdict_an_id_that_nobody_asked_for(start: Any) -> None:
    item_ids = ids(start(always("foreign_id")).create())
    assert (len(item_ids), len(set(item_ids) & {"1", "2", "3"})) == (3, 2)


def all_labels(message: anthropic.types.Message) -> set[str]:
    return {label for verdict in json.loads(text_of(message))["verdicts"] for label in verdict["labels"]}


def test_one_label_has_another_case(start: Any) -> None:
    known = {"question", "endorsement", "edit_suggestion"}
    labels = all_labels(start(always("label_case")).create())
    assert len(labels - known) == 1
    assert {label.lower() for label in labels} == known


def test_one_label_is_on_no_list(start: Any) -> None:
    labels = all_labels(start(always("unknown_label")).create())
    assert len(labels - {"question", "endorsement", "edit_suggestion"}) == 1


def test_a_lone_surrogate_stands_in_the_output(start: Any) -> None:
    assert any("\ud83d" in label for label in all_labels(start(always("lone_surrogate")).create()))


def test_a_nul_stands_in_the_output(start: Any) -> None:
    assert any("\0" in label for label in all_labels(start(always("nul")).create()))


def test_a_spoiled_text_comes_as_text_where_a_tool_was_forced(start: Any) -> None:
    tool = {"name": "judge", "input_schema": {"type": "object"}}
    message = start(always("code_fence")).create(tools=[tool], tool_choice={"type": "any"})
    assert text_of(message).startswith("```json")


@pytest.mark.parametrize(("unit", "capacity"), [("requests", 2), ("items", 6)])
def test_a_used_up_quota_is_429_until_its_window_ends(start: Any, unit: str, capacity: int) -> None:
    provider = start({"quota": {"capacity": capacity, "unit": unit, "window": 3}})
    provider.create()
    provider.create()
    with pytest.raises(anthropic.RateLimitError) as caught:
        provider.create()
    headers = caught.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 3
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    deadline = time.monotonic() + 15
    while True:
        try:
            provider.create()
            break
        except anthropic.RateLimitError:
            assert time.monotonic() < deadline


def test_a_spend_limit_names_its_code_and_no_end(start: Any) -> None:
    code = "enforced_spend_limit_reached"
    provider = start({"quota": {"capacity": 1, "window": 60, "error_code": code}})
    provider.create()
    with pytest.raises(anthropic.RateLimitError) as caught:
        provider.create()
    assert caught.value.error_code == code
    assert "retry-after" not in caught.value.response.headers


def test_the_provider_is_down_from_one_request_to_another(start: Any) -> None:
    provider = start({"down": [{"start": 2, "end": 4, "fault": "529"}]})
    provider.create()
    for _ in range(2):
        with pytest.raises(anthropic.OverloadedError):
            provider.create()
    provider.create()


def test_one_model_may_be_down_alone(start: Any) -> None:
    provider = start({"down": [{"fault": "529", "models": ["first"]}]})
    with pytest.raises(anthropic.OverloadedError):
        provider.create(model="first")
    provider.create(model="second")


def test_only_the_named_keys_are_invalid(start: Any) -> None:
    provider = start({"invalid_keys": ["wrong"]})
    with pytest.raises(anthropic.AuthenticationError) as caught:
        provider.client("wrong").messages.create(**provider.ask())
    assert caught.value.type == "authentication_error"
    provider.client("right").messages.create(**provider.ask())


def test_a_poisoned_item_is_always_bad_and_its_neighbours_never(start: Any) -> None:
    provider = start({"poison": [{"marker": "POISON", "fault": "unknown_label"}]})
    for _ in range(3):
        message = provider.create(texts=("A wonderful paper.", "POISON, a wonderful paper."))
        good, bad = (verdict["labels"] for verdict in json.loads(text_of(message))["verdicts"])
        assert (good, bad) == (["endorsement"], ["endorsement-of-no-list"])


def test_a_poison_may_take_the_whole_request_with_it(start: Any) -> None:
    provider = start({"poison": [{"marker": "POISON", "fault": "refusal"}]})
    assert provider.create(texts=("fine", "POISON")).stop_reason == "refusal"
    assert provider.create(texts=("fine",)).stop_reason == "end_turn"


def test_the_latency_is_kept(start: Any) -> None:
    provider = start({"latency": {"kind": "uniform", "a": 0.05, "b": 0.06}})
    started = time.monotonic()
    provider.create()
    assert time.monotonic() - started >= 0.05


def outcomes(provider: Any, n: int) -> list[str]:
    answers = []
    for number in range(n):
        try:
            answers.append(text_of(provider.create(texts=(f"comment {number % 10}, agree?",))))
        except anthropic.APIStatusError as error:
            answers.append(str(error.status_code))
    return answers


CHANCY = {"faults": {"500": 0.3, "unknown_label": 0.3, "truncated": 0.2}}


def test_the_same_seed_repeats_a_run(start: Any) -> None:
    first, second, other = (outcomes(start(CHANCY, seed=seed), 30) for seed in (5, 5, 6))
    assert first == second != other
    assert len(set(first)) > 3


def test_a_second_try_of_the_same_request_throws_the_dice_anew(start: Any) -> None:
    provider = start({"faults": {"500": 0.5}})
    statuses = []
    for _ in range(20):
        try:
            provider.create()
            statuses.append(200)
        except anthropic.InternalServerError:
            statuses.append(500)
    assert set(statuses) == {200, 500}
