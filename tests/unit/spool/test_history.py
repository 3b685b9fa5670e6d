"""Submissions: what several runs wrote of the same requests comes together, and no line is believed twice."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from waves.calls import Ended, Intent, Paid, Sent, Ticket
from waves.models import Usage
from waves.spool.history import History, merge
from waves.spool.journal import JournalEntry, Reading, encode, parse

AT = datetime(2026, 11, 20, 23, 0, 3, tzinfo=UTC)
INTENT = Intent("00112233aabbccdd", "batches", ("c0", "c1", "c2"), AT)
SENT = [Sent(f"c{n}", "v1-abcdef0", "m-1", "batches", ((f"{n}", "k", "h"),), False, None, AT) for n in range(3)]
TICKET = Ticket(INTENT.intent, "msgbatch_1", AT)

ENDS = st.one_of(
    st.builds(
        Paid, st.sampled_from(["c0", "c1", "c2", "foreign"]), st.just(200), st.just(Usage()), st.text(), st.just(AT)
    ),
    st.builds(Ended, st.sampled_from(["c0", "c1", "c2", "foreign"]), st.just("unpaid"), st.text(), st.just(AT)),
)


def reading(*entries: JournalEntry) -> Reading:
    told, bad, torn = parse(b"".join(encode(entry) for entry in entries), "run")
    return Reading(told, len(bad), torn)


def history(*journals: Reading) -> History:
    return merge([(f"run-{number}", journal) for number, journal in enumerate(journals, 1)])


def test_what_a_later_run_fetched_belongs_to_the_requests_of_an_earlier_one_and_was_spent_by_the_later() -> None:
    paid = Paid("c1", 200, Usage(), "raw", AT)
    found = history(reading(INTENT, *SENT, TICKET), reading(paid, Ended("c2", "unpaid", "expired", AT)))
    assert {name: (call.run_id, call.paid, call.ended and call.ended.fate) for name, call in found.calls.items()} == {
        "c0": ("run", None, None),
        "c1": ("run-2", paid, None),
        "c2": ("run-2", None, "unpaid"),
    }
    (submission,) = found.unfinished
    assert (submission.batch_id, submission.whole, list(submission.open)) == ("msgbatch_1", True, [0])


@given(st.lists(st.lists(ENDS, max_size=8), max_size=4))
def test_whatever_comes_twice_or_late_the_first_answer_stands_and_nothing_foreign_counts(
    runs: list[list[Paid | Ended]],
) -> None:
    found = history(reading(INTENT, *SENT, TICKET), *(reading(*run) for run in runs))
    assert list(found.calls) == ["c0", "c1", "c2"]
    for name, call in found.calls.items():
        answers = [one for run in runs for one in run if isinstance(one, Paid) and one.call_id == name]
        assert call.paid == (answers[0] if answers else None)
        said = [one for run in runs for one in run if one.call_id == name]
        away = {call.sent.call_id for one in found.unfinished for call in one.open.values()}
        assert (name in away) == (not said)


@given(st.integers(0, 4), st.booleans())
def test_a_submission_may_have_gone_out_only_once_all_of_it_was_on_the_disk(n_lines: int, ticketed: bool) -> None:
    later = reading(TICKET) if ticketed else reading()
    lines: list[JournalEntry] = [INTENT, *SENT]
    found = history(reading(*lines[:n_lines]), later)
    if n_lines == 0:
        assert found.submissions == ()
        return
    (submission,) = found.submissions
    assert submission.whole == (ticketed or n_lines == 4)
    assert len(submission.calls) == n_lines - 1


@given(st.integers(0))
def test_a_torn_line_of_its_requests_means_that_it_never_went_out_and_a_damaged_one_does_not(at: int) -> None:
    head = encode(INTENT) + encode(SENT[0]) + encode(SENT[1])
    last = encode(SENT[2])
    cut = at % (len(last) - 1)  # without its line feed a line is whole
    told, bad, torn = parse(head + last[:cut], "run")
    assert not history(Reading(told, len(bad), torn)).submissions[0].whole
    damaged = last[:cut] + bytes([last[cut] ^ 1]) + last[cut + 1 :]
    told, bad, torn = parse(head + damaged, "run")
    assert history(Reading(told, len(bad), torn)).submissions[0].whole


def test_a_copy_of_a_journal_is_no_second_submission() -> None:
    one = reading(INTENT, *SENT)
    assert len(history(one, one, reading(TICKET)).submissions) == 1


def test_of_two_journals_with_the_same_request_the_one_that_was_answered_counts() -> None:
    paid = Paid("c0", 200, Usage(), "raw", AT)
    merged = history(reading(SENT[0]), reading(SENT[0], paid))
    assert merged.calls["c0"].paid == paid
