"""The power fails in the middle of a fire: every process is gone, and the disk has lost whatever was never fsynced."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

import pytest

from tests.faults import judge
from tests.faults.place import Place, Trap

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

JOURNAL = r"journal/RUN\.jsonl"
COMMIT = r"^end of transaction after UPDATE waves\.wave SET counts"
CORPORA: Sequence[Sequence[tuple[str, int, str]]] = (
    (
        ("^rename waves/WAVE$", 1, "before"),
        (f'^write .*{JOURNAL} {{"t":"sent"', 4, "after"),
        (f'^write .*{JOURNAL} {{"t":"paid"', 3, "after"),
        (r"^rename .*parts/", 5, "after"),
        ("^fsync waves/WAVE/parts$", 1, "before"),
        (COMMIT, 1, "before"),
        (COMMIT, 1, "after"),
    ),
    (
        ("^rename waves/WAVE$", 1, "after"),
        ("^execute INSERT INTO waves.wave ", 1, "after"),
        (f"^fsync .*{JOURNAL}", 1, "after"),
        (f"^fsync .*{JOURNAL}", 4, "after"),
        (r"^create .*parts/\w\w/TMP", 7, "after"),
        ("^fsync waves/WAVE/parts$", 1, "after"),
        ("^rename waves/WAVE/closed.json", 1, "after"),
    ),
)


@pytest.mark.parametrize("moments", CORPORA)
def test_a_power_failure_loses_nothing_that_the_journal_holds(
    moments: Sequence[tuple[str, int, str]], make: Callable[..., Place]
) -> None:
    place = make({"latency": {"kind": "uniform", "a": 0.01, "b": 0.03}}, n_items=90)
    for match, nth, when in moments:
        fired = place.fire(traps=[Trap(match, nth, when, "power")])
        assert fired.code == -signal.SIGKILL, (match, fired)
        judge.nothing_is_left_running(place)
    place.fire_until_complete()
    judge.after_all(place)
