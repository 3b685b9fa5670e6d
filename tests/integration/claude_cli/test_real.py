"""The real command line tool against the rehearsal provider: what it sends, what is paid, what it reports of limits."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from tests.real_claude import CLAUDE, needs_claude
from waves.backends.claude_cli.backend import open_backend
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.outcomes import Answer, Answered, Ask, Discarded, Fatal, Outcome, Retryable, Snoozed
from waves.rehearsal.scenarios import Scenario
from waves.rehearsal.server import Rehearsal

pytestmark = [pytest.mark.slow, needs_claude]

MODEL = "claude-haiku-4-5"
TOKEN = "sk-ant-oat01-the-token"
ITEMS = (
    ("1", {"content": "Was the infection present before the patient travelled?"}),
    ("2", {"content": "A great paper, I agree."}),
)
ASK = Ask("call-1", MODEL, ITEMS)


class Asked:
    """One backend and its provider; with `watch`, what goes over the wire is kept."""

    def __init__(self, rubric: Rubric, record: Path) -> None:
        self._rubric = rubric
        self._record = record
        self.watch = False
        self.outcomes: list[Outcome] = []
        self.answers: list[Answer] = []
        self.requests: list[tuple[Mapping[str, str], str]] = []

    def ask(self, scenario: Mapping[str, Any] | None, *asks: Ask, **changes: Any) -> Outcome:
        """The outcome of the last of these requests, one after the other. Without a scenario no provider is running."""
        return asyncio.run(self._ask(scenario, asks or (ASK,), changes))

    async def _ask(self, scenario: Mapping[str, Any] | None, asks: tuple[Ask, ...], changes: dict[str, Any]) -> Outcome:
        if scenario is None:
            return await self._through("http://127.0.0.1:1", asks, changes)
        rehearsal = Rehearsal(Scenario.model_validate(scenario), record=self._record)
        upstream = await rehearsal.start()
        try:
            if not self.watch:
                return await self._through(upstream, asks, changes)
            async with self._watched(upstream) as url:
                return await self._through(url, asks, changes)
        finally:
            await rehearsal.stop()

    async def _through(self, url: str, asks: tuple[Ask, ...], changes: dict[str, Any]) -> Outcome:
        path = {"PATH": os.environ["PATH"]}
        facts: dict[str, Any] = {"timeout": 30.0, "command": str(CLAUDE), "environment": path, "api_key": TOKEN}
        facts |= {"api_key_env": "CLAUDE_CODE_OAUTH_TOKEN", "base_url": url}
        backend = open_backend(BackendConfig("mine", "claude_cli", (MODEL,), **facts | changes), self._rubric)
        try:
            self.outcomes = [await backend.ask(ask, self.answers.append) for ask in asks]
        finally:
            await backend.close()
        return self.outcomes[-1]

    @asynccontextmanager
    async def _watched(self, upstream: str) -> AsyncIterator[str]:
        """A proxy to the provider that keeps what passes."""

        async def pass_on(request: web.BaseRequest) -> web.Response:
            body = await request.read()
            if request.path == "/v1/messages":
                self.requests.append((dict(request.headers), body.decode()))
            headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOPS}
            url = upstream + request.path_qs
            async with session.request(request.method, url, data=body or None, headers=headers) as reply:
                kept = {name: value for name, value in reply.headers.items() if name.lower() not in _HOPS}
                return web.Response(status=reply.status, body=await reply.read(), headers=kept)

        runner = web.ServerRunner(web.Server(pass_on))
        async with ClientSession(auto_decompress=False) as session:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0, backlog=16).start()
            try:
                yield f"http://127.0.0.1:{runner.addresses[0][1]}"
            finally:
                await runner.cleanup()

    def record(self) -> list[dict[str, Any]]:
        """Each request for a message, as it ended."""
        lines = [json.loads(line) for line in self._record.read_text().splitlines()]
        return [line for line in lines if line["t"] == "ended" and line["path"] == "/v1/messages"]


_HOPS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "content-encoding"}


@pytest.fixture
def asked(rubric: Rubric, tmp_path: Path) -> Asked:
    return Asked(rubric, tmp_path / "record.jsonl")


def test_a_batch_is_labelled_and_charged_as_the_provider_recorded_it(asked: Asked, rubric: Rubric) -> None:
    asked.watch = True
    outcome = asked.ask({}, ASK, Ask("call-2", MODEL, ITEMS, strict=True))
    for outcome, parse in zip(asked.outcomes, ("strict", "retried"), strict=True):
        assert isinstance(outcome, Answered)
        assert [(item.short_id, item.parse) for item in outcome.labelled] == [("1", parse), ("2", parse)]
    assert isinstance(outcome, Answered)
    assert outcome.labelled[0].output["labels"] == ["question"]
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    for answer, line in zip(asked.answers, asked.record(), strict=True):
        usage = answer.usage
        assert [usage.input, usage.output, usage.cache_write, usage.cache_read] == [line[name] for name in names]
        assert usage.cache_write_1h == usage.cache_write
        assert usage.reported_usd
    assert asked.answers[1].usage.cache_read  # the system prompt is the same bytes each time
    body = json.loads(asked.requests[0][1])
    assert body["system"][-1]["text"] == rubric.system
    assert [tool["name"] for tool in body["tools"]] == ["StructuredOutput"]
    assert body["thinking"] == {"type": "disabled"}


def test_a_row_can_name_a_file_and_nothing_of_it_is_sent(asked: Asked, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the-secret-of-this-machine")
    rows = [f"see @{secret}", f"@{secret}", f'"@{secret}" and @"{secret}"', f"/cost\n@{secret}", f"!cat {secret}"]
    items = tuple((str(n), {"content": row}) for n, row in enumerate(rows, 1))
    asked.watch = True
    assert isinstance(asked.ask({}, Ask("call-1", MODEL, items)), Answered)
    assert len(asked.requests) == 1
    assert "the-secret" not in asked.requests[0][1]
    assert len(asked.requests[0][1]) < 20_000


def test_texts_in_any_script_arrive_as_they_are(asked: Asked) -> None:
    rows = [
        "Почему? «да»",
        "لماذا \u202eabc\u202c",
        "为什么",
        "\u2028 \x00 \x7f\r\n",
        "\ufeff e\u0301 \u200b👩‍👩‍👧\U000e0041",
        "@/x",
    ]
    asked.watch = True
    assert isinstance(
        asked.ask({}, Ask("call-1", MODEL, tuple((str(n), {"content": row}) for n, row in enumerate(rows)))), Answered
    )
    (message,) = json.loads(asked.requests[0][1])["messages"]
    texts = [block["text"] for block in message["content"]]
    (document,) = [json.loads(text) for text in texts if text.lstrip().startswith('{"items"')]
    assert [item["input"]["content"] for item in document["items"]] == rows


def test_keys_of_our_environment_are_not_used(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-of-somebody")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "of-somebody")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Leak: of-somebody")
    monkeypatch.setenv("ANTHROPIC_MODEL", "of-somebody")
    asked.watch = True
    assert isinstance(asked.ask({}), Answered)
    ((headers, body),) = asked.requests
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert "of-somebody" not in json.dumps(dict(headers)) + body


def test_a_key_goes_as_a_key_where_the_configuration_says_so(asked: Asked) -> None:
    asked.watch = True
    assert isinstance(asked.ask({}, api_key_env="ANTHROPIC_API_KEY", api_key="sk-ant-api03-ours"), Answered)
    headers = {name.lower(): value for name, value in asked.requests[0][0].items()}
    assert headers["x-api-key"] == "sk-ant-api03-ours"
    assert "authorization" not in headers


@pytest.mark.parametrize("fault", ["unknown_label", "code_fence", "max_tokens", "refusal"])
def test_an_answer_of_no_use_is_paid_once(fault: str, asked: Asked) -> None:
    outcome = asked.ask({"faults": {fault: 1}})
    expected = {"max_tokens": Retryable, "refusal": Discarded}.get(fault, Answered)
    assert isinstance(outcome, expected)
    assert not isinstance(outcome, Answered) or not outcome.labelled
    assert len(asked.answers) == 1
    (line,) = [line for line in asked.record() if line["answered"]]
    usage = asked.answers[0].usage
    assert (usage.cache_write, usage.input) == (line["cache_creation_input_tokens"], line["input_tokens"])
    assert usage.output in {line["output_tokens"], None}


def test_a_window_warns_and_then_puts_the_backend_to_sleep_until_it_ends(asked: Asked) -> None:
    asks = [Ask(f"call-{number}", MODEL, ITEMS) for number in range(3)]
    outcome = asked.ask({"quota": {"capacity": 2, "window": 300, "claim": "five_hour"}}, *asks)
    (warned,) = asked.answers[0].meters
    assert (warned.limit, warned.used, warned.rejected) == ("five_hour", 0.5, False)
    assert isinstance(outcome, Snoozed)
    assert outcome.kind == "quota"
    assert outcome.until == warned.resets_at
    assert [meter.rejected for meter in outcome.meters] == [True]
    assert len(asked.answers) == 2


Check = Callable[[Outcome], bool]


@pytest.mark.parametrize(
    ("scenario", "check"),
    [
        ({"invalid_keys": [TOKEN]}, lambda outcome: isinstance(outcome, Fatal) and outcome.kind == "credentials"),
        ({"faults": {"404": 1}}, lambda outcome: isinstance(outcome, Fatal) and outcome.kind == "configuration"),
        ({"faults": {"429": 1}}, lambda outcome: isinstance(outcome, Snoozed) and outcome.kind == "rate"),
        ({"faults": {"529": 1}}, lambda outcome: outcome == Retryable("outage", "the provider answers with 529")),
        ({"faults": {"reset": 1}}, lambda outcome: isinstance(outcome, Retryable) and outcome.maybe_paid),
        ({"faults": {"html": 1}}, lambda outcome: isinstance(outcome, Retryable) and outcome.maybe_paid),
        (None, lambda outcome: outcome == Retryable("outage", "no connection to the provider")),
    ],
    ids=["wrong key", "404", "429", "529", "reset", "html", "nobody there"],
)
def test_what_a_provider_refuses_is_asked_once_and_not_paid(
    scenario: Mapping[str, Any] | None, check: Check, asked: Asked
) -> None:
    assert check(asked.ask(scenario)), asked.outcomes
    assert not asked.answers
    sent = 0 if scenario is None else len(asked.record())
    # the tool asks twice where it is told of a wrong key or an unknown model; neither costs anything
    assert sent <= (2 if isinstance(asked.outcomes[-1], Fatal) else 1)


def test_a_provider_that_hangs_is_left_at_the_timeout(asked: Asked) -> None:
    outcome = asked.ask({"faults": {"hang": 1}}, timeout=3.0)
    assert outcome == Retryable("timeout", "no answer within 3 s", maybe_paid=True)
