"""How many keys a fire may send to its backend now: what is left of the window, less what other fires have reserved.

A backend without a `window` has no bound here. Neither has one whose capacity is unknown yet: the first wave runs until
the provider refuses, or until `--keys`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from waves.config.project import BackendConfig
from waves.ids import now
from waves.models import Ending, Evidence
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
class WindowStatus:
    """The state of a backend's window now. `source` says where the capacity comes from; `free_at` is when nothing that
    we sent counts any more."""

    backend: str
    length: timedelta
    window: Window
    use: WindowUse
    source: Literal["configured", "learned"] | None
    evidence: tuple[WeighedEvidence, ...]
    free_at: datetime

    def explain(self) -> str:
        """What the next fire may take, and why, in words."""
        use, ends = self.use, f"{self.free_at:%Y-%m-%d %H:%M:%SZ}"
        if use.seen is not None and use.seen >= use.use_at_most:
            return f"the provider says that {use.seen:.0%} of it is used; it resets at {ends}"
        if use.capacity is None:
            return "nothing is known of its capacity yet: the next wave runs until the provider refuses, or to --keys"
        share = f"{use.use_at_most:.0%} of {use.capacity} {self.source}"
        held = f" and {use.reserved} reserved by running fires" if use.reserved else ""
        return f"{use.used} of {use.share} keys ({share}) are used{held}; it resets at {ends}"


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """`keys` may be sent; `ending` says why they are fewer than requested, and until when."""

    keys: int
    ending: Ending | None


def window_status(db: Database, config: BackendConfig, excluding: str | None = None) -> WindowStatus | None:
    """The current state of the window, without what the run `excluding` has reserved; None if the backend has none."""
    length, name, at = config.window, config.name, now()
    if length is None:
        return None
    reported, evidence = windows.read_window(db, name)
    window = current(length, config.resets_at, reported, at)
    latest = at + length  # what was sent by a clock that was ahead counts, unless it was ahead by more than a window
    sent = windows.keys_sent(db, name, window.start, latest)
    by_then = [(piece, windows.keys_sent(db, name, piece.start, piece.at)) for piece in evidence]
    weighed = weigh_evidence(by_then, length, at)
    capacity = config.capacity or learned(weighed)
    seen = _newest_utilisation(evidence, window, length)
    source: Literal["configured", "learned"] = "configured" if config.capacity else "learned"
    return WindowStatus(
        backend=name,
        length=length,
        window=window,
        use=WindowUse(
            capacity,
            config.use_at_most,
            used=sent.keys,
            reserved=windows.keys_reserved(db, name, length, excluding),
            seen=seen.used if seen else None,
            since=windows.keys_sent(db, name, seen.at, latest).keys if seen else 0,
        ),
        source=source if capacity else None,
        evidence=tuple(weighed),
        free_at=free_at(window, length, sent, at),
    )


def _newest_utilisation(evidence: list[Evidence], window: Window, length: timedelta) -> Evidence | None:
    """The newest utilisation of this very window that the provider has reported."""
    of_window = (piece for piece in reversed(evidence) if abs(piece.start - window.start) <= slack(length))
    return next((piece for piece in of_window if piece.how == "utilisation"), None)


def reserve_keys(session: Session, requested: int) -> KeyGrant:
    """Reserve up to `requested` keys of the window for this run, until it ends; replaces its earlier reservation."""
    if session.backend.window is None:
        return KeyGrant(requested, None)
    with windows.backend_lock(session.db, session.backend.name):
        grant = available_keys(session, requested)
        windows.reserve_keys(session.db, session.backend.name, session.run_id, grant.keys)
    session.log.write("reserved", backend=session.backend.name, wanted=requested, keys=grant.keys)
    return grant


def available_keys(session: Session, requested: int) -> KeyGrant:
    """What `reserve_keys` would grant now; nothing is written. Less than a batch is not granted: the next window takes
    these keys in full batches."""
    status = window_status(session.db, session.backend, excluding=session.run_id)
    if status is None or status.use.left is None:
        return KeyGrant(requested, None)
    least = min(requested, session.limits.batch_size, status.use.share or 1)
    keys = min(requested, status.use.left) if status.use.left >= least else 0
    return KeyGrant(keys, None if keys == requested else _ending(status))


def _ending(status: WindowStatus) -> Ending:
    until = status.free_at + margin(status.length)
    return Ending("snoozed", f"the window of backend {status.backend}: {status.explain()}", until)
