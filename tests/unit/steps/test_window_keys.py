"""What a fire may send: its share of the window less what was sent and reserved, and what its refusals teach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.cli.site import Site
from waves.calls import Call, Paid, Sent
from waves.config import project
from waves.config.project import BackendConfig
from waves.models import Meter, Usage
from waves.outcomes import Snoozed
from waves.steps.budget.window_evidence import is_exhaustion, learn_from_meters, learn_from_refusal, share_used_ending
from waves.steps.budget.window_keys import available_keys, reserve_keys, window_status
from waves.steps.prepare import prepare
from waves.steps.session.session import Invocation, Session, open_session
from waves.store.tables import ledger, run_metrics, windows
from waves.store.tables.ledger import LedgerEntry

pytestmark = pytest.mark.postgres

HOUR = timedelta(hours=1)
FIVE = 5 * HOUR
CONFIG = BackendConfig("sub", "claude_cli", ("m",), window=FIVE)
Windowed = Callable[..., Session]


@pytest.fixture
def windowed(session: Session) -> Windowed:
    """`windowed(capacity=100)`: the session of a running run, on a backend with a rolling window of five hours."""
    run_metrics.start_run(session.db, session.run_id, session.theme.theme_id, "cron", session.host, 1, dry_run=False)
    return lambda **fields: replace(session, backend=replace(session.backend, **{"window": FIVE, **fields}))


@contextmanager
def other_fire(site: Site, backend: BackendConfig) -> Iterator[Session]:
    """Another theme's fire, over a connection of its own."""
    with open_session(Invocation(project.load(site.root), site.theme, {}), "run-2") as other:
        run_metrics.start_run(other.db, "run-2", other.theme.theme_id, "cron", "elsewhere", 1, dry_run=False)
        yield replace(other, backend=backend)


def sent(session: Session, keys: int, ago: timedelta = HOUR, run_id: str = "earlier") -> None:
    """Requests for ten keys each that were paid for."""
    at = datetime.now(UTC) - ago
    calls = []
    for first in range(0, keys, 10):
        items = tuple((str(n), f"k{n}", "h") for n in range(first, min(first + 10, keys)))
        call_id = f"{run_id}-{ago}-{first}"
        request = Sent(call_id, "v1-0", "m", session.backend.name, items, False, None, at)
        calls.append(LedgerEntry(Call(request, run_id, paid=Paid(call_id, 200, Usage(), "{}", at))))
    ledger.record_calls(session.db, session.theme.theme_id, "w0", calls)


def test_a_backend_without_a_window_has_no_bound(session: Session) -> None:
    assert reserve_keys(session, 700).keys == 700
    assert window_status(session.db, session.backend) is None


def test_the_first_wave_of_a_window_that_nobody_knows_has_no_bound(windowed: Windowed) -> None:
    session = windowed()
    sent(session, 5000)
    granted = reserve_keys(session, 700)
    assert (granted.keys, granted.ending) == (700, None)
    quota = window_status(session.db, session.backend)
    assert quota is not None
    assert quota.explain().startswith("nothing is known of its capacity yet")


def test_a_wave_takes_what_is_left_of_its_share(windowed: Windowed) -> None:
    session = windowed(capacity=100, use_at_most=0.75)
    sent(session, 30)
    sent(session, 20, 6 * HOUR)
    granted = reserve_keys(session, 700)
    assert granted.keys == 45
    assert granted.ending is not None
    assert granted.ending.state == "snoozed"
    assert reserve_keys(session, 40).ending is None


def test_a_used_window_ends_the_fire_until_its_last_request_drops_out(windowed: Windowed) -> None:
    session = windowed(capacity=100, use_at_most=0.75)
    sent(session, 70)
    granted = reserve_keys(session, 700)
    assert granted.keys == 0, "five are left, and a batch is twelve"
    assert granted.ending is not None
    assert granted.ending.snoozed_until is not None
    assert abs(granted.ending.snoozed_until - datetime.now(UTC) - 4 * HOUR) < timedelta(minutes=2)
    assert (granted.ending.reason or "").startswith(
        "the window of backend provider: 70 of 75 keys (75% of 100 configured) are used; it resets at "
    )
    sent(session, 10, run_id="another")
    assert reserve_keys(session, 3).keys == 0


