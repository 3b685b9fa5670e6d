"""Entries → target: lock in key order, compare with the row as it is now, write, audit. Shared by collect and restore.

Runs inside one transaction. The tables `wave_entry` (what was judged), `wave_row` (entries whose row still has that
content) and `wave_applied` (entries that the target took) are temporary and end with it; rows are numbered `n`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from psycopg import sql
from psycopg.errors import InvalidParameterValue

from waves.errors import ConfigurationError
from waves.store import queries
from waves.store.connect import scalar
from waves.store.faults import error_name
from waves.store.merge import statements as merge_statements
from waves.store.rows.row_needs import candidate_values, judged_cte
from waves.store.shape import column_values, fragments
from waves.store.transactions import FailureShare, bisected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Error

    from waves.store.rows.row_needs import Key
    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection

_SQL = queries.load("merge.sql")

_SOME = 20
"""The number of written rows whose content is read again."""

Refused = dict[int, str]
"""Entry number → the reason why the target did not take it, without row text."""


def create_tables(connection: Connection, shape: Shape) -> None:
    pairs = zip(fragments.numbered("k", shape.key), shape.key, strict=True)
    columns = fragments.commas(
        sql.SQL("{} {}").format(sql.Identifier(name), fragments.verbatim(key.type)) for name, key in pairs
    )
    with suppress(InvalidParameterValue), connection.transaction():
        # Keeps a large wave's tables in memory. Refused once a session has used temporary tables.
        connection.execute("SET LOCAL temp_buffers = '64MB'")
    connection.execute("SET LOCAL default_statistics_target = 10")  # for these tables only the size matters
    # The rows of a wave are close together; at the price of disk seeks the planner would read whole tables instead.
    connection.execute("SET LOCAL random_page_cost = 1.1")
    connection.execute(sql.SQL(_SQL["create_tables"]).format(key_columns=columns))
    # A deferred constraint would fail at COMMIT, where the row at fault can no longer be found.
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


def lock_active_version(connection: Connection, shape: Shape) -> str | None:
    """The theme's active version, which no other transaction can change until this one ends."""
    version: str | None = scalar(connection, _SQL["lock_theme"], {"theme": shape.theme_id})
    return version


def lock_entries(connection: Connection, shape: Shape) -> None:
    _lock(connection, shape, sql.SQL(_SQL["entries"]), fragments.key_of_entry(shape), {})


def lock_candidates(connection: Connection, shape: Shape, bound: dict[str, object]) -> None:
    """Like `lock_entries`, for keys that are bound as arrays `k1 …`."""
    rows = sql.SQL(_SQL["candidates"]).format(arrays=fragments.key_arrays(shape), names=fragments.key_columns(shape))
    _lock(connection, shape, rows, fragments.cast_keys(shape, fragments.key_of("c", shape)), bound)


def match_entries(connection: Connection, shape: Shape, entries: int) -> int:
    """Finds the entries 0 … `entries` - 1 whose row still has the content that was judged. Returns their number. A row
    that can no longer be computed does not count."""
    connection.execute(_SQL["analyze_entries"])
    query = merge_statements.match_statement(shape)

    def act(low: int, high: int) -> None:
        connection.execute(query, {"low": low, "high": high})

    bisected(connection, 0, entries - 1, act, FailureShare())
    connection.execute(_SQL["analyze_rows"])
    count, _, _ = _count_rows(connection)
    return count


def fill_from_verdicts(connection: Connection, shape: Shape, version: str, keys: Sequence[Key]) -> None:
    """Fills entries and rows from the accepted verdicts that the target does not show for the rows of `keys`."""
    also = sql.SQL(_SQL["from_verdict"]).format(before=merge_statements.before_in_target(shape))
    fill = sql.SQL(_SQL["fill_from_verdicts"]).format(keys=fragments.key_columns(shape))
    query = judged_cte(shape, also) + fill

    def act(low: int, high: int) -> None:
        connection.execute(query, {**candidate_values(shape, version, keys[low : high + 1]), "first": low})

    bisected(connection, 0, len(keys) - 1, act)
    connection.execute(_SQL["analyze_entries"])
    connection.execute(_SQL["analyze_rows"])


