"""What an answer means: parts, under the ids of its own request only."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from waves.calls import Call, Sent
from waves.models import Item, Limits, Manifest
from waves.outcomes import Answered, Discarded, Labelled, Rejected, Retryable
from waves.steps.requests.policy import Decision
from waves.steps.requests.settlement import Failures, PassResult, SettledCall, parts_of

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


def refusal(call_id: str, key: str) -> SettledCall:
    call = Call(replace(sent(call_id), items=(("1", key, f"hash of {key}"),)), "run-1")
    return SettledCall(call, Decision(refused=(Rejected("1", "no"),)), unusable=True)


def result(*settled: SettledCall, withdrawn: Container[str] = ()) -> PassResult:
    return PassResult(None, None, settled, (), withdrawn, {}, ())


def test_a_decision_of_an_earlier_pass_is_withdrawn_if_its_model_is_to_blame() -> None:
    failures = Failures([])
    failures.add(result(refusal("c1", "k1"), refusal("c2", "k2")))
    failures.add(result(refusal("c3", "k3"), withdrawn={"c1", "c3"}))
    assert [entry.call.sent.call_id for entry in failures.settled if entry.decision] == ["c2"]
    assert len(failures.settled) == 3, "each call is known"
    assert ("k3", "hash of k3") not in failures.not_again
