"""What an evaluation reads from the database and stores there: rows by their keys, the gold column, and results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

from waves.errors import ConfigurationError
from waves.models import Item
from waves.store import faults, queries
from waves.store.catalog import names as catalog_names
from waves.store.rows.row_needs import duplicate_key, key_values
from waves.store.shape import fragments
from waves.store.transactions import bisected, snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from waves.config.theme import GoldRelation
    from waves.store.connect import Database
    from waves.store.rows.row_needs import Key
    from waves.store.shape.shape import Shape

_SQL = queries.load("evaluations.sql")
_AT_ONCE = 5_000


def rows_by_key(db: Database, shape: Shape, keys: Sequence[Key]) -> dict[int, Item]:
    """The rows of the source with these keys (texts), as prepare takes them, by the keys' positions. A key that has no
    row, or that is not a valid key, is left out. ConfigurationError if a key stands for more than one row."""
    query = sql.SQL(_SQL["rows"]).format(
        inputs=fragments.commas(sql.Identifier("s", each) for each in fragments.numbered("i", shape.input)),
        arrays=fragments.key_arrays(shape),
        names=fragments.key_columns(shape),
        source_row=fragments.source_row(shape),
        source=fragments.relation(shape.source),
        in_scope=fragments.in_scope(shape),
        same_key=fragments.equal(
            fragments.key_of("s", shape), fragments.cast_keys(shape, fragments.key_of("c", shape))
        ),
    )
    names = [column.name for column in shape.input]
    items: dict[int, Item] = {}
    with faults.mapped(), snapshot(db) as connection:

        def read(first: int, last: int) -> None:
            values = key_values(shape, keys[first : last + 1])
            for n, entity_key, input_hash, *texts in connection.execute(query, values):
                if first + n - 1 in items:
                    raise duplicate_key(shape)
                items[first + n - 1] = Item(entity_key, input_hash, dict(zip(names, texts, strict=True)))

        for start in range(0, len(keys), _AT_ONCE):
            bisected(connection, start, min(start + _AT_ONCE, len(keys)) - 1, read)
    return items


def gold_column(db: Database, shape: Shape, gold: GoldRelation) -> list[tuple[Key, str]]:
    """(key, text) of every row whose gold column is not NULL, in the order of the keys."""
    relation = catalog_names.find_relation(db, gold.relation, "gold.relation")
    known = catalog_names.attributes(db, relation)
    key = catalog_names.pick(relation, known, gold.key, "gold.key")
    (column,) = catalog_names.pick(relation, known, [gold.column], "gold.column")
    catalog_names.require_rights(db, relation, known, [*key, column], "SELECT")
    if len(key) != len(shape.key):
        raise ConfigurationError(
            "source.key and gold.key have different numbers of columns", "name the columns of both in the same order"
        )
    keys = [fragments.column(relation, each) for each in key]
    query = sql.SQL(_SQL["gold_column"]).format(
        column=fragments.column(relation, column),
        key=fragments.commas(fragments.as_text(keys)),
        relation=fragments.relation(relation),
        order=fragments.commas(keys),
    )
    with faults.mapped(), snapshot(db) as connection:
        return [(tuple(texts), value) for value, *texts in connection.execute(query, {})]


def store_evaluation(db: Database, theme_id: str, report: Mapping[str, Any]) -> None:
    """Enters the result of one setting; nothing if the newest row of this setting has the same report."""
    columns = (
        "rubric_version",
        "backend",
        "model",
        "batch_size",
        "gold_sha256",
        "items",
        "whole",
        "answered",
        "cost_usd",
    )
    values = {name: report[name] for name in columns}
    macro = report["macro"]["f1"] if report["macro"] else None
    db.execute(_SQL["store"], {**values, "theme_id": theme_id, "macro_f1": macro, "report": Jsonb(dict(report))})
