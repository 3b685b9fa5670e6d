from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waves.outcomes import Answered, Discarded, Fatal, Labelled, Outcome, Rejected, Retryable, Snoozed
from waves.steps.requests.policy import (
    MAX_TOKENS,
    MAX_WAITS,
    RECENT,
    Decision,
    Seen,
    Try,
    decide,
    end_of_429,
    is_outage,
    other_model,
    speaks_for_outage,
    without_trust,
    worth_waiting,
)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

CHAIN = ("big", "small")
TWO = Try(("1", "2"), "big")
ONE = Try(("1",), "big")
YES = Labelled("1", {"labels": []}, None, "strict")
NO = Rejected("2", "left out")
OUTAGE = Retryable("outage", "HTTP 529")
TIMEOUT = Retryable("timeout", "60 s", maybe_paid=True)
TRUNCATED = Retryable("truncated", "max_tokens")
LOST = Retryable("lost", "killed by SIGKILL", maybe_paid=True)
REFUSED = Discarded("refused", "no")
INVALID = Discarded("invalid", "HTTP 413")
TOO_LONG = Discarded("invalid", "HTTP 400", "max_tokens: 500 > 400, which is the maximum allowed for this model")
LATER = Snoozed(datetime(2026, 11, 20, tzinfo=UTC), "429")
FATAL = Fatal("credentials", "no key", "set it")


def _singles(this: Try) -> tuple[Try, ...]:
    return tuple(replace(this, short_ids=(short_id,)) for short_id in this.short_ids)


@pytest.mark.parametrize(
    ("this", "outcome", "decision"),
    [
        pytest.param(ONE, Answered((YES,)), Decision(accepted=(YES,)), id="take what is accepted"),
        pytest.param(
            TWO,
            Answered((YES,), (NO,)),
            Decision(accepted=(YES,), again=(Try(("2",), "big", strict=True, reasons=("left out",)),)),
            id="ask strictly for what was rejected, and for nothing else",
        ),
        pytest.param(
            replace(TWO, strict=True),
            Answered((YES,), (NO,)),
            Decision(
                accepted=(YES,), again=(Try(("2",), "small", strict=True, reasons=("left out",), second_opinion=True),)
            ),
            id="rejected twice is asked of the next model",
        ),
        pytest.param(
            replace(TWO, strict=True, second_opinion=True),
            Answered((YES,), (NO,)),
            Decision(accepted=(YES,), failed=(NO,)),
            id="rejected by two models has failed",
        ),
        pytest.param(
            replace(TWO, strict=True, model="small"),
            Answered((YES,), (NO,)),
            Decision(accepted=(YES,), failed=(NO,)),
            id="rejected twice by the last model has failed",
        ),
        pytest.param(TWO, TRUNCATED, Decision(again=(replace(TWO, max_tokens=2000),)), id="one larger try"),
        pytest.param(
            replace(TWO, max_tokens=2000),
            TRUNCATED,
            Decision(again=_singles(replace(TWO, max_tokens=2000))),
            id="too long even so: one by one",
        ),
        pytest.param(
            replace(ONE, max_tokens=2000),
            TRUNCATED,
            Decision(failed=(Rejected("1", "max_tokens"),)),
            id="one item too long even so has failed",
        ),
        pytest.param(
            ONE, OUTAGE, Decision(again=(replace(ONE, backed_off=True, wait=1.0),)), id="back off once, with jitter"
        ),
        pytest.param(
            replace(ONE, backed_off=True, wait=1.0),
            TIMEOUT,
            Decision(again=(replace(ONE, model="small", backed_off=True),)),
            id="then the next model",
        ),
        pytest.param(
            replace(TWO, model="small", backed_off=True), OUTAGE, Decision(left=("1", "2")), id="then a later run"
        ),
        pytest.param(
            replace(ONE, model="foreign", backed_off=True), OUTAGE, Decision(left=("1",)), id="a model of no chain"
        ),
        pytest.param(TWO, REFUSED, Decision(again=_singles(TWO)), id="one refused item must not spoil the others"),
        pytest.param(ONE, REFUSED, Decision(refused=(Rejected("1", "no"),)), id="a refusal is final"),
        pytest.param(TWO, INVALID, Decision(again=_singles(TWO)), id="nor an invalid one"),
        pytest.param(ONE, INVALID, Decision(failed=(Rejected("1", "HTTP 413"),)), id="an invalid item has failed"),
        pytest.param(
            TWO, TOO_LONG, Decision(again=(replace(TWO, max_tokens=400),)), id="as long as the provider allows"
        ),
        pytest.param(
            replace(ONE, max_tokens=400),
            replace(TOO_LONG, text="max_tokens: 500 > 500"),
            Decision(failed=(Rejected("1", "HTTP 400"),)),
            id="a bound that is none",
        ),
        pytest.param(TWO, LOST, Decision(again=(replace(TWO, alone=True),)), id="a worker died: by itself"),
        pytest.param(
            replace(TWO, alone=True), LOST, Decision(again=_singles(replace(TWO, alone=True))), id="then item by item"
        ),
        pytest.param(replace(ONE, alone=True), LOST, Decision(left=("1",)), id="the item that kills is left"),
        pytest.param(TWO, LATER, Decision(left=("1", "2")), id="a snooze costs nothing"),
        pytest.param(TWO, FATAL, Decision(left=("1", "2")), id="nor does a fault of the configuration"),
    ],
)
def test_what_follows_from_an_outcome(this: Try, outcome: Outcome, decision: Decision) -> None:
    assert decide(this, outcome, chain=CHAIN, max_tokens=500, jitter=0.5) == decision


