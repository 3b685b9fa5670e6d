"""Scenario → what happens to one request. Pure functions of the seed and their arguments, so a run can be repeated.

Random draws are keyed by the request's body and by the number of times that the same body came before: the order in
which concurrent requests arrive changes nothing, and a second try of the same request is drawn again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal, get_args

from waves.rehearsal.scenarios import Down, Fault, ItemFault, Scenario, StatusFault

Cause = Literal["down", "quota", "poison", "share"]

# Faults of single verdicts: they apply to the marked items, or to one item drawn at random, and to no other.
ITEM_FAULTS: frozenset[Fault] = frozenset(get_args(ItemFault))
STATUS_FAULTS: frozenset[Fault] = frozenset(get_args(StatusFault))


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What to do with one request. `items` are the ids of the verdicts to be spoiled, each with its fault; `latency` is
    in seconds from the arrival."""

    latency: float = 0.0
    fault: Fault | None = None
    cause: Cause | None = None
    items: tuple[tuple[str, Fault], ...] = field(default=())


class Dice:
    """Random draws for one request: `roll(name)` is uniform in [0, 1) and depends on the key and the name alone."""

    def __init__(self, seed: int, body: bytes, repetition: int) -> None:
        self._key = hashlib.blake2b(b"%d|%d|" % (seed, repetition) + body, digest_size=32).digest()

    def roll(self, name: str) -> float:
        digest = hashlib.blake2b(name.encode(), key=self._key, digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def plan_faults(
    scenario: Scenario,
    dice: Dice,
    *,
    model: str,
    items: Iterable[tuple[str, Any]],
    number: int,
    elapsed: float,
) -> FaultPlan:
    """The first fault that applies: down, poison, random. `number` counts requests from 1; `elapsed` is in seconds from
    the first one. The quota is not decided here: it depends on what other requests used."""
    latency = _latency(scenario, dice)
    for down in scenario.down:
        if is_down(down, model, number, elapsed):
            return FaultPlan(latency, down.fault, "down")
    items = tuple(items)
    poisoned = tuple((item_id, fault) for item_id, given in items if (fault := _poison(scenario, given)))
    whole = next((fault for _, fault in poisoned if fault not in ITEM_FAULTS), None)
    if whole:
        return FaultPlan(latency, whole, "poison")
    if poisoned:
        return FaultPlan(latency, poisoned[0][1], "poison", poisoned)
    fault = _draw(scenario, dice)
    if fault in ITEM_FAULTS and items:
        victim = items[int(dice.roll("victim") * len(items))][0]
        return FaultPlan(latency, fault, "share", ((victim, fault),))
    return FaultPlan(latency, fault, "share" if fault else None)


def is_down(down: Down, model: str, number: int, elapsed: float) -> bool:
    if down.models and model not in down.models:
        return False
    position = number if down.unit == "requests" else elapsed
    return down.start <= position and (down.end is None or position < down.end)


def _latency(scenario: Scenario, dice: Dice) -> float:
    latency = scenario.latency
    match latency.kind:
        case "fixed":
            return latency.a
        case "uniform":
            return latency.a + dice.roll("latency") * (latency.b - latency.a)
        case "lognormal":
            # the middle of the draw's cell: 0 itself has no quantile
            deviation = NormalDist().inv_cdf(min(max(dice.roll("latency"), 1e-12), 1 - 1e-12))
            return min(latency.longest, latency.a * math.exp(latency.b * deviation))


def _poison(scenario: Scenario, given: object) -> Fault | None:
    if not scenario.poison:
        return None
    texts = [value for value in given.values() if isinstance(value, str)] if isinstance(given, dict) else [str(given)]
    return next((poison.fault for poison in scenario.poison if any(poison.marker in text for text in texts)), None)


def _draw(scenario: Scenario, dice: Dice) -> Fault | None:
    if not scenario.faults:
        return None
    left = dice.roll("fault")
    for fault, share in scenario.faults.items():
        if left < share:
            return fault
        left -= share
    return None
