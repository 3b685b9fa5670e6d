"""Which DEFAULT of a column is compared with its values: constants alone, because another expression may act."""

from __future__ import annotations

import pytest

from waves.store.catalog.names import _constant


@pytest.mark.parametrize(
    "default",
    [
        "'[]'::text",
        "''::character varying",
        "'it''s'::text",
        "0",
        "'-1'::integer",
        "(0)::double precision",
        "0.5",
        "true",
        "'{}'::text[]",
        "'0'::numeric(4,2)",
    ],
)
def test_a_constant_is_kept(default: str) -> None:
    assert _constant(default) == default


@pytest.mark.parametrize(
    "default",
    [
        None,
        "now()",
        "nextval('s'::regclass)",
        "CURRENT_USER",
        "('a'::text || 'b'::text)",
        "gen_random_uuid()",
        "'a'::text); DROP TABLE x; --",
        "'a'::regclass::text",
    ],
)
def test_anything_else_is_not(default: str | None) -> None:
    assert _constant(default) is None
