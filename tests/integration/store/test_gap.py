"""Which rows need work: first ones, edited ones, cleared ones, those of another version; and those that need none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from waves.errors import BadDataError, ConfigurationError
from waves.store.transactions import retried

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.store.conftest import Corpus

    Make = Callable[..., Corpus]

pytestmark = pytest.mark.postgres

UGLY = Path(__file__).parents[2] / "data"


def test_every_row_is_taken_once_in_key_order_and_then_nothing(comments: Make) -> None:
    corpus = comments(30)
    assert corpus.fire(12) == [str(n) for n in range(1, 13)]
    assert corpus.fire(12) == [str(n) for n in range(13, 25)]
    taken = corpus.take(12)
    assert [item.entity_key for item in taken.items] == [str(n) for n in range(25, 31)]
    assert taken.exhausted
    corpus.fire()
    assert corpus.take().items == ()


def test_an_item_holds_the_input_columns_as_text_in_the_themes_order(comments: Make) -> None:
    corpus = comments(1, inputs=("score", "content", "note"))
    corpus.run("UPDATE comments SET score = 0.1")
    (item,) = corpus.take().items
    assert list(item.input.items()) == [("score", "0.1"), ("content", "text 1"), ("note", None)]


def test_the_hash_is_the_one_that_the_design_fixes(comments: Make) -> None:
    corpus = comments(1)
    (item,) = corpus.take().items
    said = corpus.run("SELECT encode(sha256(convert_to(jsonb_build_array('text 1', NULL)::text, 'UTF8')), 'hex')")
    assert said == [(item.input_hash,)]


def test_clearing_one_version_column_selects_just_that_row(comments: Make) -> None:
    corpus = comments(20)
    corpus.fire()
    corpus.run("UPDATE comments SET version = NULL WHERE id = 9")
    assert corpus.fire() == ["9"]
    assert corpus.fire() == []


def test_editing_one_input_selects_just_that_row(comments: Make) -> None:
    corpus = comments(20)
    corpus.fire()
    corpus.run("UPDATE comments SET note = 'x' WHERE id = 7")
    assert corpus.fire() == ["7"]
    corpus.run("UPDATE comments SET score = 5 WHERE id = 8")
    assert corpus.fire() == []


def test_switching_the_active_version_asks_for_all_and_switching_back_restores_all_without_asking(
    comments: Make,
) -> None:
    corpus = comments(20)
    corpus.fire(labels=["one"])
    corpus.activate(corpus.v2)
    assert len(corpus.fire(labels=["two"])) == 20
    corpus.activate(corpus.v1)
    taken = corpus.take()
    assert (taken.items, taken.restored, taken.exhausted) == ((), 20, True)
    assert corpus.run("SELECT DISTINCT labels, version FROM comments") == [('["one"]', corpus.v1)]
    assert corpus.take().restored == 0
    audited = corpus.run("SELECT before_json, after_json FROM waves.audit_log WHERE entity_id = '3' ORDER BY id")
    assert [after["labels"] for _, after in audited] == ['["one"]', '["two"]', '["one"]']
    assert audited[2][0]["labels"] == '["two"]'


def test_a_dry_run_restores_nothing_and_says_what_it_would(comments: Make) -> None:
    corpus = comments(5)
    corpus.fire()
    corpus.run("UPDATE comments SET version = 'v0-0000000' WHERE id < 3")
    before = corpus.run("SELECT * FROM comments ORDER BY id"), corpus.run("SELECT * FROM waves.theme")
    assert corpus.take(dry_run=True).restored == 2
    assert (corpus.run("SELECT * FROM comments ORDER BY id"), corpus.run("SELECT * FROM waves.theme")) == before


def test_no_more_rows_are_restored_at_once_than_drift_rows(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    corpus.run("UPDATE comments SET version = 'v0-0000000'")
    assert [corpus.take(drift_rows=4).restored for _ in range(4)] == [4, 4, 2, 0]


def test_content_that_comes_back_brings_its_own_verdict_back(comments: Make) -> None:
    corpus = comments(3)
    corpus.fire(labels=["old"])
    corpus.run("UPDATE comments SET content = 'new' WHERE id = 2")
    assert corpus.fire(labels=["new"]) == ["2"]
    corpus.run("UPDATE comments SET content = 'text 2' WHERE id = 2")
    taken = corpus.take()
    assert (taken.items, taken.restored) == ((), 1)
    assert corpus.run("SELECT labels FROM comments WHERE id = 2") == [('["old"]',)]
    assert corpus.take().restored == 0


def test_it_does_so_even_if_the_servers_clock_went_back_in_between(comments: Make) -> None:
    corpus = comments(1)
    corpus.fire(labels=["old"])
    corpus.run("UPDATE waves.verdict SET applied_at = now() + interval '1 day'")
    corpus.run("UPDATE comments SET content = 'new'")
    assert corpus.fire(labels=["new"]) == ["1"]
    assert corpus.take().restored == 0
    assert corpus.run("SELECT labels FROM comments") == [('["new"]',)]


def test_failed_rows_are_asked_again_but_not_refused_or_quarantined_ones(comments: Make) -> None:
    corpus = comments(4)
    for item, state in zip(corpus.take().items, ("failed", "refused", "quarantined"), strict=False):
        corpus.run(
            "INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state, attempts) "
            "VALUES ('t', %s, %s, %s, %s, 1)",
            *(item.entity_key, corpus.v1, item.input_hash, state),
        )
    assert corpus.taken() == ["4", "1"], "what failed before comes last"
    assert corpus.taken(1) == ["4"]
    corpus.run("UPDATE comments SET content = 'edited' WHERE id IN (2, 3)")
    assert corpus.taken() == ["2", "3", "4", "1"]


def test_what_failed_before_waits_until_nothing_else_is_left_and_is_not_forgotten(comments: Make) -> None:
    corpus = comments(6)
    corpus.fire()
    corpus.run("UPDATE comments SET version = NULL WHERE id IN (1, 2, 3)")
    corpus.run("UPDATE waves.verdict SET reason = 'no label', attempts = 1 WHERE entity_key = '1'")
    corpus.run("UPDATE waves.verdict SET state = 'failed', attempts = 1 WHERE entity_key = '2'")
    taken = corpus.take(1)
    assert ([item.entity_key for item in taken.items], taken.exhausted) == (["3"], False)
    taken = corpus.take(2)
    assert ([item.entity_key for item in taken.items], taken.exhausted) == (["3", "1"], False)
    taken = corpus.take(4)
    assert ([item.entity_key for item in taken.items], taken.exhausted) == (["3", "1", "2"], True)


def test_the_search_goes_on_past_any_number_of_rows_that_need_nothing(comments: Make) -> None:
    corpus = comments(2500)
    corpus.run(
        "INSERT INTO waves.verdict (theme_id, entity_key, rubric_version, input_hash, state) SELECT 't', id::text, %s, "
        "encode(sha256(convert_to(jsonb_build_array(content, note)::text, 'UTF8')), 'hex'), 'quarantined' "
        "FROM comments WHERE id < 2400",
        corpus.v1,
    )
    assert corpus.taken(3) == ["2400", "2401", "2402"]


def test_where_and_priority_are_the_operators_own_sql(comments: Make) -> None:
    corpus = comments(
        6,
        where="content LIKE 'text%' AND comments.id % 2 = 0 -- even ones",
        priority="score desc, length(content) -- the best first",
    )
    assert corpus.taken() == ["2", "4", "6"]
    corpus.run("UPDATE comments SET score = 99 WHERE id = 6")
    assert corpus.taken(2) == ["6", "2"]


def test_priority_by_a_key_column_sorts_by_its_value_and_not_by_its_text(comments: Make) -> None:
    assert comments(12, priority="id desc").taken(3) == ["12", "11", "10"]


def test_unjudged_rows_come_before_those_of_another_version(comments: Make) -> None:
    corpus = comments(4)
    corpus.run("UPDATE comments SET version = CASE id WHEN 1 THEN 'v9' WHEN 2 THEN 'v0' END")
    assert corpus.taken() == ["3", "4", "2", "1"]


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
    assert (len(taken.items), taken.unreadable, taken.exhausted) == (298, 2, True)
    merge = numbers.collect(numbers.open_wave(taken.items))
    assert (merge.matched, merge.orphaned) == (298, 0)
    corpus.run("UPDATE comments SET note = '7' WHERE id = 200")
    assert numbers.fire() == ["200"]


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


def test_edits_are_found_within_as_many_fires_as_the_table_has_drift_windows(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    corpus.run("UPDATE waves.theme SET drift_cursor = NULL")
    corpus.run("UPDATE comments SET content = 'edited' WHERE id IN (2, 9)")
    found = []
    for _ in range(4):
        items = corpus.take(drift_rows=4).items
        corpus.collect(corpus.open_wave(items))
        found += [item.entity_key for item in items]
    assert found == ["2", "9"]


def test_an_edit_before_the_cursor_is_found_after_the_wrap(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    assert corpus.taken(drift_rows=7) == []
    corpus.take(drift_rows=7)
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 1")
    assert corpus.taken(drift_rows=3) == []
    corpus.take(drift_rows=3)
    assert corpus.taken(drift_rows=3) == ["1"]


def test_edited_rows_for_which_there_was_no_room_are_found_again(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    corpus.run("UPDATE comments SET content = 'edited' WHERE id > 3")
    taken = corpus.take(2)
    assert ([item.entity_key for item in taken.items], taken.exhausted) == (["4", "5"], False)
    corpus.collect(corpus.open_wave(taken.items))
    assert corpus.fire(2) == ["6", "7"]
    assert corpus.fire() == ["8", "9", "10"]


def test_edited_rows_whose_wave_was_never_opened_are_found_by_the_next_fire(comments: Make) -> None:
    corpus = comments(10)
    corpus.fire()
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 6")
    for _ in range(3):
        assert [item.entity_key for item in corpus.take(drift_rows=10).items] == ["6"]


def test_the_cursor_of_another_key_or_relation_is_not_used(comments: Make) -> None:
    corpus = comments(5)
    corpus.fire()
    corpus.run("""UPDATE waves.theme SET drift_cursor = '{"of": ["public.other", "", "id uuid"], "at": ["x"]}'""")
    corpus.run("UPDATE comments SET content = 'edited' WHERE id = 5")
    assert corpus.fire() == ["5"]


def test_source_changed_leads_to_edits_and_to_transactions_that_committed_late(comments: Make) -> None:
    corpus = comments(10, changed="changed")
    corpus.run("UPDATE comments SET changed = now() - interval '3 days'")
    corpus.fire()
    assert corpus.take().items == ()
    corpus.run("UPDATE comments SET content = 'now', changed = now() WHERE id = 2")
    assert corpus.fire(7) == ["2"]
    corpus.run("UPDATE comments SET content = 'late', changed = now() - interval '50 minutes' WHERE id = 3")
    assert corpus.fire(7) == ["3"]
    corpus.run("UPDATE comments SET content = 'future', changed = now() + interval '1 year' WHERE id = 4")
    assert corpus.fire(7) == ["4"]
    corpus.run("UPDATE comments SET content = 'after it', changed = now() WHERE id = 5")
    assert corpus.fire(7) == ["5"]


def test_a_version_that_is_not_active_any_more_restores_nothing(comments: Make) -> None:
    corpus = comments(3)
    corpus.fire()
    corpus.run("UPDATE comments SET version = 'v0'")
    corpus.run("UPDATE waves.theme SET active_version = %s", corpus.v2)
    assert corpus.take().restored == 0
    assert corpus.run("SELECT DISTINCT version FROM comments") == [("v0",)]


def test_a_cursor_moves_only_for_its_own_theme(comments: Make) -> None:
    corpus = comments(3)
    corpus.run("INSERT INTO waves.theme (theme_id) VALUES ('other')")
    corpus.fire()
    corpus.take()
    assert corpus.run("SELECT theme_id FROM waves.theme WHERE drift_cursor IS NOT NULL") == [("t",)]
    assert retried(corpus.db, lambda connection: connection.info.transaction_status.name) == "INTRANS"


def _theme_on(corpus: Corpus, relation: str, inputs: tuple[str, ...]) -> Any:
    from dataclasses import replace

    return replace(corpus.theme, source=replace(corpus.theme.source, relation=relation, input=inputs))
