"""A theme over a table that nothing here has ever seen is a folder of two files and no Python, whatever its names.

A view is the source, its key is a text and a number, names have blanks, quotes and upper case, and the verdicts go to
the table's own columns or into a table of their own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.site import Site
from tests.integration.cli.tee import Tee
from tests.project_folder import url_of

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

THEME = "help_desk"
QUEUES = (
    *("Billing", "billing", "BILLING ", "", " ", "it's", 'a"b', "a,b", "(1,2)", "../../etc/passwd", "%s %(x)s", "\\"),
    *("\u00e9", "e\u0301", "日本"),
)
SUBJECT = 'Subject "of" it'
MONEY = "The card was charged twice for order {}, please refund the second payment"
FAULT = "The screen of device {} stays black after the update and nothing starts"

TABLES = """
    CREATE TABLE "Ticket Log" (
        "Queue" text, "No." int, "Subject ""of"" it" text, body text, "Size %%" numeric, closed boolean DEFAULT false,
        "Team" text, "Sure?" real, "By Rubric" varchar(20), PRIMARY KEY ("Queue", "No."));
    CREATE INDEX ON "Ticket Log" ("By Rubric", "Queue", "No.");
    CREATE VIEW "Open Tickets" AS SELECT *, 'ticket of ' || "Queue" AS "The Origin" FROM "Ticket Log" WHERE NOT closed;
    CREATE TABLE "Ticket Facts" (
        "Of Queue" text, "Of No." int, "Who's Team" text, "Minutes, est." numeric, "All Tags" text[], "By Rubric" text,
        PRIMARY KEY ("Of Queue", "Of No."));
"""
SOURCE = """\
source:
  relation: '"Open Tickets"'
  key: ["Queue", "No."]
  input: ['Subject "of" it', body]
  where: '"Size %" >= 0'
  priority: '"Size %" DESC NULLS LAST, length("The Origin")'
backends: [provider]
wave: {keys: 700, batch_size: 4, parallel: 4}
"""
IN_PLACE = """\
target:
  table: '"Ticket Log"'
  key: ["Queue", "No."]
  columns: {$label: Team, $confidence: 'Sure?', $version: By Rubric}
"""
CLASSIFY = """\
kind: classify
labels: {money: payments and refunds, fault: something does not work}
"""
INSERTED = """\
target:
  table: '"Ticket Facts"'
  key: ["Of Queue", "Of No."]
  columns: {team: "Who's Team", minutes: 'Minutes, est.', tags: All Tags, $version: By Rubric}
  insert: true
"""
EXTRACT = """\
kind: extract
schema:
  type: object
  properties:
    team: {type: string, enum: [money, fault]}
    minutes: {type: [number, "null"]}
    tags: {type: array, items: {type: string}}
  required: [team, minutes, tags]
