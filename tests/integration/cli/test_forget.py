"""`wave forget`: neither disk nor schema `waves` knows anything of a row any more, but that it was forgotten."""

from __future__ import annotations

import hashlib
import json
import subprocess

from tests.integration.cli.site import THEME, Site
from tests.integration.cli.tee import Tee
from waves.spool import locks
from waves.store.embedded import cluster

KEY = "987654321"
TEXTS = ("a canary sings, does it not?", "and what it sang")
CANARIES = (b"canary", b"it sang", KEY.encode())
DIGEST = "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()


def known(site: Site) -> list[str]:
    """Where the row's key or text stands: files below data/, and lines of a dump of the schema `waves`."""
    command = [str(cluster.programs() / "pg_dump"), "--data-only", "--schema=waves", site.database]
    lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines()
    files = [path for path in site.data.rglob("*") if path.is_file()]
    told = [line.decode() for line in lines if any(word in line for word in CANARIES)]
    return told + [str(path) for path in files if any(word in path.read_bytes() for word in CANARIES)]


def fired(site: Site) -> None:
    """Three rows, judged by two versions; a person's feedback on one, and what else may show it."""
    site.fill(2)
    site.sql("INSERT INTO comment (id, content, kind) VALUES (%s, %s, %s)", KEY, *TEXTS)
    site.fire()
    site.write(f"prompts/{THEME}/v2.md", (site.folder / "v1.md").read_text() + "\nAnd be brief.\n")
    assert site.wave("rubrics", "activate", THEME, "--yes", "--by", "ana").code == 0
    site.fire()
    site.sql("INSERT INTO waves.comments_outcome_feedback (output_row_id, outcome_metric) VALUES (%s, 'up')", KEY)
    site.sql(
        "UPDATE waves.verdict SET raw = 'what it sang'"
    )  # one answer about all three, as it stands with failed rows
    site.sql(
        """INSERT INTO waves.comparison (theme_id, old_version, new_version, compared, flips, report)
           SELECT 'comments', 'v1', 'v2', 2, 2, jsonb_build_object('agreement', 0.5, 'flips', jsonb_build_array(
               jsonb_build_object('entity_key', %s::text, 'input', %s::text),
               jsonb_build_object('entity_key', '1')))""",
        KEY,
        TEXTS[0],
    )
    site.sql("UPDATE waves.wave SET reason = 'held for rows 1, ' || %s || ' and 2'", KEY)


