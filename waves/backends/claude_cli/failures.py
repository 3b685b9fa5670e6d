"""What the CLI says in the place of an answer → an outcome: by the window that it reports, by status and error code,
and by its known texts last. A text that nobody knows is a pause: it is never taken for an answer.

Pure. Texts of the CLI may quote anything, so no reason repeats them.
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


@dataclass(frozen=True, slots=True)
class Said:
    """`status` is that of the API, `code` the CLI's own word for the error; `asked`: a model had begun to answer."""

    text: str
    status: int | None = None
    code: str | None = None
    meters: tuple[Meter, ...] = ()
    asked: bool = False


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
_TOO_LARGE = _words("prompt is too long", "request too large", "input is too long")
_NEVER_SENT = _words("connection ?refused", "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "FailedToOpenSocket")
_UNREACHED = _words("^API Error", "connection error", "ECONNRESET", "ETIMEDOUT", "fetch failed")

_KEY_CODES = ("authentication_failed", "oauth_org_not_allowed")
_LIMIT_CODES = ("usage_limit_reached",)
_OUTAGE_CODES = ("server_error", "overloaded", "api_error")


def outcome_of(said: Said, config: BackendConfig, now: datetime) -> Outcome:
    """Of a run in which no answer came to its end."""
    if _BUSY.search(said.text) and not any(meter.rejected and meter.resets_at for meter in said.meters):
        return Snoozed(None, "too many requests at a time (429)", "rate", said.meters, said.asked)
    if (limit := _limit(said, now)) is not None:
        return limit
    return _refused(said, config) or _unanswered(said) or _unknown(said)


def _limit(said: Said, now: datetime) -> Snoozed | None:
    rejected = [meter for meter in said.meters if meter.rejected]
    spent = _SPENT.search(said.text) is not None
    if not (rejected or spent or said.code in _LIMIT_CODES or _USED_UP.search(said.text)):
        return None
    name = rejected[0].limit if rejected else "a limit"
    until = _latest(rejected, now) or reset_in(said.text, now)
    kind: Literal["quota", "spend"] = "spend" if spent else "quota"
    return Snoozed(until, f"{name} of the subscription is used up", kind, said.meters, said.asked)


def _latest(rejected: Sequence[Meter], now: datetime) -> datetime | None:
    """The end of the last window that refuses; None where one of them does not tell, or tells nonsense."""
    ends = [meter.resets_at for meter in rejected if meter.resets_at is not None and meter.resets_at < now + LONGEST]
    return max(*ends, now + timedelta(seconds=1)) if ends and len(ends) == len(rejected) else None


def _refused(said: Said, config: BackendConfig) -> Outcome | None:
    """What a person has to mend, or what the provider will not take."""
    how = f"status {said.status}" if said.status else "by its own words"
    if said.status == 402 or said.code == "billing_error" or _BILLING.search(said.text):  # noqa: PLR2004 - HTTP
        message = f"backend {config.name}: the provider asks for payment ({how})"
        return Fatal("credentials", message, f"settle the billing of the account behind {config.api_key_env}")
    if said.status in {401, 403} or said.code in _KEY_CODES or _LOGIN.search(said.text):
        message = f"backend {config.name}: the CLI is not let in ({how})"
        return Fatal("credentials", message, f"make a new token with `claude setup-token`, for {config.api_key_env}")
    if said.status == 404 or said.code == "model_not_found" or _NO_MODEL.search(said.text):  # noqa: PLR2004 - HTTP
        message = f"backend {config.name}: the provider does not know this address or model ({how})"
        hint = f"check base_url and models ({', '.join(config.models)}) of this backend in waves.yaml"
        return Fatal("configuration", message, hint)
    if _BAD_FLAG.search(said.text):
        message = f"backend {config.name}: this `{config.command}` does not know our flags"
        return Fatal("configuration", message, "install a newer version of it")
    if said.status in {400, 413, 422} or _TOO_LARGE.search(said.text):
        return Discarded("invalid", f"the provider calls the request invalid ({how})")
    return None


def _unanswered(said: Said) -> Retryable | None:
    if said.status is not None and said.status >= 408:  # noqa: PLR2004 - HTTP: what is left says nothing about the items
        return Retryable("outage", f"the provider answers with {said.status}", maybe_paid=said.asked)
    if _NEVER_SENT.search(said.text):
        return Retryable("outage", "no connection to the provider", maybe_paid=said.asked)
    if said.code in _OUTAGE_CODES or _UNREACHED.search(said.text):
        return Retryable("outage", "the provider's answer broke off, or cannot be read", maybe_paid=True)
    return None


def _unknown(said: Said) -> Outcome:
    if not said.text:
        return Retryable("outage", "the CLI ended without a result", maybe_paid=True)
    reason = "the CLI says something that we do not know in the place of an answer"
    return Snoozed(None, reason, "quota", said.meters, said.asked)