"""
EXAMPLES = {
    CLASSIFY: ('{"labels": ["money"], "confidence": 0.9}', '{"labels": ["fault"], "confidence": 0.9}'),
    EXTRACT: (
        '{"team": "money", "minutes": 7.5, "tags": ["„a”", "b"]}',
        '{"team": "fault", "minutes": null, "tags": []}',
    ),
}
MINUTES = {"money": "7.5", "fault": None}


def rubric(head: str) -> str:
    """The file v1.md."""
    shown = zip((MONEY, FAULT), EXAMPLES[head], strict=True)
    pairs = [(json.dumps({SUBJECT: text.format(7), "body": None}), output) for text, output in shown]
    examples = [f"### Example\n\n```json\n{given}\n```\n\n```json\n{output}\n```\n" for given, output in pairs]
    return f"---\n{head}---\nSay which team a ticket is for.\n\n" + "\n".join(examples)


def verdicts(site: Site, table: str) -> dict[tuple[str, int], Any]:
    """What the target says, by key."""
    if table == "Ticket Log":
        rows = site.sql('SELECT "Queue", "No.", "Team" FROM "Ticket Log" WHERE "By Rubric" IS NOT NULL')
    else:
        rows = site.sql(
            'SELECT "Of Queue", "Of No.", "Who\'s Team", "Minutes, est."::text, "All Tags" FROM "Ticket Facts"'
            ' WHERE "By Rubric" IS NOT NULL'
        )
        assert all(minutes == MINUTES[team] for *_, team, minutes, _ in rows)
        assert all(tags == (["„a”", "b"] if team == "money" else []) for *_, team, _, tags in rows)
    return {(queue, number): team for queue, number, team, *_ in rows}


def subjects(tee: Tee) -> list[str]:
    """The tickets that were asked for since the last look."""
    asked = [item[SUBJECT] for item in tee.items()]
    tee.clear()
    return sorted(asked)


@pytest.mark.parametrize(
    ("target", "head", "table"),
    [(IN_PLACE, CLASSIFY, "Ticket Log"), (INSERTED, EXTRACT, "Ticket Facts")],
    ids=["columns of the table itself", "rows of a table of its own"],
)
def test_a_theme_over_an_unseen_table_is_a_folder_and_no_python(
    tmp_path: Path, database_url: str, tee: Tee, target: str, head: str, table: str
) -> None:
    site = Site(tmp_path / "a project", url_of(database_url), tee.url, theme=THEME)
    site.write(f"prompts/{THEME}/theme.yaml", SOURCE + target)
    site.write(f"prompts/{THEME}/v1.md", rubric(head))
    assert sorted(path.name for path in site.folder.iterdir()) == ["theme.yaml", "v1.md"]
    site.sql(TABLES)
    keys = {(queue, number): n for n, (queue, number) in enumerate((q, i) for q in QUEUES for i in (-1, 2))}
    text = {key: (MONEY if key[1] < 0 else FAULT).format(n) for key, n in keys.items()}
    for (queue, number), n in keys.items():
        site.sql('INSERT INTO "Ticket Log" VALUES (%s, %s, %s, NULL, %s)', queue, number, text[queue, number], n)
    site.sql("INSERT INTO \"Ticket Log\" VALUES ('closed', 1, 'x', 'y', 1, true), ('minus', 1, 'x', 'y', -1, false)")
    team = {key: "money" if key[1] < 0 else "fault" for key in keys}
    assert site.wave("doctor").code == 0

    # the operator's own order decides who is first
    assert site.fire("--keys", "3")["counts"]["matched"] == 3
    largest = sorted(keys, key=lambda key: -keys[key])[:3]
    assert subjects(tee) == sorted(text[key] for key in largest)
    assert verdicts(site, table) == {key: team[key] for key in largest}

    # to completion: each row has its own verdict, under its own key
    assert site.fire("--until-complete")["state"] == "complete"
    assert subjects(tee) == sorted(text[key] for key in set(keys) - set(largest))
    assert verdicts(site, table) == team
    status = site.status()
    assert (status["done"], status["total"], status["percent"]) == (len(keys), len(keys), 100)

    # nothing is missing, nothing is asked
    assert site.fire()["state"] == "complete"
    assert tee.requests() == []

    # an edit asks for that row and not for its twins in other spelling; a new row is asked, too
    edited = FAULT.format(999)
    site.sql('UPDATE "Ticket Log" SET "Subject ""of"" it" = %s WHERE "Queue" = %s AND "No." = -1', edited, "billing")
    site.sql('INSERT INTO "Ticket Log" VALUES (%s, 3, %s, NULL, 0)', "BILLING", MONEY.format(1000))
    assert site.fire()["counts"]["matched"] == 2
    assert subjects(tee) == sorted([edited, MONEY.format(1000)])
    assert verdicts(site, table) == team | {("billing", -1): "fault", ("BILLING", 3): "money"}
    assert site.fire()["llm_calls"] == 0
