"""What a person decides at the shell: limits, rubric versions, approvals; each decision leaves a trace."""

from __future__ import annotations

import json

import pytest

from tests.integration.cli.site import KEY, RUBRIC, THEME, Site
from tests.integration.cli.tee import Tee
from waves.config import rubric

FILE = f"prompts/{THEME}/v1.md"


def planned(site: Site, *arguments: str, **environment: str) -> int:
    """How many items a fire would take."""
    ran = site.wave("fire", THEME, "--dry-run", "--json", *arguments, **environment)
    assert (ran.code, ran.err) == (0, "")
    emitted = ran.json["counts"]["emitted"]
    assert isinstance(emitted, int)
    return emitted


def test_flag_before_environment_before_table_before_file_before_default(site: Site) -> None:
    site.fill(60)
    site.approve()
    site.edit(f"prompts/{THEME}/theme.yaml", "keys: 700, ", "")
    assert planned(site) == 60
    site.edit(f"prompts/{THEME}/theme.yaml", "batch_size: 12", "batch_size: 12, keys: 40")
    assert planned(site) == 40
    site.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES (%s, 'keys', '30')", THEME)
    assert planned(site) == 30
    assert planned(site, WAVES_KEYS="20") == 20
    assert planned(site, "--keys", "10", WAVES_KEYS="20") == 10


def test_models_come_from_the_environment_before_the_files(site: Site, tee: Tee) -> None:
    site.fill(2)
    site.edit(f"prompts/{THEME}/theme.yaml", "backends: [provider]", "backends: [provider]\nmodels: [model-2]")
    assert "would ask model-2 on backend provider" in site.wave("fire", THEME, "--dry-run").out
    site.fire(WAVES_MODELS="model-3, model-4")
    assert {request["model"] for request in tee.requests()} == {"model-3"}
    assert site.sql("SELECT DISTINCT model FROM waves.verdict") == [("model-3",)]


def test_a_flag_names_the_backend(site: Site, tee: Tee) -> None:
    site.fill(2)
    assert site.fire("--backend", "rehearsal")["counts"]["matched"] == 2
    assert tee.requests() == []
    ran = site.wave("fire", THEME, "--backend", "nosuch")
    assert (ran.code, ran.fault[0]) == (78, "unknown backend 'nosuch'")
    assert "provider, rehearsal" in ran.fault[1]


def test_a_version_is_approved_activated_and_listed_with_who_did_it(site: Site) -> None:
    site.fill(1)
    site.fire()
    ((old,),) = site.sql("SELECT active_version FROM waves.theme")
    site.write(f"prompts/{THEME}/v2.md", RUBRIC + "\nAnd be brief.\n")
    rows = site.wave("rubrics", "list", THEME, "--json").json["versions"]
    assert [(row["state"], row["created_at"] is None) for row in rows] == [("active", False), ("file_only", True)]
    new = rows[1]["version"]
    assert new.startswith("v2-")

    approved = site.wave("approve", THEME, "--by", "ana", "--version", new, "--max-rows", "7", "--reason", "pilot")
    assert (approved.code, approved.out) == (0, f"rubric {new} of theme comments is approved for 7 rows\n")
    assert site.sql("SELECT active_version FROM waves.theme") == [(old,)], "approved is not active"
    assert site.wave("rubrics", "activate", THEME, new, "--by", "bo", "--reason", "better", "--yes").code == 0
    assert site.sql("SELECT active_version FROM waves.theme") == [(new,)]
    audit = site.sql("SELECT actor, reason, after_json FROM waves.audit_log WHERE entity_id = %s ORDER BY id", new)
    assert ("ana", "pilot", {"approved_rows": 7, "approved_by": "ana"}) in audit
    assert ("bo", "better", {"active_version": new}) in audit
    rows = site.wave("rubrics", "list", THEME, "--json").json["versions"]
    assert [(row["version"], row["active"], row["approved_by"], row["approved_rows"]) for row in rows] == [
        (old, False, None, None),
        (new, True, "ana", 7),
    ]


@pytest.mark.parametrize(
    "command",
    [["approve", THEME, "--by", "ana", "--version"], ["rubrics", "activate", THEME]],
    ids=["approve", "activate"],
)
def test_an_unknown_version_names_the_known_ones(site: Site, command: list[str]) -> None:
    site.fill(1)
    ran = site.wave(*command, "v9-0000000")
    assert (ran.code, ran.out) == (78, "")
    assert ran.fault[0] == "theme comments has no rubric version 'v9-0000000'"
    assert "v1-" in ran.fault[1]


def test_a_rollback_takes_back_the_last_activation_and_asks_nothing_again(site: Site) -> None:
    site.fill(3)
    old = site.fire()["rubric_version"]
    refused = site.wave("rubrics", "rollback", THEME)
    assert (refused.code, refused.out) == (78, "")
    assert refused.fault[0] == f"the theme comments had no active rubric version before {old}"
    site.write(f"prompts/{THEME}/v2.md", RUBRIC + "\nAnd be brief.\n")
    assert site.wave("rubrics", "activate", THEME, "--yes").code == 0
    assert site.fire()["counts"]["matched"] == 3
    back = site.wave("rubrics", "rollback", THEME, "--by", "ana", "--reason", "worse")
    assert (back.code, back.out) == (0, f"rubric {old} of theme comments is active again\n")
    fired = site.fire()
    assert (fired["rubric_version"], fired["llm_calls"]) == (old, 0)
    assert site.sql("SELECT DISTINCT version FROM comment") == [(old,)]
    audit = site.sql("SELECT actor, reason FROM waves.audit_log WHERE entity_id = %s ORDER BY id DESC", old)
    assert ("ana", "worse") in audit


