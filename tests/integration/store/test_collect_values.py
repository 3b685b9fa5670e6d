"""Values on their way into the target: every type that takes them; those that it refuses cost their row only."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from waves.errors import ConfigurationError
from waves.store.rows.known_rows import prior_verdicts
from waves.store.tables import audit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres


TRIGGER = """
    CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'will not have %', new.content; END $$;
    CREATE TRIGGER picky BEFORE UPDATE ON comments FOR EACH ROW WHEN (new.id IN (7, 20)) EXECUTE FUNCTION picky();
"""
DEFERRED = """
    CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation; END $$;
    CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON comments DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (new.id IN (7, 20)) EXECUTE FUNCTION late();
"""
SILENT = """
    CREATE FUNCTION silent() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER silent BEFORE UPDATE ON comments FOR EACH ROW WHEN (new.id IN (7, 20)) EXECUTE FUNCTION silent();
"""
CODED = """
    CREATE FUNCTION coded() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE 'will not have %', new.content USING ERRCODE = '{}'; END $$;
    CREATE TRIGGER coded BEFORE UPDATE ON comments FOR EACH ROW WHEN (new.id IN (7, 20)) EXECUTE FUNCTION coded();
"""
CHECK = "ALTER TABLE comments ADD CONSTRAINT odd CHECK (version IS NULL OR id NOT IN (7, 20))"


@pytest.mark.parametrize(
    ("defence", "why"),
    [
        (TRIGGER, "the target refused it: RaiseException (P0001)"),
        (DEFERRED, "the target refused it: CheckViolation (23514)"),
        (SILENT, "the target did not take the row: a trigger or a policy suppressed it, or its version"),
        (CHECK, "the target refused it: CheckViolation (23514) at odd"),
        (CODED.format("UE001"), "the target refused it: DatabaseError (UE001)"),
        (CODED.format("P0002"), "the target refused it: NoDataFound (P0002)"),
        (CODED.format("42501"), "the target refused it: InsufficientPrivilege (42501)"),
    ],
    ids=["trigger", "deferred trigger", "silent trigger", "constraint", "own code", "no data found", "no right"],
)
def test_rows_that_the_target_refuses_are_quarantined_alone(comments: Make, defence: str, why: str) -> None:
    corpus = comments(40)
    manifest = corpus.opened()
    corpus.db.connection.execute(defence)
    merge = corpus.collect(manifest)
    assert (merge.matched, sorted(merge.refused_by_target)) == (40, ["20", "7"])
    assert corpus.run("SELECT id FROM comments WHERE version IS NULL ORDER BY id") == [(7,), (20,)]
    quarantined = "SELECT entity_key, reason, applied_at FROM waves.verdict WHERE state = 'quarantined' ORDER BY 1"
    assert corpus.run(quarantined) == [("20", why, None), ("7", why, None)]
    assert corpus.run("SELECT entity_id FROM waves.audit_log WHERE after_json ? 'state' ORDER BY 1") == [
        ("20",),
        ("7",),
    ]
    assert corpus.run("SELECT count(*) FROM waves.audit_log WHERE after_json ? 'labels'") == [(38,)]
    assert corpus.fire() == []


def test_a_version_that_a_trigger_takes_away_is_not_asked_for_again(comments: Make) -> None:
    corpus = comments(5)
    corpus.db.connection.execute("""
        CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.version := NULL; RETURN new; END';
        CREATE TRIGGER wipe BEFORE UPDATE ON comments FOR EACH ROW WHEN (new.id < 3) EXECUTE FUNCTION wipe();
    """)
    manifest = corpus.opened()
    assert sorted(corpus.collect(manifest).refused_by_target) == ["1", "2"]
    assert corpus.take().items == ()
    assert corpus.run("SELECT before_json->'labels', after_json->'labels' FROM waves.audit_log WHERE entity_id = '1'")[
        :1
    ] == [(None, '["question"]')], "what the target shows is in the log all the same"


def test_a_trigger_that_changes_what_was_asked_about_is_found_before_anything_is_merged(comments: Make) -> None:
    corpus = comments(5)
    corpus.db.connection.execute("""
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN new.content := new.content || '.'; RETURN new; END $$;
        CREATE TRIGGER touch BEFORE UPDATE ON comments FOR EACH ROW EXECUTE FUNCTION touch();
    """)
    manifest = corpus.opened()
    with pytest.raises(ConfigurationError, match=r"changes the columns of source\.input"):
        corpus.collect(manifest)
    assert corpus.run("SELECT count(*) FROM waves.verdict") == [(0,)]
    assert corpus.run("SELECT state FROM waves.wave") == [("open",)]


def test_what_a_trigger_says_of_a_row_is_not_repeated(comments: Make) -> None:
    corpus = comments(1)
    manifest = corpus.opened()
    corpus.db.connection.execute("""
        CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE 'secret of %', new.entity_key USING ERRCODE = '42501'; END $$;
        CREATE TRIGGER loud BEFORE INSERT ON waves.verdict FOR EACH ROW EXECUTE FUNCTION loud();
    """)
    with pytest.raises(ConfigurationError) as refused:
        corpus.collect(manifest)
    assert "secret" not in refused.value.line
    assert "a policy, trigger or function of the database refused it" in refused.value.hint


def test_values_that_a_column_cannot_take_are_quarantined_alone(on_table: Make) -> None:
    corpus = on_table(
        "CREATE TABLE docs (id int PRIMARY KEY, content text, hours numeric(3,1), kind varchar(4), version text);"
        "INSERT INTO docs SELECT g, 'c' FROM generate_series(1, 4) g",
        relation="docs",
        table="docs",
        inputs=("content",),
        columns=(("hours", "hours"), ("kind", "kind"), ("$version", "version")),
    )
    manifest = corpus.opened()
    outputs: list[dict[str, Any]] = [
        {"hours": 1.5, "kind": "run"},
        {"hours": 1000, "kind": "run"},
        {"hours": 2, "kind": "too long"},
        {"hours": "soon", "kind": None},
    ]
    pairs = zip(manifest.items, outputs, strict=True)
    merge = corpus.collect(manifest, [corpus.part(manifest, item, **output) for item, output in pairs])
    assert sorted(merge.refused_by_target) == ["2", "3", "4"]
    assert corpus.run("SELECT id, hours::text, kind FROM docs WHERE version IS NOT NULL") == [(1, "1.5", "run")]


def test_a_decimal_reaches_every_place_as_it_was_written(on_table: Make) -> None:
    corpus = on_table(
        "CREATE TABLE docs (id int PRIMARY KEY, content text, price numeric, prices jsonb, version text);"
        "INSERT INTO docs VALUES (1, 'c')",
        relation="docs",
        table="docs",
        inputs=("content",),
        columns=(("price", "price"), ("prices", "prices"), ("$version", "version")),
    )
    price = Decimal("12345678901234567.89")
    output: dict[str, Any] = {"price": price, "prices": [Decimal("0.10"), 7]}
    assert corpus.fire(**output) == ["1"]
    written = ("12345678901234567.89", "[0.10, 7]")
    assert corpus.run("SELECT price::text, prices::text FROM docs") == [written]
    assert corpus.run("SELECT output ->> 'price', output ->> 'prices' FROM waves.verdict") == [written]
    assert prior_verdicts(corpus.db, corpus.shape, ["1"])["1"].output["price"] == price
    (entry,) = (
        each for each in audit.entries(corpus.db, corpus.shape.theme_id, 9, entity="1") if "price" in each.after
    )
    assert entry.after["price"] == price
    corpus.run("UPDATE docs SET version = 'v0', price = 1")
    assert corpus.take().restored == 1
    assert corpus.run("SELECT price::text, prices::text FROM docs") == [written]
    corpus.run("DELETE FROM waves.verdict")
    assert prior_verdicts(corpus.db, corpus.shape, ["1"])["1"].output["price"] == price


def test_a_row_that_the_target_refuses_when_it_is_restored_is_quarantined_alone(comments: Make) -> None:
    corpus = comments(30)
    corpus.fire()
    corpus.run("UPDATE comments SET version = 'v0'")
    corpus.db.connection.execute(TRIGGER)
    assert corpus.take().restored == 28
    assert corpus.take().restored == 0
    assert sorted(key for (key, _), state in corpus.verdicts().items() if state == "quarantined") == ["20", "7"]


@pytest.mark.parametrize("bad", ["a\x00b", "a\ud83db"])
def test_output_that_postgresql_cannot_hold_is_quarantined_alone(comments: Make, bad: str) -> None:
    corpus = comments(3)
    manifest = corpus.opened()
    parts = [corpus.part(manifest, item, note="\\u0000 \U0001f600") for item in manifest.items]
    parts[1] = replace(parts[1], output={"labels": [], "deep": [{"x": bad}]})
    merge = corpus.collect(manifest, parts)
    assert (merge.matched, merge.refused_by_target) == (3, ("2",))
    assert corpus.run("SELECT entity_key, output FROM waves.verdict WHERE state = 'quarantined'") == [("2", None)]


VALUES: list[tuple[str, str, Any]] = [
    ("$labels", "text", '["a", "ü"]'),
    ("$labels", "jsonb", ["a", "ü"]),
    ("$labels", "json", ["a", "ü"]),
    ("$labels", "text[]", ["a", "ü"]),
    ("$label", "varchar(5)", "a"),
    ("$confidence", "double precision", 0.75),
    ("$confidence", "real", 0.75),
    ("$model", "text", "model-1"),
    ("$run", "text", "run-1"),
    ("word", "text", 'as "it" is'),
    ("word", "jsonb", 'as "it" is'),
    ("nothing", "text", None),
    ("nothing", "jsonb", None),
    ("nothing", "text[]", None),
    ("missing", "int", None),
    ("number", "int", 7),
    ("number", "text", "7"),
    ("flag", "boolean", True),
    ("day", "date", "2026-11-20"),
    ("things", "text", '[{"a": 1}]'),
    ("things", "jsonb", [{"a": 1}]),
    ("words", "text[]", ["x", None]),
    ("numbers", "int[]", [1, 2]),
    ("50% {of} it", "text", "half"),
]


@pytest.mark.parametrize(("value", "kind", "stored"), VALUES)
def test_values_reach_columns_of_every_type_that_takes_them(on_table: Make, value: str, kind: str, stored: Any) -> None:
    corpus = on_table(
        f'CREATE TABLE docs (id int PRIMARY KEY, "in %s" text, "out 5%%" {kind}, version text);'
        "INSERT INTO docs VALUES (1, 'c')",
        relation="docs",
        table="docs",
        inputs=("in %s",),
        columns=((value, "out 5%%"), ("$version", "version")),
    )
    output: dict[str, Any] = {
        "labels": ["a", "ü"],
        "word": 'as "it" is',
        "nothing": None,
        "number": 7,
        "flag": True,
        "day": "2026-11-20",
        "things": [{"a": 1}],
        "words": ["x", None],
        "numbers": [1, 2],
        "50% {of} it": "half",
    }
    assert corpus.fire(**output) == ["1"]
    (seen,) = corpus.db.connection.execute('SELECT "out 5%%" FROM docs').fetchone() or ()
    assert (str(seen) if kind == "date" else seen) == stored
    corpus.run("UPDATE docs SET version = 'v0'")
    assert corpus.take().restored == 1
    (again,) = corpus.db.connection.execute('SELECT "out 5%%" FROM docs').fetchone() or ()
    assert again == seen
