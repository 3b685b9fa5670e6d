"""What a fire may spend: its caps less what is booked, and less what other fires that run have drawn of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from waves.calls import Call, Ended, Paid, Sent
from waves.config.project import BackendConfig, Caps, Price
from waves.errors import ConfigurationError
from waves.ids import new_run_id
from waves.models import Item, Limits, Manifest, Usage
from waves.outcomes import Ask
from waves.quota.prices import cost
from waves.spool.wave_dir import WaveDir
from waves.steps.budget.caps import max_request_cost, open_budget, over_budget_ending
from waves.steps.budget.pricing import price_calls, price_unpriced_calls
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, load_wave
from waves.store.rubrics import rubric_registry
from waves.store.tables import ledger, run_metrics
from waves.store.tables.ledger import LedgerEntry

AT = datetime.now(UTC)
OWN = Price(1.0, 5.0)
ITEMS = tuple(Item(f"k{n}", f"h{n}", {"content": "Why?", "kind": None}) for n in range(4))
MODEL = "model-1"


def with_caps(session: Session, *, caps: Caps = Caps(), **limits: float) -> Session:  # noqa: B008 - frozen
    backend = replace(session.backend, prices={MODEL: OWN}, caps=caps)
    one_by_one = replace(session.limits, parallel=1, batch_size=1)
    return replace(session, backend=backend, limits=replace(one_by_one, **limits))  # type: ignore[arg-type] # caps only


def wave_of(session: Session) -> Wave:
    text = (session.theme.folder / "v1.md").read_text()
    names = (session.db.installation, session.theme.theme_id, f"w-{session.run_id}", "normal", session.rubric.version)
    manifest = Manifest(*names, session.backend.name, MODEL, Limits(), ITEMS, AT)  # type: ignore[arg-type]
    return load_wave(WaveDir.create(session.data, manifest, text))


def request_price(session: Session) -> float:
    found = max_request_cost(session.backend, Ask("", MODEL, (("1", ITEMS[0].input),)), session.rubric)
    assert found is not None
    return found


def book(session: Session, usd: float | None, *, wave: str = "w", run: str = "earlier", reserved: float | None = None,
         call_id: str | None = None, theme: str | None = None) -> None:  # fmt: skip
    """An answer at this cost; one that never came where only its reserve is known."""
    call_id = call_id or new_run_id()
    sent = Sent(call_id, "v1", MODEL, session.backend.name, (), strict=False, reserved_usd=reserved, at=AT)
    paid = None if usd is None else Paid(call_id, 200, Usage(), "", AT)
    ledger.record_calls(session.db, theme or session.theme.theme_id, wave, [LedgerEntry(Call(sent, run, paid), usd)])


@pytest.fixture
def running(session: Session) -> Session:
    """The session of a fire whose run row is open."""
    rubric_registry.ensure_theme(session.db, session.theme.theme_id)
    start(session)
    return session


def start(session: Session) -> None:
    run_metrics.start_run(session.db, session.run_id, session.theme.theme_id, "test", session.host, 1, dry_run=False)


pytestmark = pytest.mark.postgres


def test_without_a_cap_anything_goes(running: Session) -> None:
    budget = open_budget(running, wave_of(running))
    assert over_budget_ending(running) is None
    assert budget.reserve("a", None) is None


@pytest.mark.parametrize("span", ["wave", "day", "month"])
def test_the_tightest_of_all_caps_wins(running: Session, span: str) -> None:
    price = request_price(with_caps(running))
    roomy = dict.fromkeys(("cap_usd_wave", "cap_usd_day", "cap_usd_month"), price * 100)
    for session, name in (
        (
            with_caps(running, caps=Caps(), **roomy | {f"cap_usd_{span}": price * 2.5}),
            f"cap_usd_{span} of theme comments",
        ),
        (with_caps(running, caps=Caps(**{span: price * 2.5}), **roomy), f"caps.{span} of provider"),
    ):
        budget = open_budget(session, wave_of(replace(session, run_id=new_run_id())))
        assert [budget.reserve(call_id, price) for call_id in "ab"] == [None, None]
        reason = budget.reserve("c", price)
        assert reason is not None
        assert reason.startswith(f"{name} is reached: $")
        assert "raise it in" in reason


def test_what_is_booked_counts_and_what_was_maybe_paid_counts_as_reserved(running: Session) -> None:
    price = request_price(with_caps(running))
    session = with_caps(running, cap_usd_day=price * 4)
    book(session, price)
    book(session, None, reserved=price * 2)
    book(session, price * 50, theme="another")
    budget = open_budget(session, wave_of(session))
    assert over_budget_ending(session) is None
    assert budget.reserve("a", price) is None
    assert budget.reserve("b", price) is not None
    book(session, price * 0.5)
    ending = over_budget_ending(session)
    assert ending is not None
    assert ending.state == "over_budget"
    assert "cap_usd_day of theme comments is reached" in str(ending.reason)


def test_a_cap_by_wave_forgets_other_waves_and_one_by_backend_no_theme(running: Session) -> None:
    price = request_price(with_caps(running))
    session = with_caps(running, cap_usd_wave=price * 1.5)
    book(session, price * 50)
    assert over_budget_ending(session) is None
    wave = wave_of(session)
    assert open_budget(session, wave).reserve("a", price) is None
    book(session, price, wave=wave.wave_id)
    assert open_budget(session, wave).reserve("b", price) is not None
    assert over_budget_ending(with_caps(running, caps=Caps(day=price * 50))) is not None


def test_what_this_fire_booked_for_earlier_waves_is_spent(running: Session) -> None:
    price = request_price(with_caps(running))
    session = with_caps(running, cap_usd_day=price * 2.5)
    book(session, price, run=session.run_id)
    budget = open_budget(session, wave_of(session))
    assert budget.reserve("a", price) is None
    book(
        session, price, run=session.run_id, call_id="a"
    )  # a pass ended: what the budget holds is in the ledger as well
    budget.settle("a", price)
    assert budget.reserve("b", price / 2) is None
    assert budget.reserve("c", price / 2) is not None


def test_two_fires_never_draw_the_same_dollar_of_a_backend(running: Session) -> None:
    """The other fire died with requests in flight: what it drew stays taken until its journals are booked."""
    price = request_price(with_caps(running))
    ours = with_caps(running, caps=Caps(day=price * 8))
    theirs = replace(ours, run_id="run-2", theme=replace(ours.theme, theme_id="another"))
    rubric_registry.ensure_theme(ours.db, "another")
    start(theirs)
    them = open_budget(theirs, wave_of(ours))
    assert them.reserve("theirs", price) is None  # draws four requests more: a fire draws seldom

    us = open_budget(ours, wave_of(replace(ours, run_id="run-3")))
    taken = [call_id for call_id in "abcdefgh" if us.reserve(call_id, price) is None]
    assert taken == ["a", "b", "c"]

    book(ours, price, run="run-2", theme="another")
    run_metrics.close_dead_runs(ours.db, "another", ours.host)
    assert [us.reserve(call_id, price) is None for call_id in "defgh"] == [True, True, True, True, False]


def test_a_fire_that_runs_for_days_holds_what_it_draws_today(running: Session) -> None:
    price = request_price(with_caps(running))
    ours = with_caps(running, caps=Caps(day=price * 8))
    theirs = replace(ours, run_id="run-2", theme=replace(ours.theme, theme_id="another"))
    rubric_registry.ensure_theme(ours.db, "another")
    start(theirs)
    ours.db.execute("UPDATE waves.runs SET started_at = now() - interval '3 days' WHERE run_id = 'run-2'")
    assert open_budget(theirs, wave_of(ours)).reserve("theirs", price * 4) is None  # and four requests more: all of it
    assert open_budget(ours, wave_of(replace(ours, run_id="run-3"))).reserve("ours", price) is not None


def test_a_cap_that_no_request_fits_under_is_a_configuration_error(running: Session) -> None:
    price = request_price(with_caps(running))
    session = with_caps(running, caps=Caps(month=price * 0.5))
    for act in (lambda: over_budget_ending(session), lambda: open_budget(session, wave_of(session))):
        with pytest.raises(ConfigurationError, match=r"caps\.month of provider is \$.* and one request may cost \$"):
            act()


def test_a_cap_over_a_model_of_the_chain_without_a_price_is_a_configuration_error(running: Session) -> None:
    session = with_caps(running, cap_usd_day=100.0)
    session = replace(session, backend=replace(session.backend, models=(MODEL, "qwen3")))
    with pytest.raises(ConfigurationError, match="no price is known for model qwen3") as raised:
        over_budget_ending(session)
    assert "prices: {qwen3: {input: …, output: …}}" in raised.value.hint


# --- single requests ------------------------------------------------------------------------------------------------


def call(backend: str, model: str = "claude-haiku-4-5", *, paid: bool = True) -> Call:
    sent = Sent("c", "v1", model, backend, (), strict=False, reserved_usd=None, at=AT)
    usage = Usage(1_000_000, 0, 0, 0)
    return Call(sent, "r", Paid("c", 200, usage, "", AT) if paid else None, Ended("c", "maybe_paid", "", AT))


def test_calls_cost_what_their_own_backend_charges_even_if_it_is_configured_no_more(session: Session) -> None:
    assert [entry.cost_usd for entry in price_calls(session, [call("rehearsal"), call("gone"), call("gone", "m")])] == [
        0.0,
        pytest.approx(1.0),
        None,
    ]
    session = replace(session, backend=replace(session.backend, kind="message_batches"))
    (entry,) = price_calls(session, [call("provider")])
    assert entry.batch
    assert entry.cost_usd == pytest.approx(0.5)


def test_an_answer_gets_its_price_once_it_is_known_and_keeps_it(session: Session) -> None:
    def costs() -> dict[str, float | None]:
        return dict(session.db.execute("SELECT call_id, cost_usd FROM waves.ledger").fetchall())

    def entry(call_id: str, model: str, usage: Usage) -> LedgerEntry:
        sent = replace(call("provider", model).sent, call_id=call_id)
        return LedgerEntry(Call(sent, "r", Paid(call_id, 200, usage, "", AT)))

    counted = Usage(1_000_000, 0, 0, 0)
    entries = [entry("a", MODEL, counted), entry("b", MODEL, Usage()), entry("c", "other", counted)]
    ledger.record_calls(session.db, session.theme.theme_id, "w", entries)
    price_unpriced_calls(session)
    assert costs() == {"a": None, "b": None, "c": None}
    price_unpriced_calls(with_caps(session))
    dearer = replace(session.backend, prices={MODEL: Price(99.0, 99.0)})
    price_unpriced_calls(replace(session, backend=dearer))
    assert costs() == {"a": 1.0, "b": None, "c": None}


def test_an_answer_that_never_came_has_no_cost(session: Session) -> None:
    assert cost(call("provider", paid=False), session.backend).usd is None


@pytest.mark.parametrize("kind", ["anthropic", "message_batches", "claude_cli"])
def test_the_reserve_is_more_than_a_request_can_cost(session: Session, kind: str) -> None:
    backend = BackendConfig("p", kind, (MODEL,), prices={MODEL: Price(1.0, 5.0, 1.25, 2.0, 0.1)})
    ask = Ask("c", MODEL, (("1", {"content": "ăîșț 漢字 🙂" * 20, "kind": None}),))
    reserved = max_request_cost(backend, ask, session.rubric)
    assert reserved is not None
    longest = 256 + 128
    share = 0.5 if kind == "message_batches" else 1.0
    assert reserved >= share * (200 * 2.0 + longest * 5.0) / 1_000_000
