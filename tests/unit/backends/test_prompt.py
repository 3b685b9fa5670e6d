from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waves.backends.prompt import ESCAPED_AT, Prompt, document, max_tokens, stricter
from waves.config.rubric import Rubric
from waves.config.verdict_schema import on_the_wire
from waves.outcomes import Ask
from waves.rehearsal.protocol import read_request
from waves.rehearsal.usage import count_tokens

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def _ask(*texts: str | None, **changes: Any) -> Ask:
    items = tuple((str(number), {"content": text}) for number, text in enumerate(texts, 1))
    return Ask("call-1", "model-1", items, **changes)


def test_a_request_holds_the_rubric_the_schema_and_the_items(rubric: Rubric) -> None:
    body = json.loads(Prompt(replace(rubric, effort="low"), None).body(_ask("why?", None)))
    assert body["model"] == "model-1"
    assert body["system"] == [{"type": "text", "text": rubric.system, "cache_control": {"type": "ephemeral"}}]
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": rubric.wire_schema}, "effort": "low"}
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert json.loads(body["messages"][0]["content"]) == {
        "items": [{"id": "1", "input": {"content": "why?"}}, {"id": "2", "input": {"content": None}}]
    }
    assert "effort" not in json.loads(Prompt(rubric, None).body(_ask("x")))["output_config"]


def test_an_at_sign_takes_one_byte_where_nobody_reads_files_by_it(rubric: Rubric) -> None:
    assert b"@ana" in Prompt(rubric, None).body(_ask("@ana: why?"))


def test_the_constant_part_is_the_same_bytes_in_every_request(rubric: Rubric) -> None:
    prompt = Prompt(rubric, None)
    bodies = [prompt.body(ask) for ask in (_ask("a"), _ask("b", "c"), _ask("d", strict=True))]
    parts = {body[body.index(b'"system":') : body.index(b'"messages":')] for body in bodies}
    assert len(parts) == 1


def test_a_stricter_request_says_so_in_our_own_words_beside_the_document(rubric: Rubric) -> None:
    content = json.loads(Prompt(rubric, None).body(_ask("why?", strict=True)))["messages"][0]["content"]
    assert json.loads(content[0]["text"]) == {"items": [{"id": "1", "input": {"content": "why?"}}]}
    assert content[1] == {"type": "text", "text": stricter(_ask(strict=True))}


def test_a_stricter_request_says_why_the_first_answer_was_refused(rubric: Rubric) -> None:
    reasons = (
        "the answer leaves this item out",
        "the verdict does not fit the schema at labels/0: enum",
        "x" * 999,
        "y",
    )
    (_, why) = json.loads(Prompt(rubric, None).body(_ask("why?", strict=True, reasons=reasons)))["messages"][0][
        "content"
    ]
    assert all(reason in why["text"] for reason in reasons[:2])
    assert len(why["text"]) < len(stricter(_ask(strict=True))) + 500
    assert "\n- y" not in why["text"]


UGLY = (
    "Почему рисунок 3 не цветной? Он «светлый».",
    "لماذا لا تظهر الألوان؟ \u202eabc\u202c",
    "为什么图三没有颜色？",
    "Dlaczego wykres jest czarno-biały? Țară și „ghilimele”",
    'a "quote", a \\ and \\u0041, \u2028 and \u2029, \x00 \x1f \x7f\r\n\t',
    '{"items": [{"id": "1", "input": {"content": "another document"}}]}',
    "@/etc/passwd \ufeff \ud800 e\u0301 👩‍👩‍👧",
)


@pytest.mark.parametrize("text", UGLY)
def test_an_ugly_text_arrives_as_it_is(text: str, rubric: Rubric) -> None:
    assert _arrived(rubric, text) == text


@unhurried
@given(text=st.text(st.characters()))
def test_every_text_arrives_as_it_is(text: str, rubric: Rubric) -> None:
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")  # two halves are a character
    assert _arrived(rubric, text) == whole
    assert _arrived(rubric, text, strict=True) == whole


def _arrived(rubric: Rubric, text: str, **changes: Any) -> str:
    """The text as a provider reads it from the bytes of a request."""
    content = json.loads(Prompt(rubric, None).body(_ask(text, **changes)).decode())["messages"][0]["content"]
    document = content[0]["text"] if isinstance(content, list) else content
    arrived: str = json.loads(document)["items"][0]["input"]["content"]
    return arrived


@pytest.mark.parametrize("text", UGLY[:4])
def test_a_text_takes_no_more_bytes_than_its_own_in_any_script(text: str, rubric: Rubric) -> None:
    """A tokenizer sees the message as the provider decodes it: escaped, it would be several times as long."""
    text *= 40
    message = json.loads(Prompt(rubric, None).body(_ask(*[text] * 12)))["messages"][0]["content"]
    assert len(message.encode()) <= 1.1 * 12 * len(text.encode())


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_backend_sends_more_tokens_than_are_reserved(text: str, rubric: Rubric) -> None:
    """At the worst each byte is a token; a client that must not see an `@` gets six bytes for it."""
    ask = _ask(text, "@" * 100)
    sent = document(ask).replace("@", ESCAPED_AT)
    prompt = Prompt(replace(rubric, wire_schema=on_the_wire(rubric.schema)), None)
    assert len((rubric.system + sent).encode()) <= prompt.most_tokens(ask)
    assert count_tokens(read_request(prompt.body(ask), "").segments) <= prompt.most_tokens(ask)  # as the stand-in bills


@pytest.mark.parametrize("kind", ["classify", "extract"])
def test_the_room_for_an_answer_grows_with_the_items(kind: Any, rubric: Rubric) -> None:
    rubric = replace(rubric, kind=kind)
    assert (
        max_tokens(rubric, _ask("a"), None)
        < max_tokens(rubric, _ask("a", "b"), None)
        <= max_tokens(rubric, _ask(*"a" * 500), None)
    )


def test_the_rubrics_room_wins_over_ours_and_the_larger_try_over_both(rubric: Rubric) -> None:
    own = replace(rubric, max_tokens=77)
    assert max_tokens(own, _ask("a"), None) == 77
    assert json.loads(Prompt(own, None).body(_ask("a", max_tokens=308)))["max_tokens"] == 308


@pytest.mark.parametrize("wanted", [{}, {"max_tokens": 308}])
def test_no_request_asks_for_more_than_the_backend_gives(wanted: dict[str, int], rubric: Rubric) -> None:
    generous = replace(rubric, max_tokens=77)
    assert max_tokens(generous, _ask("a", **wanted), 50) == 50
    assert json.loads(Prompt(generous, 50).body(_ask("a", **wanted)))["max_tokens"] == 50
    assert max_tokens(generous, _ask("a", **wanted), 400) == wanted.get("max_tokens", 77)
