"""What the database lets into theme_config and what the files' model accepts are the same numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import psycopg
import pytest
from annotated_types import Ge, Gt, Le

from waves.config.theme import merge_limits
from waves.config.theme_file import LimitNumbers
from waves.errors import ConfigurationError
from waves.models import Limits
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry

pytestmark = pytest.mark.postgres


def _bounds(name: str) -> tuple[Any, ...]:
    """(whole, low, low included, high) of a limit of the files."""
    field = LimitNumbers.model_fields[name]
    kind, marks = field.annotation, list(field.metadata)
    if kind not in {int, float}:  # `Dollars | None`: the bounds stand inside
        (number,) = (one for one in get_args(kind) if one is not type(None))
        kind, info = get_args(number)
        marks = list(info.metadata)
    low = next(mark for mark in marks if isinstance(mark, Ge | Gt))
    (high,) = (mark.le for mark in marks if isinstance(mark, Le))
    return (kind is int, low.ge if isinstance(low, Ge) else low.gt, isinstance(low, Ge), high)


def test_the_bounds_are_those_of_the_files(db: Database) -> None:
    rows = db.execute("SELECT key, whole, low, low_included, high FROM waves.limit_bounds()").fetchall()
    assert {key: tuple(bounds) for key, *bounds in rows} == {name: _bounds(name) for name in LimitNumbers.model_fields}


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
