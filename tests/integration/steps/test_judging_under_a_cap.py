"""A single judgement costs money like any other request: it is in the ledger, and a cap that is used up refuses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from waves.config.project import REHEARSAL, Price
from waves.errors import OverBudgetError
from waves.ids import new_run_id
from waves.outcomes import Ask
from waves.steps import judge as asking
from waves.steps.budget.caps import max_request_cost
from waves.steps.judge import judge
from waves.steps.session.session import Invocation, open_session
from waves.store.connect import Database

NOTE = {"content": "How many of them were there?"}


pytestmark = pytest.mark.postgres


@pytest.fixture
def priced(opening: Callable[..., Invocation]) -> Invocation:
    asked = opening()
    backends = {"rehearsal": replace(REHEARSAL, prices={"rehearsal": Price(1.0, 1.0)})}
    return replace(asked, project=replace(asked.project, backends=backends))


def most(priced: Invocation, *items: tuple[str, dict[str, str]]) -> float:
    """What such a request may cost."""
    backend = priced.project.backends["rehearsal"]
    with open_session(priced, new_run_id()) as session:
        found = max_request_cost(backend, Ask("", "rehearsal", items), session.rubric)
    assert found is not None
    return found


def test_judgements_end_where_the_cap_of_the_day_does(priced: Invocation, db: Database) -> None:
    capped = replace(priced, flags={"cap_usd_day": most(priced, ("1", NOTE)) * 1.02})

    judge(capped, NOTE)
    with pytest.raises(OverBudgetError, match="cap_usd_day of theme notes is reached") as raised:
        judge(capped, NOTE)

    assert (raised.value.exit_code, raised.value.code) == (76, "over_budget")
    ((fate, cost, reserved),) = db.execute("SELECT fate, cost_usd, reserved_usd FROM waves.ledger").fetchall()
    assert fate == "paid"
    assert 0 < cost < reserved


def test_an_input_that_may_cost_more_than_is_left_is_not_sent(priced: Invocation, db: Database) -> None:
    capped = replace(priced, flags={"cap_usd_day": most(priced, ("1", NOTE)) * 1.02})
    with pytest.raises(OverBudgetError):
        judge(capped, {"content": "Why? " * 1000})
    assert db.execute("SELECT FROM waves.ledger").fetchall() == []


def test_a_judgement_counts_before_its_answer_and_where_none_ever_comes(
    priced: Invocation, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(asking, "_ask", killed)
    with pytest.raises(KeyboardInterrupt):
        judge(replace(priced, flags={"cap_usd_day": 1.0}), NOTE)
    ((fate, reserved, ended),) = db.execute("SELECT fate, reserved_usd, ended_at FROM waves.ledger").fetchall()
    assert (fate, ended) == ("maybe_paid", None)
    assert reserved == most(priced, ("1", NOTE))
