"""What the CLI reports in place of an answer → an outcome: by the limit that it reports, by status and error code, and
by its known texts last. An unknown text is a pause: it is never taken for an answer, and a probe shows it if it stays.

Pure. Texts of the CLI may quote anything, so no reason repeats them, except for the lines that are addressed to the
operator.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from waves.backends.claude_cli.reset_times import LONGEST, reset_in
from waves.config.project import BackendConfig
from waves.models import Meter
from waves.outcomes import Discarded, Fatal, Outcome, Retryable, Snoozed
from waves.words import quoted


@dataclass(frozen=True, slots=True)
class CliFailure:
    """A run without an answer. `message` is everything that the CLI printed in its place, `status` the HTTP status of
    the API, `code` the CLI's own word for the error; `began`: a model had begun to answer."""

    message: str
    status: int | None = None
    code: str | None = None
    meters: tuple[Meter, ...] = ()
    began: bool = False


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_BUSY = _words("temporarily limiting requests", r"request rejected \(429\)")
_SPENT = _words("out of (extra )?usage", "usage credit", "spend limit", "usage allocation", "add funds")
_USED_UP = _words(
    "usage limit reached",
    r"\blimit reached\b.{0,5}\bresets\b",
    "hit your .{0,40}limit",
    "reached your .{0,40}limit",
)
_BILLING = _words("credit balance is too low", "payment required")
_LOGIN = _words(
    "not logged in",
    "please run /login",
    "invalid api key",
    "failed to authenticate",
    "oauth token",
    "oauth session",
    "disabled organization",
    "organization has (been )?disabled",
    "does not have access to claude",
)
_NO_MODEL = _words("issue with the selected model")
_BAD_FLAG = _words("unknown option", "unknown argument", "option '.{1,60}' argument .{1,60} is invalid")
_FOR_THE_ACCOUNT = _words(
    r"\[action required\]",
    "(consumer|commercial) terms",
    r"\baccept\b.{0,60}\bterms\b",
)
_FOR_THE_PLAN = _words(r"not available (with|on|for) (the|your) .{0,60}\bplan\b")
_FOR_THE_MACHINE = _words("needs an update", "out of memory", "cannot allocate memory", "version .{0,40} is required")
_TOO_LARGE = _words("prompt is too long", "request too large", "input is too long")
_NEVER_SENT = _words("connection ?refused", "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "FailedToOpenSocket")
_UNREACHED = _words("^API Error", "connection error", "ECONNRESET", "ETIMEDOUT", "fetch failed")

_KEY_CODES = ("authentication_failed", "oauth_org_not_allowed")
_LIMIT_CODES = ("usage_limit_reached",)
_OUTAGE_CODES = ("server_error", "overloaded", "api_error")


def outcome_of(failure: CliFailure, config: BackendConfig, now: datetime) -> Outcome:
    """The outcome of a run in which no answer came to its end."""
    if _BUSY.search(failure.message) and not any(meter.rejected and meter.resets_at for meter in failure.meters):
        return Snoozed(None, "too many requests at a time (429)", "rate", failure.meters, failure.began)
    if (limit := _limit(failure, now)) is not None:
        return limit
    return (
        _addressed_to_operator(failure.message, config)
        or _refused(failure, config)
        or _unanswered(failure)
        or _unknown(failure)
    )


def _limit(failure: CliFailure, now: datetime) -> Snoozed | None:
    rejected = [meter for meter in failure.meters if meter.rejected]
    spent = _SPENT.search(failure.message) is not None
    if not (rejected or spent or failure.code in _LIMIT_CODES or _USED_UP.search(failure.message)):
        return None
    name = rejected[0].limit if rejected else "a limit"
    until = _latest_reset(rejected, now) or reset_in(failure.message, now)
    kind: Literal["quota", "spend"] = "spend" if spent else "quota"
    return Snoozed(until, f"{name} of the subscription is used up", kind, failure.meters, failure.began)


def _latest_reset(rejected: Sequence[Meter], now: datetime) -> datetime | None:
    """The end of the last window that refuses; None if one of them reports no end, or an impossible one."""
    ends = [meter.resets_at for meter in rejected if meter.resets_at is not None and meter.resets_at < now + LONGEST]
    return max(*ends, now + timedelta(seconds=1)) if ends and len(ends) == len(rejected) else None


def _refused(failure: CliFailure, config: BackendConfig) -> Outcome | None:
    """What a person has to fix, or what the provider does not accept."""
    status, code, message = failure.status, failure.code, failure.message
    how = f"status {status}" if status else "by the CLI's message"
    if status == 402 or code == "billing_error" or _BILLING.search(message):  # noqa: PLR2004 - HTTP
        problem = f"backend {config.name}: the provider asks for payment ({how})"
        return Fatal("credentials", problem, f"settle the billing of the account behind {config.api_key_env}")
    if status in {401, 403} or code in _KEY_CODES or _LOGIN.search(message):
        problem = f"backend {config.name}: the provider refuses the CLI's credential ({how})"
        return Fatal("credentials", problem, f"make a new token with `claude setup-token`, for {config.api_key_env}")
    if status == 404 or code == "model_not_found" or _NO_MODEL.search(message):  # noqa: PLR2004 - HTTP
        problem = f"backend {config.name}: the provider does not know this address or model ({how})"
        hint = f"check base_url and models ({', '.join(config.models)}) of this backend in waves.yaml"
        return Fatal("configuration", problem, hint, of_model=True)
    if _BAD_FLAG.search(message):
        problem = f"backend {config.name}: this `{config.command}` does not know the flags that it is called with"
        return Fatal("configuration", problem, "install a newer version of it")
    if status in {400, 413, 422} or _TOO_LARGE.search(message):
        return Discarded("invalid", f"the provider calls the request invalid ({how})", message)
    return None


def _addressed_to_operator(message: str, config: BackendConfig) -> Fatal | None:
    """What the CLI asks of the person who set it up, in its own words."""
    says = f"backend {config.name}: the CLI says: "
    if (line := _line(message, _FOR_THE_PLAN)) is not None:
        return Fatal("configuration", says + line, "name other models for this backend in waves.yaml", of_model=True)
    if (line := _line(message, _FOR_THE_ACCOUNT)) is not None:
        hint = f"run `{config.command}` once by hand, with the account of {config.api_key_env}, and do what it asks"
        return Fatal("credentials", says + line, hint)
    if (line := _line(message, _FOR_THE_MACHINE)) is not None:
        hint = "put it right on this machine: a newer version of the CLI, more memory, or a smaller `parallel`"
        return Fatal("configuration", says + line, hint)
    return None


def _line(message: str, words: re.Pattern[str]) -> str | None:
    """The first line with these words; none that reports an error of the API, which may quote a row."""
    lines = (line.strip() for line in message.splitlines() if words.search(line))
    return next((quoted(line) for line in lines if not line.startswith("API Error")), None)


def _unanswered(failure: CliFailure) -> Retryable | None:
    status = failure.status
    if status is not None and status >= 408:  # noqa: PLR2004 - HTTP: the codes left here are not about the items
        return Retryable("outage", f"the provider answers with {status}", maybe_paid=failure.began)
    if _NEVER_SENT.search(failure.message):
        return Retryable("outage", "no connection to the provider", maybe_paid=failure.began)
    if failure.code in _OUTAGE_CODES or _UNREACHED.search(failure.message):
        return Retryable("outage", "the provider's answer broke off, or cannot be read", maybe_paid=True)
    return None


def _unknown(failure: CliFailure) -> Outcome:
    if not failure.message:
        return Retryable("outage", "the CLI ended without a result", maybe_paid=True)
    reason = "the CLI printed an unknown message in place of an answer"
    return Snoozed(None, reason, "quota", failure.meters, failure.began, failure.message)
