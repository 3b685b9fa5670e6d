"""From a fresh clone to every row of every sample judged, by the commands of the README."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.e2e.clone import NOBODY, Clone, cloned, python_for_everybody
from tests.integration.cli import shapes

THEME = "comment_classifier"
WAVE = re.compile(r"wave \S+: emitted (\d+) = parts \1 = entries \1 = matched \1, orphaned 0")
OTHERS = {"activity_enrichment": 223, "article_category": 700, "article_type": 700}
UNJUDGED = "SELECT count(*) FROM artifact_comments WHERE classifier_version IS NULL AND NOT deleted"

pytestmark = pytest.mark.slow


def _demo(clone: Clone) -> int:
    """`scripts/demo` ends well; how many comments it classified."""
    ran = clone.run(str(clone.root / "scripts" / "demo"), cwd=Path("/"))
    assert ran.code == 0, ran
    lines = ran.out.splitlines()
    waves = [int(found[1]) for line in lines if (found := WAVE.fullmatch(line))]
    assert len(waves) == sum(line.startswith("wave ") for line in lines) >= 2
    (end,) = [line for line in lines if "percent" in line]
    assert end == f"complete: {sum(waves)} of {sum(waves)} comments, percent 100"
    assert "no language model" in ran.out
    return sum(waves)


def test_a_newcomer_runs_the_demo_and_works_on_with_it(tmp_path: Path) -> None:
    with cloned(sys.executable) as clone:
        done = _demo(clone)
        assert done >= 600
        assert f"--editable {clone.root}[embedded]" in (clone.root / ".venv" / "asked").read_text()

        # what downstream programs ask
        asking = "comment_type_labels::jsonb @> '[\"question\"]'"
        questions = f"SELECT count(*) FROM artifact_comments WHERE {asking}"
        logged = "SELECT count(*) FROM waves.comment_classifier_audit_log"
        asked, unjudged, audited = map(int, clone.query(questions, UNJUDGED, logged))
        assert 0 < asked < done
        assert (unjudged, audited > 0) == (0, True)

        # nothing is missing, so nothing is asked
        second = clone.wave("fire", THEME, "--json")
        assert (second.code, second.err) == (0, "")
        shapes.check(shapes.FIRE, second.json)
        assert (second.json["state"], second.json["llm_calls"], second.json["counts"]["emitted"]) == ("complete", 0, 0)
        again = clone.run(str(clone.root / "scripts" / "demo"))
        assert again.code == 0
        assert "requests: 0," in again.out

        # the samples of the other themes wait, and all of them run to completion
        assert _progress(clone) == {THEME: (100, done, done)} | {name: (0, 0, rows) for name, rows in OTHERS.items()}
        _every_theme(clone)
        assert _progress(clone) == {name: (100, rows, rows) for name, rows in {**OTHERS, THEME: done}.items()}
        assert clone.wave("doctor").code == 0

        _cron(clone, tmp_path)
        # the checkout is as it was: all that came to be is ignored by git
        assert clone.run("git", "status", "--porcelain").out == ""


def _progress(clone: Clone) -> dict[str, tuple[float, int, int]]:
    """By `wave status`: percent, done and total of each theme."""
    status = clone.wave("status", "--json")
    assert (status.code, status.err) == (0, "")
    shapes.check(shapes.STATUS, status.json)
    return {theme["theme"]: (theme["percent"], theme["done"], theme["total"]) for theme in status.json["themes"]}


def _every_theme(clone: Clone) -> None:
    """`scripts/demo --all`, and what is in the tables afterwards."""
    ran = clone.run(str(clone.root / "scripts" / "demo"), "--all")
    assert ran.code == 0, ran
    ends = re.findall(r"^complete: (\d+) of \1 (\w+), percent 100$", ran.out, re.MULTILINE)
    assert ends == [("223", "activities"), ("700", "articles"), ("700", "articles"), ("640", "comments")]
    assert ran.out.count("\nnext: ") == 1
    kinds = (
        "count(DISTINCT category) > 2, count(DISTINCT article_type) > 10, count(category_version), count(type_version)"
    )
    asking = "estimated_fields @> '[\"duration_minutes\"]'"
    articles, enriched, estimated, uncategorized = clone.query(
        f"SELECT ({kinds})::text FROM articles",
        "SELECT count(*) FROM activity_enrichment JOIN activities USING (activity_id)",
        f"SELECT count(*) > 0 AND count(*) = count(duration_minutes) FROM activity_enrichment WHERE {asking}",
        "SELECT count(category) < count(*) FROM activity_enrichment",
    )
    assert (articles, enriched, estimated, uncategorized) == ("(t,t,700,700)", "223", "t", "t")


def _cron(clone: Clone, elsewhere: Path) -> None:
    """`scripts/wave.sh` from anywhere, with nothing in the environment."""
    script = str(clone.root / "scripts" / "wave.sh")
    clone.psql("UPDATE artifact_comments SET classifier_version = NULL WHERE id IN (1, 2, 3)")
    fired = clone.run("/usr/bin/env", "-i", "PATH=/usr/bin:/bin", script, THEME, "2", "1", cwd=elsewhere)
    assert (fired.code, fired.out, fired.err) == (0, "", "")
    newest = "SELECT trigger FROM waves.runs ORDER BY started_at DESC LIMIT 1"
    assert clone.query(UNJUDGED, newest) == ["1", "cron"]
    assert clone.run(script, THEME, cwd=elsewhere).code == 0
    wrong = clone.run(script, cwd=elsewhere)
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err == "usage: scripts/wave.sh THEME [KEYS] [PAR]\n"
    unknown = clone.run(script, "nosuch", cwd=elsewhere)
    assert (unknown.code, unknown.out) == (78, "")
    (clone.root / "key file").write_text('WAVES_KEYS="many"\n')
    refused = clone.run(script, THEME, cwd=elsewhere, WAVES_ENV=str(clone.root / "key file"))
    assert refused.code == 78
    assert "keys = 'many'" in refused.err
    (clone.root / "key file").unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="the demo above has run as an ordinary user")
def test_an_ordinary_user_runs_the_demo_too() -> None:
    with cloned(python_for_everybody(), NOBODY) as clone:
        assert _demo(clone) >= 600
        data = clone.root / "data"
        assert {path.stat().st_uid for path in data.rglob("*")} == {NOBODY}
        for path in (data / THEME).rglob("*"):
            assert path.stat().st_mode & 0o077 == 0
        fired = clone.wave("fire", THEME, "--json")
        assert json.loads(fired.out)["llm_calls"] == 0
