"""The settings of an evaluation: each combination of a rubric version, a model and a batch size, on one backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.errors import ConfigurationError
from waves.models import Item
from waves.spool.sealed import canonical
from waves.steps.session import versions
from waves.steps.session.session import Session


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What `wave eval` was called with. Empty and None mean: as the theme's fires do it."""

    rubrics: tuple[str, ...] = ()
    backend: str | None = None
    models: tuple[str, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """`backend` has this model alone: the answers of another model belong to another setting."""

    rubric: Rubric
    backend: BackendConfig
    batch_size: int

    @property
    def model(self) -> str:
        return self.backend.models[0]

    def within(self, session: Session) -> Session:
        """The session of a fire in this setting."""
        limits = replace(session.limits, batch_size=self.batch_size)
        return replace(session, rubric=self.rubric, backend=self.backend, limits=limits)

    def wave_id(self, items: Sequence[Item]) -> str:
        """From what is asked, and how: the same question again finds the answers. What is expected is no part of it, so
        a corrected label costs nothing."""
        names = [self.rubric.version, self.backend.name, self.model, self.batch_size]
        asked = canonical([*names, [item.identity for item in items]])
        return f"{self.rubric.version}-{sha256(asked).hexdigest()[:12]}"


def choose_settings(session: Session, options: EvaluationOptions) -> list[Setting]:
    """All combinations, in the order in which the options name them."""
    if session.backend.traits.takes_submissions:
        raise ConfigurationError(
            f"backend {session.backend.name} answers within a day; an evaluation needs answers at once",
            "Name a backend that answers at once with --backend; the same model gives the same answers there.",
        )
    rubrics = [versions.load_rubric(session.db, session.theme, name) for name in options.rubrics] or [session.rubric]
    models, sizes = options.models or session.backend.models[:1], options.batch_sizes or (session.limits.batch_size,)
    return [
        Setting(rubric, replace(session.backend, models=(model,)), size)
        for rubric in {rubric.version: rubric for rubric in rubrics}.values()
        for model in dict.fromkeys(models)
        for size in dict.fromkeys(sizes)
    ]
