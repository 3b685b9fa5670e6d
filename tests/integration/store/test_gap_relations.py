"""The gap on relations of every kind: keys of any type, views, tables of its own, values that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from waves.errors import BadDataError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres


UGLY = Path(__file__).parents[2] / "data"


def test_hostile_keys_are_only_keys(on_table: Make) -> None:
    keys = [
        "../../etc/passwd",
        "a/b",
        "Twin",
        "twin",
        "x" * 300,
        "'; DROP TABLE docs; --",
        '"',
        "\\",
        "%s",
        "\u00e9",
        "e\u0301",
        " ",
    ]
    corpus = on_table(
        "CREATE TABLE docs (id text PRIMARY KEY, content text, labels text, confidence float8, version text);"
        "CREATE INDEX ON docs (version, id)",
        relation="docs",
        table="docs",
        inputs=("content",),
    )
    for key in keys:
        corpus.run("INSERT INTO docs (id, content) VALUES (%s, 'c')", key)
    assert sorted(corpus.fire()) == sorted(keys)
    assert corpus.run("SELECT count(*) FROM docs WHERE version IS NOT NULL") == [(len(keys),)]
    assert corpus.fire() == []
    corpus.run("UPDATE docs SET content = 'd' WHERE id = 'twin'")
    assert corpus.fire() == ["twin"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("uuid", ["6ca21976-1232-446f-81c4-0d12a9696a87", "7ca21976-1232-446f-81c4-0d12a9696a87"]),
        ("date", ["2026-11-20", "2026-12-01"]),
        ("timestamptz", ["2026-11-20 03:00:00+05", "2026-11-20 00:00:00+00"]),
        ("numeric(12,3)", ["1.500", "20"]),
        ("smallint", ["9", "10"]),
        ("char(5)", ["ab", "cde"]),
        ("interval", ["1 day", "2 mons"]),
        ("bytea", ["\\x00ff", "\\x01"]),
    ],
)
def test_any_type_with_a_text_form_serves_as_key(on_table: Make, kind: str, values: list[str]) -> None:
    corpus = on_table(
        f"CREATE TABLE docs (id {kind} PRIMARY KEY, content text, labels text, confidence real, version varchar(20))",
        relation="docs",
        table="docs",
        inputs=("content",),
    )
    for value in values:
        corpus.run(f"INSERT INTO docs (id, content) VALUES (%s::{kind}, 'c')", value)
    corpus.run("SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'German'; SET bytea_output = 'escape'")
    assert len(corpus.fire()) == 2
    corpus.run("SET TimeZone = 'UTC'; SET DateStyle = 'SQL'")
    assert corpus.fire() == []
    corpus.run("UPDATE docs SET content = 'd'")
    assert len(corpus.fire()) == 2
    assert corpus.fire() == []


def test_composite_keys_are_json_arrays_and_find_their_row(on_table: Make) -> None:
    corpus = on_table(
        "CREATE TABLE pages (site text, day date, n int, body text, labels jsonb, version text, "
        "PRIMARY KEY (site, day, n)); INSERT INTO pages SELECT s, '2026-11-20', g, 'b' FROM "
        "unnest(ARRAY['a\"b', 'A,B']) s, generate_series(1, 2) g",
        relation="pages",
        table="pages",
        key=("site", "day", "n"),
        inputs=("body",),
        columns=(("$labels", "labels"), ("$version", "version")),
    )
    assert sorted(map(json.loads, corpus.fire())) == [
        [site, "2026-11-20", str(n)] for site in ("A,B", 'a"b') for n in (1, 2)
    ]
    corpus.run("UPDATE pages SET body = 'c' WHERE site = 'A,B' AND n = 2")
    assert corpus.fire() == ['["A,B", "2026-11-20", "2"]']
    corpus.run("UPDATE pages SET version = 'v0'")
    assert corpus.take().restored == 4


@pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW"])
def test_views_and_materialised_views_are_sources(comments: Make, kind: str) -> None:
    corpus = comments(0)
    corpus.run("INSERT INTO comments (id, content) SELECT g, 'c' FROM generate_series(1, 5) g")
    corpus.run(f"CREATE {kind} shown AS SELECT id, upper(content) AS loud FROM comments WHERE id <> 4")
    again = type(corpus)(corpus.db, _theme_on(corpus, "shown", ("loud",)))
    assert again.fire() == ["1", "2", "3", "5"]
    assert again.fire() == []
    corpus.run("UPDATE comments SET content = 'd' WHERE id = 2")
    if kind == "MATERIALIZED VIEW":
        assert again.fire() == []
        corpus.run("REFRESH MATERIALIZED VIEW shown")
    assert again.fire() == ["2"]


def test_a_view_whose_keys_are_not_unique_is_a_configuration_error(comments: Make) -> None:
    corpus = comments(3)
    corpus.run("CREATE VIEW doubled AS SELECT c.id, c.content FROM comments c, generate_series(1, 2)")
    twice = type(corpus)(corpus.db, _theme_on(corpus, "doubled", ("content",)))
    with pytest.raises(ConfigurationError, match=r"public\.doubled has more than one row with the same key \(id\)"):
        twice.take()


def test_rows_of_the_target_without_a_source_row_and_null_keys_drop_out(on_table: Make) -> None:
    corpus = on_table(
        "CREATE TABLE target (id int PRIMARY KEY, labels text, confidence float8, version text);"
        "CREATE INDEX ON target (version, id); INSERT INTO target (id) SELECT generate_series(1, 4);"
        "CREATE TABLE source (id bigint UNIQUE, content text);"
        "INSERT INTO source VALUES (2, 'a'), (3, 'b'), (NULL, 'c'), (9, 'd')",
        relation="source",
        table="target",
        inputs=("content",),
    )
    assert corpus.fire() == ["2", "3"]
    assert corpus.take().exhausted
    assert corpus.fire() == []


@pytest.mark.parametrize("column", [True, False], ids=["version column", "no version column"])
def test_a_theme_may_insert_into_a_table_of_its_own(on_table: Make, column: bool) -> None:
    corpus = on_table(
        "CREATE TABLE verdicts (doc bigint PRIMARY KEY, labels text[], version text);"
        "CREATE TABLE docs (id bigint PRIMARY KEY, content text);"
        "INSERT INTO docs SELECT g, 'c' FROM generate_series(1, 5) g",
        relation="docs",
        table="verdicts",
        target_key=("doc",),
        inputs=("content",),
        columns=(("$labels", "labels"), *([("$version", "version")] if column else [])),
        insert=True,
    )
    assert len(corpus.fire(3)) == 3
    assert len(corpus.fire(3)) == 2
    assert corpus.run("SELECT array_agg(doc ORDER BY doc), labels FROM verdicts GROUP BY 2") == [
        ([1, 2, 3, 4, 5], ["question"])
    ]
    corpus.run("UPDATE docs SET content = 'd' WHERE id = 4")
    assert corpus.fire() == ["4"]
    corpus.run("DELETE FROM verdicts WHERE doc = 2")
    assert corpus.take().restored == 1
    corpus.activate(corpus.v2)
    assert len(corpus.fire(labels=["other"])) == 5
    corpus.activate(corpus.v1)
    assert corpus.take().restored == 5
    assert corpus.take().restored == 0


def test_a_theme_without_a_target_keeps_its_verdicts_in_history(comments: Make) -> None:
    corpus = comments(5, columns=None)
    assert len(corpus.fire(3)) == 3
    assert len(corpus.fire(3)) == 2
    assert corpus.fire() == []
    corpus.run("UPDATE comments SET content = 'd' WHERE id = 4")
    assert corpus.fire() == ["4"]
    corpus.activate(corpus.v2)
    assert len(corpus.fire()) == 5


def test_a_target_without_a_version_column_follows_the_active_version(comments: Make) -> None:
    corpus = comments(5, columns=(("$labels", "labels"),))
    corpus.fire(labels=["one"])
    assert corpus.fire() == []
    corpus.activate(corpus.v2)
    assert len(corpus.fire(labels=["two"])) == 5
    corpus.activate(corpus.v1)
    assert corpus.take().restored == 5
    assert corpus.run("SELECT DISTINCT labels FROM comments") == [('["one"]',)]


def test_ugly_input_arrives_as_it_is(comments: Make) -> None:
    texts = [
        json.loads(line) for name in ("blns", "synthetic") for line in (UGLY / f"{name}.jsonl").read_text().splitlines()
    ]
    inputs = [str(text.get("text") if isinstance(text, dict) else text) for text in texts]
    inputs += ["", "مرحبا بالعالم", "👩‍👩‍👧‍👦 e\u0301", "x" * 1_000_000, "\\u0000", "a\tb\nc\rd\x01"]
    inputs = [text for text in inputs if "\x00" not in text and text.encode(errors="replace").decode() == text]
    corpus = comments(0)
    for n, text in enumerate(inputs):
        corpus.run("INSERT INTO comments (id, content) VALUES (%s, %s)", n, text)
    taken = corpus.take(len(inputs))
    assert [item.input["content"] for item in taken.items] == inputs
    assert len(corpus.fire(len(inputs))) == len(inputs)
    assert corpus.fire() == []


def test_a_row_whose_value_cannot_be_computed_costs_that_row_only(comments: Make) -> None:
    corpus = comments(300)
    corpus.run("UPDATE comments SET note = id")
    corpus.run("UPDATE comments SET note = 'not a number' WHERE id IN (100, 200)")
    corpus.run("CREATE VIEW numbers AS SELECT id, note::int AS number FROM comments")
    numbers = type(corpus)(corpus.db, _theme_on(corpus, "numbers", ("number",)))
    taken = numbers.take()
    why = "InvalidTextRepresentation (22P02)"
    assert (len(taken.items), taken.unreadable, taken.exhausted) == (298, {("100",): why, ("200",): why}, True)
    merge = numbers.collect(numbers.open_wave(taken.items))
    assert (merge.matched, merge.orphaned) == (298, 0)
    corpus.run("UPDATE comments SET note = '7' WHERE id = 200")
    assert numbers.fire() == ["200"]


def test_where_most_rows_cannot_be_computed_each_is_counted(comments: Make) -> None:
    corpus = comments(2000)
    corpus.run("UPDATE comments SET note = CASE WHEN id <= 1990 THEN 'no number' ELSE id::text END")
    corpus.run("CREATE VIEW numbers AS SELECT id, note::int AS number FROM comments")
    numbers = type(corpus)(corpus.db, _theme_on(corpus, "numbers", ("number",)))
    taken = numbers.take()
    assert set(taken.unreadable) >= {(str(n),) for n in range(1, 1991)}
    assert (len(taken.unreadable) + len(taken.items), taken.exhausted) == (2000, True)


def test_a_where_that_fails_on_a_row_is_bad_data_without_the_rows_text(comments: Make) -> None:
    corpus = comments(3, where="note::int > 0")
    corpus.run("UPDATE comments SET note = 'secret text'")
    with pytest.raises(BadDataError) as caught:
        corpus.take()
    assert "secret" not in caught.value.message + caught.value.hint


SETTINGS = {
    "TimeZone": ("UTC", "America/New_York"),
    "DateStyle": ("ISO, DMY", "German"),
    "IntervalStyle": ("postgres", "iso_8601"),
    "extra_float_digits": ("1", "-15"),
    "bytea_output": ("hex", "escape"),
    "lc_monetary": ("C", "C.UTF-8"),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_the_session_do_not_change_the_hash(on_table: Make, setting: str) -> None:
    corpus = on_table(
        "CREATE TABLE odd (id int PRIMARY KEY, moment timestamptz, day date, span interval, number float8, "
        "bytes bytea, price money, labels text, version text);"
        "INSERT INTO odd VALUES (1, '2026-11-20 12:00+00', '2026-02-01', '1 day 2 hours', 0.1 + 0.2, '\\x00ff', 1.5)",
        relation="odd",
        table="odd",
        inputs=("moment", "day", "span", "number", "bytes", "price"),
        columns=(("$labels", "labels"), ("$version", "version")),
    )
    seen: list[Any] = []
    for value in SETTINGS[setting]:
        corpus.run("SELECT set_config(%s, %s, false)", setting, value)
        seen.append(corpus.take().items)
    assert seen[0] == seen[1]
    corpus.fire()
    corpus.run("SELECT set_config(%s, %s, false)", setting, SETTINGS[setting][0])
    assert corpus.fire() == []


def _theme_on(corpus: Corpus, relation: str, inputs: tuple[str, ...]) -> Any:
    from dataclasses import replace

    return replace(corpus.theme, source=replace(corpus.theme.source, relation=relation, input=inputs))
