"""What the tool prints as numbers, as far as a journal and a database can hold it."""

from __future__ import annotations

import json

import pytest

from waves.backends.claude_cli.transcript import Transcript, read_meters
from waves.models import Usage

WILD = ["true", "-1", "1e999", "NaN", "1" + "0" * 400, "10000000001"]


@pytest.mark.parametrize("number", WILD, ids=lambda number: str(number)[:9])
def test_a_count_or_a_cost_that_nobody_could_have_is_as_if_it_were_not_told(number: str) -> None:
    heard = Transcript()
    usage = f'{{"input_tokens":{number},"output_tokens":{number}}}'
    heard.feed(f'{{"type":"result","usage":{usage},"total_cost_usd":{number}}}'.encode())
    assert heard.usage() == Usage()


def test_a_cost_is_read() -> None:
    heard = Transcript()
    heard.feed(b'{"type":"result","usage":{"input_tokens":3,"output_tokens":2},"total_cost_usd":0.5}')
    assert heard.usage() == Usage(3, 2, reported_usd=0.5)


@pytest.mark.parametrize("number", WILD[:-1], ids=lambda number: str(number)[:9])
def test_a_utilisation_that_is_no_share_is_as_if_it_were_not_told(number: str) -> None:
    told = json.loads(f'{{"rateLimitType":"five_hour","utilization":{number},"resetsAt":1795300000}}')
    (meter,) = read_meters(told)
    assert meter.used is None
