"""Versions, models and batch sizes against gold: what each gets right, what it takes, and which one is enough.

Each setting is asked as a fire asks a wave, with journal and parts on disk, under the theme's locks, caps and windows;
but nothing is merged, and no row is judged by it. What was paid for is not bought again: an evaluation that was
interrupted goes on, and one that was finished is read from disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from waves.config import theme as themes
from waves.config.project import Project
from waves.errors import LockedError
from waves.ids import new_run_id
from waves.learn.evaluation import gold as golds
from waves.learn.evaluation import settings as choices
from waves.learn.evaluation.calibration import calibrate
from waves.learn.evaluation.cost import expense
from waves.learn.evaluation.gold import Gold
from waves.learn.evaluation.metrics import Marks, ScoredItem, measure, require_sklearn
from waves.learn.evaluation.settings import EvaluationOptions, Setting
from waves.learn.evaluation.side_by_side import conclude
from waves.models import Ending, FireReport, Identity, Part
from waves.steps.budget.forecast import forecast
from waves.steps.recording import ReportBuilder, recorded_session
from waves.steps.requests.settlement import read_wave
from waves.steps.run import run
from waves.steps.session import versions
from waves.steps.session.locking import Guard
from waves.steps.session.session import Invocation, Session, Watcher, open_session
from waves.steps.session.wave import Wave, batches_of
from waves.store.rubrics import evaluations
from waves.words import counted

Answers = Mapping[Identity, Part]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`report` is what `wave eval --json` prints; `ending` why it went no further, or `converged`."""

    ending: Ending
    report: dict[str, Any] = field(hash=False)


def evaluate(project: Project, theme_id: str, order: EvaluationOptions, watcher: Watcher | None = None) -> Evaluation:
    """Ask what is missing, measure, compare, store. Settings that were finished before an ending are in the report."""
    invocation = _opening(project, theme_id, order, watcher)
    require_sklearn()
    builder = ReportBuilder(FireReport(theme_id, new_run_id(), Ending("failed"), 0))
    done: list[tuple[Setting, dict[str, Any], Marks]] = []
    known: dict[str, Any] = {}
    try:
        with recorded_session(invocation, builder) as (session, guard):
            wanted, gold = _wanted(session, order)
            lost = choices.forgotten(session, wanted, gold.items)
            known = _about(gold, lost)
            builder.end(_measure_all(session, guard, builder, wanted, gold, lost, done))
    except LockedError as fault:
        builder.end(Ending("locked", fault.line))
    ending = builder.report.ending
    settings = [report for _, report, _ in done]
    report = {"theme": theme_id, "run_id": builder.report.run_id, "state": ending.state, "reason": ending.reason}
    complete = ending.state == "converged"
    found = conclude(settings, [marks for _, _, marks in done]) if complete else dict.fromkeys(("best", "cheapest"))
    return Evaluation(ending, {**report, "gold": known or None, "settings": settings, **found})


def _opening(project: Project, theme_id: str, order: EvaluationOptions, watcher: Watcher | None = None) -> Invocation:
    """Always on the same backend, whether it sleeps or not: on another one it would be another evaluation."""
    backend = order.backend or themes.load(project.prompts, theme_id).backends[0]
    version = order.rubrics[0] if order.rubrics else None
    return Invocation(project, theme_id, {}, backend, "eval", watcher, version, gold=True)


def _wanted(session: Session, order: EvaluationOptions) -> tuple[list[Setting], Gold]:
    """The settings and the gold; whatever is wrong with either shows before anything is paid."""
    wanted = choices.settings(session, order)
    gold = golds.gather(session).first(order.limit)
    for setting in wanted:
        versions.require_fit(session.db, session.theme, setting.rubric)
        gold.expected(setting.rubric)
    return wanted, gold


def _about(gold: Gold, lost: frozenset[Identity]) -> dict[str, Any]:
    missing = {"count": len(gold.missing), "ids": list(gold.missing[: golds.SHOWN])}
    return {"sha256": gold.digest, "items": len(gold.items), "missing": missing, "forgotten": len(lost)}


