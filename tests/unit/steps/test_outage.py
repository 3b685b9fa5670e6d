"""When a request without an answer is the provider's fault, when that of its items, and when a probe has to decide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from waves.calls import Call, Sent
from waves.errors import ConfigurationError, CredentialsError, NeedsPersonError, TryLaterError, WaveError
from waves.ids import now
from waves.models import Item
from waves.outcomes import Answered, Discarded, Fatal, Labelled, Outcome, Rejected, Retryable
from waves.spool.fire_log import FireLog
from waves.steps.requests.in_flight import InFlight, PendingRequest, follow_up
from waves.steps.requests.outage import OutageDetector, probe_fault
from waves.steps.requests.policy import Try

DOWN = Retryable("outage", "overloaded")
GOOD = Answered((Labelled("1", {"labels": []}, None, "strict"),))


@pytest.fixture
def detector(tmp_path: Path) -> Iterator[OutageDetector]:
    log = FireLog(tmp_path, "notes", "run-1")
    yield OutageDetector(0.5, "m", log)
    log.close()


def pending(key: str, since: int | None = None) -> PendingRequest:
    return PendingRequest(Try(("1",), "m"), {"1": Item(key, "hash", {})}, answers_before=since)


def in_flight(request: PendingRequest, answers: int = 0, call_id: str = "call") -> InFlight:
    sent = Sent(call_id, "v1-0", "m", "b", (("1", "k", "hash"),), strict=False, reserved_usd=None, at=now())
    return InFlight(request, Call(sent, "run-1"), 100, answers)


def test_an_item_is_to_blame_only_if_another_was_answered_between_two_of_its_tries(detector: OutageDetector) -> None:
    first = pending("k")
    again = follow_up(first, first.next_try, detector.answers_before(first), at=0.0)
    detector.observe(in_flight(pending("other")), GOOD)
    detector.leave_unanswered(in_flight(again, detector.answers), ["1"], "no answer")
    assert [(failure.entity_key, failure.reason) for failure in detector.take_unanswered()] == [("k", "no answer")]
    assert detector.take_unanswered() == ()
    detector.end_of_queue()
    assert not detector.probe_due


def test_without_another_answer_the_probe_decides_and_the_item_is_asked_again(detector: OutageDetector) -> None:
    first = pending("k")
    again = follow_up(first, first.next_try, detector.answers_before(first), at=0.0)
    detector.leave_unanswered(in_flight(again, detector.answers), ["1"], "no answer")
    detector.end_of_queue()
    assert detector.take_unanswered() == ()
    assert detector.probing
    probe = detector.take_probe()
    assert probe is not None
    assert probe.probe
    assert detector.probing, "nothing else goes out while it is in flight"
    assert not detector.probe_due
    assert detector.probe_ended() == "no request was answered since some items were not"
    assert [request.items["1"].entity_key for request in detector.provider_works(Answered())] == ["k"]
    assert not detector.probing
    assert detector.answers == 1


def test_a_provider_that_is_down_for_different_items_is_probed_once(detector: OutageDetector) -> None:
    for number in range(10):
        assert not detector.probing
        detector.observe(in_flight(pending(f"k{number}")), DOWN)
    assert detector.probing
    probe = detector.take_probe()
    for number in range(10):
        detector.observe(in_flight(pending(f"late{number}")), DOWN)
    assert not detector.probe_due, "one is in flight"
    assert probe is not None
    detector.put_back(probe)
    assert detector.probe_due


def test_a_request_called_invalid_is_probed_only_before_the_first_answer(detector: OutageDetector) -> None:
    detector.observe(in_flight(pending("a")), Answered())
    detector.observe(in_flight(pending("b")), Discarded("invalid", "no"))
    assert not detector.probing


def test_a_first_request_called_invalid_is_probed(detector: OutageDetector) -> None:
    detector.observe(in_flight(pending("b")), Discarded("invalid", "no"))
    assert detector.probing


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (Discarded("invalid", "no"), ConfigurationError),
        (Fatal("credentials", "no key", "set it"), CredentialsError),
        (Fatal("configuration", "no model", "name one"), ConfigurationError),
        (Retryable("lost", "killed"), TryLaterError),
        (DOWN, None),
        (Answered(), None),
        (Discarded("refused", "no"), None),
    ],
)
def test_what_a_probe_proves_about_everything_else(outcome: Outcome, fault: type[WaveError] | None) -> None:
    found = probe_fault(outcome, "b", must_be_usable=False)
    assert (type(found) if found else None) is fault


USELESS: list[tuple[Outcome, str]] = [
    (Answered(rejected=(Rejected("1", "left out"),)), "left out"),
    (Discarded("refused", "the model refused"), "the model refused"),
    (Retryable("truncated", "the answer reached max_tokens"), "the answer reached max_tokens"),
]


@pytest.mark.parametrize(("outcome", "why"), USELESS)
def test_a_model_that_cannot_answer_the_example_answers_no_row(outcome: Outcome, why: str) -> None:
    found = probe_fault(outcome, "b", must_be_usable=True)
    assert isinstance(found, NeedsPersonError)
    assert why in found.message


@pytest.mark.parametrize("outcome", [outcome for outcome, _ in USELESS])
def test_several_answers_without_use_for_different_items_are_probed_and_the_example_decides(
    detector: OutageDetector, outcome: Outcome
) -> None:
    detector.observe(in_flight(pending("good")), GOOD)
    for key in ("a", "b", "b", "b"):
        detector.observe(in_flight(pending(key)), outcome)
        assert not detector.probing
    detector.observe(in_flight(pending("c")), outcome)
    assert detector.probing
    assert detector.must_be_usable
    assert detector.take_probe() is not None
    detector.probe_ended()
    detector.provider_works(GOOD)
    for key in ("d", "e", "f", "g", "h"):
        detector.observe(in_flight(pending(key)), outcome)
    assert not detector.probing, "the example was answered: twice as many may fail before it is asked again"
    detector.observe(in_flight(pending("i")), outcome)
    assert detector.probing


def test_what_was_sent_before_the_first_useless_answer_came_does_not_show_that_answers_are_of_use(
    detector: OutageDetector,
) -> None:
    early = in_flight(pending("early"))
    for key in ("a", "b"):
        detector.observe(in_flight(pending(key)), USELESS[0][0])
    detector.observe(early, GOOD)
    detector.observe(in_flight(pending("c")), USELESS[0][0])
    assert detector.probing


def test_a_wave_of_which_nothing_was_of_use_is_probed_at_its_end(detector: OutageDetector) -> None:
    detector.observe(in_flight(pending("a")), USELESS[0][0])
    detector.end_of_queue()
    assert detector.probing


def test_a_single_useless_answer_among_good_ones_is_that_rows_fault(detector: OutageDetector) -> None:
    detector.observe(in_flight(pending("good")), GOOD)
    detector.observe(in_flight(pending("a")), USELESS[0][0])
    detector.end_of_queue()
    assert not detector.probing


def test_what_a_model_said_that_cannot_answer_the_example_is_withdrawn_and_asked_again(
    detector: OutageDetector,
) -> None:
    for key in ("a", "b", "c"):
        useless = in_flight(pending(key), call_id=f"call-{key}")
        detector.observe(useless, USELESS[1][0])
        detector.give_up(useless, ["1"] if key != "b" else [])
    assert detector.probing
    again = detector.provider_works(GOOD, ("m",))
    assert [request.items["1"].entity_key for request in again] == ["a", "c"]
    assert all(request.next_try == Try(("1",), "m", returned=True) for request in again)
    assert detector.take_withdrawn() == {"call-a", "call-c"}
    assert detector.take_withdrawn() == frozenset()


@pytest.mark.parametrize("ended_by", ["the model itself", "an accepted row"])
def test_what_a_model_said_of_rows_that_are_to_blame_stands(detector: OutageDetector, ended_by: str) -> None:
    useless = in_flight(pending("a"))
    detector.observe(useless, USELESS[1][0])
    detector.give_up(useless, ["1"])
    if ended_by == "an accepted row":
        detector.observe(in_flight(pending("good")), GOOD)
    models_before = ("m",) if ended_by == "an accepted row" else ("other",)
    assert detector.provider_works(GOOD, models_before) == []
    assert detector.take_withdrawn() == frozenset()


def test_an_example_without_use_does_not_show_that_a_provider_works_that_answers_no_row(
    detector: OutageDetector,
) -> None:
    useless = USELESS[0][0]
    assert not detector.proves_nothing(useless), "before anything was asked: rows decide"
    detector.observe(in_flight(pending("a")), DOWN)
    assert detector.proves_nothing(useless)
    assert not detector.proves_nothing(GOOD)
    detector.observe(in_flight(pending("b")), GOOD)
    assert not detector.proves_nothing(useless)


def test_rows_without_an_answer_beside_answers_of_no_use_are_decided_by_an_answer_of_use(
    detector: OutageDetector,
) -> None:
    detector.leave_unanswered(in_flight(pending("a")), ["1"], "no answer")
    detector.observe(in_flight(pending("b")), USELESS[1][0])
    detector.end_of_queue()
    assert detector.must_be_usable


def test_an_item_that_a_model_without_trust_was_asked_for_in_vain_goes_to_the_first_model(
    detector: OutageDetector,
) -> None:
    this = Try(("1",), "b", backed_off=True, returned=True)
    detector.leave_unanswered(in_flight(PendingRequest(this, pending("a").items)), ["1"], "the model refused")
    (again,) = detector.provider_works(GOOD)
    assert again.next_try == Try(("1",), "m", returned=True)
