"""What `wave quota` and `wave status` report of backends. Read-only, also while fires run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from waves.config.project import BackendConfig, Project
from waves.errors import ConfigurationError
from waves.steps.budget.window_keys import WindowStatus, window_status
from waves.store.connect import Database, open_database
from waves.store.tables import backend_state


@dataclass(frozen=True, slots=True)
class BackendQuota:
    """`keys` is what the next fire may take, for the reason `why`; None if only `--keys` bounds it."""

    backend: str
    kind: str
    snoozed_until: datetime | None
    snooze_reason: str | None
    quota: WindowStatus | None
    keys: int | None
    why: str


def quota_report(project: Project, name: str | None) -> list[BackendQuota]:
    """The named backend, or each of the project's."""
    if name is not None and name not in project.backends:
        known = ", ".join(sorted(project.backends))
        raise ConfigurationError(f"unknown backend {name!r}", f"Known: {known}. Backends are configured in waves.yaml.")
    names = [name] if name else sorted(project.backends)
    with open_database(project, migrate=False) as db:
        return [backend_quota(db, project.backends[name]) for name in names]


def backend_quota(db: Database, config: BackendConfig) -> BackendQuota:
    snooze, window = backend_state.current_snooze(db, config.name), window_status(db, config)
    keys, why = (None, "it has no window") if window is None else (window.use.left, window.explain())
    if snooze:
        keys, why = 0, "it sleeps"
    elif backend_state.snoozes_since_success(db, config.name):
        why = f"after one probe, because its snooze is over; {why}"
    until, reason = snooze or (None, None)
    return BackendQuota(config.name, config.kind, until, reason, window, keys, why)
