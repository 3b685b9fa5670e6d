"""Rows as strangers write them: every one ends accepted, and none of their text gets anywhere that it could act."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

from tests.integration.cli.site import RUBRIC, TABLE, THEME, Site
from tests.integration.cli.tee import Tee, document

DATA = Path(__file__).parents[2] / "data"
KEYS = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "x" * 300,
    "é" * 300,
    "Key",
    "key",
    "KEY",
    "",
    " ",
    " key",
    ".",
    "..",
    "manifest.json",
    "line\nbreak",
    "tab\there",
    "nul\\0",
    "%s %(id)s {} {0}",
    "'; DROP TABLE comment; --",
    '"quoted"',
    "\u202egnp.exe",
    "😀",
    "e\u0301",
    "é",
    "-rf",
    "@file",
    "[1, 2]",
    "null",
    "\ufeffkey",
    "\u2028",
]
"""Keys that look like paths, options, SQL or each other."""


def ugly() -> list[str]:
    """Every text of tests/data that PostgreSQL can store."""
    lines = [
        json.loads(line)
        for name in ("blns", "romanian_quotes", "synthetic")
        for line in (DATA / f"{name}.jsonl").read_text("utf-8").split("\n")
        if line
    ]
    return [line["text"] for line in lines if line.get("pg_storable", True)]


def parts(site: Site) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in (site.data / THEME / "waves").glob("*/parts/*/*.json")]


def test_every_ugly_text_is_judged_as_it_is(site: Site, tee: Tee) -> None:
    texts = ugly()
    assert len(texts) > 600
    given: list[tuple[str | None, str | None]] = [(text, "review") for text in texts]
    given += [(None, None), ("", ""), (None, "review"), ("", None), ("@/etc/passwd and more " * 50_000, "review")]
    site.fill(0)
    site.insert(given)
    site.approve()
    fired = site.fire("--keys", "2000", "--parallel", "4")
    n = len(given)
    assert (fired["counts"]["emitted"], fired["counts"]["matched"]) == (n, n)
    assert site.states() == {"accepted": n}
    assert site.sql("SELECT count(*) FROM comment WHERE version IS NULL OR labels IS NULL") == [(0,)]

    asked = [(row["content"], row["kind"]) for row in tee.items()]
    assert sorted(asked, key=str) == sorted(given, key=str)
    assert any("„".encode() in body for body in tee.raw())  # as UTF-8: escaped, a text takes several times the tokens
    (system,) = {json.dumps(request["system"]) for request in tee.requests()}
    assert "passwd" not in system
    assert all(list(item) == ["id", "input"] for request in tee.requests() for item in document(request)["items"])
    logs = b"".join(path.read_bytes() for path in (site.data / "logs").iterdir())
    assert b"passwd" not in logs
    assert len(parts(site)) == n


def test_keys_that_look_like_paths_stay_keys(site: Site, tmp_path: Path) -> None:
    site.sql(TABLE)
    site.sql("ALTER TABLE comment ALTER id TYPE text")
    with site.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO comment (id, content) VALUES (%s, %s)", [(key, f"How is {key}?") for key in KEYS]
        )
    assert site.fire()["counts"]["matched"] == len(KEYS)
    assert site.sql("SELECT count(*) FROM comment WHERE version IS NOT NULL") == [(len(KEYS),)]
    assert site.states() == {"accepted": len(KEYS)}
    found = parts(site)
    assert sorted(part["entity_key"] for part in found) == sorted(KEYS)
    # nothing came to lie outside of the project, and no name within is a key
    assert [path.name for path in tmp_path.iterdir()] == ["a project"]
    for path in (site.data / THEME).rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,100}", path.name)
        assert path.name == "manifest.json" or path.name not in KEYS


def test_composite_and_uuid_keys(site: Site) -> None:
    site.sql(
        "CREATE TABLE comment (id uuid, lang text, content text, labels text, version text, PRIMARY KEY (lang, id))"
    )
    one, two = uuid.uuid4(), uuid.uuid4()
    rows = [(one, "a/b"), (one, "A/B"), (two, "a/b"), (two, '["x", null]'), (two, "")]
    with site.connect() as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO comment (id, lang, content) VALUES (%s, %s, 'Why?')", rows)
    site.write(
        "prompts/comments/theme.yaml",
        "source: {relation: comment, key: [id, lang], input: [content]}\n"
        "target: {table: comment, key: [id, lang], columns: {$labels: labels, $version: version}}\n"
        "backends: [provider]\n",
    )
    site.write("prompts/comments/v1.md", RUBRIC.replace(', "kind": "review"', ""))
    assert site.fire()["counts"]["matched"] == len(rows)
    assert site.sql("SELECT count(*) FROM comment WHERE labels::jsonb @> '[\"question\"]'") == [(len(rows),)]
    keys = {key for (key,) in site.sql("SELECT entity_key FROM waves.verdict")}
    assert keys == {json.dumps([str(number), lang]) for number, lang in rows}
    assert site.fire()["llm_calls"] == 0


def test_a_uuid_alone_and_a_table_of_verdicts_of_its_own(site: Site) -> None:
    site.sql("CREATE TABLE comment (id uuid PRIMARY KEY, content text, kind text)")
    site.sql("CREATE TABLE verdict (comment uuid PRIMARY KEY, labels text, version text, model text, run text)")
    site.sql("INSERT INTO comment SELECT gen_random_uuid(), 'Why ' || n, 'review' FROM generate_series(1, 5) AS n")
    site.write(
        "prompts/comments/theme.yaml",
        "source: {relation: comment, key: id, input: [content, kind]}\n"
        "target: {table: verdict, key: comment, insert: true,"
        " columns: {$labels: labels, $version: version, $model: model, $run: run}}\n"
        "backends: [provider]\n",
    )
    fired = site.fire()
    assert fired["counts"]["matched"] == 5
    assert site.sql("SELECT DISTINCT labels, version, model, run FROM verdict JOIN comment ON comment = id") == [
        ('["question"]', fired["rubric_version"], "model-1", fired["run_id"])
    ]


def test_a_row_of_a_megabyte(site: Site, tee: Tee) -> None:
    site.fill(0)
    text = ("Wie geht das? \u05d0\u05d1\u05d2 😀 \"'`\\ " * 40_000)[:1_000_000]
    site.insert([(text, "review"), ("How?", "review")])
    assert site.fire()["counts"]["matched"] == 2
    assert text in [row["content"] for row in tee.items()]


def test_rows_that_postgresql_cannot_compute_are_named_and_the_theme_is_not_complete(site: Site) -> None:
    site.fill(6)
    site.sql("UPDATE comment SET kind = CASE WHEN id < 4 THEN 'secret' ELSE '1' END")
    site.sql("CREATE VIEW numbered AS SELECT id, content, kind::integer AS kind FROM comment")
    site.edit(f"prompts/{THEME}/theme.yaml", "relation: comment,", "relation: numbered,")
    site.edit(f"prompts/{THEME}/theme.yaml", "layer: tests", "layer: tests\non_complete: [touch, done]")
    ran = site.wave("fire", THEME)
    line = (
        "3 rows of public.numbered cannot be read: InvalidTextRepresentation (22P02); by key: 1, 2, 3; "
        "in the gap until public.numbered or its rows are corrected"
    )
    assert (ran.code, ran.out, ran.err) == (76, "", f"held: {line}\n")
    assert [site.status()[key] for key in ("total", "done", "missing", "given_up")] == [6, 3, 3, 0]
    assert not (site.root / "done").exists()
    assert site.sql("SELECT state, error_summary, gap_after FROM waves.runs") == [("held", line, 3)]
    assert site.wave("fire", THEME, "--dry-run").out.endswith(f"; {line}\n")
    site.sql("UPDATE comment SET kind = '2' WHERE id < 4")
    assert (site.fire()["state"], (site.root / "done").exists()) == ("complete", True)


def test_a_label_that_goes_to_another_column_is_written_there_without_a_request(site: Site, tee: Tee) -> None:
    site.fill(5)
    site.fire()
    tee.clear()
    site.sql("ALTER TABLE comment ADD labels2 text")
    site.edit(f"prompts/{THEME}/theme.yaml", "$labels: labels", "$labels: labels2")
    assert [site.status()[key] for key in ("done", "missing")] == [0, 5]
    assert (site.fire()["state"], tee.requests()) == ("complete", [])
    assert site.sql("SELECT count(*) FROM comment WHERE labels2 = labels") == [(5,)]
    assert [site.status()[key] for key in ("done", "missing")] == [5, 0]


def test_a_mass_of_done_rows_that_changed_waits_for_a_person(site: Site, tee: Tee) -> None:
    site.fill(120)
    site.approve()
    site.fire()
    tee.clear()
    site.sql("UPDATE comment SET content = content || '.' WHERE id <= 119")
    assert "119 of 120 done rows of theme comments have changed" in site.wave("fire", THEME, "--dry-run").out
    ran = site.wave("fire", THEME)
    assert (ran.code, ran.out, ran.err.count("\n")) == (76, "", 1)
    assert ran.err.startswith("held: 119 of 120 done rows of theme comments have changed since they were judged")
    assert f"comments: last run: {ran.err.removeprefix('held: ')}" in site.wave("status").out
    assert (tee.requests(), site.status()["missing"]) == ([], 119)
    assert site.wave("config", THEME, "max_reasked_rate", "1", "--by", "ana").code == 0
    assert (site.fire()["counts"]["matched"], site.status()["percent"]) == (119, 100)
