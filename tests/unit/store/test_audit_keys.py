"""How a person may write the key of a row."""

from __future__ import annotations

import pytest

from waves.store.tables.audit import stored_key


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("17", "17"),
        ('["x","1"]', '["x", "1"]'),
        ('["x", 1]', '["x", "1"]'),
        ('["ă", -2]', '["ă", "-2"]'),
        ('["x", true]', '["x", true]'),
        ('["x", 1.5]', '["x", 1.5]'),
        ("[not json", "[not json"),
    ],
)
def test_a_composite_key_may_be_written_with_numbers(given: str, stored: str) -> None:
    assert stored_key(given) == stored
