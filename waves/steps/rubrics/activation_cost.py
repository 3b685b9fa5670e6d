"""What it would take to put a rubric version in force: the gap that it opens, requests, money, waves and windows. Asks
no model and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from waves.config import theme as themes
from waves.config.project import Project
from waves.errors import ConfigurationError, NeedsPersonError
from waves.ids import new_run_id
from waves.models import Item
from waves.steps import approval_gate
from waves.steps.budget.forecast import Forecast, forecast
from waves.steps.budget.window_keys import window_status
from waves.steps.rubrics import activation_gate
from waves.steps.session.session import Invocation, Session, open_session
from waves.steps.session.versions import newest_version_on_disk
from waves.steps.session.wave import batches_of
from waves.store.connect import open_database
from waves.store.rows.gap_estimate import GapEstimate, estimate_gap
from waves.store.rubrics import rubric_registry
from waves.store.tables import waves

_BATCHES = 12
"""Batches of a sample whose cost is looked at."""


@dataclass(frozen=True, slots=True)
class ActivationCost:
    """`before` is the version in force; `windows` is None where the backend has none of known capacity. Fires stop
    after `rows_left` rows and wait for an approval, None: never. `waits` is what they wait for now: an open pilot.
    `refusal`: the theme's gate is closed."""

    theme_id: str
    version: str
    before: str | None
    outlook: GapEstimate
    requests: int
    cost: Forecast
    waves: int
    windows: int | None
    backend: str
    approved: bool
    rows_left: int | None
    waits: str | None
    refusal: NeedsPersonError | None


def price(project: Project, theme_id: str, version: str | None, *, migrate: bool) -> ActivationCost:
    """The price of the named version, or of that of the newest file. `migrate`: pending migrations may be applied."""
    wanted = _newest(project, theme_id) if version is None else version
    if migrate:
        open_database(project).close()
    invocation = Invocation(project, theme_id, {}, version=wanted)
    with open_session(invocation, new_run_id(), read_only=True) as session:
        active = rubric_registry.active(session.db, theme_id)
        whole = session.rubric.version
        before = active.version if active else None
        found = estimate_gap(session.db, session.shape, whole, before)
        limits, windows = session.limits, _windows(session, found.to_ask)
        return ActivationCost(
            theme_id=theme_id,
            version=whole,
            before=before,
            outlook=found,
            requests=-(-found.to_ask // limits.batch_size),
            cost=_cost(session, found),
            waves=max(-(-found.to_ask // limits.keys), windows or 0),
            windows=windows,
            backend=session.backend.name,
            approved=approval_gate.approved(session, whole),
            rows_left=approval_gate.rows_left(session),
            waits=_waits(session),
            refusal=activation_gate.refused(project, session.db, session.theme, whole),
        )


def _waits(session: Session) -> str | None:
    row = waves.current(session.db, session.theme.theme_id)
    ending = row and approval_gate.pilot_waits(session, row.kind, row.rubric_version)
    return ending.reason if ending else None


def _newest(project: Project, theme_id: str) -> str:
    theme = themes.load(project.prompts, theme_id)
    found = newest_version_on_disk(theme)
    if found is None:
        raise ConfigurationError(
            f"no rubric in {theme.folder}",
            f"Name a version: `wave rubrics list {theme_id}` shows those that were used.",
        )
    return found


def _cost(session: Session, found: GapEstimate) -> Forecast:
    """That of some batches of real items, for as many as there are."""
    if found.to_ask and not found.items:
        return Forecast(None, "what it would cost is unknown: none of the rows that were looked at would be asked")
    sample = list(batches_of(_spread(found.items, _BATCHES * session.limits.batch_size), session.limits.batch_size))
    return forecast(session, sample, found.to_ask)


def _spread(items: Sequence[Item], count: int) -> Sequence[Item]:
    """At most so many of them, from the first to the last."""
    return items[:: -(-len(items) // count)] if len(items) > count else items


def _windows(session: Session, keys: int) -> int | None:
    """What the present window still holds, then whole ones."""
    quota = window_status(session.db, session.backend)
    if quota is None or quota.use.share is None:
        return None
    left = min(keys, quota.use.left or 0)
    return bool(left) + -(-(keys - left) // quota.use.share)
