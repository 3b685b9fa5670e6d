"""The provider's limits: the quota window that refuses, and the figures of the `anthropic-ratelimit-*` headers.

Time is passed in as epoch seconds. A window opens with the first request after the last one ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from waves.rehearsal.protocol import ProtocolError
from waves.rehearsal.scenarios import QuotaRules, Scenario

_MINUTE = 60.0


@dataclass(slots=True)
class RateWindow:
    ends: float = 0.0
    requests: int = 0
    used: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


_SHORT = {"five_hour": "5h", "seven_day": "7d"}
_WARNINGS = (0.5, 0.75, 0.9)
_OVERAGE = {
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-overage-status": "allowed",
}
"""What an answer says that was given beyond the window: the window refuses, its overage does not."""


class RateLimits:
    """Without a quota the headers describe a minute that never refuses; with a quota, its window: figures in other
    units than its own shrink in proportion to what is left of it."""

    def __init__(self, scenario: Scenario) -> None:
        self._quota: QuotaRules | None = scenario.quota
        self._requests = scenario.requests_per_minute
        self._input = scenario.input_tokens_per_minute
        self._output = scenario.output_tokens_per_minute
        self._window = RateWindow()
        self._reset = ""

    def admit(self, n_items: int, now: float) -> None:
        """Count a request. Raises ProtocolError(429) if the window's capacity is used up; a request that is larger than
        the whole capacity is accepted as the first of its window, or it would never be."""
        window = self._current(now)
        quota = self._quota
        if quota is not None:
            size = n_items if quota.unit == "items" else 1
            if window.used and window.used + size > quota.capacity and not quota.overage:
                raise ProtocolError(429, "The quota of this window is used up", quota.error_code)
            window.used += size
        window.requests += 1

    def book(self, input_tokens: int, output_tokens: int) -> None:
        self._window.input_tokens += input_tokens
        self._window.output_tokens += output_tokens

    def retry_after(self, now: float) -> int | None:
        """Whole seconds until the quota's window ends; None if the provider would not report it."""
        if self._quota is None or self._quota.error_code is not None:
            return None
        return max(1, math.ceil(self._window.ends - now))

    def headers(self, now: float, *, refused: bool = False) -> Mapping[str, str]:
        window = self._current(now)
        quota = self._quota
        left = 1.0 if quota is None else max(0.0, 1 - window.used / quota.capacity)
        requests = (self._requests, self._requests - window.requests)
        if quota is not None and quota.unit == "requests":
            requests = (quota.capacity, quota.capacity - window.used)
        elif quota is not None:
            requests = (self._requests, int(self._requests * left))
        families = (
            ("requests", *requests),
            (
                "tokens",
                total := self._input + self._output,
                int(total * left) - window.input_tokens - window.output_tokens,
            ),
            ("input-tokens", self._input, int(self._input * left) - window.input_tokens),
            ("output-tokens", self._output, int(self._output * left) - window.output_tokens),
        )
        headers = {}
        for name, limit, remaining in families:
            headers[f"anthropic-ratelimit-{name}-limit"] = str(limit)
            headers[f"anthropic-ratelimit-{name}-remaining"] = str(max(0, remaining))
            headers[f"anthropic-ratelimit-{name}-reset"] = self._reset
        if quota is not None and quota.claim is not None:
            headers |= _unified(quota.claim, 1 - left, math.ceil(window.ends), refused=refused)
            if window.used > quota.capacity:
                headers |= _OVERAGE | {f"anthropic-ratelimit-unified-{_SHORT[quota.claim]}-status": "rejected"}
        return headers

    def _current(self, now: float) -> RateWindow:
        if now >= self._window.ends:
            length = _MINUTE if self._quota is None else self._quota.window
            self._window = RateWindow(ends=now + length)
            self._reset = datetime.fromtimestamp(math.ceil(now + length), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._window


def _unified(claim: str, used: float, ends: int, *, refused: bool) -> Mapping[str, str]:
    """Headers of a subscription's window: its use as a share, its end in epoch seconds, a warning when it fills up."""
    prefix = "anthropic-ratelimit-unified"
    headers = {
        f"{prefix}-status": "rejected" if refused else "allowed",
        f"{prefix}-representative-claim": claim,
        f"{prefix}-reset": str(ends),
        f"{prefix}-{_SHORT[claim]}-utilization": f"{used:.4g}",
        f"{prefix}-{_SHORT[claim]}-reset": str(ends),
    }
    warned = max((threshold for threshold in _WARNINGS if used >= threshold), default=None)
    return headers if warned is None else headers | {f"{prefix}-{_SHORT[claim]}-surpassed-threshold": f"{warned:g}"}
