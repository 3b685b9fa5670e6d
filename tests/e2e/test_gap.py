"""What a theme asks for again, and what it does not: the promises of "Done means", on the shipped theme."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.site import THEME as OTHER
from tests.integration.cli.site import Site
from tests.integration.cli.tee import Tee
from waves.store.embedded import cluster

THEME = "comment_classifier"
RUBRIC = f"prompts/{THEME}/v1.md"


def rows(site: Site) -> int:
    ((count,),) = site.sql("SELECT count(*) FROM artifact_comments")
    assert isinstance(count, int)
    return count


def labels(site: Site) -> list[tuple[Any, ...]]:
    return site.sql(
        "SELECT id, comment_type_labels, comment_type_confidence, classifier_version FROM artifact_comments ORDER BY id"
    )


def asked_of(site: Site, tee: Tee) -> list[int]:
    """Fires; the ids of the rows that were asked for."""
    tee.clear()
    fired = site.fire()
    contents = [item["content"] for item in tee.items()]
    assert fired["counts"]["matched"] in {None, len(contents)}
    assert site.status()["percent"] == 100
    return sorted(
        number for (number,) in site.sql("SELECT id FROM artifact_comments WHERE content = ANY(%s)", contents)
    )


def activate(site: Site, *version: str) -> str:
    ran = site.wave("rubrics", "activate", THEME, *version, "--by", "ana", "--yes", "--json")
    assert (ran.code, ran.err) == (0, "")
    return str(ran.json["version"])


def test_a_second_fire_asks_for_nothing(sample: Site, tee: Tee) -> None:
    assert asked_of(sample, tee) == []
    assert tee.requests() == []
    assert sample.wave("fire", THEME).code == 0


def test_downstream_programs_find_comments_by_their_labels(sample: Site) -> None:
    every = sample.sql("SELECT id, comment_type_labels::jsonb FROM artifact_comments")
    asking = sample.sql("SELECT id FROM artifact_comments WHERE comment_type_labels::jsonb @> '[\"question\"]'")
    assert {number for (number,) in asking} == {number for number, found in every if "question" in found} != set()


def test_a_changed_rubric_waits_for_activation_and_the_old_one_comes_back_free(sample: Site, tee: Tee) -> None:
    before = labels(sample)
    old = sample.status()["rubric_version"]
    sample.edit(
        RUBRIC, "You label comments that people left on artifacts", "You label comments that people left at artifacts"
    )

    # an edited file is another version, and changes nothing by itself
    assert asked_of(sample, tee) == []
    shown = sample.wave("status").out
    assert "is not active" in shown
    assert "wave rubrics activate" in shown

    new = activate(sample)
    assert new != old
    status = sample.status()
    assert (status["rubric_version"], status["done"], status["missing"]) == (new, 0, rows(sample))

    # nothing was judged by the new one yet: the old one is back at once
    activate(sample, old)
    assert sample.status()["percent"] == 100
    assert asked_of(sample, tee) == []
    assert labels(sample) == before

    # judged by the new one, then back: restored, and nothing is asked
    activate(sample, new)
    assert len(asked_of(sample, tee)) == rows(sample)
    assert {row[3] for row in labels(sample)} == {new}
    activate(sample, old)
    assert sample.status()["rubric_version"] == old
    assert asked_of(sample, tee) == []
    assert labels(sample) == before
    activate(sample, new)
    assert asked_of(sample, tee) == []
    assert {row[3] for row in labels(sample)} == {new}

    listed = sample.wave("rubrics", THEME).out
    assert [line.split()[1:3] for line in listed.splitlines()[1:]] == [[old, "registered"], [new, "active"]]


def test_a_new_version_needs_its_own_approval(sample: Site, tee: Tee) -> None:
    sample.sql(
        "INSERT INTO artifact_comments (id, content, comment_type, artifact_type)"
        " SELECT 1000 + n, 'Why is figure ' || n || ' red?', 'review', 'case_report' FROM generate_series(1, 30) AS n"
    )
    sample.approve()
    assert len(asked_of(sample, tee)) == 30
    sample.edit(RUBRIC, "Judge what the comment does", "Judge what this comment does")
    activate(sample)
    ran = sample.wave("fire", THEME, "--json")
    assert (ran.code, ran.json["state"], ran.json["counts"]["matched"]) == (76, "awaiting_approval", 50)


def parents_and_leaves(site: Site) -> tuple[int, int]:
    """A comment that others answer, and one that nobody answers."""
    ((parent,),) = site.sql("SELECT min(parent_id) FROM artifact_comments")
    ((leaf,),) = site.sql(
        "SELECT min(id) FROM artifact_comments AS comment"
        " WHERE NOT EXISTS (SELECT FROM artifact_comments WHERE parent_id = comment.id)"
    )
    return parent, leaf


def test_an_edited_comment_is_asked_again_and_so_are_its_answers(sample: Site, tee: Tee) -> None:
    parent, leaf = parents_and_leaves(sample)
    sample.sql("UPDATE artifact_comments SET content = content || ' Why?' WHERE id = %s", leaf)
    assert asked_of(sample, tee) == [leaf]
    assert asked_of(sample, tee) == []
    sample.sql("UPDATE artifact_comments SET content = content || ' Why?' WHERE id = %s", parent)
    family = sample.sql("SELECT id FROM artifact_comments WHERE %s IN (id, parent_id) ORDER BY id", parent)
    assert len(family) > 1
    assert asked_of(sample, tee) == [number for (number,) in family]
    assert asked_of(sample, tee) == []


def test_an_edit_that_is_taken_back_costs_nothing(sample: Site, tee: Tee) -> None:
    _, leaf = parents_and_leaves(sample)
    before = labels(sample)
    ((content,),) = sample.sql("SELECT content FROM artifact_comments WHERE id = %s", leaf)
    sample.sql("UPDATE artifact_comments SET content = 'Why?' WHERE id = %s", leaf)
    assert asked_of(sample, tee) == [leaf]
    sample.sql("UPDATE artifact_comments SET content = %s WHERE id = %s", content, leaf)
    assert asked_of(sample, tee) == []
    assert labels(sample) == before


def test_a_cleared_version_is_asked_again_alone(sample: Site, tee: Tee) -> None:
    _, leaf = parents_and_leaves(sample)
    sample.sql("UPDATE artifact_comments SET classifier_version = NULL WHERE id = %s", leaf)
    status = sample.status()
    assert (status["missing"], status["done"]) == (1, rows(sample) - 1)
    assert asked_of(sample, tee) == [leaf]


def test_a_new_comment_is_asked_and_a_deleted_one_is_not(sample: Site, tee: Tee) -> None:
    sample.sql(
        "INSERT INTO artifact_comments (id, content, comment_type, artifact_type, deleted)"
        " VALUES (1001, 'Why?', 'review', 'case_report', false), (1002, 'Who?', 'review', 'case_report', true)"
    )
    assert asked_of(sample, tee) == [1001]
    assert sample.status()["total"] == rows(sample) - 1


# --- looking changes nothing ----------------------------------------------------------------------------------------


def dump(site: Site) -> bytes:
    """The whole database as SQL, but for the run rows."""
    command = [str(cluster.programs() / "pg_dump"), "--exclude-table-data=waves.runs", site.database]
    text = subprocess.run(command, check=True, capture_output=True).stdout
    # a key of pg_dump's own, another one each time
    return b"\n".join(line for line in text.split(b"\n") if not line.startswith((b"\\restrict", b"\\unrestrict")))


def runs(site: Site, *, dry: bool) -> list[tuple[Any, ...]]:
    return site.sql("SELECT * FROM waves.runs WHERE dry_run = %s ORDER BY started_at", dry)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below: its size, and when it was written."""
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {str(path): (one.st_size, one.st_mtime_ns) for path, one in found.items()}


