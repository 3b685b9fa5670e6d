"""What a pilot shows: for each of its rows the input, the verdict that holds and the new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from waves.learn import markdown
from waves.models import Output
from waves.steps.session.session import Session
from waves.steps.session.wave import Wave, WaveContents
from waves.store.rows import known_rows
from waves.store.rows.known_rows import PriorVerdict
from waves.words import counted

_WIDTH = 500


@dataclass(frozen=True, slots=True)
class Row:
    """`old` is None where the row was never judged, `new` where no answer could be stored (yet). `changed`: there are
    both, and they differ."""

    entity_key: str
    input: Mapping[str, str | None] = field(hash=False)
    old: Output | None = field(hash=False)
    new: Output | None = field(hash=False)
    confidence: float | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Review:
    theme_id: str
    version: str
    wave_id: str
    rows: tuple[Row, ...]

    @property
    def changed(self) -> int:
        return sum(row.changed for row in self.rows)

    @property
    def unchanged(self) -> int:
        return sum(row.old is not None and row.new is not None and not row.changed for row in self.rows)

    @property
    def first(self) -> int:
        """Rows that have their first verdict now."""
        return sum(row.old is None and row.new is not None for row in self.rows)

    @property
    def missing(self) -> int:
        return sum(row.new is None for row in self.rows)

    def summary(self) -> str:
        counts = f"{self.changed} changed, {self.unchanged} unchanged, {self.first} judged for the first time"
        return f"{counted(len(self.rows), 'row')}: {counts}, {self.missing} without an answer"


def review_wave(session: Session, wave: Wave, contents: WaveContents) -> Review:
    """The rows of the wave in its own order, their input columns in the order of the theme."""
    manifest = wave.manifest
    prior_verdicts = known_rows.prior_verdicts(session.db, session.shape, [item.entity_key for item in manifest.items])
    positions = {name: position for position, name in enumerate(session.theme.source.input)}
    rows = []
    for item in manifest.items:
        old, part = prior_verdicts.get(item.entity_key), contents.parts.get(item.identity)
        columns = sorted(item.input, key=lambda name: positions.get(name, len(positions)))
        row = Row(
            entity_key=item.entity_key,
            input={name: item.input[name] for name in columns},
            old=old.output if old else None,
            new=part.output if part else None,
            confidence=part.confidence if part else None,
            changed=old is not None and part is not None and differs(old, part.output),
        )
        rows.append(row)
    return Review(manifest.theme_id, manifest.rubric_version, manifest.wave_id, tuple(rows))


def differs(old: PriorVerdict, new: Output) -> bool:
    """Whether the target would show something else. Of a verdict that is only read from the target, its own fields
    count."""
    comparable = new if old.version is not None else {name: new[name] for name in old.output if name in new}
    return not same_verdict(old.output, comparable)


def same_verdict(verdict: Output, other: Output) -> bool:
    """Labels are compared as sets."""
    return _with_label_sets(verdict) == _with_label_sets(other)


def _with_label_sets(output: Output) -> dict[str, object]:
    return {name: frozenset(map(str, value)) if _is_labels(name, value) else value for name, value in output.items()}


def _is_labels(name: str, value: object) -> bool:
    return name == "labels" and isinstance(value, list)


def review_markdown(review: Review) -> str:
    """The review as a page of its own, to hand to someone; changed rows come first."""
    head = ("row", "input", "old", "new", "confidence", "changed")
    lines = [
        f"# Pilot of rubric {markdown.escaped(review.version)}, theme {markdown.escaped(review.theme_id)}",
        "",
        f"Wave {markdown.escaped(review.wave_id)}. {markdown.escaped(review.summary())}.",
        "",
        *markdown.table(head, map(_cells, _changed_first(review.rows))),
    ]
    return "\n".join(lines) + "\n"


def _changed_first(rows: Iterable[Row]) -> Sequence[Row]:
    return sorted(rows, key=lambda row: not row.changed)


def _cells(row: Row) -> tuple[str, ...]:
    old, new = (markdown.readable(markdown.verdict_text(output), _WIDTH) for output in (row.old, row.new))
    confidence = "" if row.confidence is None else f"{row.confidence:.2f}"
    given = markdown.readable(in_short(row.input), _WIDTH)
    return (markdown.readable(row.entity_key, _WIDTH), given, old, new, confidence, "yes" if row.changed else "no")


def in_short(given: Mapping[str, str | None]) -> str:
    """The columns that are not empty, with their names; a single input column as its text alone."""
    filled = [(name, text) for name, text in given.items() if text]
    if len(given) == 1:
        return "".join(text for _, text in filled)
    return "; ".join(f"{name}: {text}" for name, text in filled)
