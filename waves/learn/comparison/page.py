"""A comparison for a person: its tables, as rows of text. The same ones go to the terminal and into a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from waves.learn import markdown
from waves.learn.comparison.agreement import Group
from waves.learn.comparison.compare import Comparison
from waves.learn.pilot.review import in_short
from waves.store.rubrics.comparisons import Pair
from waves.words import counted

_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def summary(found: Comparison) -> str:
    agreement, kappa = found.agreement, found.agreement.kappa()
    overall = f", κ {kappa:.3f}" if kappa is not None else ""
    return (
        f"{found.old} → {found.new}: {counted(agreement.compared, 'row')} compared, {agreement.flips:,} flip, "
        f"{agreement.exact:.1%} agree exactly{overall}"
    )


def tables(found: Comparison) -> list[Table]:
    """Agreement by label or field, then the flips with examples."""
    agreement = found.agreement
    if agreement.labels is None:
        fields = [(one.field, f"{one.differ:,}", f"{one.agreement:.1%}") for one in agreement.by_field()]
        figures = Table(("field", "differ", "agreement"), fields)
    else:
        labels = [
            (
                markdown.readable(one.label, _WIDTH),
                f"{one.old:,}",
                f"{one.new:,}",
                f"{one.both:,}",
                f"{one.agreement:.1%}",
                _number(one.kappa),
            )
            for one in agreement.by_label()
        ]
        figures = Table(("label", "old", "new", "both", "agreement", "κ"), labels)
    flips = Table(("flip", "rows", "example", "input"), list(_flips(found)))
    return [figures, flips] if flips.rows else [figures]


def page(found: Comparison) -> str:
    """As Markdown, to hand to someone."""
    lines = [
        f"# Rubrics {markdown.escaped(found.old)} and {markdown.escaped(found.new)}",
        "",
        markdown.escaped(summary(found)),
    ]
    for table in tables(found):
        lines += ["", *markdown.table(table.head, table.rows)]
    if found.more_groups:
        lines += ["", f"{found.more_groups:,} more kinds of flips are less frequent."]
    return "\n".join(lines) + "\n"


def _flips(found: Comparison) -> Iterator[tuple[str, ...]]:
    for group in found.groups:
        name, count = _name(group), f"{group.count:,}"
        for pair in group.examples:
            given = found.inputs.get((pair.entity_key, pair.input_hash))
            said = "changed meanwhile" if given is None else markdown.readable(in_short(given), _WIDTH)
            yield name, count, _example(group, pair), said
            name = count = ""
        if not group.examples:
            yield name, count, "", ""


def _name(group: Group) -> str:
    if group.field is not None:
        return group.field
    sides = (markdown.worded({"labels": list(side or ())}) for side in (group.old, group.new))
    return " → ".join(markdown.readable(side, _WIDTH) for side in sides)


def _example(group: Group, pair: Pair) -> str:
    key = markdown.readable(pair.entity_key, 40)
    if group.field is None:
        return key
    said = (markdown.worded({group.field: side.get(group.field)}) for side in (pair.old, pair.new))
    return f"{key}: {' → '.join(markdown.readable(one, _WIDTH) for one in said)}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
