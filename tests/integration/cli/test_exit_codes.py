"""Each class of error, reached for real: its exit code, two lines on stderr, the same in JSON, and nothing is asked."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.integration.cli import shapes
from tests.integration.cli.site import KEY, RUBRIC, TABLE, THEME, THEME_FILE, Site
from tests.integration.cli.tee import Tee
from tests.project_folder import Ran
from waves.errors import EXIT_CODES
from waves.spool import files, locks

NOBODY = 65534
PASSWORD = "hunter2"


def refused(site: Site, code: int, word: str, *said: str, **environment: str) -> Ran:
    """A fire that ends with this exit code, as text and as JSON."""
    ran = site.wave("fire", THEME, "--json", **environment)
    assert ran.code == code, ran
    assert code in EXIT_CODES
    shapes.check(shapes.FAILED_FIRE, ran.json)
    error = ran.json["error"]
    assert (error["code"], ran.json["state"]) == (word, "failed")
    assert ran.fault == (error["message"], error["hint"])
    for part in said:
        assert part in f"{error['message']} | {error['hint']}"
    for secret in (KEY, PASSWORD):
        assert secret not in ran.out + ran.err
    return ran


def theme(site: Site, old: str, new: str) -> None:
    site.edit(f"prompts/{THEME}/theme.yaml", old, new)


# --- 69: the database -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ana:{PASSWORD}@127.0.0.1:1/x",
        f"postgresql://ana@127.0.0.1:1/x?password={PASSWORD}",
        f"host=127.0.0.1 port=1 dbname=x user=ana password={PASSWORD}",
        f"postgresql://ana:{PASSWORD}@nowhere.invalid/x",
        f"postgresql://ana:{PASSWORD}@/x?host=/nowhere",
    ],
)
def test_an_unreachable_database_is_69_and_no_password_is_shown(site: Site, url: str) -> None:
    refused(site, 69, "database", "cannot connect to PostgreSQL", "WAVES_DATABASE", WAVES_DATABASE=url)
    status = site.wave("status", "--json", WAVES_DATABASE=url)
    assert status.code == 69
    shapes.check(shapes.FAILED_STATUS, status.json)
    assert PASSWORD not in status.out + status.err


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        f"mysql://ana:{PASSWORD}@h/x",
        "postgresql://h/%zz",
        f"postgresql://ana:more@{PASSWORD}@127.0.0.1:1/x",
        f"postgresql://ana:{PASSWORD}/more@127.0.0.1:1/x",
        f"postgresql://ana:{PASSWORD}:more@127.0.0.1:1/x",
        f"postgresql://ana:more#{PASSWORD}@127.0.0.1:1/x",
        f"postgresql://ana:more?{PASSWORD}@127.0.0.1:1/x",
    ],
)
def test_what_is_no_url_is_78_and_no_piece_of_a_password_is_shown(site: Site, url: str) -> None:
    refused(site, 78, "configuration", WAVES_DATABASE=url)


def test_a_database_that_does_not_exist_is_named(site: Site) -> None:
    ran = site.wave("fire", THEME, "--json", WAVES_DATABASE=site.database.replace("/test_", "/gone_"))
    assert ran.code in {69, 78}
    assert "gone_" in ran.json["error"]["message"]


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


# --- 76: a person ---------------------------------------------------------------------------------------------------


def test_the_gate_lets_fifty_rows_through_until_somebody_approves(site: Site) -> None:
    site.fill(120)
    first = site.wave("fire", THEME, "--json")
    assert (first.code, first.err) == (76, "")
    shapes.check(shapes.FIRE, first.json)
    assert (first.json["state"], first.json["counts"]["matched"]) == ("awaiting_approval", 50)
    assert "wave approve comments" in first.json["reason"]
    second = site.wave("fire", THEME, "--json")
    assert (second.code, second.json["llm_calls"]) == (76, 0)
    assert site.wave("approve", THEME, "--by", "ana", "--max-rows", "80").code == 0
    third = site.wave("fire", THEME, "--json")
    assert (third.code, third.json["counts"]["matched"]) == (76, 30)
    site.approve()
    assert site.fire()["counts"]["matched"] == 40


def test_a_dry_run_before_everything_names_the_fifty_rows(site: Site) -> None:
    site.fill(60)
    ran = site.wave("fire", THEME, "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert "for 50 items in 5 requests" in ran.out


# --- 75: later ------------------------------------------------------------------------------------------------------


def test_a_locked_theme_is_75_and_silent(site: Site, tee: Tee) -> None:
    site.fill(3)
    files.make_folder(site.data / THEME)
    with locks.theme_lock(site.data / THEME):
        ran = site.wave("fire", THEME)
        assert (ran.code, ran.out, ran.err) == (75, "", "")
        ran = site.wave("fire", THEME, "--json")
        assert (ran.code, ran.json["state"]) == (75, "locked")
        shapes.check(shapes.FIRE, ran.json)
        assert site.wave("prepare", THEME).code == 75
        assert site.wave("status").code == 0
    assert tee.requests() == []
    assert site.fire()["counts"]["matched"] == 3


# --- 74: the disk ---------------------------------------------------------------------------------------------------


def test_a_data_folder_that_cannot_be_written_is_74(site: Site, tee: Tee) -> None:
    site.fill(3)
    if os.geteuid() == 0:  # root writes wherever there is a folder
        site.data.write_text("a file in the place of the folder")
    else:
        site.data.mkdir(mode=0o500)
    refused(site, 74, "disk")
    assert tee.requests() == []
    if os.geteuid() != 0:
        site.data.chmod(0o700)


# --- 65: bad data ---------------------------------------------------------------------------------------------------


def only_wave(site: Site) -> Path:
    (found,) = (site.data / THEME / "waves").iterdir()
    return found


@pytest.mark.parametrize("damage", ["gone", "empty", "flipped"])
def test_an_open_wave_that_cannot_be_read_is_65_and_a_person_can_give_it_up(site: Site, damage: str) -> None:
    site.fill(3)
    assert site.wave("prepare", THEME).code == 0
    wave = only_wave(site)
    manifest = wave / "manifest.json"
    if damage == "gone":
        shutil.rmtree(wave)
    elif damage == "empty":
        manifest.write_bytes(b"")
    else:
        raw = bytearray(manifest.read_bytes())
        raw[len(raw) // 2] ^= 4
        manifest.write_bytes(raw)
    refused(site, 65, "bad_data", "wave abandon comments")
    assert site.wave("abandon", THEME, "--by", "ana").code == 0
    assert site.fire()["counts"]["matched"] == 3


def test_a_wave_of_another_installation_is_78(site: Site) -> None:
    site.fill(3)
    assert site.wave("prepare", THEME).code == 0
    site.sql("UPDATE waves.installation SET id = gen_random_uuid()")
    refused(site, 78, "configuration", "belongs to another database")


def test_the_schema_of_an_older_version_is_never_changed_by_looking(site: Site) -> None:
    site.sql(TABLE)
    site.sql("DROP SCHEMA waves CASCADE")
    for arguments in (["status", "--json"], ["fire", THEME, "--dry-run", "--json"]):
        ran = site.wave(*arguments)
        assert ran.code == 78
        assert "wave doctor" in ran.json["error"]["hint"]
    assert site.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'waves'") == [(0,)]
    assert site.wave("doctor").code == 0
    assert site.status()["total"] == 0
