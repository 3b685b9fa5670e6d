"""Snoozes of a backend, and the operator's overrides: small tables that every fire reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from waves.store.connect import Database
from waves.store.rubrics import rubric_registry
from waves.store.tables import backend_state, theme_config

pytestmark = pytest.mark.postgres

NOW = datetime.now(UTC)


def test_a_backend_is_snoozed_until_the_moment_and_no_longer(db: Database) -> None:
    assert backend_state.current_snooze(db, "api") is None
    until = NOW + timedelta(hours=1)
    backend_state.snooze(db, "api", until, "quota\x00")
    assert backend_state.current_snooze(db, "api") == (until, "quota\\u0000")
    assert backend_state.current_snooze(db, "other") is None
    backend_state.snooze(db, "past", NOW - timedelta(seconds=1), "quota")
    assert backend_state.current_snooze(db, "past") is None


def test_a_longer_snooze_stays(db: Database) -> None:
    until = NOW + timedelta(hours=5)
    backend_state.snooze(db, "api", until, "quota")
    backend_state.snooze(db, "api", NOW + timedelta(hours=1), "outage")
    assert backend_state.current_snooze(db, "api") == (until, "quota")
    backend_state.snooze(db, "api", NOW + timedelta(hours=6), "outage")
    assert backend_state.current_snooze(db, "api") == (NOW + timedelta(hours=6), "outage")


def test_a_woken_backend_may_be_used_and_snoozed_again(db: Database) -> None:
    backend_state.wake(db, "api")
    backend_state.snooze(db, "api", NOW + timedelta(hours=5), "quota")
    backend_state.wake(db, "api")
    assert backend_state.current_snooze(db, "api") is None
    backend_state.snooze(db, "api", NOW + timedelta(hours=1), "outage")
    assert backend_state.current_snooze(db, "api") is not None


def test_overrides_are_those_of_the_theme(db: Database) -> None:
    for theme_id in ("letters", "numbers"):
        rubric_registry.ensure_theme(db, theme_id)
    db.execute("INSERT INTO waves.theme_config (theme_id, key, value) VALUES ('letters', 'keys', '100')")
    assert theme_config.overrides(db, "letters") == {"keys": "100"}
    assert theme_config.overrides(db, "numbers") == {}
