"""What it would take to activate a rubric version: the gap that it opens, requests, money, waves and windows. Asks no
model and changes nothing.
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
"""Batches in the sample that the cost is estimated from."""


@dataclass(frozen=True, slots=True)
class ActivationCost:
    """`before` is the active version; `windows` is None if the backend has no window of known capacity. Fires stop
    after `rows_left` rows and wait for an approval, None: never. `waits` says what fires wait for now: an open pilot.
    `refusal` says why the theme's gate is closed."""

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


def activation_cost(project: Project, theme_id: str, version: str | None, *, migrate: bool) -> ActivationCost:
    """The cost of the named version, or of the newest file. `migrate`: pending migrations may be applied."""
    named = _newest(project, theme_id) if version is None else version
    if migrate:
        open_database(project).close()
    invocation = Invocation(project, theme_id, {}, version=named)
    with open_session(invocation, new_run_id(), read_only=True) as session:
        active = rubric_registry.active(session.db, theme_id)
        new, before = session.rubric.version, active.version if active else None
        rows = estimate_gap(session.db, session.shape, new, before)
        windows = _windows_needed(session, rows.to_ask)
        return ActivationCost(
            theme_id=theme_id,
            version=new,
            before=before,
            outlook=rows,
            requests=_divide_up(rows.to_ask, session.limits.batch_size),
            cost=_cost(session, rows),
            waves=max(_divide_up(rows.to_ask, session.limits.keys), windows or 0),
            windows=windows,
            backend=session.backend.name,
            approved=approval_gate.is_approved(session, new),
            rows_left=approval_gate.rows_left(session.db, session.theme, new, session.limits),
            waits=_pilot_reason(session),
            refusal=activation_gate.refusal(project, session.db, session.theme, new),
        )


def _pilot_reason(session: Session) -> str | None:
    row = waves.current(session.db, session.theme.theme_id)
    ending = row and approval_gate.pilot_ending(session, row.kind, row.rubric_version)
    return ending.reason if ending else None


def _newest(project: Project, theme_id: str) -> str:
    theme = themes.load(project.prompts, theme_id)
    version = newest_version_on_disk(theme)
    if version is None:
        raise ConfigurationError(
            f"no rubric in {theme.folder}",
            f"Name a version: `wave rubrics list {theme_id}` shows those that were used.",
        )
    return version


def _cost(session: Session, rows: GapEstimate) -> Forecast:
    """Estimated from some batches of real items."""
    if rows.to_ask and not rows.items:
        return Forecast(None, "what it would cost is unknown: none of the rows that were looked at would be asked")
    size = session.limits.batch_size
    sample = list(batches_of(_spread(rows.items, _BATCHES * size), size))
    return forecast(session, sample, rows.to_ask)


def _spread(items: Sequence[Item], count: int) -> Sequence[Item]:
    """At most `count` of the items, evenly spaced from the first to the last."""
    return items[:: _divide_up(len(items), count)] if len(items) > count else items


def _windows_needed(session: Session, keys: int) -> int | None:
    """The present window if it has keys left, then whole ones."""
    status = window_status(session.db, session.backend)
    if status is None or status.use.share is None:
        return None
    left = min(keys, status.use.left or 0)
    return bool(left) + _divide_up(keys - left, status.use.share)


def _divide_up(number: int, size: int) -> int:
    """The quotient, rounded up."""
    return -(-number // size)
