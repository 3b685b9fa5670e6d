"""What `wave rubrics activate` shows before anything changes: rows to ask, requests, cost, and what prevents it."""

from __future__ import annotations

from waves.steps.rubrics.activation_cost import ActivationCost
from waves.words import counted


def cost_lines(cost: ActivationCost) -> list[str]:
    """The version, then what its activation takes, indented by two blanks."""
    rows, about = cost.outlook, "about " if cost.outlook.estimated else ""
    before = f", after {cost.before}" if cost.before not in (None, cost.version) else ""
    lines = [
        f"rubric {cost.version} of theme {cost.theme_id}{before}",
        f"  to ask: {about}{counted(rows.to_ask, 'row')} in {_work(cost)}; {cost.cost.text}",
        f"  to restore without asking: {about}{counted(rows.to_restore, 'row')}",
    ]
    if rows.drifted:
        lines.append(
            f"  the source has drifted: {rows.drifted:,} of {rows.sampled:,} rows that were looked at have changed "
            f"since {cost.before} judged them"
        )
    if cost.rows_left is not None and cost.waits is None:
        lines.append(f"  {_approval(cost, cost.rows_left)}")
    if cost.waits is not None:
        lines.append(f"  fires wait: {cost.waits}")
    if cost.refusal is not None:
        lines.append(f"  the gate is closed: {cost.refusal.message}")
    return lines


def _work(cost: ActivationCost) -> str:
    windows = f", {counted(cost.windows, 'window')} of {cost.backend}" if cost.windows is not None else ""
    return f"{counted(cost.requests, 'request')}, {counted(cost.waves, 'wave')}{windows}"


def _approval(cost: ActivationCost, rows_left: int) -> str:
    state = "approved for some rows" if cost.approved else "not approved"
    left = f"take {rows_left:,} more, then wait for" if rows_left else "restore and ask nothing until"
    return f"{state}: fires {left} `wave approve {cost.theme_id} --version {cost.version} --by NAME`"
