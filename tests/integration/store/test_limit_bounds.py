"""What the database lets into theme_config and what the files' model accepts are the same numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import psycopg
import pytest

from waves.config.theme import merge_limits
from waves.errors import ConfigurationError
from waves.models import Limits
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry

pytestmark = pytest.mark.postgres


HINTS = get_type_hints(Limits, include_extras=True)


def _bounds(name: str) -> tuple[Any, ...]:
    """(whole, low, low included, high) of a limit of the files."""
    hint = next(kind for kind in (HINTS[name], *get_args(HINTS[name])) if get_origin(kind) is Annotated)
    kind, interval = get_args(hint)
    included = interval.ge is not None
    return (kind is int, interval.ge if included else interval.gt, included, interval.le)


def test_the_bounds_are_those_of_the_files(db: Database) -> None:
    rows = db.execute("SELECT key, whole, low, low_included, high FROM waves.limit_bounds()").fetchall()
    assert {key: tuple(bounds) for key, *bounds in rows} == {name: _bounds(name) for name in HINTS}


NUMBERS = ("0", "1", "1.0", "01", "+7", "-1", "0.5", ".5", "5.", "1e0", "1e-3", "1e99", "1_0", " 1", "NaN", "inf", "١")


@pytest.mark.parametrize("key", ["keys", "keep_days", "snooze_error_rate", "max_orphan_rate", "cap_usd_day"])
def test_what_the_database_takes_a_fire_takes(db: Database, key: str) -> None:
    rubric_registry.ensure_theme(db, "t")
    whole, low, included, high = _bounds(key)
    edges = [f"{Decimal(low)}", f"{Decimal(high)}", f"{Decimal(high) + 1}", f"{Decimal(low) - 1}"]
    taken = []
    for value in (*NUMBERS, *edges):
        try:
            db.connection.execute(
                "INSERT INTO waves.theme_config (theme_id, key, value) VALUES ('t', %s, %s)", (key, value)
            )
        except psycopg.errors.CheckViolation:
            continue
        merge_limits(Limits(), {key: value})
        taken.append(value)
        db.execute("DELETE FROM waves.theme_config")
    assert (edges[0] in taken, edges[1] in taken) == (included, True)
    assert not {edges[2], edges[3]} & set(taken)
    assert ("0.5" in taken) == (not whole)
    with pytest.raises(ConfigurationError):
        merge_limits(Limits(), {key: edges[2]})
