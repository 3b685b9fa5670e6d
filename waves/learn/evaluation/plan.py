"""What an evaluation compares, and on what: decided and checked before anything is asked, or foreseen."""

from __future__ import annotations

from dataclasses import dataclass

from waves.config import theme as themes
from waves.config.project import Project
from waves.learn.evaluation.gold.gold import SHOWN, Gold, read_gold
from waves.learn.evaluation.gold.wave import forgotten_items
from waves.learn.evaluation.report.model import GoldReport, MissingRows
from waves.learn.evaluation.settings import EvaluationOptions, Setting, choose_settings
from waves.models import Identity
from waves.steps.session import versions
from waves.steps.session.session import Invocation, Session, Watcher


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """The settings to compare and the gold to compare them on. Items in `forgotten` were erased by `wave forget` since
    one of these settings was asked for them."""

    settings: tuple[Setting, ...]
    gold: Gold
    forgotten: frozenset[Identity]

    def gold_report(self) -> GoldReport:
        missing = MissingRows(len(self.gold.missing), self.gold.missing[:SHOWN])
        return GoldReport(self.gold.digest, len(self.gold.items), missing, len(self.forgotten))


def evaluation_invocation(
    project: Project, theme_id: str, options: EvaluationOptions, watcher: Watcher | None = None
) -> Invocation:
    """Always on the same backend, whether it sleeps or not: on another one it would be another evaluation."""
    backend = options.backend or themes.load(project.prompts, theme_id).backends[0]
    version = options.rubrics[0] if options.rubrics else None
    return Invocation(project, theme_id, {}, backend, "eval", watcher, version, gold=True)


def plan_evaluation(session: Session, options: EvaluationOptions) -> EvaluationPlan:
    """A defect of a setting or of the gold is an error here, before anything is paid."""
    settings = tuple(choose_settings(session, options))
    gold = read_gold(session).first(options.limit)
    for setting in settings:
        versions.require_fit(session.db, session.theme, setting.rubric)
        gold.expected(setting.rubric)
    return EvaluationPlan(settings, gold, forgotten_items(session, settings, gold.items))