def test_a_share_that_is_less_than_a_batch_is_used_all_the_same(windowed: Windowed) -> None:
    assert reserve_keys(windowed(capacity=8, use_at_most=0.5), 700).keys == 4
    assert reserve_keys(windowed(capacity=1, use_at_most=0.5), 700).keys == 1


def test_two_themes_do_not_both_take_the_share(windowed: Windowed, site: Site) -> None:
    session = windowed(capacity=100, use_at_most=0.75)
    assert reserve_keys(session, 700).keys == 75
    with other_fire(site, session.backend) as other:
        granted = reserve_keys(other, 700)
        assert granted.keys == 0
        assert granted.ending is not None
        reason = granted.ending.reason or ""
        assert "0 of 75 keys (75% of 100 configured) are used and 75 reserved by running fires" in reason
        assert reserve_keys(session, 20).keys == 20, "its own reservation does not stand in its way"
        assert reserve_keys(other, 700).keys == 55
        run_metrics.finish_run(session.db, session.run_id, state="collected")
        assert reserve_keys(other, 700).keys == 75


def test_what_a_dry_run_foresees_is_not_reserved(windowed: Windowed, site: Site) -> None:
    session = windowed(capacity=100)
    assert available_keys(session, 700).keys == 75
    with other_fire(site, session.backend) as other:
        assert reserve_keys(other, 700).keys == 75


def test_an_empty_gap_is_complete_also_in_a_used_window(windowed: Windowed) -> None:
    session = windowed(capacity=100)
    sent(session, 100)
    ending = prepare(session, 700)
    assert getattr(ending, "state", None) == "complete"


def test_a_refusal_teaches_what_the_window_held(windowed: Windowed) -> None:
    session = windowed()
    sent(session, 950, timedelta(minutes=10))
    sent(session, 500, 5 * HOUR - timedelta(minutes=30), "in the window before")
    end = datetime.now(UTC) + 4 * HOUR
    assert learn_from_refusal(session, Snoozed(end, "429", "quota")) == end
    quota = window_status(session.db, session.backend)
    assert quota is not None
    assert (quota.use.capacity, quota.source) == (950, "learned")
    assert (quota.window.kind, quota.window.end) == ("reported", end)
    assert quota.use.left == 0


def test_a_limit_reported_while_the_window_is_fresh_teaches_nothing(windowed: Windowed) -> None:
    session = windowed()
    sent(session, 20, timedelta(minutes=10))
    learn_from_refusal(session, Snoozed(datetime.now(UTC) + 4 * HOUR, "429", "quota"))
    quota = window_status(session.db, session.backend)
    assert quota is not None
    assert quota.use.capacity is None
    assert [one.doubt for one in quota.evidence] == ["a false alarm: the window was fresh"]


def test_utilisation_is_obeyed_and_taught_by(windowed: Windowed) -> None:
    session = windowed()
    sent(session, 100, timedelta(minutes=10))
    end = datetime.now(UTC) + 3 * HOUR
    learn_from_meters(session, [Meter("seven_day", 0.9, resets_at=end), Meter("five_hour", 0.5, resets_at=end)])
    quota = window_status(session.db, session.backend)
    assert quota is not None
    assert quota.use.capacity == 200
    assert quota.use.left == 50
    learn_from_meters(session, [Meter("five_hour", 0.8, resets_at=end)])
    granted = reserve_keys(session, 700)
    assert granted.keys == 0
    assert granted.ending is not None
    assert "the provider says that 80% of it is used" in (granted.ending.reason or "")
    assert granted.ending.snoozed_until is not None
    assert timedelta() < granted.ending.snoozed_until - end <= timedelta(minutes=1)


