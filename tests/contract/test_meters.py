"""A server of the Messages API reports its limits in headers; a backend passes them on with answers and refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.contract.conftest import Provider, message, verdicts
from waves.backends import open_backend
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.models import Meter
from waves.outcomes import Answer, Answered, Ask, Outcome, Snoozed

RESET = datetime(2126, 11, 21, tzinfo=UTC)
HEADERS = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2126-11-21T00:00:00Z",
    "anthropic-ratelimit-unified-5h-utilization": "0.5",
    "anthropic-ratelimit-unified-5h-reset": str(int(RESET.timestamp())),
}
METERS = (Meter("requests", 1.0, 0, RESET), Meter("five_hour", 0.5, None, RESET))
Say = Callable[..., bytes]


def ask(says: bytes, rubric: Rubric) -> tuple[Outcome, list[Answer]]:
    async def asked() -> tuple[Outcome, list[Answer]]:
        answers: list[Answer] = []
        async with Provider(says) as provider:
            backend = open_backend(BackendConfig("mine", "anthropic", ("m",), provider.url, api_key="key"), rubric)
            try:
                return await backend.ask(Ask("c", "m", (("1", {"content": "x"}),)), answers.append), answers
            finally:
                await backend.close()

    return asyncio.run(asked())


def test_an_answer_comes_with_its_meters(rubric: Rubric, say: Say) -> None:
    outcome, answers = ask(say(message(verdicts("1")), **HEADERS), rubric)
    assert isinstance(outcome, Answered)
    assert [answer.meters for answer in answers] == [METERS]


@pytest.mark.parametrize(
    ("status", "kind"),
    [("allowed", "rate"), ("rejected", "quota")],
    ids=["too many at a time", "the window is used up"],
)
def test_a_refusal_comes_with_its_meters_and_says_what_is_used_up(
    rubric: Rubric, say: Say, status: str, kind: str
) -> None:
    error = json.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": "no"}})
    outcome, answers = ask(say(error, 429, **HEADERS, **{"anthropic-ratelimit-unified-status": status}), rubric)
    assert answers == []
    assert isinstance(outcome, Snoozed)
    assert (outcome.kind, outcome.meters) == (kind, METERS)
