"""SIGKILL of the runner, of a worker or of both while `claude` processes ask: none is left running, nothing is lost,
and only what was in flight is paid twice, as the provider's own record tells it. With the real command line tool.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import psutil
import pytest

from tests.faults import judge
from tests.faults.place import GONE_WITHIN, Place, Trap, until
from tests.real_claude import CLAUDE, needs_claude

pytestmark = [pytest.mark.postgres, pytest.mark.slow, needs_claude]

PARALLEL = 2
BACKEND = f'kind: claude_cli, command: "{CLAUDE}"'
_JOURNAL = r"journal/RUN\.jsonl"
_MOMENTS = [
    [Trap(f'^write .*{_JOURNAL} {{"t":"sent"', 1, "after")],
    [Trap("^send to worker", 2, "after", who="both")],
    [Trap("^receive from worker", 1, "before", who="both")],
    [Trap("^receive from worker", 2, "after")],
    [Trap(f'^write .*{_JOURNAL} {{"t":"paid"', 1, "before")],
    [Trap(f'^write .*{_JOURNAL} {{"t":"paid"', 2, "after", who="worker"), Trap(r"^rename .*parts/\w\w/", 1, "before")],
    [Trap(r"^rename .*parts/\w\w/", 2, "after", who="both")],
    [Trap("^execute INSERT INTO waves.ledger", 1, "after")],
]

Make = Callable[..., Place]


def the_tools(place: Place) -> list[psutil.Process]:
    """The command line tool's own processes."""
    return [process for process in place.processes() if _is_tool(process)]


def _is_tool(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[:1] == [str(CLAUDE)]
    except psutil.Error:
        return False


def all_gone(orphans: list[psutil.Process]) -> bool:
    """The runner replaces its workers, so there are new ones meanwhile. One that waits to be reaped is gone."""
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in orphans)


def fire_to_the_end(place: Place) -> judge.Overpaid:
    fired = place.fire("--until-complete")
    assert (fired.code, fired.state) == (0, "complete"), fired
    return judge.after_all(place)


def test_a_whole_wave_is_labelled_and_the_ledger_equals_the_record_to_the_token(make: Make) -> None:
    place = make(n_items=24, batch_size=6, parallel=PARALLEL, backend=BACKEND)
    assert fire_to_the_end(place).requests == 0
    assert len(place.provider.answers()) == 4
    (ours,) = place.sql(
        """SELECT sum(input_tokens), sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens)
             FROM waves.ledger"""
    )
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    assert ours == tuple(sum(line[name] for line in place.provider.answers()) for name in names)


def test_killed_around_each_answer_nothing_is_lost(make: Make, record_property: Callable[[str, Any], None]) -> None:
    place = make(n_items=24, batch_size=2, parallel=PARALLEL, backend=BACKEND)
    for traps in _MOMENTS:
        fired = place.fire(traps=traps)
        assert fired.code == -signal.SIGKILL, f"{traps} was not met: {fired}"
        judge.nothing_is_left_running(place)
    paid_twice = fire_to_the_end(place)
    assert paid_twice.requests <= PARALLEL * sum(map(len, _MOMENTS))
    record_property("paid_twice", f"{paid_twice.answers} of at most {paid_twice.allowed}")


def test_killed_while_a_model_thinks_no_process_is_left_to_spend(make: Make) -> None:
    dice = random.Random(7)
    place = make({"latency": {"a": 0.4}}, n_items=24, batch_size=3, parallel=PARALLEL, backend=BACKEND)
    for who in ("runner", "group", "workers and runner", "workers"):
        fire = place.begin_fire()
        place.wait_for_requests(dice.randint(1, 2))
        if who.startswith("workers"):
            orphans = the_tools(place)
            for worker in place.workers():
                worker.kill()
            until(partial(all_gone, orphans), "what killed workers had started is gone", GONE_WITHIN)
        fire.signal(signal.SIGKILL, group=who == "group")
        assert fire.end().code == -signal.SIGKILL
        judge.nothing_is_left_running(place)
    fire_to_the_end(place)
