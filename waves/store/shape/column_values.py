"""The value of a target column as SQL over an entry `e`, and the column types that can take it. What starts with `$` is
in `config/column_kinds.py`.

`$labels` is a JSON array (text, jsonb) or a native text[]; a field of the output is written as it is: strings without
quotes, lists and objects as JSON, null as NULL. A cast that fails at run time costs that row only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from waves.config.column_kinds import COLUMN_KINDS
from waves.store.shape import fragments

if TYPE_CHECKING:
    from waves.store.shape.shape import Column, Shape

_JSON = frozenset({"json", "jsonb"})


def taken_by(value: str) -> frozenset[str] | None:
    """The column types that can take `value`; None if any may (the database decides at run time)."""
    kind = COLUMN_KINDS.get(value)
    return kind.types if kind else None


def expressions(shape: Shape) -> list[sql.Composable]:
    """One expression for each of `shape.columns`. Bind `bindings`."""
    return [_expression(f"field{n}", value, column) for n, (value, column) in enumerate(shape.columns)]


def bindings(shape: Shape, version: str) -> dict[str, str]:
    """The output's field for each column that takes one, and the version."""
    fields = {f"field{n}": value.removeprefix("$") for n, (value, _) in enumerate(shape.columns)}
    return {"version": version, **fields}


def _expression(field: str, value: str, column: Column) -> sql.Composable:
    known = COLUMN_KINDS.get(value)
    if known is not None and known.expression is not None:
        return sql.SQL(known.expression)
    bound, kind = sql.Placeholder(field), fragments.verbatim(column.type)
    json = sql.SQL("NULLIF(e.output -> {}::text, 'null')").format(bound)
    if column.type in _JSON:
        return sql.SQL("({})::{}").format(json, kind)
    if column.type.endswith("[]"):
        items = sql.SQL("ARRAY(SELECT jsonb_array_elements_text(e.output -> {}::text))::{}").format(bound, kind)
        return sql.SQL("CASE WHEN {} IS NOT NULL THEN {} END").format(json, items)
    return sql.SQL("(e.output ->> {}::text)::{}").format(bound, kind)
