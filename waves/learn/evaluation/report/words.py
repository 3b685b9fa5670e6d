"""What the reports of an evaluation say in words, on a terminal and in HTML alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NO_ANSWER = "no answer"


def name_of(setting: dict[str, Any]) -> str:
    return (
        f"{setting['rubric_version']}, {setting['model']} on {setting['backend']}, batches of {setting['batch_size']}"
    )


def notes(report: dict[str, Any]) -> list[str]:
    """What a table of figures does not say."""
    found = list(about_gold(report["gold"]) if report["gold"] else ())
    silent = [each for each in report["settings"] if each["answered"] < each["items"]]
    found += [f"{name_of(each)}: {_without_answer(each)}" for each in silent]
    if report["best"] is None:
        return [*found, f"{report['state'].replace('_', ' ')}: {report['reason']}; the same command goes on"]
    if report["cheapest"] is not None and len(report["settings"]) > 1:
        worth = "by price" if report["axis"] == "cost_usd_per_item" else "by tokens, because there is no price"
        cheapest = report["settings"][report["cheapest"]]
        found.append(f"the cheapest that is not significantly worse than the best, {worth}: {name_of(cheapest)}")
    return found


def about_gold(gold: dict[str, Any]) -> Iterator[str]:
    missing = gold["missing"]
    if missing["count"]:
        more = ", …" if missing["count"] > len(missing["ids"]) else ""
        yield f"{missing['count']} rows of the gold are not in the source: {'; '.join(missing['ids'])}{more}"
    if gold["forgotten"]:
        yield f"{gold['forgotten']} rows of the gold were forgotten since they were asked, and are left out"


def _without_answer(setting: dict[str, Any]) -> str:
    silent = setting["items"] - setting["answered"]
    more = ", …" if silent > len(setting["unanswered"]) else ""
    return f"{silent} items got no answer and count as wrong: {', '.join(setting['unanswered'])}{more}"


def mixed_up(setting: dict[str, Any]) -> list[tuple[str, str | None, int]]:
    """(gold label, the label it got or None for no answer, items), the most frequent first. Where labels may co-occur
    nobody can say which one was taken for which: then there are none."""
    if not setting["confusion"] or "matrix" not in setting["confusion"]:
        return []
    labels, matrix = setting["confusion"]["labels"], setting["confusion"]["matrix"]
    pairs = [
        (labels[row], labels[column], count)
        for row, counts in enumerate(matrix)
        for column, count in enumerate(counts)
        if count and row != column
    ]
    return sorted(pairs, key=lambda pair: -pair[2])
