"""A kind of column is named where theme.yaml is checked, and has its types where values are written: the same kinds."""

from __future__ import annotations

from waves.config.theme_file import TARGET_VALUES
from waves.store.shape.column_values import taken_by


def test_each_kind_that_a_theme_may_name_has_the_types_that_take_it() -> None:
    assert [kind for kind in TARGET_VALUES if taken_by(kind) is None] == []
    assert taken_by("$unknown") is None
