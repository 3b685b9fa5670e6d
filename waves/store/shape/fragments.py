"""Pieces of SQL made from a `Shape`: its names, its row expressions, the operator's own conditions.

Every query made of them is executed with a mapping of values, so each per cent sign in a name or in the operator's SQL
is doubled here. In a query `t` is the target, `e` an entry, `k1`, `k2` … the key in its own types; the source has no
alias, so that `source.where` may name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from waves.store import queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from waves.store.shape.shape import Column, Relation, Shape

_SQL = queries.load("row.sql")
SESSION_SETTINGS = _SQL["settings"]
READ_ONLY = _SQL["reading"]


def verbatim(text: str) -> sql.SQL:
    """Text that is SQL already: a type's name from pg_catalog, or the operator's own from theme.yaml."""
    return sql.SQL(text.replace("%", "%%"))


def name(*names: str) -> sql.SQL:
    return verbatim(sql.Identifier(*names).as_string(None))


def relation(of: Relation) -> sql.SQL:
    return name(of.schema, of.name)


def column(of: Relation, what: Column) -> sql.SQL:
    return name(of.schema, of.name, what.name)


def commas(items: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(items)


def all_of(items: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(" AND ").join(items)


def numbered(letter: str, columns: Sequence[Column]) -> list[str]:
    """`k1`, `k2` … for the columns."""
    return [f"{letter}{n}" for n, _ in enumerate(columns, 1)]


def parenthesised(text: str) -> sql.Composed:
    """The operator's SQL as one operand; the line break keeps a comment at its end from swallowing SQL of ours."""
    return sql.SQL("(\n{}\n)").format(verbatim(text))


def source_key(shape: Shape) -> list[sql.SQL]:
    return [column(shape.source, key) for key in shape.key]


def target_key(shape: Shape, alias: str = "t") -> list[sql.SQL]:
    return [name(alias, key.name) for key in shape.target_key]


def as_text(columns: Iterable[sql.Composable]) -> list[sql.Composed]:
    return [sql.SQL("{}::text").format(column) for column in columns]


def entity_key(shape: Shape) -> sql.Composed:
    key = source_key(shape)
    if len(key) == 1:
        return sql.SQL(_SQL["single_key"]).format(column=key[0])
    return sql.SQL(_SQL["composite_key"]).format(columns=commas(as_text(key)))


def input_hash(shape: Shape) -> sql.Composed:
    columns = as_text(column(shape.source, each) for each in shape.input)
    return sql.SQL(_SQL["input_hash"]).format(columns=commas(columns))


def source_row(shape: Shape) -> sql.Composed:
    """The select list of a row of the source: `k1 …, entity_key, input_hash, i1 …`."""
    pairs: list[tuple[sql.Composable, str]] = list(zip(source_key(shape), numbered("k", shape.key), strict=True))
    pairs += [(entity_key(shape), "entity_key"), (input_hash(shape), "input_hash")]
    texts = as_text(column(shape.source, each) for each in shape.input)
    pairs += zip(texts, numbered("i", shape.input), strict=True)
    return commas(sql.SQL("{} AS {}").format(what, sql.Identifier(alias)) for what, alias in pairs)


def in_scope(shape: Shape) -> sql.Composed:
    """The condition for the rows of the source that the theme covers."""
    conditions: list[sql.Composable] = [sql.SQL("{} IS NOT NULL").format(key) for key in source_key(shape)]
    if shape.theme.source.where:
        conditions.append(parenthesised(shape.theme.source.where))
    return all_of(conditions)


def equal(left: Iterable[sql.Composable], right: Iterable[sql.Composable]) -> sql.Composed:
    """`a1 = b1 AND a2 = b2`."""
    return all_of(sql.SQL("{} = {}").format(a, b) for a, b in zip(left, right, strict=True))


def key_of(alias: str, shape: Shape) -> list[sql.SQL]:
    """`alias.k1 …`: key columns of one of our own tables, in the source's types."""
    return [name(alias, each) for each in numbered("k", shape.key)]


def key_arrays(shape: Shape) -> sql.Composed:
    """The arguments of `unnest` for candidate keys bound as `k1 …`, lists of texts."""
    return commas(sql.SQL("{}::text[]").format(sql.Placeholder(each)) for each in numbered("k", shape.key))


def key_columns(shape: Shape) -> sql.Composed:
    return commas(sql.Identifier(each) for each in numbered("k", shape.key))


def cast_keys(shape: Shape, texts: Iterable[sql.Composable]) -> list[sql.Composed]:
    """Key texts in the source's own types, so that its index can be used."""
    pairs = zip(texts, shape.key, strict=True)
    return [sql.SQL("({})::{}").format(text, verbatim(key.type)) for text, key in pairs]


def key_of_entry(shape: Shape) -> list[sql.Composed]:
    """The key columns' values from `e.entity_key`."""
    whole = sql.SQL("e.entity_key")
    if len(shape.key) == 1:
        return cast_keys(shape, [whole])
    pieces = [sql.SQL("e.entity_key::jsonb ->> {}").format(sql.SQL(str(n))) for n, _ in enumerate(shape.key)]
    return cast_keys(shape, pieces)


def literal(text: str) -> sql.SQL:
    return verbatim(sql.Literal(text).as_string(None))
