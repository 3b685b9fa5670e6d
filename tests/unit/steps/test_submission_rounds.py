"""What a further submission asks, by what became of the items in those before it."""

from __future__ import annotations

from collections import Counter

import pytest

from waves.models import Item, Limits
from waves.outcomes import Answered, Retryable
from waves.steps.session.wave import Progress
from waves.steps.submissions.rounds import PriorRounds, plan_round

ITEMS = tuple(Item(f"k{n}", "h", {"text": str(n)}) for n in range(7))
LIMITS = Limits(batch_size=3, passes=2)


def stands(*, parts: int = 1) -> Progress:
    return Progress({(f"done{n}", "h") for n in range(parts)}, frozenset(), frozenset(), ITEMS)


def past(rounds: dict[int, int], answered: tuple[int, ...] = ()) -> PriorRounds:
    counted = Counter({ITEMS[n].identity: times for n, times in rounds.items()})
    return PriorRounds(counted, {ITEMS[n].identity: Answered() for n in answered})


def test_the_first_round_asks_in_batches() -> None:
    planned = plan_round(stands(), past({}), LIMITS)
    assert [len(batch) for batch in planned.batches] == [3, 3, 1]
    assert (planned.strict, planned.exhausted) == ((), ())


@pytest.mark.parametrize("answer", [Answered(), Retryable("truncated", "")])
def test_what_was_answered_badly_is_asked_alone_and_strictly(answer: Answered | Retryable) -> None:
    before = PriorRounds(Counter({ITEMS[0].identity: 1}), {ITEMS[0].identity: answer})
    planned = plan_round(stands(), before, LIMITS)
    assert planned.strict == ITEMS[:1]
    assert [len(batch) for batch in planned.batches] == [3, 3]


def test_what_expired_is_asked_in_batches_again_and_alone_in_its_last_round() -> None:
    assert [len(batch) for batch in plan_round(stands(), past(dict.fromkeys(range(7), 1)), LIMITS).batches] == [3, 3, 1]
    assert [len(batch) for batch in plan_round(stands(), past(dict.fromkeys(range(7), 2)), LIMITS).batches] == [1] * 7


def test_where_nothing_was_ever_of_use_nobody_is_asked_alone() -> None:
    planned = plan_round(stands(parts=0), past(dict.fromkeys(range(7), 2)), LIMITS)
    assert [len(batch) for batch in planned.batches] == [3, 3, 1]


def test_what_had_no_luck_in_any_round_is_given_back() -> None:
    planned = plan_round(stands(), past({0: 3, 1: 3, 2: 1}, answered=(1,)), LIMITS)
    assert planned.exhausted == ITEMS[:2]
    asked = [item for batch in planned.batches for item in batch]
    assert set(asked) | set(planned.strict) == set(ITEMS[2:])
