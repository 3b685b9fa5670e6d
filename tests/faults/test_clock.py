"""The system clock is wrong and moves back: waves, journals and snoozes of the future harm nobody."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import pytest

from tests.faults import judge
from tests.faults.place import THEME, Place
from tests.prefork import Running

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Make = Callable[..., Place]
_CLOCK = """
import sys
from datetime import datetime, timedelta
from waves import ids

class Clock(datetime):
    ahead, step = timedelta(days=float(sys.argv.pop(1))), timedelta(hours=float(sys.argv.pop(1)))

    @classmethod
    def now(cls, tz=None):
        cls.ahead += cls.step
        return datetime.now(tz) + cls.ahead

ids.datetime = Clock
from waves.surfaces.cli.main import main
main()
"""


def begin(place: Place, *, days: float = 0, hours_each: float = 0) -> Running:
    """A fire whose clock is so many days ahead, and moves so many hours each time it is looked at."""
    program = (sys.executable, "-c", _CLOCK, str(days), str(hours_each))
    return place.begin("fire", THEME, "--json", program=program)


def test_a_wave_of_the_future_is_gone_on_with_when_the_clock_is_right_again(make: Make) -> None:
    place = make({"latency": {"a": 0.05}})
    fire = begin(place, days=400)
    place.wait_for_answers(5)
    fire.signal(signal.SIGKILL)
    fire.end()
    judge.nothing_is_left_running(place)
    assert place.wave.name[:4] > "2026"
    assert place.fire().code == 0
    judge.after_all(place)
    place.sql("UPDATE note SET content = 'Why ' || id || '?' WHERE id <= 5")
    assert place.fire().code == 0
    judge.runs_are_closed(place)
    assert place.sql("SELECT state, count(*) FROM waves.wave GROUP BY 1") == [("closed", 2)]


def test_a_clock_that_goes_back_all_the_time_disturbs_no_fire(make: Make) -> None:
    place = make()
    fired = begin(place, hours_each=-1).end()
    assert (fired.code, fired.state) == (0, "complete")
    assert judge.after_all(place).answers == 0


def test_a_snooze_of_a_clock_that_was_ahead_is_not_obeyed_for_years(make: Make) -> None:
    place = make({"down": [{"fault": "529"}]})
    assert begin(place, days=400).end().state == "snoozed"
    assert place.fire().state == "snoozed"
    (until,) = place.sql("SELECT snoozed_until < now() + interval '1 hour' FROM waves.backend_state")
    assert until == (True,)
    place.provider.restart()
    place.fire_until_complete()
    judge.after_all(place)