@pytest.mark.parametrize("opened", [False, True], ids=["no wave", "an open wave"])
def test_dry_runs_and_status_write_nothing_but_the_run_rows_of_dry_runs(
    sample: Site, tee: Tee, *, opened: bool
) -> None:
    _, leaf = parents_and_leaves(sample)
    sample.sql("UPDATE artifact_comments SET classifier_version = NULL WHERE id <> %s", leaf)
    sample.sql("UPDATE artifact_comments SET content = 'Edited?' WHERE id = %s", leaf)
    sample.edit(RUBRIC, "Judge what the comment does", "Judge what this comment does")
    if opened:
        assert sample.wave("prepare", THEME, "--keys", "5").code == 0
    tee.clear()
    before, files, fired = dump(sample), listing(sample.root), runs(sample, dry=False)
    for command in (
        ["fire", THEME, "--dry-run"],
        ["fire", THEME, "--dry-run", "--json"],
        ["prepare", THEME, "--dry-run"],
        ["prune", THEME, "--dry-run", "--keep-days", "0"],
        ["status"],
        ["status", "--json"],
    ):
        ran = sample.wave(*command)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out
        assert dump(sample) == before, command
        assert listing(sample.root) == files, command
    assert tee.requests() == []
    assert runs(sample, dry=False) == fired
    assert len(runs(sample, dry=True)) == 3, "one for each dry run of a fire"


def test_a_dry_run_says_what_would_be_done(sample: Site) -> None:
    sample.approve()
    sample.sql("UPDATE artifact_comments SET classifier_version = NULL WHERE id <= 20")
    ((n,),) = sample.sql("SELECT count(*) FROM artifact_comments WHERE classifier_version IS NULL")
    ran = sample.wave("fire", THEME, "--dry-run", "--keys", "12")
    assert f"for {min(n, 12)} items in 2 requests" in ran.out
    found = sample.fire("--dry-run")
    assert (found["state"], found["counts"]["emitted"], found["llm_calls"]) == ("dry_run", n, 0)


def test_a_dry_run_of_a_theme_that_nobody_fired_writes_nothing(sample: Site) -> None:
    folder = sample.root / "prompts" / OTHER
    shutil.copytree(sample.folder, folder)
    text = (folder / "theme.yaml").read_text()
    (folder / "theme.yaml").write_text(text[: text.index("target:")] + text[text.index("backends:") :])
    before, files = dump(sample), listing(sample.root)
    ran = sample.wave("fire", OTHER, "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert f"for {rows(sample)} items" in ran.out
    assert (dump(sample), listing(sample.root)) == (before, files)
    assert sample.sql("SELECT FROM waves.runs WHERE theme_id = %s", OTHER) == []


def test_the_project_reads_nothing_but_itself(sample: Site) -> None:
    """From another folder, with nothing but the path of waves.yaml."""
    elsewhere = sample.root.parent / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        sample.command("fire", THEME, "--json"),
        cwd=elsewhere,
        env={
            "WAVES_CONFIG": str(sample.root / "waves.yaml"),
            "PATH": os.environ["PATH"],
            **sample.environment,
        },
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(elsewhere.iterdir()) == []
