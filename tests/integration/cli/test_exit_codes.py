"""Each class of error, reached for real: its exit code, two lines on stderr, the same in JSON, and nothing is asked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.integration.cli import shapes
from tests.integration.cli.refusals import PASSWORD, refused
from tests.integration.cli.site import TABLE, THEME, Site
from tests.integration.cli.tee import Tee
from waves.spool import files, locks

NOBODY = 65534


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
    status = site.process("status", "--json", WAVES_DATABASE=url)
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
    ran = site.process("fire", THEME, "--json", WAVES_DATABASE=site.database.replace("/test_", "/gone_"))
    assert ran.code in {69, 78}
    assert "gone_" in ran.json["error"]["message"]


# --- 76: a person ---------------------------------------------------------------------------------------------------


def test_the_gate_lets_fifty_rows_through_until_somebody_approves(site: Site) -> None:
    site.fill(120)
    first = site.process("fire", THEME, "--json")
    assert (first.code, first.err) == (76, "")
    shapes.check(shapes.FIRE, first.json)
    assert (first.json["state"], first.json["counts"]["matched"]) == ("awaiting_approval", 50)
    assert "wave approve comments" in first.json["reason"]
    second = site.process("fire", THEME, "--json")
    assert (second.code, second.json["llm_calls"]) == (76, 0)
    assert site.process("approve", THEME, "--by", "ana", "--max-rows", "80").code == 0
    third = site.process("fire", THEME, "--json")
    assert (third.code, third.json["counts"]["matched"]) == (76, 30)
    site.approve()
    assert site.fire()["counts"]["matched"] == 40


def test_a_dry_run_before_everything_names_the_fifty_rows(site: Site) -> None:
    site.fill(60)
    ran = site.process("fire", THEME, "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert "for 50 items in 5 requests" in ran.out


# --- 75: later ------------------------------------------------------------------------------------------------------


def test_a_locked_theme_is_75_and_silent(site: Site, tee: Tee) -> None:
    site.fill(3)
    files.make_folder(site.data / THEME)
    with locks.theme_lock(site.data / THEME):
        ran = site.process("fire", THEME)
        assert (ran.code, ran.out, ran.err) == (75, "", "")
        ran = site.process("fire", THEME, "--json")
        assert (ran.code, ran.json["state"]) == (75, "locked")
        shapes.check(shapes.FIRE, ran.json)
        assert site.process("prepare", THEME).code == 75
        assert site.process("status").code == 0
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
    assert site.process("prepare", THEME).code == 0
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
    assert site.process("abandon", THEME, "--by", "ana").code == 0
    assert site.fire()["counts"]["matched"] == 3


def test_a_wave_of_another_installation_is_78(site: Site) -> None:
    site.fill(3)
    assert site.process("prepare", THEME).code == 0
    site.sql("UPDATE waves.installation SET id = gen_random_uuid()")
    refused(site, 78, "configuration", "belongs to another database")


def test_the_schema_of_an_older_version_is_never_changed_by_looking(site: Site) -> None:
    site.sql(TABLE)
    site.sql("DROP SCHEMA waves CASCADE")
    for arguments in (["status", "--json"], ["fire", THEME, "--dry-run", "--json"]):
        ran = site.process(*arguments)
        assert ran.code == 78
        assert "wave doctor" in ran.json["error"]["hint"]
    assert site.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'waves'") == [(0,)]
    assert site.process("doctor").code == 0
    assert site.status()["total"] == 0
