"""What `wave quota` and `wave status` tell of backends: read-only, also while fires run."""

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
    """`keys` is what the next fire may take, for the reason `why`; None where nothing but `--keys` bounds it."""

    backend: str
    kind: str
    snoozed_until: datetime | None
    snooze_reason: str | None
    quota: WindowStatus | None
    keys: int | None
    why: str


def report(project: Project, name: str | None) -> list[BackendQuota]:
    """The named backend, or each of the project's."""
    if name is not None and name not in project.backends:
        known = ", ".join(sorted(project.backends))
        raise ConfigurationError(f"unknown backend {name!r}", f"Known: {known}. Backends stand in waves.yaml.")
    wanted = [name] if name else sorted(project.backends)
    with open_database(project, migrate=False) as db:
        return [quota_of(db, project.backends[one]) for one in wanted]


def quota_of(db: Database, config: BackendConfig) -> BackendQuota:
    asleep, quota = backend_state.current_snooze(db, config.name), window_status(db, config)
    keys, why = (None, "it has no window") if quota is None else (quota.use.left, quota.explain())
    if asleep:
        keys, why = 0, "it sleeps"
    elif backend_state.snoozes_since_success(db, config.name):
        why = f"after one probe, because its snooze is over; {why}"
    until, reason = asleep or (None, None)
    return BackendQuota(config.name, config.kind, until, reason, quota, keys, why)
