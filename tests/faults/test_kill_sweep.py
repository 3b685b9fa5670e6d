"""SIGKILL of the runner, of a worker, or of both, at every kind of moment of a wave: what a crash costs, as the
provider's own record tells it. docs/lifecycle.md promises it row by row.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults import judge, moments
from tests.faults.place import THEME, Place, Trap

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

N_CORPORA = 8
SEED = 20261120
PARALLEL = 4
BATCH = 2
N_ITEMS = 98  # in so many batches that the fires of a corpus leave some, also where answers come in bunches
_RUN_STARTED = '^write .*"t":"sent"'
_CHARGED = r"^execute WITH given AS"
_RELEASED = (
    r"^execute (?:WITH released AS \( )?INSERT INTO waves\.verdict AS v "
    r"\(theme_id, entity_key, rubric_version, input_hash, state, attempts"
)

Make = Callable[..., Place]


def fire_to_the_end(place: Place) -> None:
    """As cron would: fire until the gap is empty; then one more fire makes no request."""
    place.fire_until_complete()
    arrived = len(place.provider.lines("arrived"))
    again = place.fire()
    assert (again.code, again.state) == (0, "complete"), again
    assert len(place.provider.lines("arrived")) == arrived


def killed(place: Place, traps: list[Trap]) -> None:
    """One fire that runs into all of its traps; nothing of it is left 2 s later."""
    before = len(place.hits())
    fired = place.fire(traps=traps)
    assert fired.code == -signal.SIGKILL, f"{traps} was not met: {fired}"
    assert len(place.hits()) == before + len(traps), (traps, place.hits()[before:])
    judge.nothing_is_left_running(place)


@pytest.mark.parametrize("number", range(N_CORPORA))
def test_killed_in_every_phase_a_wave_ends_whole_and_pays_twice_only_what_was_in_flight(
    number: int, make: Make, record_property: Callable[[str, Any], None]
) -> None:
    latency = {"kind": "uniform", "a": 0.01, "b": 0.03}
    place = make({"latency": latency}, seed=number, n_items=N_ITEMS, parallel=PARALLEL, batch_size=BATCH)
    fires = moments.corpora(N_CORPORA, SEED)[number]
    for traps in fires:
        killed(place, traps)
    fire_to_the_end(place)
    paid_twice = judge.after_all(place)
    n_kills = sum(len(traps) for traps in fires)
    assert paid_twice.requests <= PARALLEL * n_kills
    record_property("kills", n_kills)
    record_property("paid_twice", f"{paid_twice.answers} of at most {paid_twice.allowed}")


def test_the_sweep_has_sixty_moments_and_more_in_all_phases() -> None:
    dealt = moments.corpora(N_CORPORA, SEED)
    assert sum(len(traps) for fires in dealt for traps in fires) >= 60
    assert sum(map(len, dealt)) == sum(map(len, moments.PHASES.values()))


@pytest.mark.parametrize("seed", range(3))
def test_killed_while_answers_arrive_nothing_is_lost(
    seed: int, make: Make, record_property: Callable[[str, Any], None]
) -> None:
    """From outside, by the provider's record: the n-th answer was handed over and a few milliseconds passed."""
    dice = random.Random(seed)
    latency = {"kind": "uniform", "a": 0.01, "b": 0.05}
    place = make({"latency": latency}, seed=seed, n_items=N_ITEMS, parallel=PARALLEL, batch_size=BATCH)
    kills = 0
    for who in ("runner", "group", "runner", "workers and runner"):
        kills += len(who.split(" and "))  # what died with the workers may be asked again before the runner dies, too
        fire = place.begin_fire()
        place.wait_for_answers(dice.randint(1, 3))
        for process in place.workers() if who == "workers and runner" else ():
            process.kill()
        fire.signal(signal.SIGKILL, group=who == "group")
        assert fire.end().code == -signal.SIGKILL
        judge.nothing_is_left_running(place)
    fire_to_the_end(place)
    paid_twice = judge.after_all(place)
    assert paid_twice.requests <= kills * PARALLEL
    record_property("paid_twice", f"{paid_twice.answers} of at most {paid_twice.allowed}")


@pytest.mark.parametrize(
    "traps",
    [
        [Trap(_CHARGED, 1, "before"), Trap(_RELEASED, 1, "before"), Trap(_RELEASED, 1, "after")],
        [Trap(_CHARGED, 1, "after"), Trap("^execute INSERT INTO waves.ledger", 2, "after")],
        [Trap("^end of transaction after WITH given AS", 1, when) for when in ("before", "after")],
    ],
)
def test_killed_around_a_release_no_attempt_is_lost_or_charged_twice(traps: list[Trap], make: Make) -> None:
    place = make({"poison": [{"marker": "group 30?", "fault": "unknown_label"}]}, n_items=40, batch_size=5)
    place.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, 'passes', '1')", THEME)
    place.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, 'max_attempts', '6')", THEME)
    for trap in traps:
        killed(place, [trap])
        place.awake()
    fire_to_the_end(place)
    judge.after_all(place, but=frozenset({"30"}))
    assert place.sql("SELECT attempts FROM waves.verdict WHERE state = 'quarantined'") == [(6,)]


@pytest.mark.parametrize("nth", [1, 4])
def test_a_worker_that_is_killed_alone_costs_its_own_requests_and_nothing_else(nth: int, make: Make) -> None:
    place = make({"latency": {"a": 0.05}}, parallel=PARALLEL, batch_size=BATCH)
    fired = place.fire(traps=[Trap(_RUN_STARTED, nth + PARALLEL, who="worker")])
    assert (fired.code, fired.state) == (0, "complete")
    assert len(place.hits()) == 1
    paid_twice = judge.after_all(place)
    assert 1 <= paid_twice.requests <= PARALLEL