def _measure_all(
    session: Session,
    guard: Guard,
    builder: ReportBuilder,
    wanted: Sequence[Setting],
    gold: Gold,
    lost: frozenset[Identity],
    done: list[tuple[Setting, dict[str, Any], Marks]],
) -> Ending:
    for setting in wanted:
        versions.register(session.db, session.theme, setting.rubric, by=None)
        here = setting.within(session)
        wave = choices.wave_of(here, setting, gold.items)
        builder.note(wave_id=wave.wave_id)
        answered = _ask(here, guard, builder, wave)
        if isinstance(answered, Ending):
            return answered
        report, marks = _measured(setting, gold, lost, wave, answered)
        evaluations.store_evaluation(session.db, session.theme.theme_id, report)
        done.append((setting, report, marks))
    return Ending("converged", f"{counted(len(done), 'setting')} on {counted(len(gold.items), 'item')} of gold")


def _ask(session: Session, guard: Guard, builder: ReportBuilder, wave: Wave) -> Ending | Answers:
    """Have every item answered that can be; why not, or the answers. What got none in so many passes has none: the
    evaluation is closed all the same, and asks no more."""
    ending = None if wave.folder.closed else run(session, wave, guard)
    stock = read_wave(session, wave)
    counts = stock.progress.counts()
    builder.add(counts)
    session.watcher.converged(wave.wave_id, counts)
    if ending is None and not wave.folder.closed:
        wave.folder.close({"wave_id": wave.wave_id, "state": "closed"})
    return ending or stock.parts


def _measured(
    setting: Setting, gold: Gold, lost: frozenset[Identity], wave: Wave, parts: Answers
) -> tuple[dict[str, Any], Marks]:
    """What was forgotten since it was asked, in any of the settings, is in no figure: they are of the same items."""
    judged, silent = [], []
    for item, expected in zip(gold.items, gold.expected(setting.rubric), strict=True):
        if item.identity in lost:
            continue
        part = parts.get(item.identity)
        judged.append(ScoredItem(expected, part.output, part.confidence) if part else ScoredItem(expected, None))
        silent += [] if part else [item.entity_key]
    figures, marks = measure(judged, setting.rubric)
    report = {
        "rubric_version": setting.rubric.version,
        "backend": setting.backend.name,
        "model": setting.model,
        "batch_size": setting.batch_size,
        "evaluation_id": wave.wave_id,
        "gold_sha256": gold.digest,
        "items": len(judged),
        "whole": gold.whole,
        "answered": len(judged) - len(silent),
        "unanswered": silent[: golds.SHOWN],
        **figures,
        "calibration": calibrate(marks.exact.tolist(), [one.confidence for one in judged]),
        **expense(wave.folder.calls().values(), setting.backend, len(judged)),
    }
    return report, marks


# --- before it begins -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EvaluationForecast:
    """What an evaluation would ask; `report` as `wave eval --dry-run --json` prints it, `cost_usd` None: unknown."""

    cost_usd: float | None
    report: dict[str, Any] = field(hash=False)


def foresee(project: Project, theme_id: str, order: EvaluationOptions) -> EvaluationForecast:
    """Settings, items and requests, and what they would cost. Asks no model and writes nothing."""
    invocation = _opening(project, theme_id, order)
    require_sklearn()
    with open_session(invocation, new_run_id(), read_only=True) as session:
        wanted, gold = _wanted(session, order)
        settings = [_foreseen(setting.within(session), setting, gold) for setting in wanted]
        lost = choices.forgotten(session, wanted, gold.items)
    costs = [each["cost_usd"] for each in settings]
    cost = None if None in costs else sum(costs)
    about = {"theme": theme_id, "state": "dry_run", "gold": _about(gold, lost)}
    return EvaluationForecast(cost, {**about, "settings": settings, "cost_usd": cost})


def _foreseen(session: Session, setting: Setting, gold: Gold) -> dict[str, Any]:
    missing = choices.missing(session, setting, gold.items)
    batches = list(batches_of(missing, setting.batch_size))
    costs = forecast(session, batches)
    return {
        "rubric_version": setting.rubric.version,
        "backend": setting.backend.name,
        "model": setting.model,
        "batch_size": setting.batch_size,
        "items": len(gold.items),
        "to_ask": len(missing),
        "requests": len(batches),
        "cost_usd": costs.usd,
        "cost": costs.text,
    }
