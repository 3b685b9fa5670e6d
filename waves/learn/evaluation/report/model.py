"""The report of an evaluation, and the forecast of one. `as_json` turns both into what `wave eval --json` prints."""

from __future__ import annotations

from dataclasses import dataclass

from waves.learn.evaluation.calibration import Calibration
from waves.learn.evaluation.cost import SettingCost
from waves.learn.evaluation.metrics import Metrics
from waves.learn.evaluation.ranking import Ranking
from waves.models import Ending


@dataclass(frozen=True, slots=True)
class MissingRows:
    """Rows of the gold that are not in the source: how many there are, and the ids of the first ones."""

    count: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoldReport:
    """`sha256` is of what is asked and expected; `forgotten` counts items that `wave forget` erased since they were
    asked."""

    sha256: str
    items: int
    missing: MissingRows
    forgotten: int


@dataclass(frozen=True, slots=True)
class SettingReport:
    """What one setting reached. `whole`: on all of the gold, without a limit; `unanswered` names the first items that
    got no answer."""

    rubric_version: str
    backend: str
    model: str
    batch_size: int
    evaluation_id: str
    gold_sha256: str
    items: int
    whole: bool
    answered: int
    unanswered: tuple[str, ...]
    metrics: Metrics
    calibration: Calibration | None
    cost: SettingCost


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """`ending` says why the evaluation went no further, or `converged`; `settings` are those that were finished by
    then. `gold` is None where it ended before the gold was read, `ranking` unless it converged."""

    theme_id: str
    run_id: str
    ending: Ending
    gold: GoldReport | None
    settings: tuple[SettingReport, ...]
    ranking: Ranking | None


@dataclass(frozen=True, slots=True)
class SettingForecast:
    """`cost_usd` is None where it is unknown; `cost` says the same in words."""

    rubric_version: str
    backend: str
    model: str
    batch_size: int
    items: int
    to_ask: int
    requests: int
    cost_usd: float | None
    cost: str


@dataclass(frozen=True, slots=True)
class EvaluationForecast:
    """What an evaluation would ask."""

    theme_id: str
    gold: GoldReport
    settings: tuple[SettingForecast, ...]

    @property
    def cost_usd(self) -> float | None:
        """None where the cost of any setting is unknown."""
        known = [setting.cost_usd for setting in self.settings if setting.cost_usd is not None]
        return sum(known) if len(known) == len(self.settings) else None

    @property
    def requests(self) -> int:
        return sum(setting.requests for setting in self.settings)
