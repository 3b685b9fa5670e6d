"""The settings of an evaluation: each combination of a rubric version, a model and a batch size, on one backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.errors import ConfigurationError
from waves.ids import now
from waves.models import Identity, Item, Manifest
from waves.spool import wave_dir
from waves.spool.sealed import canonical
from waves.spool.wave_dir import WaveDir
from waves.steps.session import versions
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, batches_of, load_wave, open_from_disk


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What an evaluation was asked for; empty and None mean: as the theme's fires do it."""

    rubrics: tuple[str, ...] = ()
    backend: str | None = None
    models: tuple[str, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """`backend` has this model alone: what another one would say is another setting."""

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
        """By what is asked, and how: whoever asks the same again finds the answers. What is expected is no part of it,
        so a corrected label costs nothing."""
        names = [self.rubric.version, self.backend.name, self.model, self.batch_size]
        asked = canonical([*names, [item.identity for item in items]])
        return f"{self.rubric.version}-{sha256(asked).hexdigest()[:12]}"


def settings(session: Session, order: EvaluationOptions) -> list[Setting]:
    """All of them, in the order of what was asked for."""
    if session.backend.traits.takes_submissions:
        raise ConfigurationError(
            f"backend {session.backend.name} hands its requests over for a day; an evaluation wants answers now",
            "Name one that answers at once with --backend; the same model says the same there.",
        )
    rubrics = [versions.named(session.db, session.theme, name) for name in order.rubrics] or [session.rubric]
    models, sizes = order.models or session.backend.models[:1], order.batch_sizes or (session.limits.batch_size,)
    return [
        Setting(rubric, replace(session.backend, models=(model,)), size)
        for rubric in {rubric.version: rubric for rubric in rubrics}.values()
        for model in dict.fromkeys(models)
        for size in dict.fromkeys(sizes)
    ]


def wave_of(session: Session, setting: Setting, items: tuple[Item, ...]) -> Wave:
    """The gold as a wave on disk, to be asked in this setting; the one from before, where it was begun."""
    if (begun := _begun(session, setting, items)) is not None:
        return begun
    manifest = Manifest(
        installation=session.db.installation,
        theme_id=session.theme.theme_id,
        wave_id=setting.wave_id(items),
        kind="evaluation",
        rubric_version=setting.rubric.version,
        backend=setting.backend.name,
        model=setting.model,
        limits=replace(session.limits, batch_size=setting.batch_size),
        items=items,
        created_at=now(),
    )
    folder = WaveDir.create(session.data, manifest, setting.rubric.text)
    folder.write_batches(list(batches_of(items, setting.batch_size)))
    return load_wave(folder)


def forgotten(session: Session, settings: Sequence[Setting], items: Sequence[Item]) -> frozenset[Identity]:
    """Items that one of these evaluations held before `wave forget` took them out of it."""
    lost: set[Identity] = set()
    for setting in settings:
        if (wave := _begun(session, setting, items)) is not None:
            lost |= {item.identity for item in items} - {item.identity for item in wave.manifest.items}
    return frozenset(lost)


def missing(session: Session, setting: Setting, items: tuple[Item, ...]) -> Sequence[Item]:
    """What an evaluation in this setting would still have to ask. Reads the disk alone."""
    wave = _begun(session, setting, items)
    if wave is None:
        return items
    valid, _ = wave.parts.read()
    return () if wave.folder.closed else [item for item in items if item.identity not in valid]


def _begun(session: Session, setting: Setting, items: Sequence[Item]) -> Wave | None:
    """The wave of an evaluation in this setting, where it was begun."""
    wave_id = setting.wave_id(items)
    known = wave_dir.wave_ids(session.data, session.theme.theme_id, "evaluations")
    return open_from_disk(session, wave_id, "evaluations") if wave_id in known else None
