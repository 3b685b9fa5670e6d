"""Requests are parsed, or refused as the provider would refuse them; no request can break the server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.rehearsal.protocol import ERROR_TYPES, ProtocolError, read_request
from waves.rehearsal.provider import Provider
from waves.rehearsal.scenarios import Scenario

ITEMS = json.dumps({"items": [{"id": 1, "input": {"a": "x"}}]})


def understood(**changes: Any) -> Any:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": ITEMS}]} | changes
    return read_request(json.dumps(body).encode(), "2026-10-21")


def test_items_are_found_in_whichever_block_holds_them() -> None:
    blocks = [{"type": "text", "text": "Stricter!"}, {"type": "text", "text": ITEMS}]
    assert understood(messages=[{"role": "user", "content": blocks}]).items == (("1", {"a": "x"}),)


def test_only_the_last_message_of_the_user_counts() -> None:
    messages = [
        {"role": "user", "content": ITEMS},
        {"role": "assistant", "content": "?"},
        {"role": "user", "content": "b"},
    ]
    request = understood(messages=messages)
    assert (request.items, request.text) == ((), "b")


def test_words_may_follow_the_items() -> None:
    assert understood(messages=[{"role": "user", "content": f"{ITEMS}\n\nOnce more, please."}]).items == (
        ("1", {"a": "x"}),
    )


def test_a_tool_that_is_alone_is_used_unless_an_answer_in_another_shape_is_asked_for() -> None:
    tools = [{"name": "judge", "input_schema": {"type": "object"}}]
    form = {"format": {"type": "json_schema", "schema": {"type": "array"}}}
    assert understood(tools=tools).tool == "judge"
    assert understood(tools=tools, tool_choice={"type": "none"}).tool is None
    assert understood(tools=[*tools, *tools]).tool is None
    assert understood(tools=tools, output_config=form).schema == {"type": "array"}


def test_the_prompt_is_cached_in_the_order_tools_system_messages() -> None:
    request = understood(
        tools=[{"name": "t"}], system=[{"type": "text", "text": "s"}], cache_control={"type": "ephemeral"}
    )
    assert [(segment.text, segment.ttl) for segment in request.segments] == [
        ('{"name": "t"}', None),
        ("s", None),
        (ITEMS, 300),
    ]


def test_sampling_parameters_are_refused_from_the_version_that_dropped_them() -> None:
    body = json.dumps({"model": "m", "max_tokens": 1, "top_p": 1, "messages": [{"role": "user", "content": "x"}]})
    assert read_request(body.encode(), "2023-06-01").text == "x"
    with pytest.raises(ProtocolError, match="top_p"):
        read_request(body.encode(), "2026-10-21")


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"model": ', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_request(body, "")
    assert caught.value.status == 400


WORDS = [
    "type",
    "text",
    "content",
    "role",
    "name",
    "id",
    "items",
    "format",
    "schema",
    "input_schema",
    "enum",
    "properties",
    "cache_control",
    "ttl",
    "anyOf",
    "$ref",
    "required",
    "$defs",
    "minItems",
    "tool",
    "any",
    "json_schema",
    "array",
    "object",
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
FIELDS = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "output_config",
    "stream",
    "cache_control",
]


@given(
    st.dictionaries(st.sampled_from(FIELDS), anything), st.sampled_from(["/v1/messages", "/v1/messages/count_tokens"])
)
def test_any_json_is_answered_with_a_documented_status(changes: dict[str, Any], path: str) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": ITEMS}]} | changes
    desk = Provider(Scenario(), 0)
    visit = desk.arrive("POST", path, {"authorization": "Bearer k"}, json.dumps(body).encode(), 1)
    assert desk.plan(visit).status in {200, *ERROR_TYPES}


def test_a_request_without_a_key_is_not_authenticated() -> None:
    desk = Provider(Scenario(), 0)
    assert desk.plan(desk.arrive("GET", "/v1/models", {}, b"", 1)).status == 401


def test_an_answer_longer_than_the_model_can_give_is_refused_and_not_cut() -> None:
    provider = Provider(Scenario(longest_answer=9), 0)
    body = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": ITEMS}]}
    for tokens, status in ((10, 400), (9, 200)):
        asked = json.dumps(body | {"max_tokens": tokens}).encode()
        arrived = provider.arrive("POST", "/v1/messages", {"authorization": "Bearer k"}, asked, 1)
        assert provider.plan(arrived).status == status
