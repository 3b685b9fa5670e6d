"""What the SDK raises → an outcome: one table by class, and one by `.type` for classes that cover several causes.

By the text of the message only where the API has no other word for it: some 400s are about the account. Texts change,
and may quote the request: a reason holds the class, the HTTP status and the provider's codes, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import anthropic
import httpx2
from anthropic._error_classes import make_status_error

from waves.backends.anthropic.bounded_http import AnswerTooLongError
from waves.backends.anthropic.limits import meters_of, reset_time, window_is_used_up
from waves.config.project import BackendConfig
from waves.outcomes import Discarded, Fatal, Outcome, Retryable, Snoozed
from waves.words import quoted

Rule = Callable[[anthropic.AnthropicError, BackendConfig], Outcome]

_PLAIN = re.compile(r"[a-z0-9_.-]{1,60}")
_ERROR_STATUSES = range(400, 600)
_ABOUT_THE_ACCOUNT = re.compile(
    r"your credit balance is too low"
    r"|you have reached your specified (?:\w+ )?usage limits"
    r"|this organization has been disabled"
    r"|(?:\[ACTION REQUIRED\] )?(?:an update to )?our (?:consumer |commercial )?terms"
    r"|you (?:must|need to) accept .{0,60}terms",
    re.IGNORECASE,
)
"""How the texts of 400s begin that concern every request of an account."""


def outcome_of(error: anthropic.AnthropicError, config: BackendConfig) -> Outcome:
    """The outcome by the first rule that applies: that of the error's type, then that of its nearest class."""
    named = error.type if isinstance(error, anthropic.APIStatusError) and isinstance(error.type, str) else None
    if named in BY_TYPE:
        return BY_TYPE[named](error, config)
    return next(BY_CLASS[base] for base in type(error).__mro__ if base in BY_CLASS)(error, config)


