"""What works but is slow or leaves rows out in a theme's shape, with the statement that fixes it: for `wave doctor`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from psycopg import sql

from waves.store import queries
from waves.store.catalog import names
from waves.store.rows import candidates
from waves.store.shape.shape import Advice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from waves.store.connect import Database
    from waves.store.shape.shape import Relation, Shape

_SQL = queries.load("catalog.sql")


def advise(db: Database, shape: Shape) -> tuple[Advice, ...]:
    """Advice for a shape that is otherwise valid."""
    return (
        *_key_advice(db, shape),
        *_version_advice(db, shape),
        *_priority_advice(db, shape),
        *_changed_advice(db, shape),
    )


def _key_advice(db: Database, shape: Shape) -> list[Advice]:
    known = names.attributes(db, shape.source)
    return [
        Advice(
            f"{column.name} of {shape.source} may be NULL: a row whose key has a NULL is not in scope, and never asked",
            f"ALTER TABLE {_quoted(shape.source)} ALTER COLUMN {names.quoted(column.name)} SET NOT NULL;",
        )
        for column in shape.key
        if known[column.name].nullable
    ]


def _version_advice(db: Database, shape: Shape) -> list[Advice]:
    if shape.target is None:
        return [Advice("without a target every fire compares the whole source with the verdicts")]
    if shape.version_column is None:
        add = f"ALTER TABLE {_quoted(shape.target)} ADD COLUMN rubric_version text;"
        return [Advice("without a $version column every fire compares the whole source with the verdicts", add)]
    advice = []
    if shape.inserts:
        advice.append(Advice(f"target.insert: every fire compares all of {shape.source} with {shape.target}"))
    columns = [shape.version_column, *(column.name for column in shape.target_key)]
    if not _indexed(db, shape.target, columns):
        message = f"{shape.target} has no index on ({', '.join(columns)}): every fire reads the whole table"
        advice.append(Advice(message, _create(shape.target, map(names.quoted, columns))))
    return advice


def _priority_advice(db: Database, shape: Shape) -> list[Advice]:
    """By the planner: with an index in the priority's order it has nothing to sort."""
    priority = shape.theme.source.priority
    if not priority or not _sorts(db, shape):
        return []
    first = [names.quoted(shape.version_column)] if shape.same_table and shape.version_column else []
    key = (names.quoted(column.name) for column in shape.key)
    statement = _create(shape.source, [*first, priority, *key]) if shape.source.is_table else None
    return [Advice(f"no index is in the order of source.priority ({priority}): every fire sorts the gap", statement)]


def _changed_advice(db: Database, shape: Shape) -> list[Advice]:
    changed = shape.theme.source.changed
    if not changed or not shape.source.is_table or _indexed(db, shape.source, [changed]):
        return []
    message = f"no index of {shape.source} begins with source.changed ({changed}): every fire sorts the table"
    return [Advice(message, _create(shape.source, [changed]))]


def _indexed(db: Database, relation: Relation, columns: list[str]) -> bool:
    indexes = names.indexes(db, relation)
    return any(list(index.columns[: len(columns)]) == columns and not index.partial for index in indexes)


def _sorts(db: Database, shape: Shape) -> bool:
    query = candidates.branches(shape)[0].query
    with db.transaction():
        db.connection.execute("SET LOCAL enable_sort = off")
        db.connection.execute("SET LOCAL enable_seqscan = off")
        explain = sql.SQL(_SQL["explain"]).format(query=query)
        plan = db.scalar(explain, {"theme": shape.theme_id, "version": "v1"})
    return 'Sort"' in json.dumps(plan)  # Incremental Sort as well: it sorts all rows of a version


def _create(relation: Relation, columns: Iterable[str]) -> str:
    return f"CREATE INDEX CONCURRENTLY ON {_quoted(relation)} ({', '.join(columns)});"


def _quoted(relation: Relation) -> str:
    return f"{names.quoted(relation.schema)}.{names.quoted(relation.name)}"
