"""What a fire learns of its backend's window while it asks: that it is used up, or how far it is used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from waves.config.project import BackendConfig
from waves.ids import now
from waves.models import Ending, Evidence, Meter
from waves.outcomes import Snoozed
from waves.quota.window import READABLE, current, remember, slack, start_of
from waves.steps.session.session import Session
from waves.store.tables import windows

WINDOWS = {"five_hour": timedelta(hours=5), "seven_day": timedelta(days=7)}
"""How long the windows are that a provider's meters are named after; `seven_day_opus` is one of a week, too."""
SHORT = 0.1
"""A 429 that ends within this share of the window is about requests at a time, not about the window."""


def is_exhaustion(config: BackendConfig, told: Snoozed, at: datetime) -> bool:
    """Whether a refusal means that the configured window is used up: waiting within the fire would run into the next
    window. A limit of another kind or length says nothing about this one, and neither does one that names no window
    and no moment: that may be anything."""
    length = config.window
    if length is None or told.kind == "spend":
        return False
    left = told.until - at if told.until else None
    if left is not None and left > length + slack(length):
        return False
    if told.kind == "rate":
        return left is not None and left >= length * SHORT
    rejected = {known for meter in told.meters if meter.rejected and (known := _length(meter)) is not None}
    return length in rejected if rejected else left is not None


def refused(session: Session, told: Snoozed) -> datetime | None:
    """Keep a refusal as evidence, where it tells of the window. → when that window ends, where that is known."""
    config, at = session.backend, now()
    if config.window is None or not is_exhaustion(config, told, at):
        return None
    length, name = config.window, config.name
    with windows.backend_lock(session.db, name):
        reported, known = windows.read_window(session.db, name)
        window = current(length, config.resets_at, told.until or reported, at)
        start = reported if reported is not None and window.start < reported <= at else window.start
        windows.save_window(session.db, name, told.until, remember(known, Evidence(start, at, "exhausted"), length))
    session.log.write("exhausted", backend=name, window_start=start.isoformat(), window=window.kind)
    return told.until or window.end


def share_is_used(config: BackendConfig, meters: Sequence[Meter], at: datetime) -> Ending | None:
    """The ending once a meter says that our share of the configured window is used, whoever used it."""
    if config.window is None:
        return None
    for meter in meters:
        if _speaks_of(meter, config.window, at) and (meter.rejected or (meter.used or 0) >= config.use_at_most):
            used = "all" if meter.used is None else f"{meter.used:.0%}"
            reason = f"the provider says that {used} of the window of backend {config.name} is used"
            return Ending("snoozed", f"{reason}; {config.use_at_most:.0%} are for us", meter.resets_at)
    return None


def observe(session: Session, meters: Sequence[Meter]) -> None:
    """Keep what the newest meters say about the configured window: when it ends, and how far it is used."""
    length, at, name = session.backend.window, now(), session.backend.name
    if length is None:
        return
    for meter in meters:
        end = meter.resets_at
        if end is None or not _speaks_of(meter, length, at):
            continue
        with windows.backend_lock(session.db, name):
            _, known = windows.read_window(session.db, name)
            if meter.used is not None and meter.used >= READABLE:
                known = remember(known, Evidence(start_of(end, length), at, "utilisation", meter.used), length)
            windows.save_window(session.db, name, end, known)


def _speaks_of(meter: Meter, length: timedelta, at: datetime) -> bool:
    """Of the window of this length that `at` is in."""
    end = meter.resets_at
    return _length(meter) == length and end is not None and at < end <= at + length + slack(length)


def _length(meter: Meter) -> timedelta | None:
    return next((length for name, length in WINDOWS.items() if meter.limit.startswith(name)), None)
