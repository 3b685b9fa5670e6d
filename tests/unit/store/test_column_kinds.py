"""What a theme may write into a column has its types and its SQL in one table, and nothing else is accepted."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from waves.config.column_kinds import COLUMN_KINDS
from waves.config.theme_file import TargetEntry
from waves.store.shape.column_values import taken_by


@pytest.mark.parametrize("kind", COLUMN_KINDS)
def test_each_kind_is_accepted_and_has_types_that_take_it(kind: str) -> None:
    assert TargetEntry(table="t", key="id", columns={kind: "c"}).columns == {kind: "c"}
    assert taken_by(kind)


def test_another_value_with_a_dollar_is_refused_by_the_names_of_all() -> None:
    with pytest.raises(ValidationError, match=r"unknown value '\$rnu'; known: \$labels, \$label, .*\$run, or a field"):
        TargetEntry(table="t", key="id", columns={"$rnu": "c"})


def test_a_field_of_the_output_may_go_into_any_column() -> None:
    assert taken_by("summary") is None