LAST = Try(("1",), "small", backed_off=True)


@pytest.mark.parametrize(
    ("this", "outcome", "decision"),
    [
        pytest.param(LAST, REFUSED, Decision(again=(Try(("1",), "big", returned=True),)), id="back to the first model"),
        pytest.param(
            replace(LAST, returned=True), REFUSED, Decision(left=("1",)), id="once, then as without an answer"
        ),
        pytest.param(
            replace(LAST, short_ids=("1", "2"), strict=True),
            Answered((YES,), (NO,)),
            Decision(accepted=(YES,), again=(Try(("2",), "big", returned=True),)),
            id="what it answers is taken",
        ),
        pytest.param(
            replace(LAST, strict=True, second_opinion=True),
            REFUSED,
            Decision(failed=(Rejected("1", "no"),)),
            id="no refusal for good of what another model only rejected",
        ),
        pytest.param(LAST, OUTAGE, Decision(left=("1",)), id="what gives up nothing stays"),
    ],
)
def test_a_model_that_has_answered_nothing_gives_up_no_item(this: Try, outcome: Outcome, decision: Decision) -> None:
    decided = decide(this, outcome, chain=CHAIN, max_tokens=500, jitter=0.5)
    assert without_trust(this, decided, CHAIN) == decision


def test_the_larger_try_stays_below_what_models_take() -> None:
    def larger(sent: int) -> Decision:
        return decide(ONE, TRUNCATED, chain=CHAIN, max_tokens=sent, jitter=0)

    assert larger(MAX_TOKENS - 1).again[0].max_tokens == MAX_TOKENS
    assert larger(MAX_TOKENS).failed


def test_no_larger_try_asks_for_more_than_the_backend_gives() -> None:
    def larger(sent: int) -> Decision:
        return decide(TWO, TRUNCATED, chain=CHAIN, max_tokens=sent, jitter=0, ceiling=900)

    assert [this.max_tokens for this in larger(500).again] == [900]
    assert [this.short_ids for this in larger(900).again] == [("1",), ("2",)]


_unanswered: list[Outcome] = [OUTAGE, TIMEOUT, LOST, TRUNCATED, REFUSED, INVALID, LATER, FATAL]


def _answered(good: set[str]) -> Outcome:
    return Answered(
        tuple(Labelled(i, {}, None, "strict") for i in "123" if i in good),
        tuple(Rejected(i, "?") for i in "123" if i not in good),
    )


_outcomes = st.sampled_from(_unanswered) | st.sets(st.sampled_from("123")).map(_answered)


@unhurried
@given(st.data(), st.floats(0, 1))
def test_asking_ends_and_every_item_ends_in_one_place(data: st.DataObject, jitter: float) -> None:
    queue, ended = [Try(("1", "2", "3"), "big")], list[str]()
    for _ in range(40):
        if not queue:
            break
        this = queue.pop(0)
        decision = decide(this, _of(data.draw(_outcomes), this), chain=CHAIN, max_tokens=500, jitter=jitter)
        here = [item.short_id for item in decision.accepted] + [*decision.left]
        here += [item.short_id for item in decision.failed + decision.refused]
        further = [short_id for again in decision.again for short_id in again.short_ids]
        assert sorted(here + further) == sorted(this.short_ids)
        ended += here
        queue += decision.again
    assert not queue
    assert sorted(ended) == ["1", "2", "3"]


