"""How many keys a fire may send to its backend now: what the window still holds, less what other fires have reserved.

A backend without a `window` has no bound here. Before anything is learned there is none either: the first wave runs
until the provider refuses, or until `--keys`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from waves.config.project import BackendConfig
from waves.ids import now
from waves.models import Ending
from waves.quota.window import (
    WeighedEvidence,
    Window,
    WindowUse,
    current,
    free_at,
    learned,
    margin,
    slack,
    weigh_evidence,
)
from waves.steps.session.session import Session
from waves.store.connect import Database
from waves.store.tables import windows


@dataclass(frozen=True, slots=True)
class Quota:
    """A backend's window as it stands. `source` says where the capacity comes from; `free_at` is when the window holds
    nothing of ours any more."""

    backend: str
    length: timedelta
    window: Window
    holding: WindowUse
    source: Literal["configured", "learned"] | None
    evidence: tuple[WeighedEvidence, ...]
    free_at: datetime

    def why(self) -> str:
        """What the next fire may take, and why, in words."""
        holding, ends = self.holding, f"{self.free_at:%Y-%m-%d %H:%M:%SZ}"
        if holding.seen is not None and holding.seen >= holding.use_at_most:
            return f"the provider says that {holding.seen:.0%} of it are used; it resets at {ends}"
        if holding.capacity is None:
            return "nothing is known of its capacity yet: the next wave runs until the provider refuses, or to --keys"
        share = f"{holding.use_at_most:.0%} of {holding.capacity} {self.source}"
        held = f" and {holding.reserved} reserved by running fires" if holding.reserved else ""
        return f"{holding.used} of {holding.share} keys ({share}) are used{held}; it resets at {ends}"


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """`keys` may be sent; `ending` says why not all that were wanted, and until when."""

    keys: int
    ending: Ending | None


def look(db: Database, config: BackendConfig, besides: str | None = None) -> Quota | None:
    """The window as it stands, without what the run `besides` has reserved; None where the backend has none."""
    length, name, at = config.window, config.name, now()
    if length is None:
        return None
    reported, found = windows.read_window(db, name)
    window = current(length, config.resets_at, reported, at)
    latest = at + length  # what was sent by a clock that was ahead counts, unless it was ahead by more than a window
    used = windows.keys_sent(db, name, window.start, latest)
    judged = weigh_evidence([(one, windows.keys_sent(db, name, one.start, one.at)) for one in found], length, at)
    capacity = config.capacity or learned(judged)
    seen = [one for one in found if one.how == "utilisation" and abs(one.start - window.start) <= slack(length)]
    holding = WindowUse(
        capacity,
        config.use_at_most,
        used=used.keys,
        reserved=windows.keys_reserved(db, name, length, besides),
        seen=seen[-1].used if seen else None,
        since=windows.keys_sent(db, name, seen[-1].at, latest).keys if seen else 0,
    )
    source: Literal["configured", "learned"] | None = "configured" if config.capacity else "learned"
    return Quota(
        backend=name,
        length=length,
        window=window,
        holding=holding,
        source=source if capacity else None,
        evidence=tuple(judged),
        free_at=free_at(window, length, used, at),
    )


def reserve(session: Session, wanted: int) -> KeyGrant:
    """Take up to `wanted` keys of the window for this run, until it ends. What it had reserved before is given back."""
    if session.backend.window is None:
        return KeyGrant(wanted, None)
    with windows.backend_lock(session.db, session.backend.name):
        granted = would_reserve(session, wanted)
        windows.reserve_keys(session.db, session.backend.name, session.run_id, granted.keys)
    session.log.write("reserved", backend=session.backend.name, wanted=wanted, keys=granted.keys)
    return granted


def would_reserve(session: Session, wanted: int) -> KeyGrant:
    """What `reserve` would give now; nothing is written. Less than a batch is nothing: the next window takes it in full
    ones."""
    quota = look(session.db, session.backend, besides=session.run_id)
    if quota is None or quota.holding.left is None:
        return KeyGrant(wanted, None)
    least = min(wanted, session.limits.batch_size, quota.holding.share or 1)
    keys = min(wanted, quota.holding.left) if quota.holding.left >= least else 0
    return KeyGrant(keys, None if keys == wanted else _ending(quota))


def _ending(quota: Quota) -> Ending:
    until = quota.free_at + margin(quota.length)
    return Ending("snoozed", f"the window of backend {quota.backend}: {quota.why()}", until)
