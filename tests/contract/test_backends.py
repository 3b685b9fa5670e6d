"""What every backend must do, for any behaviour of its provider. A new backend is picked up by its folder."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal

import pytest

from tests.real_claude import CLAUDE
from waves.backends import Backend, open_backend
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.errors import ConfigurationError
from waves.models import Usage
from waves.outcomes import Answer, Answered, Ask, Discarded, Fatal, Outcome, Retryable, Snoozed

ROW = "row text @/etc/passwd"
ASK = Ask("call-1", "model-1", (("1", {"content": ROW}), ("2", {"content": None})))
KEY = "sk-the-key"

Say = Callable[..., bytes]


class Asking:
    """One provider, one backend, and the answers that were passed up."""

    def __init__(self, kind: Any, rubric: Rubric, make_provider: Callable[..., Any]) -> None:
        self.kind = kind
        self._rubric = rubric
        self._provider = make_provider()
        self.arrived: asyncio.Event = self._provider.arrived
        self.answers: list[Answer] = []
        self.key: str | None = KEY
        self.timeout = 20.0
        self.changes: dict[str, Any] = {}

    @property
    def requests(self) -> list[tuple[dict[str, str], Any]]:
        asked: list[tuple[dict[str, str], Any]] = self._provider.asked
        return asked

    def ask(self, says: bytes | None, ask: Ask = ASK) -> Outcome:
        return self.ask_together(says, ask)[0]

    def ask_together(self, says: bytes | None, *asks: Ask) -> list[Outcome]:
        async def all_at_once(backend: Backend) -> list[Outcome]:
            return await asyncio.gather(*(backend.ask(ask, self.answers.append) for ask in asks))

        return asyncio.run(self.use(says, all_at_once))

    async def use(self, says: bytes | None, work: Callable[[Backend], Awaitable[list[Outcome]]]) -> list[Outcome]:
        self._provider.says = says
        async with self._provider:
            backend = open_backend(self.config(), self._rubric)
            try:
                return await work(backend)
            finally:
                await backend.close()

    def config(self) -> BackendConfig:
        return replace(config_of(self.kind, self._provider.url, self.key, self.timeout), **self.changes)


def config_of(kind: Any, url: str, key: str | None = KEY, timeout: float = 20.0) -> BackendConfig:
    config = BackendConfig("mine", kind, ("model-1",), url, "MY_KEY", key, timeout)
    if kind != "claude_cli":
        return config
    return replace(config, command=str(CLAUDE), environment={"PATH": os.environ["PATH"]})


@pytest.fixture
def asking(kind: Any, rubric: Rubric, provider: Callable[..., Any]) -> Asking:
    return Asking(kind, rubric, provider)


@pytest.fixture
def api(rubric: Rubric, provider: Callable[..., Any]) -> Asking:
    """For tests that need an answer byte by byte, or many requests: a backend that speaks HTTP itself. The like for
    `claude_cli` is in tests/integration/claude_cli."""
    return Asking("anthropic", rubric, provider)


@pytest.fixture
def reply(say: Say) -> Say:
    """`reply("1", "2")`: a good answer about these ids, as bytes of the Messages API."""

    def build(*short_ids: str) -> bytes:
        verdicts = [{"id": short_id, "labels": ["question"], "confidence": 0.5} for short_id in short_ids]
        text = {"type": "text", "text": json.dumps({"verdicts": verdicts})}
        return say(json.dumps({"type": "message", "content": [text], "stop_reason": "end_turn"}))

    return build


def test_a_good_answer_is_passed_up_as_it_came_and_labels_every_item(asking: Asking, answer: Say) -> None:
    outcome = asking.ask(answer("1", "2"))
    assert isinstance(outcome, Answered)
    assert [item.short_id for item in outcome.labelled] == ["1", "2"]
    assert not outcome.rejected
    (received,) = asking.answers
    assert (received.call_id, received.status) == ("call-1", 200)
    assert replace(received.usage, reported_usd=None) == Usage(9, 5, 0, 4)
    if asking.kind != "claude_cli":  # whose answer is what the tool says of it
        assert answer("1", "2").endswith(received.raw.encode())


def test_an_answer_is_passed_up_before_the_outcome_returns(asking: Asking, answer: Say) -> None:
    order: list[str] = []

    async def work(backend: Backend) -> list[Outcome]:
        outcome = await backend.ask(ASK, lambda _: order.append("answer"))
        order.append("outcome")
        return [outcome]

    asyncio.run(asking.use(answer("1", "2"), work))
    assert order == ["answer", "outcome"]


def test_many_requests_share_one_backend(api: Asking, reply: Say) -> None:
    asks = [Ask(f"call-{number}", "model-1", (("1", {"content": str(number)}),)) for number in range(200)]
    outcomes = api.ask_together(reply("1"), *asks)
    assert all(isinstance(outcome, Answered) and outcome.labelled for outcome in outcomes)
    assert {received.call_id for received in api.answers} == {ask.call_id for ask in asks}


def test_the_model_and_the_key_are_the_ones_given_and_nothing_comes_from_the_environment(
    asking: Asking, answer: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-of-somebody")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-somebody")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Leak: header-of-somebody")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert isinstance(asking.ask(answer("1", "2")), Answered)
    headers, body = asking.requests[0]
    assert KEY in headers["authorization"]
    assert "somebody" not in json.dumps(headers)
    assert body["model"] == "model-1"


@pytest.mark.parametrize(
    ("auth", "sent"), [("bearer", {"authorization": f"Bearer {KEY}"}), ("x-api-key", {"x-api-key": KEY})]
)
def test_the_key_goes_in_the_header_that_is_configured_and_in_no_other(
    auth: Literal["bearer", "x-api-key"], sent: dict[str, str], api: Asking, reply: Say
) -> None:
    api.changes = {"auth": auth}
    assert isinstance(api.ask(reply("1", "2")), Answered)
    headers = api.requests[0][0]
    assert {name: headers[name] for name in ("authorization", "x-api-key") if name in headers} == sent


def test_no_request_asks_for_more_tokens_than_the_backend_gives(asking: Asking, answer: Say) -> None:
    asking.changes = {"max_tokens": 50}
    assert isinstance(asking.ask(answer("1", "2")), Answered)
    assert asking.requests[0][1]["max_tokens"] == 50


def test_row_text_stands_in_the_user_message_alone(asking: Asking, answer: Say) -> None:
    asking.ask(answer("1", "2"))
    headers, body = asking.requests[0]
    content = body["messages"][0]["content"]
    document = content if isinstance(content, str) else content[-1]["text"]
    assert json.loads(document)["items"][0]["input"]["content"] == ROW
    del body["messages"]
    assert "row text" not in json.dumps([headers, body])


@pytest.mark.parametrize("key", [None, "", "sk-with-a-line-break\n", "sk-ключ"])
def test_without_a_usable_key_nothing_is_sent_and_the_variable_is_named(
    key: str | None, asking: Asking, answer: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-of-somebody")
    asking.key = key
    outcome = asking.ask(answer("1", "2"))
    assert isinstance(outcome, Fatal)
    assert outcome.kind == "credentials"
    assert "MY_KEY" in outcome.message
    assert not asking.requests


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, None, Discarded),
        (401, None, Fatal),
        (402, None, Fatal),
        (403, None, Fatal),
        (404, None, Fatal),
        (413, None, Discarded),
        (429, None, Snoozed),
        (429, "enforced_spend_limit_reached", Snoozed),
        (500, None, Retryable),
        (503, None, Retryable),
        (529, None, Retryable),
    ],
)
def test_an_error_status_is_an_outcome_sent_once_and_quotes_nothing(
    status: int, code: str | None, expected: type[object], api: Asking, say: Say
) -> None:
    fault = {"type": "error", "error": {"type": "api_error", "message": ROW, "details": {"error_code": code}}}
    outcome = api.ask(say(json.dumps(fault), status, retry_after="0"))
    assert isinstance(outcome, expected)
    assert "row text" not in repr(outcome)
    assert KEY not in repr(outcome)
    assert len(api.requests) == 1
    assert not api.answers


def test_a_redirect_takes_nothing_elsewhere(api: Asking, say: Say) -> None:
    outcome = api.ask(say("", 307, location="/v1/elsewhere"))
    assert isinstance(outcome, Fatal)
    assert outcome.kind == "configuration"
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "body",
    ["", "{}", "<html>row text</html>", '{"type": "message", "content": [{"type": "te', '{"type": "ping"}', "\udcff"],
)
def test_a_body_that_is_no_message_is_an_outage_whatever_its_status(body: str, api: Asking, say: Say) -> None:
    outcome = api.ask(say(body.encode("utf-8", "surrogateescape")))
    assert outcome == Retryable(
        "outage",
        "the answer is not a message of the Messages API; does base_url lead to a proxy or a login page?",
        maybe_paid=True,
    )
    assert not api.answers


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "overloaded_error", "message": "row text"}, Retryable),
        ({"code": 502, "message": "row text"}, Retryable),
        ({"code": 99, "message": "row text"}, Retryable),
        ({"message": "row text"}, Retryable),
        ({"type": "rate_limit_error", "message": "row text"}, Snoozed),
        ({"code": 429}, Snoozed),
        ({"type": "authentication_error"}, Fatal),
        ({"type": "invalid_request_error", "message": "row text"}, Discarded),
    ],
    ids=str,
)
def test_an_error_in_a_body_with_status_200_is_the_error_that_it_says(
    error: dict[str, Any], expected: type[object], api: Asking, say: Say
) -> None:
    outcome = api.ask(say(json.dumps({"type": "error", "error": error})))
    assert isinstance(outcome, expected)
    assert "row text" not in repr(outcome)
    assert not api.answers


def test_an_unusable_answer_was_paid_all_the_same_and_is_rejected_for_every_item(api: Asking, say: Say) -> None:
    outcome = api.ask(say('{"stop_reason": "end_turn", "content": [{"type": "text", "text": "row text"}]}'))
    assert isinstance(outcome, Answered)
    assert not outcome.labelled
    assert [item.short_id for item in outcome.rejected] == ["1", "2"]
    assert "row text" not in repr(outcome)
    assert len(api.answers) == 1


def test_an_answer_cut_off_on_the_way_may_have_been_paid(api: Asking, reply: Say) -> None:
    outcome = api.ask(reply("1", "2")[:-20])
    assert isinstance(outcome, Retryable)
    assert (outcome.kind, outcome.maybe_paid) == ("outage", True)
    assert not api.answers


def test_a_connection_that_closes_without_a_word_may_have_been_paid(api: Asking) -> None:
    outcome = api.ask(b"")
    assert isinstance(outcome, Retryable)
    assert (outcome.kind, outcome.maybe_paid) == ("outage", True)


def test_what_is_no_http_is_an_outage(api: Asking) -> None:
    assert isinstance(api.ask(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Retryable)


def test_nobody_there_is_an_unpaid_outage(kind: Any, rubric: Rubric) -> None:
    async def ask() -> Outcome:
        backend = open_backend(config_of(kind, "http://127.0.0.1:1"), rubric)
        try:
            return await backend.ask(ASK, lambda _: None)
        finally:
            await backend.close()

    outcome = asyncio.run(ask())
    assert isinstance(outcome, Retryable)
    assert (outcome.kind, outcome.maybe_paid) == ("outage", False)


def test_a_provider_that_hangs_is_left_at_the_timeout_and_may_have_been_paid(asking: Asking) -> None:
    asking.timeout = 0.2
    outcome = asking.ask(None)
    assert outcome == Retryable("timeout", "no answer within 0.2 s", maybe_paid=True)


def test_a_refusal_and_a_full_answer_are_told_apart(asking: Asking, answer: Say) -> None:
    assert isinstance(asking.ask(answer("1", stop_reason="refusal")), Discarded)
    full = asking.ask(answer("1", stop_reason="max_tokens"))
    assert isinstance(full, Retryable)
    assert full.kind == "truncated"
    assert len(asking.answers) == 2


def test_asking_can_be_called_off(asking: Asking) -> None:
    async def work(backend: Backend) -> list[Outcome]:
        asked = asyncio.create_task(backend.ask(ASK, asking.answers.append))
        await asking.arrived.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        return []

    asyncio.run(asking.use(None, work))
    assert not asking.answers


@pytest.mark.parametrize(
    "kind", ["rehearsal", "message_batches", "prompt", "answers", "telepathy", "anthropic.backend"]
)
def test_a_kind_that_sends_no_single_requests_is_a_fault_of_the_configuration(rubric: Rubric, kind: str) -> None:
    with pytest.raises(ConfigurationError, match=kind):
        open_backend(BackendConfig("mine", kind, ("model-1",)), rubric)
