"""What was spent, as the ledger has it. Read-only, also while a fire runs: it tells what is booked."""

from __future__ import annotations

from datetime import date

from waves.config import theme as themes
from waves.config.project import Project
from waves.store.connect import open_database
from waves.store.tables import spend
from waves.store.tables.spend import GroupBy, SpendLine


def report(project: Project, theme_id: str | None, by: GroupBy, since: date | None) -> list[SpendLine]:
    """A line for each day, theme, model or backend, then the one for all."""
    if theme_id is not None:
        themes.load(project.prompts, theme_id)
    with open_database(project, migrate=False) as db:
        return spend.report(db, by, theme_id, since)
