"""What `wave status` says of money: what is certain, what may come to it, and that something is unknown."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from waves.store.tables.ledger import Spend
from waves.surfaces.cli.tables.status import _spend_notes


@pytest.mark.parametrize(
    ("spend", "notes"),
    [
        (Spend(0.0, 0.0), []),
        (Spend(0.0, 1234.5), ["spent $0.0000 today (UTC), $1,234.5000 in all"]),
        (
            Spend(0.25, 0.5, [], 0.125),
            ["spent $0.2500 today (UTC), $0.5000 in all, and up to $0.1250 more was maybe paid"],
        ),
        (
            Spend(0.0, 0.0, [], None),
            ["spent $0.0000 today (UTC), $0.0000 in all, and an unknown amount more was maybe paid"],
        ),
        (
            Spend(0.25, None, ["m", "n"]),
            ["what was spent is unknown: answers of m, n have no known cost; see `wave spend`"],
        ),
    ],
)
def test_the_status_says_what_is_known_of_the_money(spend: Spend, notes: list[str]) -> None:
    assert _spend_notes(SimpleNamespace(theme_id="t", spend=spend)) == notes  # type: ignore[arg-type]
