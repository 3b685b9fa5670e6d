"""The cursor of the search for edited rows: a position in the order of the keys, or of `source.changed`.

The stored cursor moves only past rows that no longer need work, so neither a crash between take and open nor an
abandoned wave loses a row. By key it wraps around; by `source.changed` it stays an hour behind the present, because a
transaction may commit long after the time that it recorded in the column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql
from psycopg.types.json import Jsonb

from waves.store import queries
from waves.store.connect import scalar
from waves.store.shape import fragments

if TYPE_CHECKING:
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

_SQL = queries.load("gap.sql")

Position = tuple[str, ...]
"""Texts: the key, or `source.changed` and the key, or `source.changed` alone (from that value on, inclusive)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the source to read: after `after`, up to and including `until`; None is the beginning or the end."""

    after: Position | None
    until: Position | None = None


def stretches(shape: Shape, start: Position | None) -> list[Stretch]:
    """What a fire may read, in sequence: from `start` to the end, and then, by key, from the beginning to `start`."""
    if start is None:
        return [Stretch(None)]
    if shape.changed_type:
        return [Stretch(start)]
    return [Stretch(start), Stretch(None, until=start)]


def stretch_query(shape: Shape, stretch: Stretch) -> tuple[sql.Composed, dict[str, object]]:
    """The query for a stretch's keys in order (after `source.changed` if the theme has it), and the values to bind
    beside `limit`."""
    order = _order(shape)
    conditions: list[sql.Composable] = [sql.SQL("true")]
    values: dict[str, object] = {}
    for position, operator, prefix in ((stretch.after, ">", "after"), (stretch.until, "<=", "until")):
        if position is not None:
            conditions.append(_compare(shape, position, operator, prefix))
            values |= {f"{prefix}{n}": text for n, text in enumerate(position)}
    if shape.changed_type:
        conditions.append(sql.SQL("{} IS NOT NULL").format(order[0]))
    aliases = (sql.Identifier(f"waves_k{n}") for n, _ in enumerate(order))
    texts = zip(fragments.as_text(order), aliases, strict=True)
    composed = sql.SQL(_SQL["drift"]).format(
        position=fragments.commas(sql.SQL("{} AS {}").format(text, alias) for text, alias in texts),
        source=fragments.relation(shape.source),
        in_scope=fragments.in_scope(shape),
        after=fragments.all_of(conditions),
        order=fragments.commas(order),
    )
    return composed, values


def key_in(shape: Shape, position: Position) -> tuple[str, ...]:
    return position[1:] if shape.changed_type else position


def read_cursor(connection: Connection, shape: Shape) -> Position | None:
    """None if the search has not begun, or began with another relation or key."""
    stored = scalar(connection, _SQL["read_cursor"], {"theme": shape.theme_id})
    if not isinstance(stored, dict) or stored.get("of") != _signature(shape):
        return None
    return tuple(stored["at"])


def move_cursor(connection: Connection, shape: Shape, position: Position) -> None:
    """Stores `position`, or the time an hour ago if that is earlier."""
    if shape.changed_type:
        late = sql.SQL(_SQL["late_commits"]).format(type=fragments.verbatim(shape.changed_type))
        row = connection.execute(late, {"at": position[0]}).fetchone()
        if row is not None and not row[1]:
            position = (row[0],)
    cursor = Jsonb({"of": _signature(shape), "at": list(position)})
    connection.execute(_SQL["move_cursor"], {"theme": shape.theme_id, "cursor": cursor})


def _order(shape: Shape) -> list[sql.Composable]:
    changed = shape.theme.source.changed
    return [*([fragments.parenthesised(changed)] if changed else []), *fragments.source_key(shape)]


def _types(shape: Shape) -> list[str]:
    return [*([shape.changed_type] if shape.changed_type else []), *(key.type for key in shape.key)]


def _compare(shape: Shape, position: Position, operator: str, prefix: str) -> sql.Composed:
    """A row comparison with as many columns as `position` has."""
    if len(position) < len(_types(shape)):
        operator = ">="
    bound = (
        sql.SQL("{}::text::{}").format(sql.Placeholder(f"{prefix}{n}"), fragments.verbatim(_types(shape)[n]))
        for n, _ in enumerate(position)
    )
    columns = _order(shape)[: len(position)]
    return sql.SQL("({}) {} ({})").format(
        fragments.commas(columns), fragments.verbatim(operator), fragments.commas(bound)
    )


def _signature(shape: Shape) -> list[str]:
    keys = [f"{key.name} {key.type}" for key in shape.key]
    return [str(shape.source), shape.theme.source.changed or "", *keys]
