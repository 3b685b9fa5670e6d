"""The wave of a pilot: the one that is open, or a new one with a sample of rows of each kind of old verdict."""

from __future__ import annotations

from waves.errors import ApprovalError, HeldError, TryLaterError
from waves.learn.pilot.strata import choose_rows, stratum
from waves.models import Ending, Item
from waves.steps.budget.snooze import snooze_ending
from waves.steps.budget.window_keys import reserve_keys
from waves.steps.prepare import allow_keys, open_wave
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, find_open_wave
from waves.store.rows import known_rows, pilot_sample
from waves.store.tables import waves


def open_pilot_wave(session: Session, keys: int) -> Wave | Ending:
    """The open pilot of the session's version, else a new one of at most `keys` rows, or why there is none."""
    return find_open_pilot(session) or _prepare(session, keys)


def find_open_pilot(session: Session) -> Wave | None:
    """Raises where another wave is in the way: TryLaterError if the next fire finishes it by itself, HeldError or
    ApprovalError if only a person can end it."""
    theme_id = session.theme.theme_id
    wave, row = find_open_wave(session), waves.current(session.db, theme_id)
    if wave is None or row is None:
        return None
    if wave.manifest.kind == "pilot" and wave.manifest.rubric_version == session.rubric.version:
        return wave
    if wave.manifest.kind == "pilot":
        raise ApprovalError(
            f"a pilot of rubric {wave.manifest.rubric_version} is open",
            f"`wave approve {theme_id} --by NAME` merges it, `wave abandon {theme_id} --by NAME` gives it up.",
        )
    if row.state == "held":
        raise HeldError(f"wave {wave.wave_id} is held: {row.reason}", f"`wave status {theme_id}` says what to do.")
    raise TryLaterError(f"wave {wave.wave_id} is open", f"`wave fire {theme_id}` finishes it; then run the pilot.")


def sample_rows(session: Session, keys: int) -> tuple[Item, ...]:
    """Up to `keys` rows that the version has not judged, some of each kind of old verdict."""
    db, shape, version = session.db, session.shape, session.rubric.version
    candidates = pilot_sample.candidates(db, shape, version)
    prior_verdicts = known_rows.prior_verdicts(db, shape, [row.entity_key for row in candidates])
    prior_outputs = {entity_key: prior.output for entity_key, prior in prior_verdicts.items()}
    strata = [stratum(prior_outputs.get(row.entity_key)) for row in candidates]
    return pilot_sample.items(db, shape, version, [candidates[n].key for n in choose_rows(strata, keys)])


def _prepare(session: Session, keys: int) -> Wave | Ending:
    if (asleep := snooze_ending(session)) is not None:
        return asleep
    planned = allow_keys(session, keys, reserve_keys)
    if planned.ending is not None:
        return planned.ending
    items = sample_rows(session, planned.keys)
    if not items:
        return Ending("complete", f"no row in scope waits for a verdict of rubric {session.rubric.version}")
    return open_wave(session, items, "pilot")
