"""SIGINT, SIGTERM and Ctrl-C in the middle of a wave: stop sending, wait for what may be paid for, leave with 75."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.faults import judge
from tests.faults.place import GONE_WITHIN, Place, until
from tests.project_folder import WAVE

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

PARALLEL = 4
Make = Callable[..., Place]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("group", [False, True], ids=["the runner", "its whole group"])
def test_a_signal_stops_sending_and_waits_for_what_is_in_flight(
    number: signal.Signals, group: bool, make: Make
) -> None:
    place = make({"latency": {"a": 0.4}}, parallel=PARALLEL)
    fire = place.begin_fire(program=WAVE)
    place.wait_for_requests(PARALLEL + 1)
    arrived = len(place.provider.lines("arrived"))
    fire.signal(number, group=group)
    fired = fire.end()
    assert (fired.code, fired.state) == (75, "interrupted")
    assert number.name in str(fired.json)
    judge.nothing_is_left_running(place)
    assert len(place.provider.lines("arrived")) - arrived <= PARALLEL
    assert place.sql("SELECT DISTINCT fate FROM waves.ledger") == [("paid",)]
    judge.runs_are_closed(place)
    assert place.fire().code == 0
    assert judge.after_all(place).answers == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_not_answered_within_ten_seconds_is_booked_as_maybe_paid(number: signal.Signals, make: Make) -> None:
    place = make({"faults": {"hang": 1}}, parallel=PARALLEL, timeout=60)
    fire = place.begin_fire()
    place.wait_for_requests(PARALLEL)
    started = time.monotonic()
    fire.signal(number)
    fired = fire.end()
    assert (fired.code, fired.state) == (75, "interrupted")
    assert time.monotonic() - started < 10 + GONE_WITHIN
    judge.nothing_is_left_running(place)
    assert place.sql("SELECT fate, count(*) FROM waves.ledger GROUP BY 1") == [("maybe_paid", PARALLEL)]
    assert place.sql("SELECT FROM waves.verdict") == []
    place.provider.restart()
    assert place.fire().code == 0
    judge.after_all(place)


def test_a_signal_between_two_waves_leaves_the_first_one_merged(make: Make) -> None:
    place = make({"latency": {"a": 0.05}}, parallel=PARALLEL, n_items=40)
    place.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES ('notes', 'keys', '20')")
    fire = place.begin_fire("--until-complete", program=WAVE)
    place.wait_for_answers(7)
    fire.signal(signal.SIGTERM)
    fired = fire.end()
    assert (fired.code, fired.state) == (75, "interrupted")
    merged = place.sql("SELECT count(*) FROM note WHERE labels IS NOT NULL")
    assert merged in ([(0,)], [(20,)])
    place.fire_until_complete()
    judge.after_all(place)


def test_a_signal_before_the_locks_exist_leaves_with_75_and_sends_nothing(make: Make) -> None:
    place = make()
    with place.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE waves.theme_config")
        fire = place.begin_fire(program=WAVE)
        until(
            lambda: place.sql(
                "SELECT FROM pg_stat_activity WHERE application_name = 'waves' AND wait_event_type = 'Lock'"
            ),
            "the fire waits for its limits",
        )
        fire.signal(signal.SIGTERM)
    fired = fire.end()
    assert (fired.code, fired.state) == (75, "interrupted")
    assert place.provider.lines("arrived") == []
    judge.runs_are_closed(place)
    assert place.fire().code == 0
    judge.after_all(place)