@pytest.mark.parametrize(
    "meter",
    [
        Meter("requests", 0.9, 5, datetime.now(UTC) + HOUR),
        Meter("five_hour", 0.9),
        Meter("five_hour", 0.9, resets_at=datetime.now(UTC) - HOUR),
        Meter("five_hour", 0.9, resets_at=datetime.now(UTC) + 6 * HOUR),
    ],
)
def test_a_meter_that_does_not_speak_of_this_window_is_passed_over(windowed: Windowed, meter: Meter) -> None:
    session = windowed()
    learn_from_meters(session, [meter])
    assert windows.read_window(session.db, session.backend.name) == (None, [])


@pytest.mark.parametrize(("ahead", "counted"), [(HOUR, 30), (6 * HOUR, 0)])
def test_what_a_clock_that_was_ahead_has_sent_counts_for_a_window_at_most(
    windowed: Windowed, ahead: timedelta, counted: int
) -> None:
    session = windowed(capacity=100)
    sent(session, 30, -ahead)
    assert reserve_keys(session, 700).keys == 75 - counted


def test_a_window_that_a_clock_ahead_has_named_is_passed_over(windowed: Windowed) -> None:
    session = windowed(capacity=100)
    windows.save_window(session.db, session.backend.name, datetime.now(UTC) + 6 * HOUR, [])
    quota = window_status(session.db, session.backend)
    assert quota is not None
    assert quota.window.kind == "rolling"


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEEKLY, FIVE_HOUR = (Meter(name, rejected=True) for name in ("seven_day_opus", "five_hour"))


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (Snoozed(NOW + HOUR, "", "quota"), True),
        (Snoozed(None, "", "quota"), False),
        (Snoozed(None, "", "quota", (FIVE_HOUR,)), True),
        (Snoozed(None, "", "quota", (WEEKLY,)), False),
        (Snoozed(NOW + HOUR, "", "quota", (FIVE_HOUR,)), True),
        (Snoozed(NOW + HOUR, "", "quota", (WEEKLY,)), False),
        (Snoozed(NOW + HOUR, "", "quota", (WEEKLY, FIVE_HOUR)), True),
        (Snoozed(NOW + HOUR, "", "quota", (Meter("overage", rejected=True),)), True),
        (Snoozed(NOW + 72 * HOUR, "", "quota"), False),
        (Snoozed(NOW + HOUR, "", "rate"), True),
        (Snoozed(NOW + HOUR / 6, "", "rate"), False),
        (Snoozed(None, "", "rate"), False),
        (Snoozed(None, "", "spend"), False),
        (Snoozed(NOW + HOUR, "", "spend"), False),
    ],
)
def test_which_refusals_mean_that_the_window_is_used_up(refusal: Snoozed, *, expected: bool) -> None:
    assert is_exhaustion(CONFIG, refusal, NOW) is expected
    assert not is_exhaustion(replace(CONFIG, window=None), refusal, NOW)


@pytest.mark.parametrize(
    ("meter", "ends"),
    [
        (Meter("five_hour", 0.74, resets_at=NOW + HOUR), False),
        (Meter("five_hour", 0.75, resets_at=NOW + HOUR), True),
        (Meter("five_hour", resets_at=NOW + HOUR, rejected=True), True),
        (Meter("five_hour", 0.9), False),
        (Meter("five_hour", 0.9, resets_at=NOW - HOUR), False),
        (Meter("seven_day", 0.9, resets_at=NOW + HOUR), False),
        (Meter("requests", 1.0, 0, NOW + HOUR), False),
    ],
)
def test_a_fire_ends_where_the_provider_says_that_our_share_is_used(meter: Meter, *, ends: bool) -> None:
    ending = share_used_ending(CONFIG, [Meter("tokens"), meter], NOW)
    assert (ending is not None) is ends
    if ending is not None:
        assert (ending.state, ending.snoozed_until) == ("snoozed", NOW + HOUR)
        assert (ending.reason or "").endswith("of the window of backend sub is used; 75% are for us")
    assert share_used_ending(replace(CONFIG, window=None), [meter], NOW) is None