def write_target(connection: Connection, shape: Shape, version: str, run_id: str | None, reason: str) -> Refused:
    """Writes every matched entry to the target, and an audit entry for each row that this changes."""
    audited = sql.SQL(" ") + sql.SQL(_SQL["audit_changed"])
    statements = [
        merge_statements.update_statement(shape) + audited,
        *([merge_statements.insert_statement(shape) + audited] if shape.inserts else []),
    ]
    bound = {**column_values.bindings(shape, version), "theme": shape.theme_id, "run": run_id, "reason": reason}

    def act(low: int, high: int) -> None:
        for statement in statements:
            connection.execute(statement, {**bound, "low": low, "high": high})

    count, low, high = _count_rows(connection)
    refused = {n: _refusal(error) for n, error in bisected(connection, low, high, act).items()} if count else {}
    if shape.inserts:
        for n in _inserted_meanwhile(connection, shape):
            refused.pop(n, None)
            refused |= {n: _refusal(error) for n, error in bisected(connection, n, n, act).items()}
    for (n,) in connection.execute(_SQL["suppressed"]).fetchall():
        refused.setdefault(n, "the target did not take the row: a trigger or a policy suppressed it, or its version")
    _require_unchanged_input(connection, shape)
    return refused


def audit_refused(connection: Connection, shape: Shape, run_id: str | None, refused: Refused) -> tuple[str, ...]:
    """Audits the refused entries. Returns their entity keys."""
    bound = {"run": run_id, "theme": shape.theme_id, **refused_arrays(refused)}
    return tuple(key for (key,) in connection.execute(sql.SQL(_SQL["audit_refused"]).format(), bound).fetchall())


def refused_arrays(refused: Refused) -> dict[str, object]:
    return {"refused": list(refused), "reasons": list(refused.values())}


def applied_at_sql() -> sql.SQL:
    """A time later than any at which a verdict of these rows was applied, even if the clock was set back."""
    return sql.SQL(_SQL["applied_at"])


def _lock(
    connection: Connection, shape: Shape, rows: sql.Composable, keys: list[sql.Composed], bound: dict[str, object]
) -> None:
    if shape.target is None:
        return
    key = fragments.target_key(shape)
    query = sql.SQL(_SQL["lock_target"]).format(
        target=fragments.relation(shape.target),
        rows=rows,
        same_key=fragments.equal(key, keys),
        order=fragments.commas(key),
    )
    connection.execute(query, bound)


def _require_unchanged_input(connection: Connection, shape: Shape) -> None:
    """ConfigurationError if a write changes the row's own input, e.g. through a trigger that sets a column of
    `source.input`: every row would be paid for again in every fire."""
    query = sql.SQL(_SQL["moved"]).format(
        source_row=fragments.source_row(shape),
        source=fragments.relation(shape.source),
        in_scope=fragments.in_scope(shape),
        same_key=fragments.equal(fragments.key_of("s", shape), fragments.key_of("r", shape)),
    )
    written, moved = connection.execute(query, {"some": _SOME}).fetchone() or (0, 0)
    if moved and moved == written and (shape.same_table or written > 1):  # else another session may have edited the row
        raise ConfigurationError(
            f"a write to {shape.target} changes the columns of source.input: each row would be asked about again",
            "name under source.input only columns that no trigger and no generated column changes on a write; "
            "then `wave abandon` this wave",
        )


def _inserted_meanwhile(connection: Connection, shape: Shape) -> list[int]:
    """Rows to insert that the target has by now. Locks them, and records their present values as the values before."""
    if shape.target is None:
        return []
    key = fragments.target_key(shape)
    query = sql.SQL(_SQL["overtaken"]).format(
        before=merge_statements.target_json(shape),
        target=fragments.relation(shape.target),
        same_key=fragments.equal(key, fragments.key_of("r", shape)),
        order=fragments.commas(key),
    )
    return [n for (n,) in connection.execute(query).fetchall()]


def _refusal(error: Error) -> str:
    """SQLSTATE and names from the catalogue; the server's own message may hold row text."""
    where = error.diag.constraint_name or error.diag.column_name
    return f"the target refused it: {error_name(error)}" + (f" at {where}" if where else "")


def _count_rows(connection: Connection) -> tuple[int, int, int]:
    """The number of matched entries, the lowest and the highest of their numbers (NULL if there are none)."""
    row = connection.execute(_SQL["count_rows"]).fetchone()
    if row is None:
        raise AssertionError("count_rows")
    return (row[0], row[1], row[2])