def test_nothing_is_left_of_a_row_but_that_it_was_forgotten(site: Site, tee: Tee) -> None:
    fired(site)
    assert len(known(site)) > 9
    rows, others = site.sql("SELECT * FROM comment ORDER BY id"), site.sql("SELECT count(*) FROM waves.verdict")
    ran = site.wave("forget", THEME, "--key", KEY, "--by", "ana", "--reason", "was asked to", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert known(site) == []
    assert (ran.json["rows"], ran.json["found"], ran.json["other_hosts"]) == (1, True, [])
    erased = ran.json["erased"]
    assert (erased["verdicts"], erased["audit_entries"], erased["feedback"], erased["reports"]) == (2, 2, 1, 1)
    assert erased["files"] == 8, "of two waves: manifest, batch file, journal and part"
    assert site.sql("SELECT * FROM comment ORDER BY id") == rows, "the user's own table is the user's"
    assert site.sql("SELECT count(*) + 2 FROM waves.verdict") == others
    assert site.sql("SELECT report FROM waves.comparison") == [({"agreement": 0.5, "flips": [{"entity_key": "1"}]},)]

    left = site.wave("audit", THEME, "--entity", KEY, "--json").json["entries"]
    assert {(one["actor"], one["reason"], one["entity"], one["before"]) for one in left} == {
        ("ana", "was asked to", DIGEST, None)
    }
    assert [one["after"]["state"] for one in left] == ["forgotten", "forgotten"]
    assert (left[0]["after"]["verdicts"], left[1]["after"]["files"]) == (2, 8)

    again = site.wave("forget", THEME, "--key", KEY, "--by", "ana")
    assert (again.code, again.out) == (0, "nothing is known of it\n")
    assert len(site.wave("audit", THEME, "--entity", KEY, "--json").json["entries"]) == 2

    tee.clear()
    site.fire()
    assert [item["content"] for item in tee.items()] == [TEXTS[0]], "it still exists, and the others were judged"


def test_a_dry_run_says_how_much_there_is_and_erases_nothing(site: Site) -> None:
    fired(site)
    before, entries = known(site), site.sql("SELECT count(*) FROM waves.audit_log")
    ran = site.wave("forget", THEME, "--key", KEY, "--by", "ana", "--dry-run")
    assert ran.out.startswith("would be erased: 2 verdicts, 2 audit entries, 1 feedback entries, ")
    assert ran.out.endswith(" 8 files\n")
    assert "asked again" in ran.err
    assert (known(site), site.sql("SELECT count(*) FROM waves.audit_log")) == (before, entries)


def test_a_row_of_the_open_wave_waits_for_a_person(site: Site) -> None:
    site.fill(2)
    site.sql("INSERT INTO comment (id, content, kind) VALUES (%s, %s, %s)", KEY, *TEXTS)
    assert site.wave("prepare", THEME).code == 0
    before = known(site)
    ran = site.wave("forget", THEME, "--key", KEY, "--by", "ana")
    assert (ran.code, ran.out) == (76, "")
    assert "wave abandon comments" in ran.fault[1]
    assert KEY not in ran.err
    assert known(site) == before
    assert site.wave("abandon", THEME, "--by", "ana").code == 0
    assert site.wave("forget", THEME, "--key", KEY, "--by", "ana").code == 0
    assert known(site) == []


def test_a_fire_in_the_way_is_75_and_waves_of_other_hosts_are_named(site: Site) -> None:
    fired(site)
    site.sql("UPDATE waves.wave SET host = 'elsewhere' WHERE wave_id = (SELECT min(wave_id) FROM waves.wave)")
    with locks.theme_lock(site.data / THEME):
        assert site.wave("forget", THEME, "--key", KEY, "--by", "ana").code == 75
    ran = site.wave("forget", THEME, "--key", KEY, "--key", "1", "--by", "ana")
    assert (ran.code, known(site)) == (0, [])
    assert ran.err.endswith("run the command there too: elsewhere\n")


def test_the_logs_of_fires_do_not_name_it_either(site: Site) -> None:
    """A held wave names its rows in the reason, and a theme's own command may print what it likes."""
    command = json.dumps(["echo", f"the end of a text: {TEXTS[1][-8:]}"])
    with (site.folder / "theme.yaml").open("a") as theme:
        theme.write(f"on_complete: {command}\n")
    site.fill(2)
    site.sql("INSERT INTO comment (id, content, kind) VALUES (%s, %s, %s)", KEY, *TEXTS)
    site.sql(
        "INSERT INTO comment (id, content, kind) SELECT %s + n, 'more ' || n, 'note' FROM generate_series(1, 30) AS n",
        int(KEY),
    )
    assert site.wave("prepare", THEME).code == 0
    assert site.wave("run", THEME).code == 0
    site.sql("UPDATE comment SET kind = 'edited'")
    held = site.wave("fire", THEME)
    assert held.code == 76
    assert KEY in held.err
    assert site.wave("collect", THEME, "--accept-orphans", "--by", "ana").code == 0
    site.approve()
    site.fire()
    site.sql("DELETE FROM comment WHERE id = %s", KEY)
    logs = [path for path in known(site) if "/logs/" in path]
    assert len(logs) == 2, "the fire that was held, and the one that completed the theme"
    before = {path: path.read_bytes() for path in (site.data / "logs").iterdir()}
    dry = site.wave("forget", THEME, "--key", KEY, "--by", "ana", "--dry-run", "--json").json
    assert {path: path.read_bytes() for path in (site.data / "logs").iterdir()} == before
    ran = site.wave("forget", THEME, "--key", KEY, "--by", "ana", "--json")
    assert (ran.code, known(site)) == (0, [])
    assert ran.json["erased"]["files"] == dry["erased"]["files"]
    for path, data in before.items():
        told = [json.loads(line) for line in data.splitlines()]
        left = [json.loads(line) for line in path.read_bytes().splitlines()]
        assert [each["event"] for each in told] == [each["event"] for each in left]
        changed = [one for one, other in zip(told, left, strict=True) if one != other]
        assert all(KEY in str(one) or one["event"] == "on_complete" for one in changed)
