"""Rubric versions, models and batch sizes on gold: what each gets right, what it costs, and which one is enough.

Each setting is asked as a fire asks a wave, with journal and parts on disk, under the theme's locks, caps and windows;
but nothing is merged, and no row is judged by it. Nothing is paid for twice: an evaluation that was interrupted
continues, and one that was finished is read from disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from waves.config.project import Project
from waves.learn.evaluation.calibration import calibrate
from waves.learn.evaluation.cost import measure_cost
from waves.learn.evaluation.gold.gold import SHOWN
from waves.learn.evaluation.gold.wave import open_gold_wave
from waves.learn.evaluation.measure import ItemScores, ScoredItem, measure
from waves.learn.evaluation.plan import EvaluationPlan, evaluation_invocation, plan_evaluation
from waves.learn.evaluation.ranking import rank_settings
from waves.learn.evaluation.report.as_json import setting_json
from waves.learn.evaluation.report.model import EvaluationReport, GoldReport, SettingReport
from waves.learn.evaluation.settings import EvaluationOptions, Setting
from waves.learn.scikit_learn import require_scikit_learn
from waves.models import Ending, Identity, Part
from waves.steps.recording import ReportBuilder, recorded_session, reported
from waves.steps.requests.settlement import read_wave
from waves.steps.run import run
from waves.steps.session import versions
from waves.steps.session.locking import Guard
from waves.steps.session.session import Session, Watcher
from waves.steps.session.wave import RunResult, Wave
from waves.store.rubrics import evaluations
from waves.words import counted

Answers = Mapping[Identity, Part]


@dataclass(frozen=True, slots=True)
class MeasuredSetting:
    report: SettingReport
    scores: ItemScores


def evaluate(
    project: Project, theme_id: str, options: EvaluationOptions, watcher: Watcher | None = None
) -> EvaluationReport:
    """Ask what is missing, measure, compare, store. Settings that were finished before an ending are in the report."""
    invocation = evaluation_invocation(project, theme_id, options, watcher)
    require_scikit_learn()
    gold: GoldReport | None = None
    measured: list[MeasuredSetting] = []
    with reported(theme_id) as builder, recorded_session(invocation, builder) as (session, guard):
        plan = plan_evaluation(session, options)
        gold = plan.gold_report()
        builder.end(_measure_settings(session, guard, builder, plan, measured))
    fire_report = builder.report.or_raise()
    settings = tuple(each.report for each in measured)
    ranking = None
    if fire_report.ending.state == "converged":
        ranking = rank_settings([setting.cost for setting in settings], [each.scores for each in measured])
    return EvaluationReport(theme_id, fire_report.run_id, fire_report.ending, gold, settings, ranking)


def _measure_settings(
    session: Session, guard: Guard, builder: ReportBuilder, plan: EvaluationPlan, measured: list[MeasuredSetting]
) -> Ending:
    """Adds each setting to `measured` as soon as it is finished and stored."""
    for setting in plan.settings:
        versions.register(session.db, session.theme, setting.rubric, by=None)
        in_setting = setting.within(session)
        wave = open_gold_wave(in_setting, setting, plan.gold.items)
        builder.note(wave_id=wave.wave_id)
        answers = _ask(in_setting, guard, builder, wave)
        if isinstance(answers, Ending):
            return answers
        finished = _measure_setting(plan, setting, wave, answers)
        evaluations.store_evaluation(session.db, session.theme.theme_id, setting_json(finished.report))
        measured.append(finished)
    return Ending(
        "converged", f"{counted(len(measured), 'setting')} on {counted(len(plan.gold.items), 'item')} of gold"
    )


def _ask(session: Session, guard: Guard, builder: ReportBuilder, wave: Wave) -> Ending | Answers:
    """Have every item answered that can be: the answers, or why the run ended early. An item that got no answer in all
    passes has none: the evaluation is closed all the same, and asks no more."""
    contents = read_wave(session, wave)
    result = RunResult(None, contents) if wave.folder.closed else run(session, wave, contents, guard)
    counts = result.contents.counts
    builder.add(counts)
    session.watcher.converged(wave.wave_id, counts)
    if result.ending is None and not wave.folder.closed:
        wave.folder.close({"wave_id": wave.wave_id, "state": "closed"})
    return result.ending or result.contents.parts


def _measure_setting(plan: EvaluationPlan, setting: Setting, wave: Wave, answers: Answers) -> MeasuredSetting:
    items, unanswered = _scored_items(plan, setting, answers)
    metrics, scores = measure(items, setting.rubric)
    report = SettingReport(
        rubric_version=setting.rubric.version,
        backend=setting.backend.name,
        model=setting.model,
        batch_size=setting.batch_size,
        evaluation_id=wave.wave_id,
        gold_sha256=plan.gold.digest,
        items=len(items),
        whole=plan.gold.whole,
        answered=len(items) - len(unanswered),
        unanswered=tuple(unanswered[:SHOWN]),
        metrics=metrics,
        calibration=calibrate(scores.exact.tolist(), [item.confidence for item in items]),
        cost=measure_cost(wave.folder.calls().values(), setting.backend, len(items)),
    )
    return MeasuredSetting(report, scores)


def _scored_items(plan: EvaluationPlan, setting: Setting, answers: Answers) -> tuple[list[ScoredItem], list[str]]:
    """The items with what is expected of them, and the keys of those without an answer. Items that were forgotten since
    any of the settings asked for them are left out of all: settings are measured on the same items."""
    items, unanswered = [], []
    for item, expected in zip(plan.gold.items, plan.gold.expected(setting.rubric), strict=True):
        if item.identity in plan.forgotten:
            continue
        if (part := answers.get(item.identity)) is not None:
            items.append(ScoredItem(expected, part.output, part.confidence))
        else:
            items.append(ScoredItem(expected, None))
            unanswered.append(item.entity_key)
    return items, unanswered
