"""Which backend of a chain a fire asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from waves.config.project import BackendConfig
from waves.steps.session.backend_chain import first_awake
from waves.store.connect import Database
from waves.store.tables import backend_state

pytestmark = pytest.mark.postgres

ONE = BackendConfig("one", "anthropic", ("big", "small"))
TWO = BackendConfig("two", "anthropic", ("other",))


def test_the_first_of_the_chain_that_does_not_sleep_is_asked_and_else_the_one_that_wakes_first(db: Database) -> None:
    def sleeps(name: str, hours: int) -> None:
        backend_state.snooze(db, name, datetime.now(UTC) + timedelta(hours=hours), "429")

    assert first_awake(db, (ONE, TWO)) == ONE
    sleeps("one", 1)
    assert first_awake(db, (ONE, TWO)) == TWO
    assert first_awake(db, (ONE,)) == ONE
    sleeps("two", 2)
    assert first_awake(db, (TWO, ONE)) == ONE
