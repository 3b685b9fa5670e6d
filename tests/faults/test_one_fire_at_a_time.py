"""Two fires of one theme never spend at once: whoever comes second leaves with 75 and without a request."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.faults import judge
from tests.faults.place import THEME, Place, Trap

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Make = Callable[..., Place]


def test_the_second_of_two_fires_leaves_without_a_request(make: Make) -> None:
    place = make({"latency": {"a": 0.3}})
    first = place.begin_fire()
    place.wait_for_requests(1)
    first.signal(signal.SIGSTOP)  # it is there for as long as the others try
    second = place.fire()
    assert (second.code, second.state) == (75, "locked")
    for command in ("run", "collect", "prepare"):
        assert place.run(command, THEME).code == 75
    assert place.run("status", THEME, "--json").code == 0
    first.signal(signal.SIGCONT)
    assert first.end().code == 0
    assert place.sql("SELECT count(DISTINCT run_id) FROM waves.ledger") == [(1,)]
    assert judge.after_all(place).answers == 0


def test_of_fires_that_start_together_one_works(make: Make) -> None:
    place = make({"latency": {"a": 0.2}})
    fires = [place.begin_fire() for _ in range(3)]
    codes = sorted(fire.end().code for fire in fires)
    assert codes == [0, 75, 75]
    assert place.sql("SELECT count(DISTINCT run_id) FROM waves.ledger") == [(1,)]
    assert judge.after_all(place).answers == 0


def test_no_fire_starts_while_a_worker_of_a_killed_one_lives(make: Make) -> None:
    place = make({"latency": {"a": 0.2}})
    fire = place.begin_fire()
    place.wait_for_requests(3)
    stopped = next(worker for worker in place.workers() if worker.net_connections())  # it has begun to ask
    stopped.send_signal(signal.SIGSTOP)
    fire.signal(signal.SIGKILL)
    fire.process.wait(5)
    arrived = len(place.provider.lines("arrived"))
    second = place.fire()
    assert (second.code, second.state) == (75, "locked")
    assert "workers of theme notes from before still run" in str(second.json)
    assert len(place.provider.lines("arrived")) == arrived
    stopped.send_signal(signal.SIGCONT)
    fire.end()
    judge.nothing_is_left_running(place)
    assert place.fire().code == 0
    judge.after_all(place)


def test_a_wave_of_another_host_is_left_alone_until_it_is_taken_over(make: Make) -> None:
    place = make({"latency": {"a": 0.02}})
    assert place.fire(traps=[Trap(r"^rename .*parts/", 9)]).code == -signal.SIGKILL
    place.sql("UPDATE waves.wave SET host = 'elsewhere'")
    arrived = len(place.provider.lines("arrived"))
    fired = place.fire()
    assert (fired.code, fired.state) == (75, "locked")
    assert "elsewhere" in str(fired.json)
    assert place.run("takeover", THEME, "--by", "ana").code == 0
    assert len(place.provider.lines("arrived")) == arrived
    assert place.fire().code == 0
    assert place.sql("SELECT state FROM waves.wave ORDER BY opened_at") == [("abandoned",), ("closed",)]
    sent = judge.calls(place)
    judge.ledger_agrees(place, sent)
    judge.overpaid(place, sent)
    assert place.sql("SELECT count(*) FROM note WHERE labels IS NULL") == [(0,)]


def test_a_run_row_is_closed_though_its_process_number_is_in_use_again(make: Make) -> None:
    place = make()
    assert place.fire(traps=[Trap("^execute INSERT INTO waves.runs")]).code == -signal.SIGKILL
    place.sql("UPDATE waves.runs SET pid = 1")
    assert place.fire().code == 0
    judge.runs_are_closed(place)