def _of(outcome: Outcome, this: Try) -> Outcome:
    """The outcome about the items of this try alone."""
    if not isinstance(outcome, Answered):
        return outcome
    return Answered(
        tuple(item for item in outcome.labelled if item.short_id in this.short_ids),
        tuple(item for item in outcome.rejected if item.short_id in this.short_ids),
    )


def _seen(*downs: bool, items: int = 100) -> list[Seen]:
    return [Seen(frozenset({f"key {number % items}"}), down) for number, down in enumerate(downs)]


@pytest.mark.parametrize(
    ("seen", "down"),
    [
        pytest.param(_seen(*[True] * 9), False, id="fewer than ten requests say nothing"),
        pytest.param(_seen(*[True] * 10), True, id="ten of ten"),
        pytest.param(_seen(*[True, False] * 5), True, id="the rate itself counts"),
        pytest.param(_seen(*[True] * 4, *[False] * 6), False, id="below the rate"),
        pytest.param(_seen(*[True] * 30, items=4), False, id="a poisonous tail of four items"),
        pytest.param(_seen(*[True] * 30, items=5), True, id="five items"),
        pytest.param(_seen(*[False] * 1000, *[True] * RECENT), True, id="it went down in mid-wave"),
        pytest.param(_seen(*[True] * 100, *[False] * RECENT), False, id="it came back"),
        pytest.param([], False, id="nothing seen"),
    ],
)
def test_when_failures_mean_that_the_provider_is_down(seen: list[Seen], down: bool) -> None:
    assert is_outage(seen, 0.5) is down


@pytest.mark.parametrize(
    ("outcome", "model"),
    [
        (replace(FATAL, of_model=True), "small"),
        (LATER, "small"),
        (FATAL, None),
        (replace(LATER, kind="quota"), None),
        (replace(LATER, kind="spend"), None),
        (REFUSED, None),
    ],
)
def test_a_limit_of_the_whole_account_asks_no_other_model(outcome: Outcome, model: str | None) -> None:
    assert other_model(ONE, outcome, CHAIN) == model
    assert other_model(replace(ONE, model="small"), outcome, CHAIN) is None


def test_time_outs_speak_for_an_outage_and_answers_do_not() -> None:
    assert [
        speaks_for_outage(outcome) for outcome in (OUTAGE, TIMEOUT, LOST, TRUNCATED, REFUSED, Answered(), LATER)
    ] == [
        True,
        True,
        True,
        False,
        False,
        False,
        False,
    ]


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("this", "refused", "worth"),
    [
        pytest.param(ONE, Snoozed(NOW + timedelta(seconds=60), "429"), True, id="no later than an answer might come"),
        pytest.param(ONE, Snoozed(NOW + timedelta(seconds=61), "429"), False, id="too long"),
        pytest.param(ONE, Snoozed(NOW - timedelta(seconds=1), "429"), True, id="over by now"),
        pytest.param(ONE, Snoozed(None, "429"), True, id="nobody knows how long: a second"),
        pytest.param(replace(ONE, waits=MAX_WAITS - 1), Snoozed(None, "429"), True, id="nobody knows how long: 16 s"),
        pytest.param(ONE, Snoozed(NOW, "used up", "quota"), False, id="a window that is used up"),
        pytest.param(ONE, Snoozed(NOW, "spent", "spend"), False, id="a limit in money"),
        pytest.param(replace(ONE, waits=MAX_WAITS), Snoozed(NOW, "429"), False, id="waited in vain too often"),
        pytest.param(replace(ONE, waits=MAX_WAITS - 1), Snoozed(NOW, "429"), True, id="and once more"),
    ],
)
def test_a_refusal_that_is_over_in_time_is_waited_for(this: Try, refused: Snoozed, worth: bool) -> None:
    assert worth_waiting(this, refused, now=NOW, timeout=60) is worth


def test_a_429_that_names_no_end_is_waited_for_twice_as_long_each_time() -> None:
    ends = [end_of_429(replace(ONE, waits=waits), Snoozed(None, "429"), NOW) for waits in range(MAX_WAITS)]
    assert ends == [NOW + timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 16)]
