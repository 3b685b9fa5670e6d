"""`wave eval` end to end: what it asks, what it measures, what it never pays for twice."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    classification_report,
    confusion_matrix,
    multilabel_confusion_matrix,
)
from sklearn.preprocessing import MultiLabelBinarizer

from tests.integration.cli.golden import DATA, answers, evaluated, lines, with_theme
from tests.integration.cli.site import Site
from tests.integration.cli.tee import Tee, document

EXACTLY = 1e-9
SHARES = ("precision", "recall", "f1")
BANK, CODE = "banking77", "code_comments"


def expectations(site: Site, theme: str) -> dict[str, list[str]]:
    gold = lines(site.root / "prompts" / theme / "gold.jsonl")
    return {line["id"]: line["labels"] if "labels" in line else [line["label"]] for line in gold}


def same(found: dict[str, Any], reported: dict[str, Any]) -> None:
    ours = [found[name] for name in SHARES]
    theirs = [reported["f1-score" if name == "f1" else name] for name in SHARES]
    assert ours == pytest.approx(theirs, abs=EXACTLY)


def same_calibration(found: dict[str, Any], right: list[bool], sure: list[float]) -> None:
    share, mean = calibration_curve(right, sure, n_bins=10)
    assert [each["exact"] for each in found["bins"]] == pytest.approx(list(share), abs=EXACTLY)
    assert [each["confidence"] for each in found["bins"]] == pytest.approx(list(mean), abs=EXACTLY)
    bins: dict[int, list[tuple[bool, float]]] = {}
    for one, confidence in zip(right, sure, strict=True):
        bins.setdefault(max(1, math.ceil(round(confidence * 10, 9))), []).append((one, confidence))
    gaps = [abs(sum(one for one, _ in each) - sum(confidence for _, confidence in each)) for each in bins.values()]
    assert found["error"] == pytest.approx(sum(gaps) / len(right), abs=EXACTLY)
    assert [each["count"] for each in found["bins"]] == [len(bins[number]) for number in sorted(bins)]


def test_seventy_seven_labels_are_measured_as_scikit_learn_measures_them(site: Site, tee: Tee) -> None:
    with_theme(site, BANK)
    found = evaluated(site, BANK)
    due = expectations(site, BANK)
    assert len(tee.requests()) == math.ceil(len(due) / 12)
    assert sorted(item["text"] for item in tee.items()) == sorted(
        line["input"]["text"] for line in lines(DATA / BANK / "gold.jsonl")
    )
    (setting,) = found["settings"]
    said = answers(site, BANK, setting)
    truth = [due[key][0] for key in due]
    given = [said[key]["labels"][0] for key in due]
    report = classification_report(truth, given, output_dict=True, zero_division=0)
    assert len(setting["labels"]) == 77
    for each in setting["labels"]:
        same(each, report[each["label"]])
        assert each["support"] == report[each["label"]]["support"]
    same(setting["macro"], report["macro avg"])
    same(setting["weighted"], report["weighted avg"])
    assert setting["micro"]["f1"] == pytest.approx(report["accuracy"], abs=EXACTLY)
    assert setting["exact_match"] == pytest.approx(accuracy_score(truth, given), abs=EXACTLY)
    labels = [each["label"] for each in setting["labels"]]
    assert setting["confusion"]["labels"] == [*labels, None]
    matrix = np.array(setting["confusion"]["matrix"])
    assert (matrix[:, :-1] == confusion_matrix(truth, given, labels=labels)).all()
    assert not matrix[:, -1].any()
    right = [one == other for one, other in zip(truth, given, strict=True)]
    same_calibration(setting["calibration"], right, [said[key]["confidence"] for key in due])
    tokens = site.sql("SELECT sum(input_tokens), sum(output_tokens), count(*) FROM waves.ledger")
    assert tokens == [(setting["tokens"]["input"], setting["tokens"]["output"], setting["requests"])]
    assert setting["seconds_per_item"] > 0


def test_labels_that_co_occur_are_measured_as_scikit_learn_measures_them(site: Site, tee: Tee) -> None:
    with_theme(site, CODE)
    found = evaluated(site, CODE)
    due = expectations(site, CODE)
    assert len(tee.requests()) == math.ceil(len(due) / 12)
    (setting,) = found["settings"]
    said = answers(site, CODE, setting)
    labels = [each["label"] for each in setting["labels"]]
    binarizer = MultiLabelBinarizer(classes=labels)
    truth = binarizer.fit_transform([due[key] for key in due])
    given = binarizer.transform([said[key]["labels"] for key in due])
    report = classification_report(truth, given, target_names=labels, output_dict=True, zero_division=0)
    for each in setting["labels"]:
        same(each, report[each["label"]])
    for average in ("macro", "micro", "weighted"):
        same(setting[average], report[f"{average} avg"])
    assert setting["exact_match"] == pytest.approx(accuracy_score(truth, given), abs=EXACTLY)
    counts = [[each[name] for name in ("tn", "fp", "fn", "tp")] for each in setting["confusion"]["per_label"]]
    assert counts == multilabel_confusion_matrix(truth, given).reshape(-1, 4).tolist()
    right = [set(due[key]) == set(said[key]["labels"]) for key in due]
    same_calibration(setting["calibration"], right, [said[key]["confidence"] for key in due])


def test_what_was_answered_is_never_asked_again_and_a_corrected_label_costs_nothing(site: Site, tee: Tee) -> None:
    with_theme(site, BANK)
    first = evaluated(site, BANK, "--limit", "50")
    tee.clear()
    again = evaluated(site, BANK, "--limit", "50")
    assert tee.requests() == []
    assert again["settings"] == first["settings"]
    assert len(site.sql("SELECT FROM waves.evaluation")) == 1
    gold = site.root / "prompts" / BANK / "gold.jsonl"
    asked = min(answers(site, BANK, first["settings"][0]))
    changed = [line | {"label": "atm_support"} if line["id"] == asked else line for line in lines(gold)]
    gold.write_text("\n".join(map(json.dumps, changed)))
    corrected = evaluated(site, BANK, "--limit", "50")
    assert tee.requests() == []
    assert corrected["gold"]["sha256"] != first["gold"]["sha256"]
    rows = site.sql("SELECT gold_sha256, items, answered, macro_f1, report FROM waves.evaluation ORDER BY created_at")
    assert [row[0] for row in rows] == [first["gold"]["sha256"], corrected["gold"]["sha256"]]
    assert rows[1][1:] == (50, 50, corrected["settings"][0]["macro"]["f1"], corrected["settings"][0])


def test_an_evaluation_leaves_no_verdict_no_wave_and_a_run_row_that_knows_no_gap(site: Site) -> None:
    with_theme(site, CODE)
    found = evaluated(site, CODE, "--limit", "12")
    assert site.sql("SELECT FROM waves.verdict") == site.sql("SELECT FROM waves.wave") == []
    runs = site.sql("SELECT run_id, trigger, state, llm_calls, gap_before, gap_after FROM waves.runs")
    assert runs == [(found["run_id"], "eval", "converged", 1, None, None)]
    assert site.sql("SELECT wave_id, fate FROM waves.ledger") == [(found["settings"][0]["evaluation_id"], "paid")]


def test_settings_stand_side_by_side_and_a_dry_run_says_what_they_would_ask(
    site: Site, tee: Tee, tmp_path: Path
) -> None:
    with_theme(site, BANK)
    order = ("--limit", "24", "--batch-size", "1,12", "--models", "model-1,model-2")
    foreseen = evaluated(site, BANK, "--dry-run", *order)
    wanted = [(each["model"], each["batch_size"], each["to_ask"], each["requests"]) for each in foreseen["settings"]]
    assert sorted(wanted) == [
        ("model-1", 1, 24, 24),
        ("model-1", 12, 24, 2),
        ("model-2", 1, 24, 24),
        ("model-2", 12, 24, 2),
    ]
    assert not any("messages" in request and "max_tokens" in request for request in tee.requests())
    assert not (site.root / "data" / BANK / "evaluations").exists()
    tee.clear()
    html = tmp_path / "report.html"
    found = evaluated(site, BANK, *order, "--html", str(html))
    assert len(tee.requests()) == 52
    settings = found["settings"]
    assert [(each["model"], each["batch_size"]) for each in settings] == [
        ("model-1", 1),
        ("model-1", 12),
        ("model-2", 1),
        ("model-2", 12),
    ]
    assert found["axis"] == "tokens_per_item"
    assert settings[found["best"]]["batch_size"] == settings[found["cheapest"]]["batch_size"] == 12
    assert [one["worse"] for one in found["comparisons"]] == [False] * 4
    text = html.read_text()
    assert "default-src &#x27;none&#x27;" in text
    assert "<script" not in text
    assert text.count("<svg") == 5
    plain = site.wave("eval", BANK, *order)
    assert (plain.code, plain.err) == (0, "")
    assert "the cheapest that is not significantly worse than the best, by tokens" in plain.out
    assert evaluated(site, BANK, "--dry-run", *order)["settings"][0]["to_ask"] == 0


def test_a_version_that_is_only_a_file_can_be_measured_before_it_is_in_force(site: Site) -> None:
    with_theme(site, BANK)
    (before,) = evaluated(site, BANK, "--limit", "12")["settings"]
    text = (site.root / "prompts" / BANK / "v1.md").read_text()
    site.write(f"prompts/{BANK}/v2.md", text.replace("Say what", "Tell what"))
    first, second = evaluated(site, BANK, "--limit", "12", "--rubric", "v1,v2")["settings"]
    assert first == before
    assert second["rubric_version"].startswith("v2-")
    registered = "SELECT version, version = active_version FROM waves.theme_rubric JOIN waves.theme USING (theme_id)"
    assert sorted(site.sql(registered)) == [(first["rubric_version"], True), (second["rubric_version"], False)]
    for flag in ("--rubric", "--models", "--batch-size"):
        assert site.wave("eval", BANK, flag, ",").code == 2, "at least one value is required"
    ran = site.wave("eval", BANK, "--rubric", "v3")
    assert (ran.code, "no rubric version 'v3'" in ran.err) == (78, True)


def test_rows_that_the_source_lacks_are_named_and_the_others_are_asked(site: Site, tee: Tee) -> None:
    with_theme(site, CODE)
    ids = [row["id"] for row in lines(DATA / CODE / "gold.jsonl")]
    site.sql("DELETE FROM code_comment WHERE id = ANY(%s)", ids[:290])
    found = evaluated(site, CODE)
    assert found["gold"]["items"] == len(tee.items()) == 10
    assert found["gold"]["missing"]["count"] == 290
    assert len(found["gold"]["missing"]["ids"]) == 5
    assert set(found["gold"]["missing"]["ids"]) <= set(ids[:290])
    for flags in ([], ["--dry-run"]):
        assert "290 rows of the gold are not in the source: nlbse23:" in site.wave("eval", CODE, *flags).out
    site.sql("DELETE FROM code_comment")
    ran = site.wave("eval", CODE)
    assert (ran.code, "none of its 300 rows is in the source" in ran.err) == (65, True)


GOOD = '{"id": "a", "label": "age_limit", "input": {"text": "secret words"}}'


@pytest.mark.parametrize(
    ("second", "said", "hint"),
    [
        (
            '{"id": "b", "label": "age_limits", "input": {"text": "b"}}',
            "gold.jsonl:2: unknown label 'age_limits'",
            "atm_support",
        ),
        (
            '{"id": "a", "label": "atm_support", "input": {"text": "b"}}',
            "gold.jsonl:2: this id is already used at",
            "gold.jsonl:1",
        ),
        ('{"id": "b", "label": ', "gold.jsonl:2: this is not JSON in UTF-8", "one object"),
    ],
)
def test_defective_gold_is_refused_with_its_line_and_nothing_is_asked(
    site: Site, tee: Tee, second: str, said: str, hint: str
) -> None:
    with_theme(site, BANK)
    site.write(f"prompts/{BANK}/gold.jsonl", f"{GOOD}\n{second}\n")
    ran = site.wave("eval", BANK)
    assert (ran.code, ran.out) == (65, ""), ran
    wrong, remedy = ran.err.splitlines()
    assert said in wrong
    assert hint in ran.err
    assert len(remedy.strip()) > 0
    assert "secret" not in ran.err
    assert tee.requests() == []


def test_gold_may_stand_in_a_relation_with_a_key_of_several_columns(site: Site, tee: Tee) -> None:
    site.sql(
        """
        CREATE TABLE post (board text, nr integer, content text, kind text, PRIMARY KEY (board, nr));
        INSERT INTO post SELECT 'b', n, CASE n %% 2 WHEN 0 THEN 'How many?' ELSE 'Wonderful, thanks' END, 'x'
          FROM generate_series(1, 4) AS n;
        CREATE TABLE verdict_of_people (b text, n integer, said text);
        INSERT INTO verdict_of_people VALUES ('b', 1, 'praise'), ('b', 2, '["question"]'),
          ('b', 3, '{"labels": ["praise"]}'), ('b', 4, NULL), ('b', 99, '[]');
        """
    )
    site.write(
        "prompts/comments/theme.yaml",
        "source: {relation: post, key: [board, nr], input: [content, kind]}\nbackends: [provider]\n"
        "gold: {relation: verdict_of_people, key: [b, n], column: said}\n",
    )
    found = evaluated(site, "comments")
    assert found["gold"]["items"] == len(tee.items()) == 3
    assert found["gold"]["missing"] == {"count": 1, "ids": ["b, 99"]}
    assert set(answers(site, "comments", found["settings"][0])) == {f'["b", {n}]' for n in ('"1"', '"2"', '"3"')}
    site.sql("INSERT INTO verdict_of_people VALUES ('b', 4, 'nonsense')")
    ran = site.wave("eval", "comments")
    assert (ran.code, "verdict_of_people, key b, 4: unknown label 'nonsense'" in ran.err) == (65, True)


def test_fields_are_compared_one_by_one(site: Site) -> None:
    site.write(
        "prompts/comments/v1.md",
        "---\nkind: extract\nschema: {type: object, properties: {topic: {type: string}, year: {type: integer}}, "
        "required: [topic, year]}\n---\nSay what it is about.\n\n### Example\n```json\n"
        '{"content": "a paper on bees of 1999", "kind": "x"}\n```\n```json\n{"topic": "bees", "year": 1999}\n```\n',
    )
    site.write(
        "prompts/comments/theme.yaml", "source: {relation: r, key: id, input: [content, kind]}\nbackends: [provider]\n"
    )
    given = {"content": "a paper on bees of 1999", "kind": "x"}
    outputs = [{"topic": "bees", "year": 1999}, {"topic": "bees", "year": 2000}, {"topic": "ants"}]
    gold = [{"id": number, "output": output, "input": given} for number, output in enumerate(outputs)]
    site.write("prompts/comments/gold.jsonl", "\n".join(map(json.dumps, gold)))
    found = evaluated(site, "comments")
    (setting,) = found["settings"]
    assert setting["fields"] == [
        {"field": "topic", "match": pytest.approx(2 / 3), "support": 3},
        {"field": "year", "match": 0.5, "support": 2},
    ]
    assert setting["exact_match"] == pytest.approx(1 / 3)
    assert found["comparisons"][0]["score"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert site.sql("SELECT macro_f1 FROM waves.evaluation") == [(None,)]
    site.write("prompts/comments/gold.jsonl", '{"id": 1, "output": {"colour": "red"}, "input": {}}')
    ran = site.wave("eval", "comments")
    assert (ran.code, "gold.jsonl:1: unknown field 'colour'" in ran.err) == (65, True)


def test_a_person_is_asked_before_money_is_spent_that_nobody_can_foresee(site: Site, tee: Tee) -> None:
    with_theme(site, BANK)
    tee.clear()
    code, shown = site.on_terminal("eval", BANK, "--limit", "12", typed="n\n")
    assert (code, "1 request, at an unknown cost. Go on? [y/N]" in shown) == (76, True), shown
    assert tee.items() == []
    code, shown = site.on_terminal("eval", BANK, "--limit", "12", typed="y\n")
    assert (code, len(tee.items())) == (0, 12), shown
    assert "Go on?" not in site.on_terminal("eval", BANK, "--limit", "12")[1], "all of it is paid"


def test_a_gold_row_that_was_forgotten_is_in_no_figure(site: Site, tee: Tee) -> None:
    with_theme(site, CODE)
    (before,) = evaluated(site, CODE, "--limit", "12")["settings"]
    key = min(answers(site, CODE, before))
    assert site.wave("forget", CODE, "--key", key, "--by", "ana").code == 0
    tee.clear()
    found = evaluated(site, CODE, "--limit", "12")
    (after,) = found["settings"]
    assert (found["gold"]["forgotten"], after["items"], after["answered"]) == (1, 11, 11)
    assert tee.requests() == []
    assert "1 rows of the gold were forgotten" in site.wave("eval", CODE, "--limit", "12").out
    both = evaluated(site, CODE, "--limit", "12", "--batch-size", "6,12")
    assert [each["items"] for each in both["settings"]] == [11, 11], "all settings are measured on the same items"


def test_a_batch_service_cannot_be_evaluated(site: Site) -> None:
    with_theme(site, BANK)
    site.write("waves.yaml", site.project_file(kind="message_batches"))
    ran = site.wave("eval", BANK)
    assert (ran.code, "an evaluation needs answers at once" in ran.err) == (78, True)


def test_items_are_mixed_and_each_stands_alone_where_batches_hold_one(site: Site, tee: Tee) -> None:
    with_theme(site, BANK)
    evaluated(site, BANK, "--limit", "24")
    sizes = [len(document(request)["items"]) for request in tee.requests()]
    assert sizes == [12, 12]
    tee.clear()
    evaluated(site, BANK, "--limit", "24", "--batch-size", "1")
    assert [len(document(request)["items"]) for request in tee.requests()] == [1] * 24
