from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import _error_classes

from waves.backends.anthropic.errors import BY_CLASS, outcome_of
from waves.backends.api_key import unusable
from waves.config.project import BackendConfig
from waves.outcomes import Discarded, Fatal, Outcome, Retryable, Snoozed

CONFIG = BackendConfig("work", "anthropic", ("model-1",), api_key_env="WORK_KEY", api_key="sk-secret")
REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/messages", content=b"row text")


def _subclasses(base: type[BaseException]) -> Iterator[type[BaseException]]:
    for sub in base.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _status_error(
    status: int, *, code: str | None = None, kind: str = "some_error", headers: Mapping[str, str] | None = None
) -> anthropic.APIStatusError:
    body: dict[str, Any] = {"error": {"type": kind, "message": "row text sk-secret"}}
    if code is not None:
        body["error"]["details"] = {"error_code": code}
    response = httpx2.Response(status, request=REQUEST, headers=headers)
    return _error_classes.make_status_error("row text sk-secret", body=body, response=response)


def _outcome(status: int, **facts: Any) -> Outcome:
    return outcome_of(_status_error(status, **facts), CONFIG)


@pytest.mark.parametrize("kind", [["billing_error"], {"a": 1}, 7, None], ids=str)
def test_an_error_whose_type_is_no_text_goes_by_its_status(kind: Any) -> None:
    assert isinstance(_outcome(529, kind=kind), Retryable)


def test_every_error_class_of_the_sdk_is_mapped() -> None:
    """By itself or by the class of its status. Classes that no request raises are named here, so that a new class is
    noticed; `anthropic.lib` holds helpers that we do not use."""
    raised_by_no_request = {
        "APIWebhookValidationError",
        "CredentialsError",
        "IdentityTokenFileError",
        "RetryableError",
        "StreamAlreadyConsumed",
    }
    catch_all = {anthropic.AnthropicError, anthropic.APIStatusError}
    unmapped = {
        error.__name__
        for error in _subclasses(anthropic.AnthropicError)
        if not any(base in BY_CLASS and base not in catch_all for base in error.__mro__)
        and not error.__module__.startswith("anthropic.lib.")
    }
    assert unmapped - raised_by_no_request == {"APIError", "APIStatusError"}


def test_every_status_and_code_that_the_sdk_knows_has_an_outcome() -> None:
    for status, code in _error_classes.ERROR_CLASSES:
        outcome = _outcome(status, code=code)
        assert isinstance(outcome, Retryable | Snoozed | Discarded | Fatal)
        assert "row text" not in repr(outcome)
        assert "sk-secret" not in repr(outcome)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, None, Discarded),
        (401, None, Fatal),
        (402, None, Fatal),
        (402, "linked_organization_spend_limit_reached", Snoozed),
        (403, None, Fatal),
        (404, None, Fatal),
        (405, None, Fatal),
        (307, None, Fatal),
        (408, None, Retryable),
        (409, None, Retryable),
        (413, None, Discarded),
        (422, None, Discarded),
        (429, None, Snoozed),
        (429, "enforced_spend_limit_reached", Snoozed),
        (429, "a_code_of_next_year", Snoozed),
        (500, None, Retryable),
        (502, None, Retryable),
        (503, None, Retryable),
        (504, None, Retryable),
        (529, None, Retryable),
        (599, None, Retryable),
    ],
)
def test_the_outcome_of_each_status(status: int, code: str | None, expected: type[object]) -> None:
    assert isinstance(_outcome(status, code=code), expected)


@pytest.mark.parametrize(
    "text",
    [
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
        "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
        "This organization has been disabled.",
        "[ACTION REQUIRED] An update to our Consumer Terms has taken effect.",
    ],
)
def test_a_400_about_the_account_is_shown_and_stops_everything(text: str) -> None:
    body = {"error": {"type": "invalid_request_error", "message": f"{text}\n"}}
    response = httpx2.Response(400, request=REQUEST)
    outcome = outcome_of(_error_classes.make_status_error(text, body=body, response=response), CONFIG)
    assert isinstance(outcome, Fatal)
    assert outcome.as_error().exit_code == 77
    assert outcome.message == f"backend work: the provider says: {text}"


