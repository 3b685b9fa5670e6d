"""Numbers that the tool prints count only if a journal and a database can hold them."""

from __future__ import annotations

import json

import pytest

from waves.backends.claude_cli.answer import answer_of
from waves.backends.claude_cli.rate_limits import read_meters
from waves.backends.claude_cli.transcript import Transcript
from waves.models import Usage

WILD = ["true", "-1", "1e999", "NaN", "1" + "0" * 400, "10000000001"]


@pytest.mark.parametrize("number", WILD, ids=lambda number: str(number)[:9])
def test_an_impossible_count_or_cost_is_treated_as_missing(number: str) -> None:
    transcript = Transcript()
    usage = f'{{"input_tokens":{number},"output_tokens":{number}}}'
    transcript.feed(f'{{"type":"result","usage":{usage},"total_cost_usd":{number}}}'.encode())
    assert transcript.usage() == Usage()


def test_a_cost_is_read() -> None:
    transcript = Transcript()
    transcript.feed(b'{"type":"result","usage":{"input_tokens":3,"output_tokens":2},"total_cost_usd":0.5}')
    assert transcript.usage() == Usage(3, 2, reported_usd=0.5)


@pytest.mark.parametrize("number", WILD[:-1], ids=lambda number: str(number)[:9])
def test_an_impossible_utilisation_is_treated_as_missing(number: str) -> None:
    info = json.loads(f'{{"rateLimitType":"five_hour","utilization":{number},"resetsAt":1795300000}}')
    (meter,) = read_meters(info)
    assert meter.used is None


@pytest.mark.parametrize("sign", ["isUsingOverage", "overageInUse"])
@pytest.mark.parametrize("allowed", [True, False])
def test_overage_is_a_window_that_is_used_up_unless_it_is_allowed(sign: str, *, allowed: bool) -> None:
    info = {"status": "allowed", "rateLimitType": "five_hour", "resetsAt": 1795300000, sign: True}
    (meter,) = read_meters(info, overage=allowed)
    assert meter.rejected is not allowed


def test_a_decimal_keeps_its_digits() -> None:
    transcript = Transcript()
    transcript.feed(
        b'{"type":"result","subtype":"success","is_error":false,"num_turns":1,"total_cost_usd":0.5,'
        b'"structured_output":{"price":12345678901234567.89}}'
    )
    message = json.loads(answer_of(transcript, 0))
    assert message["content"] == [{"type": "text", "text": '{"price":12345678901234567.89}'}]
    assert message["claude"]["total_cost_usd"] == transcript.usage().reported_usd == 0.5
