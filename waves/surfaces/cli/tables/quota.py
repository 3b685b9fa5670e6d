"""What `wave quota` shows of a backend, and `wave status` of the backend that a theme asks."""

from __future__ import annotations

from waves.quota.window import WeighedEvidence
from waves.steps.reports.quota import BackendQuota


def quota_lines(backend: BackendQuota) -> list[str]:
    """The backend, then what is known of it, indented by two blanks."""
    lines = [f"{backend.backend} ({backend.kind})"]
    if backend.snoozed_until is not None:
        lines.append(f"  {_snooze(backend)}")
    if (quota := backend.quota) is not None:
        start, end = quota.window.start, quota.window.end
        until = f"to {end:%Y-%m-%d %H:%M:%SZ}" if end else "on"
        lines.append(f"  window of {quota.length}, {quota.window.kind}: from {start:%Y-%m-%d %H:%M:%SZ} {until}")
        lines += [f"  {_evidence(weighed)}" for weighed in quota.evidence]
    keys = "as many keys as --keys allows" if backend.keys is None else f"{backend.keys} keys"
    return [*lines, f"  the next fire may take {keys}: {backend.why}"]


def quota_notes(backend: BackendQuota) -> list[str]:
    """In short: the snooze, and the window with the newest evidence of its capacity."""
    notes = []
    if backend.snoozed_until is not None:
        notes.append(f"{backend.backend} {_snooze(backend)}")
    if (quota := backend.quota) is not None:
        newest = next((weighed for weighed in reversed(quota.evidence) if weighed.doubt is None), None)
        evidence = f"; {_evidence(newest)}" if newest else ""
        notes.append(f"window of {backend.backend}: {quota.explain()}{evidence}")
    return notes


def _snooze(backend: BackendQuota) -> str:
    return f"sleeps until {backend.snoozed_until:%Y-%m-%d %H:%M:%SZ}: {backend.snooze_reason}"


def _evidence(weighed: WeighedEvidence) -> str:
    evidence = weighed.evidence
    use = "used up" if evidence.how == "exhausted" else f"used to {evidence.used:.0%}"
    worth = f"capacity {weighed.capacity}" if weighed.doubt is None else f"passed over: {weighed.doubt}"
    return f"evidence: {use} by {weighed.keys} keys at {evidence.at:%Y-%m-%d %H:%M:%SZ}; {worth}"
