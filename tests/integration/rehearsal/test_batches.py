"""The stand-in's batches, asked by the real SDK."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest

from tests.integration.rehearsal.conftest import Provider, Start, request

Requests = list[Any]


def requests(count: int = 3) -> Requests:
    return [{"custom_id": f"r-{n}", "params": request((f"How many in group {n}?",))} for n in range(count)]


def create(provider: Provider, count: int = 3) -> Any:
    return provider.client().messages.batches.create(requests=requests(count))


def counts(batch: Any) -> dict[str, int]:
    return {kind: n for kind, n in batch.request_counts.to_dict().items() if n}


def test_a_batch_is_worked_on_and_its_results_are_answers(start: Start) -> None:
    provider = start({"batches": {"looks": 2}})
    batches = provider.client().messages.batches
    made = create(provider)
    assert (made.processing_status, counts(made), made.results_url) == ("in_progress", {"processing": 3}, None)
    with pytest.raises(anthropic.AnthropicError):
        batches.results(made.id)
    assert batches.retrieve(made.id).processing_status == "ended"
    ended = batches.retrieve(made.id)
    assert (counts(ended), ended.ended_at is not None) == ({"succeeded": 3}, True)
    assert ended.results_url is not None
    provider.wait_for(3, "arrived")


def results(provider: Provider, batch_id: str) -> list[dict[str, Any]]:
    """The lines as they come over the wire."""
    stream = provider.client().get(
        f"/v1/messages/batches/{batch_id}/results", cast_to=object, stream=True, stream_cls=anthropic.Stream[object]
    )
    return [json.loads(line) for line in stream.response.read().splitlines()]


def test_results_bear_their_custom_ids_and_the_record_has_each_request(start: Start) -> None:
    provider = start()
    made = create(provider)
    lines = results(provider, made.id)
    assert sorted(line["custom_id"] for line in lines) == ["r-0", "r-1", "r-2"]
    for line in lines:
        message = line["result"]["message"]
        assert json.loads(message["content"][0]["text"])["verdicts"][0]["labels"] == ["question"]
        assert message["usage"]["output_tokens"] > 0
    lines = [line for line in provider.lines() if line["path"] == "/v1/messages"]
    assert [line["t"] for line in lines] == ["arrived"] * 3 + ["ended"] * 3
    assert all(line["batch"] == made.id for line in lines)
    assert [(line["status"], line["answered"]) for line in lines[3:]] == [(200, True)] * 3


@pytest.mark.parametrize(
    ("scenario", "kinds"),
    [
        ({"batches": {"expired": 1.0}}, {"expired": 3}),
        ({"batches": {"canceled": 1.0}}, {"canceled": 3}),
        ({"faults": {"529": 1.0}}, {"errored": 3}),
        ({"faults": {"hang": 1.0}}, {"expired": 3}),
        ({"faults": {"refusal": 1.0}}, {"succeeded": 3}),
    ],
    ids=str,
)
def test_its_requests_end_as_the_scenario_says_and_only_answers_count_as_paid(
    scenario: dict[str, Any], kinds: dict[str, int], start: Start
) -> None:
    provider = start(scenario)
    made = create(provider)
    assert (made.processing_status, counts(made)) == ("ended", kinds)
    lines = [line for line in provider.lines() if line["path"] == "/v1/messages" and line["t"] == "ended"]
    assert sum(line["status"] == 200 and line["answered"] for line in lines) == kinds.get("succeeded", 0)


def test_a_cancelled_batch_does_no_more_work(start: Start) -> None:
    provider = start({"batches": {"looks": 9}})
    made = create(provider)
    batches = provider.client().messages.batches
    assert batches.cancel(made.id).processing_status == "canceling"
    assert counts(batches.retrieve(made.id)) == {"canceled": 3}


def test_batches_are_listed_page_by_page_the_newest_first(start: Start) -> None:
    provider = start({"batches": {"page": 2}})
    made = [create(provider, 1).id for _ in range(5)]
    batches = provider.client().messages.batches
    assert [batch.id for batch in batches.list(limit=2)] == made[::-1]
    assert [batch.id for batch in batches.list(before_id=made[2])] == [made[4], made[3]]
    first = batches.list()
    assert (len(first.data), first.has_more, first.last_id) == (2, True, made[3])


@pytest.mark.parametrize("lost", ["replies_lost", "requests_lost"])
def test_a_lost_reply_says_nothing_of_whether_the_batch_was_made(lost: str, start: Start) -> None:
    provider = start({"batches": {lost: 1}})
    with pytest.raises(anthropic.APIConnectionError):
        create(provider)
    assert len(provider.client().messages.batches.list().data) == (1 if lost == "replies_lost" else 0)
    assert create(provider).id


@pytest.mark.parametrize(
    "wrong",
    [[], [{"custom_id": "a b", "params": {}}], [{"custom_id": "a"}], [*requests(1), *requests(1)]],
    ids=["none", "custom id", "no params", "twice"],
)
def test_what_a_provider_would_refuse_is_refused(wrong: Requests, start: Start) -> None:
    provider = start()
    with pytest.raises(anthropic.BadRequestError):
        provider.client().messages.batches.create(requests=wrong)
    with pytest.raises(anthropic.NotFoundError):
        provider.client().messages.batches.retrieve("msgbatch_unknown")
