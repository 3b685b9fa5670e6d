"""A comparison for a person: its tables, as rows of text. The same ones go to the terminal and into Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from waves.learn import markdown
from waves.learn.comparison.agreement import FieldAgreement, Group, LabelAgreement
from waves.learn.comparison.compare import Comparison
from waves.learn.pilot.review import in_short
from waves.store.rubrics.comparisons import Pair
from waves.words import counted

_WIDTH = 200
_KEY_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def summary(comparison: Comparison) -> str:
    agreement, kappa = comparison.agreement, comparison.agreement.kappa()
    overall = f", κ {kappa:.3f}" if kappa is not None else ""
    return (
        f"{comparison.old} → {comparison.new}: {counted(agreement.compared, 'row')} compared, "
        f"{agreement.flips:,} flip, {agreement.exact:.1%} agree exactly{overall}"
    )


def tables(comparison: Comparison) -> list[Table]:
    """Agreement by label or field, then the flips with examples."""
    agreement = comparison.agreement
    if agreement.labels is None:
        figures = Table(("field", "differ", "agreement"), list(map(_field_row, agreement.by_field())))
    else:
        head = ("label", "old", "new", "both", "agreement", "κ")
        figures = Table(head, list(map(_label_row, agreement.by_label())))
    flips = Table(("flip", "rows", "example", "input"), list(_flip_rows(comparison)))
    return [figures, flips] if flips.rows else [figures]


def comparison_markdown(comparison: Comparison) -> str:
    """The comparison as a page of its own, to hand to someone."""
    lines = [
        f"# Rubrics {markdown.escaped(comparison.old)} and {markdown.escaped(comparison.new)}",
        "",
        markdown.escaped(summary(comparison)),
    ]
    for table in tables(comparison):
        lines += ["", *markdown.table(table.head, table.rows)]
    if comparison.more_groups:
        lines += ["", f"{comparison.more_groups:,} more kinds of flips are less frequent."]
    return "\n".join(lines) + "\n"


def _field_row(field: FieldAgreement) -> tuple[str, ...]:
    return field.field, f"{field.differ:,}", f"{field.agreement:.1%}"


def _label_row(label: LabelAgreement) -> tuple[str, ...]:
    counts = (f"{count:,}" for count in (label.old, label.new, label.both))
    kappa = "" if label.kappa is None else f"{label.kappa:.3f}"
    return markdown.readable(label.label, _WIDTH), *counts, f"{label.agreement:.1%}", kappa


def _flip_rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """A row for each example; the first one of a group names the group."""
    for group in comparison.groups:
        name, count = _group_name(group), f"{group.count:,}"
        for pair in group.examples:
            content = comparison.inputs.get((pair.entity_key, pair.input_hash))
            text = "changed meanwhile" if content is None else markdown.readable(in_short(content), _WIDTH)
            yield name, count, _example(group, pair), text
            name = count = ""
        if not group.examples:
            yield name, count, "", ""


def _group_name(group: Group) -> str:
    if group.field is not None:
        return group.field
    sides = (markdown.verdict_text({"labels": list(labels or ())}) for labels in (group.old, group.new))
    return " → ".join(markdown.readable(side, _WIDTH) for side in sides)


def _example(group: Group, pair: Pair) -> str:
    key = markdown.readable(pair.entity_key, _KEY_WIDTH)
    if group.field is None:
        return key
    values = (markdown.verdict_text({group.field: output.get(group.field)}) for output in (pair.old, pair.new))
    return f"{key}: {' → '.join(markdown.readable(value, _WIDTH) for value in values)}"