def test_a_rubric_that_does_not_fit_its_theme_is_not_activated(site: Site) -> None:
    site.fill(1)
    site.fire()
    site.write(f"prompts/{THEME}/v2.md", RUBRIC.replace('"kind"', '"sort"'))
    ran = site.wave("rubrics", "activate", THEME, "--by", "ana", "--yes")
    assert (ran.code, ran.out) == (78, "")
    assert "'sort'" in ran.fault[0]


def test_a_first_rubric_that_does_not_fit_is_not_registered_and_can_be_corrected(site: Site) -> None:
    site.fill(1)
    site.write(FILE, RUBRIC.replace('"kind"', '"knid"'))
    for command in (["fire", THEME], ["fire", THEME, "--dry-run"], ["approve", THEME, "--by", "ana"], ["pilot", THEME]):
        ran = site.wave(*command)
        assert (ran.code, "'knid'" in ran.fault[0]) == (78, True), ran
        assert "rubrics activate" not in ran.fault[1]
    assert site.sql("SELECT version FROM waves.theme_rubric") == []
    site.write(FILE, RUBRIC)
    assert site.fire()["counts"]["matched"] == 1


def test_a_registered_rubric_that_does_not_fit_any_more_is_replaced_by_activation(site: Site) -> None:
    site.fill(1)
    site.fire()
    site.edit(f"prompts/{THEME}/theme.yaml", "input: [content, kind]", "input: [content]")
    site.write(FILE, RUBRIC.replace(', "kind": "review"', ""))
    for command in (["fire", THEME], ["fire", THEME, "--dry-run"], ["approve", THEME, "--by", "ana"], ["doctor"]):
        ran = site.wave(*command)
        assert (ran.code, "'kind'" in ran.out + ran.err) == (78, True), ran
        assert f"`wave rubrics activate {THEME}`" in ran.out + ran.err
    assert site.wave("rubrics", "activate", THEME, "--yes").code == 0
    assert site.fire()["counts"]["matched"] == 1


@pytest.mark.parametrize("change", ["crlf", "bom"])
def test_a_rubric_from_another_editor_goes_all_the_way(site: Site, change: str) -> None:
    site.fill(15)
    text = RUBRIC.replace("\n", "\r\n") if change == "crlf" else "\ufeff" + RUBRIC
    site.write(FILE, text)
    assert site.wave("prepare", THEME, "--keys", "5").code == 0
    assert site.fire()["counts"]["matched"] == 15
    assert site.sql("SELECT prompt FROM waves.theme_rubric") == [(text,)]
    assert site.fire()["llm_calls"] == 0


def test_a_rubric_file_that_is_gone_is_run_from_the_registry(site: Site) -> None:
    site.fill(3)
    version = site.fire()["rubric_version"]
    (site.root / FILE).rename(site.root / "prompts" / THEME / "v2.md")
    site.edit(f"prompts/{THEME}/v2.md", "Label each comment", "Label every comment")
    site.sql("UPDATE comment SET version = NULL")
    fired = site.fire()
    assert (fired["rubric_version"], fired["counts"]["matched"]) == (version, 3)


def test_an_extracting_rubric_fills_columns_of_its_own(site: Site) -> None:
    site.fill(0)
    site.sql("ALTER TABLE comment ADD tone text, ADD urgent boolean")
    site.insert([("Please answer at once, why is this so?", "review"), ("Lovely.", "review")])
    site.write(
        FILE,
        "---\nkind: extract\nschema:\n  type: object\n  properties:\n"
        "    tone: {$ref: '#/$defs/tone'}\n    urgent: {type: boolean}\n"
        "    confidence: {type: number, minimum: 0, maximum: 1}\n"
        "  required: [tone, urgent, confidence]\n"
        "  $defs: {tone: {type: string, enum: [kind, harsh], minLength: 4}}\n---\n"
        'Say how it sounds.\n\n### Example\n\n```json\n{"content": "Why is this so slow?"}\n```\n\n'
        '```json\n{"tone": "harsh", "urgent": true, "confidence": 0.9}\n```\n\n'
        '### Example\n\n```json\n{"content": "Lovely work."}\n```\n\n'
        '```json\n{"tone": "kind", "urgent": false, "confidence": 0.9}\n```\n',
    )
    site.edit(f"prompts/{THEME}/theme.yaml", "$labels: labels", "tone: tone, urgent: urgent")
    assert site.fire()["counts"]["matched"] == 2
    assert site.sql("SELECT tone, urgent, confidence IS NOT NULL, version IS NOT NULL FROM comment ORDER BY id") == [
        ("harsh", True, True, True),
        ("kind", False, True, True),
    ]


