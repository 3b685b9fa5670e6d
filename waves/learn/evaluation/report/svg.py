"""The two drawings of a report, as SVG: the reliability curve, and score against cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from waves.learn.evaluation.calibration import Calibration, CalibrationBin
from waves.learn.evaluation.cost import SettingCost
from waves.learn.evaluation.ranking import Ranking

_SIDE = 300
_EDGE = 45
_AXES = {"cost_usd_per_item": "US dollars for an item", "tokens_per_item": "tokens for an item"}


def reliability_curve(calibration: Calibration) -> str:
    """The share of right answers against their mean confidence, bin by bin; on the diagonal confidence means what it
    says. A dot's area grows with its answers."""
    dots = [_bin_dot(each, calibration.answers) for each in calibration.bins]
    line = _path((each.confidence, each.exact) for each in calibration.bins)
    diagonal = f'<path d="{_moves([(0, 0), (1, 1)])}" stroke="#afb8c1" stroke-dasharray="4" fill="none"/>'
    title = f"Reliability: calibration error {calibration.error:.3f}"
    return _drawing(title, "confidence", "right", [diagonal, line, *dots], "1")


def cost_frontier(costs: Sequence[SettingCost], ranking: Ranking) -> str:
    """Each setting's score over its cost, and the line of those that no other one beats; nothing where there is no
    cost."""
    axis = ranking.axis
    if axis is None or ranking.pareto is None:
        return ""
    per_item = [cost.per_item(axis) or 0.0 for cost in costs]
    most = max(per_item)
    places = [(cost / most, each.score) for cost, each in zip(per_item, ranking.comparisons, strict=True)]
    dots = [
        _dot(*place, 5, f"setting {number}") + _label(*place, str(number)) for number, place in enumerate(places, 1)
    ]
    line = _path(places[number] for number in ranking.pareto)
    return _drawing("Score against cost", _AXES[axis], "score", [line, *dots], f"{most:.3g}")


def _bin_dot(each: CalibrationBin, answers: int) -> str:
    title = f"{each.count} answers of confidence {each.confidence:.2f}, {each.exact:.2f} of them right"
    return _dot(each.confidence, each.exact, 2 + 10 * (each.count / answers) ** 0.5, title)


def _drawing(title: str, across: str, up: str, inside: Iterable[str], most: str) -> str:
    whole = _SIDE + 2 * _EDGE
    return (
        f'<svg width="{whole}" height="{whole}" viewBox="0 0 {whole} {whole}" role="img">'
        f"<title>{escape(title)}</title>"
        f'<text x="{_EDGE}" y="20">{escape(title)}</text>'
        f'<rect x="{_EDGE}" y="{_EDGE}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#d8dee4"/>'
        f'<text x="{_EDGE}" y="{_SIDE + _EDGE + 18}">0</text>'
        f'<text x="{_SIDE + _EDGE}" y="{_SIDE + _EDGE + 18}" text-anchor="end">{escape(most)}</text>'
        f'<text x="{_EDGE + _SIDE / 2}" y="{_SIDE + _EDGE + 34}" text-anchor="middle">{escape(across)}</text>'
        f'<text x="{_EDGE - 6}" y="{_EDGE + 10}" text-anchor="end">1</text>'
        f'<text x="{_EDGE - 6}" y="{_EDGE + _SIDE / 2}" text-anchor="end">{escape(up)}</text>'
        + "".join(inside)
        + "</svg>"
    )


def _dot(x: float, y: float, radius: float, tooltip: str) -> str:
    left, top = _at(x, y)
    title = f"<title>{escape(tooltip)}</title>"
    return f'<circle cx="{left:.1f}" cy="{top:.1f}" r="{radius:.1f}" fill="#0969da" fill-opacity=".7">{title}</circle>'


def _label(x: float, y: float, text: str) -> str:
    left, top = _at(x, y)
    return f'<text x="{left - 8:.1f}" y="{top - 8:.1f}" text-anchor="end">{escape(text)}</text>'


def _path(points: Iterable[tuple[float, float]]) -> str:
    return f'<path d="{_moves(points)}" stroke="#0969da" fill="none"/>'


def _moves(points: Iterable[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{left:.1f},{top:.1f}" for left, top in (_at(x, y) for x, y in points))


def _at(x: float, y: float) -> tuple[float, float]:
    return _EDGE + _SIDE * x, _EDGE + _SIDE * (1 - y)
