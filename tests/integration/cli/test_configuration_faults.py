"""Codes 78, and 77 for a key: what is wrong with files, tables, rights and keys is named before anything is asked."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.integration.cli import shapes
from tests.integration.cli.refusals import refused
from tests.integration.cli.site import KEY, RUBRIC, THEME, THEME_FILE, Site
from tests.integration.cli.tee import Tee


def theme(site: Site, old: str, new: str) -> None:
    site.edit(f"prompts/{THEME}/theme.yaml", old, new)


# --- 78: configuration ----------------------------------------------------------------------------------------------


def test_an_unknown_theme_names_the_known_ones(site: Site) -> None:
    for arguments in (["fire", "coments", "--json"], ["status", "coments", "--json"]):
        ran = site.wave(*arguments)
        assert ran.code == 78
        assert ran.json["error"]["message"] == "unknown theme 'coments'"
        assert ran.json["error"]["hint"].startswith("Known: comments.")
    for command in ("prepare", "run", "collect", "prune"):
        ran = site.wave(command, "../comments")
        assert (ran.code, ran.out) == (78, "")
        assert ran.fault[0] == "unknown theme '../comments'"


def test_a_demo_without_a_sample_says_so_and_starts_nothing(site: Site) -> None:
    for arguments in (["demo", THEME], ["demo", "--all"]):
        ran = site.wave(*arguments)
        assert (ran.code, ran.out) == (78, "")
        assert ran.fault[0] == f"the sample data of {THEME} is not in {site.data / 'sample'}"
    assert site.wave("demo").fault[0] == "unknown theme 'comment_classifier'"
    assert not site.data.exists()


def test_no_project_is_said_as_json_too(site: Site) -> None:
    (site.root / "waves.yaml").unlink()
    refused(site, 78, "configuration", "no waves.yaml in")
    status = site.wave("status", "--json")
    assert status.code == 78
    shapes.check(shapes.FAILED_STATUS, status.json)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("waves.yaml", "databse: embedded\n", ["waves.yaml:1: unknown key 'databse'", "Known here: backends, data"]),
        ("waves.yaml", "database: 'x\n", ["waves.yaml:2: "]),
        ("prompts/comments/theme.yaml", THEME_FILE + "wav: {}\n", ["theme.yaml:6: unknown key 'wav'", "wave"]),
        ("prompts/comments/theme.yaml", THEME_FILE.replace("[provider]", "[providr]"), ["'providr'", "rehearsal"]),
        ("prompts/comments/v1.md", "Judge.\n", ["v1.md:1: no front matter"]),
        ("prompts/comments/v1.md", "---\nkind: classify\n---\nJudge.\n", ["v1.md:2: ", "needs `labels"]),
        (
            "prompts/comments/v1.md",
            RUBRIC.replace("  praise:", "  question:"),
            ["v1.md:6: key 'question' stands twice"],
        ),
        ("prompts/comments/v1.md", RUBRIC.replace("  praise:", "  Question:"), ["v1.md:4: labels: ", "case only"]),
        ("prompts/comments/v1.md", RUBRIC.replace('"praise"', '"prize"'), ["v1.md:20: ", "breaks the schema"]),
        ("prompts/comments/v1.md", RUBRIC.replace('"kind"', '"sort"'), ["example 1 ", "'sort'", "source.input"]),
    ],
)
def test_a_file_that_cannot_be_read_is_said_with_its_line(site: Site, file: str, text: str, said: list[str]) -> None:
    site.fill(1)
    site.write(file, text)
    refused(site, 78, "configuration", *said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("relation: comment,", "relation: coment,", ["source.relation", "coment", "public.comment"]),
        ("relation: comment,", "relation: 'comment; DROP TABLE comment',", ["source.relation"]),
        ("table: comment,", "table: coment,", ["target.table", "coment"]),
        ("source: {relation: comment, key: id", "source: {relation: comment, key: idd", ["source.key", "idd"]),
        ("table: comment, key: id", "table: comment, key: idd", ["target.key", "idd"]),
        ("input: [content, kind]", "input: [contnt, kind]", ["source.input", "contnt", "content"]),
        ("$labels: labels", "$labels: lables", ["target.columns", "lables", "labels"]),
        ("$labels: labels", "$labels: content", ["source.input and target.columns both name", "content"]),
        ("$confidence: confidence", "$confidence: id", ["target.columns", "key column"]),
        ("$version: version", "$version: confidence2", ["confidence2"]),
        ("key: id, input", "key: kind, input", ["source.key", "unique", "CREATE UNIQUE INDEX"]),
        ("table: comment, key: id", "table: comment, key: kind", ["target.key", "unique"]),
        ("$labels: labels", "mood: labels", ["'mood'", "no such field"]),
        ("input: [content, kind]", "input: [content, kind], where: 'not deleted'", ["source.where", "deleted"]),
        ("input: [content, kind]", "input: [content, kind], priority: 'id, no_such'", ["source.priority", "no_such"]),
        ("input: [content, kind]", "input: [content, kind], changed: content", ["source.changed", "not a moment"]),
    ],
)
def test_what_the_database_does_not_have_is_named_before_anything_is_asked(
    site: Site, tee: Tee, old: str, new: str, said: list[str]
) -> None:
    site.fill(3)
    theme(site, old, new)
    ran = refused(site, 78, "configuration", *said)
    assert ran.json["wave_id"] is None
    assert tee.requests() == []
    assert site.sql("SELECT count(*) FROM comment") == [(3,)]


def test_a_view_whose_keys_are_not_unique_is_refused(site: Site, tee: Tee) -> None:
    site.fill(3)
    site.sql(
        "CREATE VIEW twice AS SELECT id, content, kind FROM comment UNION ALL SELECT id, content, kind FROM comment"
    )
    theme(site, "relation: comment,", "relation: twice,")
    refused(site, 78, "configuration", "twice", "unique")
    assert tee.requests() == []


def test_a_limit_that_is_no_number_names_where_it_may_stand(site: Site) -> None:
    site.fill(1)
    refused(site, 78, "configuration", "parallel = 'many'", "WAVES_PARALLEL", WAVES_PARALLEL="many")
    site.fire()
    site.sql("ALTER TABLE waves.theme_config DISABLE TRIGGER USER")  # as from before the table refused such values
    site.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES ('comments', 'keys', '0')")
    refused(site, 78, "configuration", "keys = '0'", "theme_config")


@pytest.fixture
def stranger(site: Site) -> Iterator[str]:
    """A role without any right in the site's database."""
    name = f"stranger_{secrets.token_hex(4)}"
    role = sql.Identifier(name)
    with psycopg.connect(site.database, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        yield name
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def grant(site: Site, what: str, name: str) -> None:
    with site.connect() as connection:
        rights = sql.SQL(what).format(sql.Identifier(name))
        connection.execute(rights)


def test_each_missing_right_is_named_until_there_are_enough(site: Site, stranger: str, tee: Tee) -> None:
    site.fill(3)
    theirs = {"WAVES_DATABASE": site.database.replace("user=postgres", f"user={stranger}")}
    assert stranger in theirs["WAVES_DATABASE"]
    refused(site, 78, "configuration", "permission denied for schema waves", "GRANT", **theirs)
    grant(site, "GRANT USAGE, CREATE ON SCHEMA waves TO {}", stranger)
    refused(site, 78, "configuration", "GRANT", **theirs)
    grant(site, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA waves TO {}", stranger)
    refused(site, 78, "configuration", "comment", "SELECT", **theirs)
    grant(site, "GRANT SELECT ON comment TO {}", stranger)
    refused(site, 78, "configuration", "comment", "UPDATE", **theirs)
    assert tee.requests() == []
    grant(site, "GRANT UPDATE (labels, confidence, version) ON comment TO {}", stranger)
    grant(site, "GRANT USAGE ON ALL SEQUENCES IN SCHEMA waves TO {}", stranger)
    assert site.fire(**theirs)["counts"]["matched"] == 3


# --- 77: credentials ------------------------------------------------------------------------------------------------


def test_no_key_is_77_and_the_wave_goes_on_once_there_is_one(site: Site, tee: Tee) -> None:
    site.fill(3)
    del site.environment["SITE_KEY"]
    ran = refused(site, 77, "credentials", "SITE_KEY")
    assert tee.requests() == []
    assert ran.json["llm_calls"] == 0
    site.environment["SITE_KEY"] = KEY
    fired = site.fire()
    assert fired["counts"]["matched"] == 3
    assert site.states() == {"accepted": 3}


def test_a_key_that_the_provider_refuses_is_77(site: Site) -> None:
    site.fill(3)
    site.environment["SITE_KEY"] = "wrong"
    refused(site, 77, "credentials", "SITE_KEY")
    site.environment["SITE_KEY"] = KEY
    assert site.fire()["counts"]["matched"] == 3


def test_an_empty_gap_needs_no_key(site: Site) -> None:
    site.fill(0)
    del site.environment["SITE_KEY"]
    assert site.fire()["state"] == "complete"


def test_a_second_theme_on_the_same_columns_is_refused_with_the_names_of_both(site: Site, tee: Tee) -> None:
    site.fill(2)
    copy = "prompts/copy/theme.yaml"
    (site.root / "prompts" / "copy").mkdir()
    site.write("prompts/copy/v1.md", RUBRIC)
    site.write(copy, THEME_FILE.replace("table: comment,", "table: public.comment,"))
    assert site.fire()["state"] == "complete", "a theme that was never fired stands in nobody's way"
    for command in (["fire", "copy"], ["doctor"]):
        ran = site.wave(*command)
        assert ran.code == 78
        assert "themes copy and comments both write confidence, labels, version of public.comment" in ran.out + ran.err
    assert site.sql("SELECT theme_id FROM waves.theme") == [(THEME,)]
    site.sql("ALTER TABLE comment ADD labels2 text, ADD confidence2 double precision, ADD version2 text")
    site.edit(copy, "$labels: labels", "$labels: labels2")
    site.edit(copy, "$confidence: confidence", "$confidence: confidence2")
    ran = site.wave("fire", "copy")
    assert (ran.code, ran.fault[0].partition(" both ")[2].partition(":")[0]) == (78, "write version of public.comment")
    site.edit(copy, "$version: version", "$version: version2")
    assert site.wave("fire", "copy").code == 0
    assert len(tee.items()) == 4
