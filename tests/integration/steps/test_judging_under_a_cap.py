"""A single judgement costs money like any other request: it is in the ledger, and a cap that is used up refuses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from waves.errors import OverBudgetError
from waves.ids import new_run_id
from waves.models import Ask
from waves.project import REHEARSAL, Price
from waves.steps.judge import judge
from waves.steps.session import Opening, open_session
from waves.steps.spending import reserve_price
from waves.store.connect import Database

NOTE = {"content": "How many of them were there?"}


@pytest.mark.postgres
def test_judgements_end_where_the_cap_of_the_day_does(opening: Callable[..., Opening], db: Database) -> None:
    asked = opening()
    priced = replace(REHEARSAL, prices={"rehearsal": Price(1.0, 1.0)})
    project = replace(asked.project, backends={"rehearsal": priced})
    with open_session(replace(asked, project=project), new_run_id()) as session:
        request = reserve_price(priced, Ask("", "rehearsal", ()), session.rubric)
    assert request is not None
    capped = replace(asked, project=project, flags={"cap_usd_day": request * 1.02})

    judge(capped, NOTE)
    with pytest.raises(OverBudgetError, match="cap_usd_day of theme notes is reached") as raised:
        judge(capped, NOTE)

    assert (raised.value.exit_code, raised.value.code) == (76, "over_budget")
    ((fate, cost, reserved),) = db.execute("SELECT fate, cost_usd, reserved_usd FROM waves.ledger").fetchall()
    assert fate == "paid"
    assert 0 < cost < reserved
