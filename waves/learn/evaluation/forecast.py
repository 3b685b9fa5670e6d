"""What an evaluation would ask, and what that would cost. Asks no model and writes nothing."""

from __future__ import annotations

from waves.config.project import Project
from waves.ids import new_run_id
from waves.learn.evaluation.gold.gold import Gold
from waves.learn.evaluation.gold.wave import items_to_ask
from waves.learn.evaluation.plan import evaluation_invocation, plan_evaluation
from waves.learn.evaluation.report.model import EvaluationForecast, SettingForecast
from waves.learn.evaluation.settings import EvaluationOptions, Setting
from waves.learn.scikit_learn import require_scikit_learn
from waves.steps.budget.forecast import forecast
from waves.steps.session.session import Session, open_session
from waves.steps.session.wave import batches_of


def foresee(project: Project, theme_id: str, options: EvaluationOptions) -> EvaluationForecast:
    """Settings, items and requests, and their cost."""
    invocation = evaluation_invocation(project, theme_id, options)
    require_scikit_learn()
    with open_session(invocation, new_run_id(), read_only=True) as session:
        plan = plan_evaluation(session, options)
        settings = tuple(_foresee_setting(setting.within(session), setting, plan.gold) for setting in plan.settings)
    return EvaluationForecast(theme_id, plan.gold_report(), settings)


def _foresee_setting(session: Session, setting: Setting, gold: Gold) -> SettingForecast:
    """`session` is that of a fire in this setting."""
    to_ask = items_to_ask(session, setting, gold.items)
    batches = list(batches_of(to_ask, setting.batch_size))
    cost = forecast(session, batches)
    return SettingForecast(
        rubric_version=setting.rubric.version,
        backend=setting.backend.name,
        model=setting.model,
        batch_size=setting.batch_size,
        items=len(gold.items),
        to_ask=len(to_ask),
        requests=len(batches),
        cost_usd=cost.usd,
        cost=cost.text,
    )
