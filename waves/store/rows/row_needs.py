"""What each row of a chunk of candidates needs: a request, a restore, or nothing.

One statement for a chunk compares the row as it is now, its hash, the target and the verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from psycopg import sql

from waves.errors import ConfigurationError
from waves.models import Item
from waves.store import queries
from waves.store.faults import error_name
from waves.store.shape import fragments
from waves.store.transactions import bisected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from waves.store.shape.shape import Shape
    from waves.store.transactions import Connection, FailureShare

    Key = tuple[str, ...]
    Need = Literal["ask", "wait", "restore", "withheld", "done", "out", "clear"]

_SQL = queries.load("gap.sql")
_NOTHING = sql.SQL("")


@dataclass(frozen=True, slots=True)
class RowNeed:
    """Candidate number `n` as its row is now. `wait`: it failed before, and is asked again after a pause. `out`: it is
    refused or quarantined; `clear`: the same, and the target shows a verdict about another content. `withheld`: its
    verdict is of a pilot that was abandoned, and waits for a person. The input is filled for `ask` and `wait` only.
    `tried`: it was asked before, without success; `was_done`: a verdict about another content was applied, and its user
    has not cleared it."""

    n: int
    need: Need
    item: Item
    tried: bool = False
    was_done: bool = False


@dataclass(frozen=True, slots=True)
class Assessment:
    """`work`: the rows to ask about, now or later, or to restore, in the candidates' order. `unreadable`: keys of rows
    whose value PostgreSQL cannot compute, e.g. because of a cast in a view, each with the error's name. `withheld` are
    keys of rows that wait for a person, `stale` of rows to clear.
    `done`: the number of rows that are done."""

    work: tuple[RowNeed, ...]
    unreadable: Mapping[Key, str]
    withheld: tuple[Key, ...]
    stale: tuple[Key, ...]
    done: int


def assess_rows(
    connection: Connection,
    shape: Shape,
    version: str,
    candidates: Sequence[Key],
    share: FailureShare | None = None,
) -> Assessment:
    """The needs of `candidates` (key texts). ConfigurationError if a key stands for more than one row. `share` bounds
    the search for unreadable rows over several calls."""
    query = judged_cte(shape) + sql.SQL(" ") + sql.SQL(_SQL["findings"]).format(inputs=_inputs(shape))
    rows: list[RowNeed] = []

    def read(first: int, last: int) -> None:
        values = candidate_values(shape, version, candidates[first : last + 1])
        rows.extend(_row_need(shape, first, row) for row in connection.execute(query, values).fetchall())

    unreadable = bisected(connection, 0, len(candidates) - 1, read, share)
    _refuse_duplicates(shape, rows)
    work = tuple(row for row in rows if row.need in ("ask", "wait", "restore"))
    withheld, stale = (tuple(candidates[row.n] for row in rows if row.need == need) for need in ("withheld", "clear"))
    done = sum(row.need == "done" for row in rows)
    return Assessment(
        work, {candidates[n]: error_name(error) for n, error in unreadable.items()}, withheld, stale, done
    )


def judged_cte(shape: Shape, also: sql.Composable = _NOTHING) -> sql.Composed:
    """`WITH … judged AS (…)`: rows n, k1 …, entity_key, input_hash, i1 …, need, tried, was_done, and the columns of
    verdict `v` and target row `t` that `also` adds. Bind `candidate_values`."""
    keys = fragments.key_of("c", shape)
    return sql.SQL(_SQL["judged"]).format(
        arrays=fragments.key_arrays(shape),
        names=fragments.key_columns(shape),
        source_row=fragments.source_row(shape),
        source=fragments.relation(shape.source),
        in_scope=fragments.in_scope(shape),
        same_key=fragments.equal(fragments.key_of("s", shape), fragments.cast_keys(shape, keys)),
        need=need_expression(shape),
        was_done=_was_done(shape),
        also=also,
        target_join=target_join(shape, "c"),
    )


def candidate_values(shape: Shape, version: str, candidates: Sequence[Key]) -> dict[str, object]:
    """The values that `judged_cte` binds."""
    return {"theme": shape.theme_id, "version": version, **key_values(shape, candidates)}


def key_values(shape: Shape, keys: Sequence[Key]) -> dict[str, object]:
    """`k1`, `k2` … as lists of texts: what `fragments.key_arrays` binds."""
    columns = zip(*keys, strict=True) if keys else [()] * len(shape.key)
    return dict(zip(fragments.numbered("k", shape.key), map(list, columns), strict=True))


def need_expression(shape: Shape) -> sql.Composed:
    """The need of the current content by verdict `v` and target row `t`: a `Need`."""
    return sql.SQL(_SQL["need"]).format(
        shown=_is_shown(shape),
        cleared=_is_cleared(shape),
        withheld=sql.SQL(_SQL["withheld"]),
        stale=_is_stale(shape),
    )


def is_last_applied(shape: Shape) -> sql.Composable:
    """Whether accepted verdict `v` is the last one written to the target, judged by the verdicts alone. If the target
    has a version column, only verdicts of the same version count: the history of others is not read."""
    if shape.target is None:
        return sql.SQL("true")
    last = _last_applied(shape)
    if shape.columns_changed_at is None:
        return last
    return sql.SQL("({} AND v.applied_at >= {})").format(last, columns_changed_at(shape))


def _last_applied(shape: Shape) -> sql.SQL:
    return sql.SQL(_SQL["last_applied_of_version" if shape.version_column else "last_applied"])


def columns_changed_at(shape: Shape) -> sql.Composed:
    """The moment before which verdicts were written to other columns."""
    return sql.SQL("{}::timestamptz").format(fragments.literal(shape.columns_changed_at or "-infinity"))


def target_join(shape: Shape, row: str) -> sql.Composed:
    """An inner join, because a row without a target row cannot be written; an outer one if the theme inserts."""
    if shape.target is None:
        return sql.SQL("").format()
    kind = sql.SQL("LEFT JOIN" if shape.inserts else "JOIN")
    same = fragments.equal(fragments.target_key(shape), fragments.key_of(row, shape))
    return sql.SQL("{} {} AS t ON {}").format(kind, fragments.relation(shape.target), same)


def _is_shown(shape: Shape) -> sql.Composable:
    if shape.version_column:
        shows = sql.SQL("{} = %(version)s").format(fragments.name("t", shape.version_column))
        return fragments.all_of([shows, is_last_applied(shape)])
    if shape.inserts:
        exists = sql.SQL("{} IS NOT NULL").format(fragments.target_key(shape)[0])
        return fragments.all_of([exists, is_last_applied(shape)])
    return is_last_applied(shape)


def _is_stale(shape: Shape) -> sql.Composable:
    """Whether the target shows a verdict of ours about another content, and the theme wants such a row cleared."""
    if shape.target is None or shape.theme.on_stale == "keep":
        return sql.SQL("false")
    held: sql.Composable = _holds_a_value(shape)
    if shape.version_column:
        held = sql.SQL("{} = %(version)s").format(fragments.name("t", shape.version_column))
    return sql.SQL(_SQL["shows_another"]).format(held=held, last=_last_applied(shape))


def _is_cleared(shape: Shape) -> sql.Composable:
    return sql.SQL("(v.applied_at IS NOT NULL AND {})").format(_version_is_cleared(shape))


def _was_done(shape: Shape) -> sql.Composable:
    return sql.SQL(_SQL["was_done"]).format(cleared=_version_is_cleared(shape))


def _version_is_cleared(shape: Shape) -> sql.Composable:
    if not shape.version_column:
        return sql.SQL("false")
    key, version = fragments.target_key(shape)[0], fragments.name("t", shape.version_column)
    return sql.SQL(_SQL["cleared"]).format(key=key, version=version, still_there=_holds_a_value(shape))


def _holds_a_value(shape: Shape) -> sql.Composable:
    """Whether target row `t` has a value beside the version. A row that was loaded again has none, or the defaults; a
    row whose version alone was cleared by its user has."""
    others = [column for _, column in shape.columns if column.name != shape.version_column]
    if not others:
        return sql.SQL("true")
    values = (
        sql.SQL("({value} IS NOT NULL AND {value}::text IS DISTINCT FROM ({default})::text)").format(
            value=fragments.name("t", column.name), default=fragments.verbatim(column.default or "NULL")
        )
        for column in others
    )
    return sql.SQL("({})").format(sql.SQL(" OR ").join(values))


def _inputs(shape: Shape) -> sql.Composed:
    """Texts are fetched only for rows to ask about: they may be large."""
    return fragments.commas(
        sql.SQL("CASE WHEN need = 'ask' THEN {} END").format(sql.Identifier(each))
        for each in fragments.numbered("i", shape.input)
    )


def _row_need(shape: Shape, offset: int, row: tuple[object, ...]) -> RowNeed:
    n, need, tried, was_done, entity_key, input_hash, *texts = row
    names = (column.name for column in shape.input)
    item = Item(str(entity_key), str(input_hash), dict(zip(names, texts, strict=True)))  # type: ignore[arg-type]
    return RowNeed(offset + int(n) - 1, need, item, bool(tried), bool(was_done))  # type: ignore[call-overload,arg-type]


def _refuse_duplicates(shape: Shape, rows: Sequence[RowNeed]) -> None:
    """A table's key is unique by its index; for a view only the rows show it."""
    if any(row.n == following.n for row, following in pairwise(rows)):
        raise duplicate_key(shape)


def duplicate_key(shape: Shape) -> ConfigurationError:
    """The error for a view with more than one row under the same key."""
    columns = ", ".join(column.name for column in shape.key)
    return ConfigurationError(
        f"{shape.source} has more than one row with the same key ({columns})",
        f"choose key columns that are unique in {shape.source}, or correct the view",
    )
