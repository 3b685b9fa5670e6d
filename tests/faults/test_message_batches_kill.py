"""SIGKILL of a fire, or a power failure, at every point of a wave that goes by batches: between intent and ticket, in
the middle of the results, before it is collected. The provider's own record says that nothing is paid twice.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.faults import judge
from tests.faults.place import Place, Trap
from tests.faults.test_message_batches import N_REQUESTS, call, fire_until_complete

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

SEED = 20261121
A_QUARTER = 900
"""Seconds by which each listing puts the provider's clock on: a lost submission is given up within a few fires."""
_JOURNAL = r"journal/RUN\.jsonl"
_LEDGER = r"INSERT INTO waves\.ledger"

NOTHING_WENT_OUT = [
    Trap(f"^create .*{_JOURNAL}"),
    Trap(f'^write .*{_JOURNAL} {{"t":"intent"', when="before"),
    Trap(f'^write .*{_JOURNAL} {{"t":"intent"'),
    Trap(f'^write .*{_JOURNAL} {{"t":"sent"', 4),
    Trap(f'^write .*{_JOURNAL} {{"t":"sent"', N_REQUESTS),
    Trap(f"^fsync .*{_JOURNAL}", when="before"),
]
"""Before the intent is on the disk: the next fire hands the wave over."""
MAY_HAVE_GONE_OUT = [
    Trap(f"^fsync .*{_JOURNAL}"),
    Trap("^send to worker", 2, when="before"),
    Trap("^send to worker", 3),
    Trap("^receive from worker", 2),
    Trap(f'^write .*{_JOURNAL} {{"t":"ticket"', when="before"),
    Trap(f'^write .*{_JOURNAL} {{"t":"ticket"'),
    Trap(f"^fsync .*{_JOURNAL}", 2),
    Trap(r"^execute UPDATE waves\.wave SET state"),
]
"""From then on. The messages are the calls to the provider: its clock, then the submission."""
# the ledger is written to by a rescue, too, before anything is fetched
FETCH = [
    Trap(f'^write .*{_JOURNAL} {{"t":"paid"', when="before"),
    Trap(f'^write .*{_JOURNAL} {{"t":"paid"', 3),
    Trap(f'^write .*{_JOURNAL} {{"t":"paid"', N_REQUESTS),
    Trap(r"^rename .*parts/\w\w/", 4),
    Trap(f"^execute {_LEDGER}", 2, when="before"),
    Trap(f"^end of transaction after {_LEDGER}", 2),
    Trap("^fsync waves/WAVE/parts$", when="before"),
    Trap("^execute UPDATE waves.wave SET state = 'closed'", when="before"),
    Trap("^end of transaction after UPDATE waves.wave SET counts", when="before"),
    Trap("^end of transaction after UPDATE waves.wave SET counts"),
]


def corpora() -> list[list[Trap]]:
    """Every moment in exactly one corpus, in the order in which a wave goes through them. Where a corpus has two of the
    second kind, the first leaves nothing at the provider, so that the other is sure to come."""
    dice = random.Random(SEED)
    leaves_nothing, others = MAY_HAVE_GONE_OUT[:2], MAY_HAVE_GONE_OUT[2:]
    dealt: list[list[Trap]] = [[] for _ in range(len(others))]
    for moments in (NOTHING_WENT_OUT, leaves_nothing, others):
        for number, moment in enumerate(dice.sample(moments, len(moments))):
            dealt[number % len(dealt)].append(moment)
    order = dice.sample(range(len(dealt)), len(dealt))
    for number, moment in enumerate(FETCH):
        dealt[order[number % len(dealt)]].append(moment)
    return [[replace(moment, who=dice.choice(["runner", "power"])) for moment in moments] for moments in dealt]


def killed(place: Place, trap: Trap) -> None:
    """Fires until one of them runs into the trap: some only wait for the provider."""
    before = len(place.hits())
    for _ in range(6):
        place.awake()
        fired = place.fire(traps=[trap])
        if fired.code == -signal.SIGKILL:
            break
        assert (fired.code, fired.state) == (75, "submitted"), f"{trap} was not met: {fired}"
    assert len(place.hits()) == before + 1, (trap, place.hits()[before:])
    judge.nothing_is_left_running(place)


@pytest.mark.parametrize("number", range(len(MAY_HAVE_GONE_OUT) - 2))
def test_killed_anywhere_a_wave_ends_whole_and_nothing_is_paid_twice(
    number: int, make: Callable[..., Place], record_property: Callable[[str, Any], None]
) -> None:
    rules = {"looks": 1, "clock_step": A_QUARTER}
    place = make({"batches": rules}, backend="kind: message_batches", n_items=30, batch_size=5, timeout=5.0)
    traps = corpora()[number]
    for trap in traps:
        killed(place, trap)
    fires = fire_until_complete(place)
    call(place, "/v1/messages/batches")  # so that the record has what nobody has looked at
    paid_twice = judge.after_all(place)
    assert paid_twice.answers == 0
    assert len(place.provider.answers()) == N_REQUESTS
    record_property("kills", len(traps))
    record_property("fires after the last", fires)


def test_every_moment_has_its_kill() -> None:
    dealt = [trap for traps in corpora() for trap in traps]
    assert len(dealt) == len(NOTHING_WENT_OUT) + len(MAY_HAVE_GONE_OUT) + len(FETCH) == 24