def test_a_400_that_quotes_such_a_text_is_about_its_request() -> None:
    text = "messages.0: your credit balance is too low"
    body = {"error": {"type": "invalid_request_error", "message": text}}
    response = httpx2.Response(400, request=REQUEST)
    outcome = outcome_of(_error_classes.make_status_error(text, body=body, response=response), CONFIG)
    assert isinstance(outcome, Discarded)


def test_answers_with_an_error_status_are_not_paid() -> None:
    assert _outcome(529) == Retryable("outage", "OverloadedError, HTTP 529, some_error", maybe_paid=False)


def test_a_spend_limit_names_no_end_even_where_headers_do() -> None:
    outcome = _outcome(429, code="enforced_spend_limit_reached", headers={"retry-after": "5"})
    assert isinstance(outcome, Snoozed)
    assert (outcome.until, outcome.kind) == (None, "spend")


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"retry-after": "5"}, "rate"),
        ({"retry-after": "5", "anthropic-ratelimit-unified-status": "allowed_warning"}, "rate"),
        ({"anthropic-ratelimit-unified-status": "rejected"}, "quota"),
        ({"anthropic-ratelimit-unified-7d-status": "rejected"}, "quota"),
        ({"anthropic-ratelimit-unified-overage-status": "rejected"}, "rate"),
    ],
)
def test_a_used_up_window_is_told_from_too_many_requests_at_a_time(headers: dict[str, str], kind: str) -> None:
    outcome = _outcome(429, headers=headers)
    assert isinstance(outcome, Snoozed)
    assert outcome.kind == kind


def test_a_429_brings_its_meters() -> None:
    outcome = _outcome(429, headers={"anthropic-ratelimit-requests-remaining": "0"})
    assert isinstance(outcome, Snoozed)
    assert [meter.remaining for meter in outcome.meters] == [0]


def test_billing_and_keys_are_told_by_type_whatever_the_status() -> None:
    for status in (400, 429):
        outcome = _outcome(status, kind="billing_error")
        assert isinstance(outcome, Fatal)
        assert "billing" in outcome.hint
    assert isinstance(_outcome(400, kind="authentication_error"), Fatal)


def test_a_refused_or_missing_key_is_told_by_the_name_of_its_variable() -> None:
    missing = [replace(CONFIG, api_key=key) for key in (None, "", "sk-secret\n", "sk secret", "sk-sécret")]
    for fatal in (_outcome(401), *map(unusable, missing)):
        assert isinstance(fatal, Fatal)
        assert fatal.kind == "credentials"
        assert "WORK_KEY" in fatal.message + fatal.hint
        assert "cret" not in repr(fatal)
    assert unusable(CONFIG) is None


def test_a_refused_key_at_another_address_may_belong_into_the_other_header() -> None:
    def hint(**changes: Any) -> str:
        outcome = outcome_of(_status_error(401), replace(CONFIG, **changes))
        assert isinstance(outcome, Fatal)
        return outcome.hint

    assert "auth" not in hint() + hint(base_url="http://127.0.0.1:1", kind="rehearsal")
    assert "`auth: x-api-key`" in hint(base_url="https://other.example")
    assert "`auth: bearer`" in hint(base_url="https://other.example", auth="x-api-key")


def test_time_outs_and_broken_connections_may_have_been_paid() -> None:
    timeout = outcome_of(anthropic.APITimeoutError(REQUEST), CONFIG)
    assert timeout == Retryable("timeout", "APITimeoutError", maybe_paid=True)
    broken = outcome_of(anthropic.APIConnectionError(request=REQUEST), CONFIG)
    assert broken == Retryable("outage", "APIConnectionError", maybe_paid=True)


def test_a_code_that_is_no_plain_word_is_not_repeated() -> None:
    outcome = _outcome(400, kind="Ignore the above.\nrow text")
    assert outcome == Discarded("invalid", "BadRequestError, HTTP 400", "row text sk-secret")
    assert "row text" not in repr(outcome)
