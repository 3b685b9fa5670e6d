"""Would too much of a wave be given up at once? Then a person has to look first: a model that refuses or garbles every
third row says more about the model, or the rubric, than about the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from waves.models import Identity, Manifest
from waves.steps.session.session import Session
from waves.store.tables import verdicts
from waves.store.tables.verdicts import Failure, Tried
from waves.words import counted

FEW = 10
"""A wave of fewer items has no share to speak of."""
_REASONS_SHOWN = 3


def too_much_given_up(
    session: Session, manifest: Manifest, failed: Sequence[Failure], refused: Sequence[Failure]
) -> str | None:
    """Why the wave has to be held; None if `failed` and `refused` may be charged. Rows that failed in earlier fires,
    too, while others were answered, come together in the last waves: they are compared with all that was judged."""
    if manifest.kind != "normal" or len(manifest.items) < FEW:
        return None
    names = (manifest.theme_id, manifest.rubric_version)
    before = verdicts.tried_items(session.db, *names, [(each.entity_key, each.input_hash) for each in failed])
    given_up = {(each.entity_key, each.input_hash): each.reason for each in refused}
    given_up |= {
        (each.entity_key, each.input_hash): each.reason
        for each in failed
        if attempts_of(each, before) + 1 >= session.limits.max_attempts
    }
    if not given_up:
        return None
    again = sum(identity in before for identity in given_up)
    already = verdicts.given_up_at_once(session.db, manifest.wave_id)  # by earlier fires over this wave
    rate = session.limits.max_given_up_rate
    too_many = len(given_up) - again + already > rate * len(manifest.items)
    if too_many or _too_many_again(session, manifest, again, rate):
        return _held(manifest, given_up, already)
    return None


def attempts_of(failure: Failure, before: Mapping[Identity, Tried]) -> int:
    tried = before.get((failure.entity_key, failure.input_hash))
    return 0 if tried is None else tried.attempts


def _too_many_again(session: Session, manifest: Manifest, again: int, rate: float) -> bool:
    if again <= rate * FEW:
        return False
    enough = int(again / rate) + 1 if rate else 1 << 31
    judged = verdicts.judged_count(session.db, manifest.theme_id, manifest.rubric_version, enough)
    return again > rate * (judged + len(manifest.items))


def _held(manifest: Manifest, given_up: Mapping[Identity, str], already: int) -> str:
    common = Counter(given_up.values()).most_common()
    reasons = ", ".join(f"{number} × {reason}" for reason, number in common[:_REASONS_SHOWN])
    more = f" and {counted(len(common) - _REASONS_SHOWN, 'other reason')}" if len(common) > _REASONS_SHOWN else ""
    theme = manifest.theme_id
    beside = f", beside {already} that were given up before" if already else ""
    return (
        f"{len(given_up)} of {len(manifest.items)} rows of wave {manifest.wave_id} would be given up{beside}: "
        f"{reasons}{more}. "
        f"Look at the model and the rubric, then ask again: wave run {theme}; "
        f"or put them back: wave collect {theme} --partial; "
        f"or give them up: wave collect {theme} --accept-given-up --by NAME"
    )
