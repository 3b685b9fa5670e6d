"""What an answer means: parts, under the ids of its own request only."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from waves.calls import Call, Sent
from waves.models import Item, Limits, Manifest
from waves.outcomes import Answered, Discarded, Labelled, Rejected, Retryable
from waves.steps.requests.policy import Decision
from waves.steps.requests.settlement import Failures, PassResult, SettledCall, parts_of, to_blame

AT = datetime(2026, 11, 20, tzinfo=UTC)
ITEMS = tuple(Item(f"k{n}", f"h{n}", {}) for n in range(1, 4))


def sent(call_id: str = "c1") -> Sent:
    items = tuple((str(n), *item.identity) for n, item in enumerate(ITEMS, 1))
    return Sent(call_id, "v1-0000000", "model-1", "provider", items, strict=True, reserved_usd=None, at=AT)


def manifest() -> Manifest:
    return Manifest("i", "comments", "w", "normal", "v1-0000000", "provider", "m", Limits(), ITEMS, AT)


def test_parts_carry_what_was_asked_under_their_short_ids() -> None:
    given = Answered((Labelled("3", {"labels": ["a"]}, 0.5, "strict"), Labelled("1", {"labels": []}, None, "repaired")))
    three, one = parts_of(manifest(), sent(), given)
    assert (three.entity_key, three.input_hash, three.output, three.confidence) == ("k3", "h3", {"labels": ["a"]}, 0.5)
    assert (one.entity_key, one.input_hash, one.parse, one.call_id) == ("k1", "h1", "repaired", "c1")
    assert (one.theme, one.wave, one.rubric_version, one.backend, one.model) == (
        "comments",
        "w",
        "v1-0000000",
        "provider",
        "model-1",
    )


@pytest.mark.parametrize("outcome", [Retryable("timeout", "60 s"), Discarded("refused", "no"), Answered()])
def test_what_is_no_answer_yields_no_part(outcome: Retryable | Discarded | Answered) -> None:
    assert list(parts_of(manifest(), sent(), outcome)) == []


def test_an_id_that_was_not_asked_for_is_never_resolved_otherwise() -> None:
    with pytest.raises(KeyError):
        list(parts_of(manifest(), sent(), Answered((Labelled("9", {}, None, "strict"),))))


def one_row(call_id: str, key: str, model: str = "model-1") -> Call:
    return Call(replace(sent(call_id), items=(("1", key, f"hash of {key}"),), model=model), "run-1")


def refusal(call_id: str, key: str, model: str = "model-1") -> SettledCall:
    call = one_row(call_id, key, model)
    return SettledCall(call, Decision(refused=(Rejected("1", "no"),)), unusable=True)


def result(*settled: SettledCall, withdrawn: Container[str] = ()) -> PassResult:
    return PassResult(None, None, settled, (), withdrawn, False, {}, ())


def test_a_decision_of_an_earlier_pass_is_withdrawn_if_its_model_is_to_blame() -> None:
    failures = Failures([])
    failures.add(result(refusal("c1", "k1"), refusal("c2", "k2")))
    failures.add(result(refusal("c3", "k3"), withdrawn={"c1", "c3"}))
    assert [entry.call.sent.call_id for entry in failures.settled if entry.decision] == ["c2"]
    assert len(failures.settled) == 3, "each call is known"
    assert ("k3", "hash of k3") not in failures.not_again


def good(call_id: str, key: str) -> SettledCall:
    return SettledCall(one_row(call_id, key), Decision(accepted=(Labelled("1", {}, None, "strict"),)))


def blamed(settled: list[SettledCall], *, cut_off: bool) -> list[str]:
    in_turn = [
        replace(each, call=replace(each.call, sent=replace(each.call.sent, at=AT + timedelta(minutes=minute))))
        for minute, each in enumerate(settled)
    ]
    entries = to_blame(in_turn, cut_off=cut_off)
    assert [entry.call for entry in entries] == [entry.call for entry in in_turn], "each call is known"
    return [entry.call.sent.call_id for entry in entries if entry.decision and entry.decision.refused]


def test_two_refusals_at_the_end_count_unless_the_fire_was_cut_off() -> None:
    settled = [good("g1", "k1"), refusal("r1", "k2"), good("g2", "k3"), refusal("r2", "k4"), refusal("r3", "k5")]
    assert blamed(settled, cut_off=False) == ["r1", "r2", "r3"]
    assert blamed(settled, cut_off=True) == ["r1"]


def test_what_a_model_refused_that_answered_nothing_does_not_count_after_a_cut() -> None:
    settled = [good("g1", "k1"), refusal("r1", "k2"), refusal("r2", "k3", "model-2"), good("g2", "k4")]
    assert blamed(settled, cut_off=True) == ["r1"]