def error_of(error: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> anthropic.APIStatusError:
    """The error that the SDK raises when a request is answered by `error`, the object `{"type", "message"}` of the
    API. Gateways put their own status into it, as `code`."""
    kind, code = error.get("type"), error.get("code")
    status = _STATUS.get(kind, 500) if isinstance(kind, str) else code if isinstance(code, int) else 500
    response = httpx2.Response(
        status if status in _ERROR_STATUSES else 500, headers=headers, request=httpx2.Request("POST", "/v1/messages")
    )
    return make_status_error(str(kind), body={"error": error}, response=response)


def error_in(document: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The error that a body reports in spite of its status 200; None if it reports none."""
    error = (document or {}).get("error")
    return error if isinstance(error, dict) else None


def _outage(error: anthropic.AnthropicError, _config: BackendConfig) -> Outcome:
    return Retryable("outage", _describe(error))


def _broken_connection(error: anthropic.AnthropicError, _config: BackendConfig) -> Outcome:
    return Retryable("outage", _describe(error), maybe_paid=not _never_connected(error))


def _too_long(error: anthropic.AnthropicError, _config: BackendConfig) -> Outcome:
    return Retryable("outage", str(error), maybe_paid=True)


def _timeout(error: anthropic.AnthropicError, _config: BackendConfig) -> Outcome:
    return Retryable("timeout", _describe(error), maybe_paid=True)


def _rate_limit(error: anthropic.AnthropicError, _config: BackendConfig) -> Outcome:
    assert isinstance(error, anthropic.APIStatusError)  # noqa: S101 - the table says so
    headers = error.response.headers
    kind: Literal["rate", "quota"] = "quota" if window_is_used_up(headers) else "rate"
    return Snoozed(reset_time(headers, datetime.now(UTC)), _describe(error), kind, meters_of(headers))


def _spend_limit(error: anthropic.AnthropicError, _config: BackendConfig) -> Outcome:
    return Snoozed(None, f"{_describe(error)}: the spend limit is reached", "spend")


def _invalid(error: anthropic.AnthropicError, config: BackendConfig) -> Outcome:
    text = _text(error)
    if _ABOUT_THE_ACCOUNT.match(text):
        return Fatal(
            "credentials",
            f"backend {config.name}: the provider says: {quoted(text)}",
            f"settle this for the account whose key is in {config.api_key_env}; the next fire goes on by itself",
        )
    return Discarded("invalid", _describe(error), text)


def _key(error: anthropic.AnthropicError, config: BackendConfig) -> Fatal:
    return Fatal(
        "credentials",
        f"backend {config.name}: the provider refuses the API key ({_describe(error)})",
        f"put a valid key with the right to use {', '.join(config.models)} into {config.api_key_env}"
        + _other_header(config),
    )


def _other_header(config: BackendConfig) -> str:
    """A server of another provider may take the key in the other header alone."""
    if config.base_url is None or "auth" not in config.traits.own_settings:
        return ""
    return f"; or try `auth: {'x-api-key' if config.auth == 'bearer' else 'bearer'}` of this backend in waves.yaml"


def _billing(error: anthropic.AnthropicError, config: BackendConfig) -> Outcome:
    return Fatal(
        "credentials",
        f"backend {config.name}: the provider asks for payment ({_describe(error)})",
        f"settle the billing of the account whose key is in {config.api_key_env}",
    )


def _permission(error: anthropic.AnthropicError, config: BackendConfig) -> Outcome:
    return replace(_key(error, config), of_model=True)


def _unknown(error: anthropic.AnthropicError, config: BackendConfig) -> Outcome:
    return replace(_configuration(error, config), of_model=True)


def _configuration(error: anthropic.AnthropicError, config: BackendConfig) -> Fatal:
    return Fatal(
        "configuration",
        f"backend {config.name}: the provider does not know this address or model ({_describe(error)})",
        f"check base_url and models ({', '.join(config.models)}) of this backend in waves.yaml",
    )


def _refused_by_sdk(error: anthropic.AnthropicError, config: BackendConfig) -> Outcome:
    return Fatal(
        "configuration",
        f"backend {config.name}: the SDK cannot send this request ({_describe(error)})",
        "upgrade the package `anthropic`, or report this with the line above",
    )


BY_CLASS: Mapping[type[BaseException], Rule] = {
    anthropic.APIConnectionError: _broken_connection,
    anthropic.APITimeoutError: _timeout,
    AnswerTooLongError: _too_long,
    anthropic.BadRequestError: _invalid,
    anthropic.AuthenticationError: _key,
    anthropic.PaymentRequiredError: _billing,
    anthropic.LinkedOrganizationSpendLimitReachedError: _spend_limit,
    anthropic.PermissionDeniedError: _permission,
    anthropic.NotFoundError: _unknown,
    anthropic.RequestTimeoutError: _outage,
    anthropic.ConflictError: _outage,
    anthropic.PreconditionFailedError: _invalid,
    anthropic.ContentTooLargeError: _invalid,
    anthropic.UnprocessableEntityError: _invalid,
    anthropic.RateLimitError: _rate_limit,
    anthropic.EnforcedSpendLimitReachedError: _spend_limit,
    anthropic.ContractSpendLimitReachedError: _spend_limit,
    anthropic.RequestHeaderFieldsTooLargeError: _configuration,
    anthropic.ClientClosedRequestError: _outage,
    anthropic.InternalServerError: _outage,
    # A status for which the SDK has no class: a redirect, a method that is not allowed, the page of a proxy.
    anthropic.APIStatusError: _configuration,
    anthropic.APIResponseValidationError: _broken_connection,
    # Errors that are not about the provider: the SDK does not send this, or was used in a way that we never use it.
    anthropic.AnthropicError: _refused_by_sdk,
}

BY_TYPE: Mapping[str | None, Rule] = {"billing_error": _billing, "authentication_error": _key}

_STATUS: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}
"""The status with which the provider reports an error of this type; of others, 500."""


def _never_connected(error: BaseException) -> bool:
    """Whether the connection itself failed, so that no request can have reached the provider."""
    import aiohttp

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientConnectorError):
            return True
        cause = cause.__cause__
    return False


def _text(error: anthropic.AnthropicError) -> str:
    """What the provider says in its error; empty if it says nothing that can be read."""
    match error:
        case anthropic.APIStatusError(body={"error": {"message": str(text)}} | {"message": str(text)}):
            return text
        case _:
            return ""


def _describe(error: anthropic.AnthropicError) -> str:
    """`OverloadedError, HTTP 529, overloaded_error`. Codes come from the provider: only plain words are passed on."""
    words = [type(error).__name__]
    if isinstance(error, anthropic.APIStatusError):
        words += [f"HTTP {error.status_code}"]
        words += [code for code in (error.type, error.error_code) if isinstance(code, str) and _PLAIN.fullmatch(code)]
    return ", ".join(words)
