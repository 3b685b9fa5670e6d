"""What a healthy provider does, over real HTTP, as the official SDK sees it."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import jsonschema_rs
import pytest

from waves.config.rubric import Rubric


def verdicts(message: anthropic.types.Message) -> list[dict[str, Any]]:
    block = message.content[0]
    assert isinstance(block, anthropic.types.TextBlock)
    listed: list[dict[str, Any]] = json.loads(block.text)["verdicts"]
    return listed


def test_each_item_gets_the_verdict_of_the_example_it_resembles(start: Any) -> None:
    message = start().create()
    assert [(verdict["id"], verdict["labels"]) for verdict in verdicts(message)] == [
        ("1", ["question"]),
        ("2", ["endorsement"]),
        ("3", ["edit_suggestion"]),
    ]
    assert message.stop_reason == "end_turn"


def test_the_answer_fits_the_schema_that_was_sent(start: Any) -> None:
    provider = start()
    message = provider.create()
    schema = provider.ask()["output_config"]["format"]["schema"]
    jsonschema_rs.validate(schema, {"verdicts": verdicts(message)})


def test_it_says_that_it_is_a_rehearsal(start: Any) -> None:
    provider = start()
    raw = provider.client().messages.with_raw_response.create(**provider.ask())
    assert "not a language model" in raw.headers["server"]
    assert raw.parse().model == "rehearsal:claude-haiku-4-5"


def test_without_a_brain_the_schema_alone_is_answered(start: Any) -> None:
    message = start({"brain": False}).create()
    assert [verdict["labels"] for verdict in verdicts(message)] == [["question"]] * 3


def test_a_forced_tool_is_called_with_input_that_fits(start: Any) -> None:
    provider = start()
    schema = provider.ask()["output_config"]["format"]["schema"]
    tools = [{"name": "other", "input_schema": {"type": "object"}}, {"name": "judge", "input_schema": schema}]
    message = provider.create(tools=tools, tool_choice={"type": "tool", "name": "judge"}, output_config=anthropic.omit)
    assert message.stop_reason == "tool_use"
    (block,) = message.content
    assert isinstance(block, anthropic.types.ToolUseBlock)
    assert block.name == "judge"
    jsonschema_rs.validate(schema, block.input)


def test_any_tool_means_the_first_one(start: Any) -> None:
    schema = {"type": "object", "properties": {"size": {"type": "integer", "minimum": 3}}, "required": ["size"]}
    tools = [{"name": "measure", "input_schema": schema}]
    message = start().create(tools=tools, tool_choice={"type": "any"}, output_config=anthropic.omit)
    (block,) = message.content
    assert isinstance(block, anthropic.types.ToolUseBlock)
    assert (block.name, block.input) == ("measure", {"size": 3})


def test_a_stream_adds_up_to_the_same_answer(start: Any) -> None:
    provider = start()
    whole = provider.create()
    with provider.client().messages.stream(**provider.ask()) as stream:
        kinds = [event.type for event in stream]
        streamed = stream.get_final_message()
    assert streamed.content[0].text == whole.content[0].text
    assert streamed.stop_reason == "end_turn"
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert kinds.count("content_block_delta") > 1


def test_a_forced_tool_can_be_streamed(start: Any) -> None:
    provider = start()
    tool = {"name": "judge", "input_schema": provider.ask()["output_config"]["format"]["schema"]}
    asked = provider.ask(tools=[tool], tool_choice={"type": "any"}, output_config=anthropic.omit)
    with provider.client().messages.stream(**asked) as stream:
        message = stream.get_final_message()
    (block,) = message.content
    assert isinstance(block, anthropic.types.ToolUseBlock)
    assert [verdict["id"] for verdict in block.input["verdicts"]] == ["1", "2", "3"]  # type: ignore[attr-defined]


def cached(provider: Any, system: str, **control: str) -> anthropic.types.Usage:
    blocks = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral", **control}}]
    usage: anthropic.types.Usage = provider.create(system=blocks).usage
    return usage


def test_a_marked_prefix_is_written_once_and_then_read(start: Any) -> None:
    provider = start()
    long = "word " * 600
    first, second = cached(provider, long), cached(provider, long)
    assert (first.cache_creation_input_tokens, first.cache_read_input_tokens) == (750, 0)
    assert (second.cache_creation_input_tokens, second.cache_read_input_tokens) == (0, 750)
    assert first.input_tokens == second.input_tokens > 0


def test_an_hour_of_cache_is_booked_apart(start: Any) -> None:
    usage = cached(start(), "word " * 600, ttl="1h")
    assert usage.cache_creation is not None
    assert (usage.cache_creation.ephemeral_1h_input_tokens, usage.cache_creation.ephemeral_5m_input_tokens) == (750, 0)


def test_a_prefix_below_the_minimum_is_not_cached(start: Any) -> None:
    usage = cached(start(), "word " * 100)
    assert (usage.cache_creation_input_tokens, usage.cache_read_input_tokens) == (0, 0)


def test_the_count_of_tokens_is_what_is_billed(start: Any) -> None:
    provider = start()
    asked = provider.ask()
    count = provider.client().messages.count_tokens(
        model=asked["model"], system=asked["system"], messages=asked["messages"]
    )
    assert count.input_tokens == provider.create().usage.input_tokens


def test_the_list_of_models_says_what_it_is(start: Any) -> None:
    (model,) = start().client().models.list().data
    assert model.id == "rehearsal"
    assert "not a language model" in model.display_name


def test_every_answer_carries_the_ratelimit_headers(start: Any) -> None:
    provider = start()
    headers = provider.client().messages.with_raw_response.create(**provider.ask()).headers
    for family in ("requests", "tokens", "input-tokens", "output-tokens"):
        limit, remaining = (int(headers[f"anthropic-ratelimit-{family}-{what}"]) for what in ("limit", "remaining"))
        assert 0 < remaining < limit
        assert headers[f"anthropic-ratelimit-{family}-reset"].endswith("Z")
    assert headers["request-id"].startswith("req_")


def test_an_answer_longer_than_max_tokens_is_cut_there(start: Any) -> None:
    message = start().create(max_tokens=10)
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 10)


def test_a_text_without_items_is_answered_in_plain_words(start: Any) -> None:
    message = start().create(messages=[{"role": "user", "content": "Hello"}], output_config=anthropic.omit)
    assert "not a language model" in message.content[0].text


def test_a_row_of_a_megabyte_is_answered(start: Any) -> None:
    assert len(verdicts(start().create(texts=("agree " * 200_000,)))) == 1


def test_the_rubric_that_ships_is_understood(start: Any, shipped_rubric: Rubric) -> None:
    example = shipped_rubric.examples[0]
    items = [{"id": "7", "input": dict(example.input)}]
    message = start().create(
        system=shipped_rubric.system,
        messages=[{"role": "user", "content": json.dumps({"items": items})}],
        output_config={"format": {"type": "json_schema", "schema": shipped_rubric.wire_schema}},
    )
    (verdict,) = verdicts(message)
    assert (verdict["id"], verdict["labels"]) == ("7", example.output["labels"])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"extra_body": {"temperature": 0}}, "temperature"),
        ({"tools": [], "tool_choice": {"type": "any"}}, "tool"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "additionalProperties"),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "string", "maxLength": 3}}}},
            "maxLength",
        ),
    ],
)
def test_what_the_provider_would_not_take_is_a_bad_request(start: Any, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match=problem) as caught:
        start().create(**changes)
    assert caught.value.type == "invalid_request_error"


def test_an_unknown_path_is_not_found(start: Any) -> None:
    with pytest.raises(anthropic.NotFoundError):
        start().client().post("/v1/complete", cast_to=object, body={})


def test_a_request_beyond_32_megabytes_is_too_large(start: Any) -> None:
    with pytest.raises(anthropic.ContentTooLargeError):
        start().create(system="x" * (33 * 1024 * 1024))
