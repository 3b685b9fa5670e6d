"""What a fire learns about its backend's window while it asks: that the window is exhausted, or how far it is used."""

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
"""The windows that meters are named after. The prefix decides: `seven_day_opus` is a window of a week, too."""
SHORT = 0.1
"""A 429 that ends within this share of the window is about the request rate, not about the window."""


def is_exhaustion(config: BackendConfig, refusal: Snoozed, at: datetime) -> bool:
    """Whether a refusal at the moment `at` means that the configured window is exhausted, so that waiting within the
    fire would run into the next window. A limit of another kind or length says nothing about this window. Neither does
    a refusal that names no window and no moment: it may be about anything."""
    length = config.window
    if length is None or refusal.kind == "spend":
        return False
    left = refusal.until - at if refusal.until else None
    if left is not None and left > length + slack(length):
        return False
    if refusal.kind == "rate":
        return left is not None and left >= length * SHORT
    rejected = {known for meter in refusal.meters if meter.rejected and (known := _length(meter)) is not None}
    return length in rejected if rejected else left is not None


def learn_from_refusal(session: Session, refusal: Snoozed) -> datetime | None:
    """Keep a refusal as evidence if it is about the window. Returns when that window ends, None if that is unknown."""
    config, at = session.backend, now()
    if config.window is None or not is_exhaustion(config, refusal, at):
        return None
    length, name = config.window, config.name
    with windows.backend_lock(session.db, name):
        reported, evidence = windows.read_window(session.db, name)
        window = current(length, config.resets_at, refusal.until or reported, at)
        start = reported if reported is not None and window.start < reported <= at else window.start
        evidence = remember(evidence, Evidence(start, at, "exhausted"), length)
        windows.save_window(session.db, name, refusal.until, evidence)
    session.log.write("exhausted", backend=name, window_start=start.isoformat(), window=window.kind)
    return refusal.until or window.end


def learn_from_meters(session: Session, meters: Sequence[Meter]) -> None:
    """Keep what the newest meters say about the configured window: when it ends, and how far it is used."""
    length, at, name = session.backend.window, now(), session.backend.name
    if length is None:
        return
    for meter in meters:
        end = meter.resets_at
        if end is None or not _is_about_window(meter, length, at):
            continue
        with windows.backend_lock(session.db, name):
            _, evidence = windows.read_window(session.db, name)
            if meter.used is not None and meter.used >= READABLE:
                evidence = remember(evidence, Evidence(start_of(end, length), at, "utilisation", meter.used), length)
            windows.save_window(session.db, name, end, evidence)


def share_used_ending(config: BackendConfig, meters: Sequence[Meter], at: datetime) -> Ending | None:
    """The ending of a fire once a meter shows that our share of the configured window is used, no matter by whom."""
    if config.window is None:
        return None
    for meter in meters:
        used_up = meter.rejected or (meter.used or 0) >= config.use_at_most
        if used_up and _is_about_window(meter, config.window, at):
            used = "all" if meter.used is None else f"{meter.used:.0%}"
            reason = f"the provider says that {used} of the window of backend {config.name} is used"
            return Ending("snoozed", f"{reason}; our share is {config.use_at_most:.0%}", meter.resets_at)
    return None


def rejected_in(meters: Sequence[Meter]) -> Meter | None:
    """The limit that is used up although the request was answered: on overage, which is paid for in money."""
    return next((meter for meter in meters if meter.rejected), None)


def _is_about_window(meter: Meter, length: timedelta, at: datetime) -> bool:
    """Whether the meter describes the window of this length that `at` is in."""
    end = meter.resets_at
    return _length(meter) == length and end is not None and at < end <= at + length + slack(length)


def _length(meter: Meter) -> timedelta | None:
    return next((length for name, length in WINDOWS.items() if meter.limit.startswith(name)), None)