def test_doctor_says_what_is_well_and_what_is_not_and_exits_like_it(site: Site) -> None:
    site.fill(1)
    ran = site.wave("doctor", "--json")
    assert ran.code == 0
    assert {one["level"] for one in ran.json["findings"]} <= {"ok", "warning"}
    site.edit(f"prompts/{THEME}/theme.yaml", "relation: comment,", "relation: coment,")
    ran = site.wave("doctor", "--json")
    assert ran.code == 78
    (broken,) = [one for one in ran.json["findings"] if one["level"] == "broken"]
    assert "coment" in broken["what"]
    assert broken["remedy"]
    assert KEY not in json.dumps(ran.json)
    shown = site.wave("doctor", WAVES_DATABASE="postgresql://ana:hunter2@127.0.0.1:1/x")
    assert shown.code == 69
    assert "hunter2" not in shown.out + shown.err


def test_doctor_reports_a_registered_rubric_that_would_be_refused_now_and_fires_go_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.fill(1)
    site.edit(FILE, "\nlabels:", "\nlabels:\n  caf\u00e9: one\n  cafe\u0301: the same")
    assert "two encodings" in site.wave("fire", THEME).err
    with monkeypatch.context() as as_it_was:
        as_it_was.setattr(rubric, "parse", rubric.parse_registered)
        assert site.fire()["counts"]["matched"] == 1
    ran = site.wave("doctor", "--json")
    assert ran.code == 78
    (broken,) = [one for one in ran.json["findings"] if one["level"] == "broken"]
    assert "two encodings" in broken["what"]
    assert f"wave rubrics activate {THEME}" in broken["remedy"]
    site.sql("UPDATE comment SET content = 'Why is this so?'")
    assert site.fire()["counts"]["matched"] == 1


def test_doctor_warns_of_a_schema_that_providers_may_refuse(site: Site) -> None:
    site.fill(0)
    site.sql("ALTER TABLE comment ADD tone text")
    fields = ", ".join(f"{name}: {{type: [string, 'null']}}" for name in ("tone", *(f"f{n}" for n in range(16))))
    site.write(FILE, f"---\nkind: extract\nschema: {{type: object, properties: {{{fields}}}}}\n---\nExtract.\n")
    site.edit(f"prompts/{THEME}/theme.yaml", "$labels: labels", "tone: tone")
    ran = site.wave("doctor", "--json")
    assert ran.code == 0
    assert any("more than 16 parameters with union types" in one["what"] for one in ran.json["findings"])


def test_doctor_misses_what_a_backend_cannot_do_without(site: Site) -> None:
    site.fill(1)
    lacking = {
        "overnight": {"kind": "message_batches", "models": ["m"], "api_key_env": "NO_SUCH_KEY"},
        "plan": {"kind": "claude_cli", "models": ["m"], "api_key_env": "SITE_KEY", "command": "no-such-tool"},
    }
    project = json.loads(site.project_file())
    project["backends"] |= lacking
    site.write("waves.yaml", json.dumps(project))
    ran = site.wave("doctor", "--json")
    assert ran.code == 0
    told = [
        one["what"] for one in ran.json["findings"] if one["level"] == "warning" and one["what"].startswith("backend")
    ]
    assert ["NO_SUCH_KEY is not set" in told[0], "no-such-tool" in told[1]] == [True, True]


def test_a_draft_that_cannot_be_read_stands_in_the_way_of_no_other_version(site: Site) -> None:
    site.fill(1)
    version = site.fire()["rubric_version"]
    (site.folder / "v9.md").write_bytes(b"\xff\xfe")
    assert site.wave("approve", THEME, "--version", version, "--by", "ana").code == 0
    assert site.wave("rubrics", "activate", THEME, version, "--yes").code == 0
    for command in (["activate", THEME, "v9", "--yes"], ["show", THEME, "v9"], ["diff", THEME]):
        ran = site.wave("rubrics", *command)
        assert (ran.code, "v9.md is not UTF-8" in ran.err) == (78, True), ran
    assert site.wave("status", THEME).code == 0
    (listed,) = site.wave("rubrics", THEME, "--json").json["versions"]
    assert listed["version"] == version


def test_a_rollback_to_what_does_not_fit_the_theme_any_more_changes_nothing(site: Site) -> None:
    site.fill(1)
    site.fire()
    site.write(f"prompts/{THEME}/v2.md", RUBRIC.replace(', "kind": "review"', ""))
    assert site.wave("rubrics", "activate", THEME, "v2", "--yes").code == 0
    site.edit(f"prompts/{THEME}/theme.yaml", "input: [content, kind]", "input: [content]")
    before = site.sql("SELECT active_version FROM waves.theme"), site.sql("SELECT count(*) FROM waves.audit_log")
    ran = site.wave("rubrics", "rollback", THEME)
    assert (ran.code, ran.out) == (78, "")
    assert "which source.input lacks" in ran.err
    assert (
        site.sql("SELECT active_version FROM waves.theme"),
        site.sql("SELECT count(*) FROM waves.audit_log"),
    ) == before
