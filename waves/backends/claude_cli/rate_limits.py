"""The limits of a subscription, as a `rate_limit_event` of `claude` reports them → meters. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waves.backends.claude_cli.fields import reset_of, share_of, text_of
from waves.models import Meter


def read_meters(info: Mapping[str, Any], *, overage: bool = False) -> list[Meter]:
    """One meter for each window of a `rate_limit_info`. The limit that the event is about comes last: only this one
    can be `rejected`. A request that was let through on overage means that the window is used up, and that the rest is
    paid for in money: this is `rejected` as well, unless `overage` is allowed."""
    windows = info.get("unifiedWindows")
    meters = [
        Meter(name, share_of(window.get("utilization")), resets_at=reset_of(window))
        for name, window in (windows.items() if isinstance(windows, dict) else ())
        if isinstance(window, dict)
    ]
    rejected = info.get("status") == "rejected" or (_for_money(info) and not overage)
    name = text_of(info.get("rateLimitType")) or ("unified" if rejected and reset_of(info) else None)
    if name is None:
        return meters
    own = share_of(info.get("utilization"))
    used = own if own is not None else next((meter.used for meter in meters if meter.limit == name), None)
    others = [meter for meter in meters if meter.limit != name]
    return [*others, Meter(name, used, resets_at=reset_of(info), rejected=rejected)]


def _for_money(info: Mapping[str, Any]) -> bool:
    """Beyond a window that refuses, or while one allows it: with usage credits."""
    return info.get("isUsingOverage") is True or info.get("overageInUse") is True
