"""`wave quota`: how full a backend's window is, what is known about it, and what the next fire may take."""

from __future__ import annotations

from typing import Any

import click

from waves.config import project
from waves.quota.window import WeighedEvidence
from waves.steps.reports.quota import BackendQuota, report
from waves.surfaces.cli import output
from waves.surfaces.cli.options import json_option
from waves.surfaces.cli.tables.quota import quota_lines


@click.command("quota")
@click.argument("backend", required=False)
@json_option
def command(backend: str | None, *, as_json: bool) -> None:
    """Show the quota window of BACKEND, or of every backend in waves.yaml. Read-only.

    For each: the window, its use and reservations, the learned capacity with its evidence, the snooze, and how many
    keys the next fire may take.

    \b
    Example:
      wave quota subscription
    """
    reports = report(project.load(), backend)
    if as_json:
        output.emit({"backends": [_object(each) for each in reports]})
        return
    for line in (line for each in reports for line in quota_lines(each)):
        click.echo(line)


def _object(backend: BackendQuota) -> dict[str, Any]:
    quota = backend.quota
    shown: dict[str, Any] = {
        "backend": backend.backend,
        "kind": backend.kind,
        "snoozed_until": output.moment(backend.snoozed_until),
        "snooze_reason": backend.snooze_reason,
        "window": None,
        "next_fire": {"keys": backend.keys, "reason": backend.why},
    }
    if quota is not None:
        holding = quota.use
        shown["window"] = {
            "kind": quota.window.kind,
            "seconds": quota.length.total_seconds(),
            "start": output.moment(quota.window.start),
            "resets_at": output.moment(quota.free_at),
            "used": holding.used,
            "reserved": holding.reserved,
            "utilisation": holding.seen,
            "capacity": holding.capacity,
            "capacity_source": quota.source,
            "use_at_most": holding.use_at_most,
            "evidence": [_evidence(weighed) for weighed in quota.evidence],
        }
    return shown


def _evidence(weighed: WeighedEvidence) -> dict[str, Any]:
    return {
        "start": output.moment(weighed.evidence.start),
        "at": output.moment(weighed.evidence.at),
        "how": weighed.evidence.how,
        "used": weighed.evidence.used,
        "keys": weighed.keys,
        "capacity": weighed.capacity,
        "doubt": weighed.doubt,
    }
