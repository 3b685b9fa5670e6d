"""`wave quota`: what a backend's window still holds, what is known of it, and what the next fire may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from waves.quota.window import WeighedEvidence
    from waves.steps.reports.quota import BackendQuota


@click.command("quota")
@click.argument("backend", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(backend: str | None, *, as_json: bool) -> None:
    """Window, use, reservations, learned capacity with its evidence, and snooze of BACKEND, or of every backend in
    waves.yaml. Read-only.

    \b
    Example:
      wave quota subscription
    """
    from waves.config import project
    from waves.steps.reports.quota import quota_report
    from waves.surfaces.cli import output

    found = quota_report(project.load(), backend)
    if as_json:
        output.emit({"backends": [_object(one) for one in found]})
        return
    for line in (line for one in found for line in _lines(one)):
        click.echo(line)


def _object(one: BackendQuota) -> dict[str, Any]:
    from waves.surfaces.cli.output import moment

    quota = one.quota
    found: dict[str, Any] = {
        "backend": one.backend,
        "kind": one.kind,
        "snoozed_until": moment(one.snoozed_until),
        "snooze_reason": one.snooze_reason,
        "window": None,
        "next_fire": {"keys": one.keys, "reason": one.why},
    }
    if quota is not None:
        holding = quota.use
        found["window"] = {
            "kind": quota.window.kind,
            "seconds": quota.length.total_seconds(),
            "start": moment(quota.window.start),
            "resets_at": moment(quota.free_at),
            "used": holding.used,
            "reserved": holding.reserved,
            "utilisation": holding.seen,
            "capacity": holding.capacity,
            "capacity_source": quota.source,
            "use_at_most": holding.use_at_most,
            "evidence": [_evidence(judged) for judged in quota.evidence],
        }
    return found


def _evidence(judged: WeighedEvidence) -> dict[str, Any]:
    from waves.surfaces.cli.output import moment

    return {
        "start": moment(judged.evidence.start),
        "at": moment(judged.evidence.at),
        "how": judged.evidence.how,
        "used": judged.evidence.used,
        "keys": judged.keys,
        "capacity": judged.capacity,
        "doubt": judged.doubt,
    }


def _lines(one: BackendQuota) -> list[str]:
    """What a person reads: the backend, then what is known of it, two blanks in."""
    lines = [f"{one.backend} ({one.kind})"]
    if one.snoozed_until is not None:
        lines.append(f"  sleeps until {one.snoozed_until:%Y-%m-%d %H:%M:%SZ}: {one.snooze_reason}")
    if (quota := one.quota) is not None:
        start, end = quota.window.start, quota.window.end
        until = f"to {end:%Y-%m-%d %H:%M:%SZ}" if end else "on"
        lines.append(f"  window of {quota.length}, {quota.window.kind}: from {start:%Y-%m-%d %H:%M:%SZ} {until}")
        lines += [f"  {saying(judged)}" for judged in quota.evidence]
    taken = "as many keys as --keys allows" if one.keys is None else f"{one.keys} keys"
    return [*lines, f"  the next fire may take {taken}: {one.why}"]


def saying(judged: WeighedEvidence) -> str:
    """One piece of evidence, in words."""
    evidence = judged.evidence
    seen = "used up" if evidence.how == "exhausted" else f"used to {evidence.used:.0%}"
    worth = f"capacity {judged.capacity}" if judged.doubt is None else f"passed over: {judged.doubt}"
    return f"evidence: {seen} by {judged.keys} keys at {evidence.at:%Y-%m-%d %H:%M:%SZ}; {worth}"
