"""The audit log of a theme. Read-only, also while a fire runs."""

from __future__ import annotations

from datetime import datetime

from waves.config import theme as themes
from waves.config.project import Project
from waves.store.connect import open_database
from waves.store.tables import audit
from waves.store.tables.audit import AuditEntry


def audit_report(
    project: Project,
    theme_id: str,
    limit: int,
    *,
    entity: str | None,
    run_id: str | None,
    actor: str | None,
    since: datetime | None,
) -> list[AuditEntry]:
    """The newest `limit` entries that match, from first to last."""
    themes.load(project.prompts, theme_id)
    with open_database(project, migrate=False) as db:
        return audit.entries(db, theme_id, limit, entity=entity, run_id=run_id, actor=actor, since=since)
