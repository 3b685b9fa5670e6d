"""Any answer of a provider of batches is read with care."""

from __future__ import annotations

import json
import re
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.backends.anthropic.bounded_http import AnswerTooLongError
from waves.backends.message_batches.wire import Batch, batch_of, clock_of, lines_of, result_of
from waves.config.project import BackendConfig
from waves.ids import now
from waves.models import Usage
from waves.outcomes import Discarded, Fatal, Retryable, Snoozed

CONFIG = BackendConfig("mine", "message_batches", ("model-1",))
REQUEST = httpx2.Request("GET", "http://127.0.0.1/results")
NOW = datetime(2026, 11, 20, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(["id", "request_counts"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def line(custom_id: str = "i-0", **result: Any) -> bytes:
    return json.dumps({"custom_id": custom_id, "result": result}).encode()


def error(kind: object) -> dict[str, Any]:
    return {"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": "row text"}}}


def test_an_answer_keeps_its_message_and_its_tokens() -> None:
    message = {"content": [{"type": "text", "text": "a\u2028b \ud800"}], "usage": {"input_tokens": 3}}
    result = result_of(line(type="succeeded", message=message), CONFIG)
    assert result.raw is not None
    assert json.loads(result.raw) == message
    assert (result.custom_id, result.kind, result.usage) == ("i-0", "succeeded", Usage(input=3))


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("invalid_request_error", Discarded),
        ("request_too_large", Discarded),
        ("authentication_error", Fatal),
        ("permission_error", Fatal),
        ("billing_error", Fatal),
        ("not_found_error", Fatal),
        ("rate_limit_error", Snoozed),
        ("overloaded_error", Retryable),
        ("api_error", Retryable),
        ("timeout_error", Retryable),
        ("something_new", Retryable),
        (None, Retryable),
    ],
)
def test_an_error_has_the_outcome_that_the_one_table_gives_it(kind: object, outcome: type) -> None:
    result = result_of(line(**error(kind)), CONFIG)
    assert isinstance(result.outcome, outcome)
    assert "row text" not in str(result.outcome)


@pytest.mark.parametrize("kind", ["canceled", "expired", "something_new"])
def test_what_has_neither_answer_nor_error_says_how_it_ended(kind: str) -> None:
    result = result_of(line(type=kind), CONFIG)
    assert (result.custom_id, result.kind, result.raw, result.outcome) == ("i-0", kind, None, None)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_line_that_is_none_has_no_custom_id(data: bytes) -> None:
    assert result_of(data, CONFIG).custom_id == ""


@given(st.lists(st.binary(max_size=8).filter(lambda data: b"\n" not in data)), st.data())
def test_lines_come_whole_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert list(lines_of(iter(pieces), REQUEST)) == (lines or [b""])


@pytest.mark.parametrize("piece", [b" " * 2**20, b"\n" * 2**16], ids=["a line", "lines"])
def test_lines_without_an_end_are_not_read_for_ever(piece: bytes) -> None:
    with pytest.raises(AnswerTooLongError):
        deque(lines_of(repeat(piece), REQUEST), maxlen=0)


@given(JSON)
def test_a_batch_is_whatever_has_an_id_that_can_stand_in_an_address(fields: Any) -> None:
    batch = batch_of(fields, NOW)
    batch_id = fields.get("id") if isinstance(fields, dict) else None
    wellformed = isinstance(batch_id, str) and re.fullmatch("[A-Za-z0-9][A-Za-z0-9._:-]{0,199}", batch_id)
    assert (batch is not None) == bool(wellformed)


def test_the_fields_of_a_batch() -> None:
    fields = {
        "id": "msgbatch_1",
        "processing_status": "canceling",
        "request_counts": {"processing": 2, "succeeded": 3, "errored": 0, "canceled": 1, "expired": 0},
        "created_at": "2026-11-19T12:00:00Z",
        "archived_at": None,
        "ended_at": "2026-11-19T13:00:00Z",
    }
    created = datetime(2026, 11, 19, 12, tzinfo=UTC)
    assert batch_of(fields, NOW) == Batch(
        "msgbatch_1", "canceling", 6, created, NOW, ended_at=created + timedelta(hours=1)
    )
    assert batch_of({"id": "b", "archived_at": "2026-11-19T12:00:00Z"}, NOW) == Batch(
        "b", "None", 0, NOW, NOW, gone=True
    )


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "\ud800", "\x1b[2J", "a" * 201, 7], ids=ascii)
def test_an_id_that_can_stand_in_no_address_is_none(name: object) -> None:
    assert batch_of({"id": name, "processing_status": "ended"}, NOW) is None


@pytest.mark.parametrize("date", ["", "yesterday", f"Mon, 01 Jan {'9' * 30} 00:00:00 GMT", "Mon, 32 Jan 2026 0:0 GMT"])
def test_a_date_that_cannot_be_read_leaves_our_own_clock(date: str) -> None:
    assert abs(clock_of(httpx2.Response(200, headers={"date": date})) - now()) < timedelta(minutes=1)
