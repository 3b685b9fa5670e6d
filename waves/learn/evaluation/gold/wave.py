"""The gold as a wave on disk, one for each setting: journal and parts as of any wave, and no row in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from waves.ids import now
from waves.learn.evaluation.settings import Setting
from waves.models import Identity, Item, Manifest
from waves.spool import wave_dir
from waves.spool.wave_dir import WaveDir
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, batches_of, load_wave, open_from_disk


def open_gold_wave(session: Session, setting: Setting, items: tuple[Item, ...]) -> Wave:
    """The wave that asks for the gold in this setting: the one from before where it exists, else a new one."""
    if (existing := _existing_wave(session, setting, items)) is not None:
        return existing
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


def forgotten_items(session: Session, settings: Sequence[Setting], items: Sequence[Item]) -> frozenset[Identity]:
    """Items that the wave of any of these settings held before `wave forget` erased them from it."""
    forgotten: set[Identity] = set()
    for setting in settings:
        if (wave := _existing_wave(session, setting, items)) is not None:
            forgotten |= {item.identity for item in items} - {item.identity for item in wave.manifest.items}
    return frozenset(forgotten)


def items_to_ask(session: Session, setting: Setting, items: tuple[Item, ...]) -> Sequence[Item]:
    """What an evaluation in this setting would still have to ask. Reads the disk alone."""
    wave = _existing_wave(session, setting, items)
    if wave is None:
        return items
    valid, _ = wave.parts.read()
    return () if wave.folder.closed else [item for item in items if item.identity not in valid]


def _existing_wave(session: Session, setting: Setting, items: Sequence[Item]) -> Wave | None:
    wave_id = setting.wave_id(items)
    known = wave_dir.wave_ids(session.data, session.theme.theme_id, "evaluations")
    return open_from_disk(session, wave_id, "evaluations") if wave_id in known else None
