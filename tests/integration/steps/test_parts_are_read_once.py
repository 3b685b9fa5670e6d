"""Each part of a wave is read at most once in a fire: what was read or written is passed on from step to step."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from waves.config.project import Project
from waves.fire import FireOptions, fire
from waves.steps.operator.by_hand import prepare_wave, run_wave
from waves.steps.session.session import Invocation

_PART = re.compile(r"/parts/[0-9a-f]{2}/[0-9a-f]+\.json$")
_opened: Counter[str] = Counter()
_counting: list[bool] = []


def _count(event: str, arguments: tuple[object, ...]) -> None:
    if _counting and event == "open" and isinstance(arguments[0], str) and _PART.search(arguments[0]):
        _opened[arguments[0]] += 1


sys.addaudithook(_count)  # for good: a hook cannot be removed


@contextmanager
def opens_of_parts() -> Iterator[Counter[str]]:
    """How often each part is opened by this process while the block runs."""
    _opened.clear()
    _counting.append(True)
    yield _opened
    _counting.clear()


def test_a_clean_wave_opens_each_part_once_to_make_it_durable(project: Project) -> None:
    with opens_of_parts() as opened:
        report = fire(project, "notes", FireOptions())
    assert report.counts.line() == "emitted 20 = parts 20 = entries 20 = matched 20, orphaned 0"
    assert list(opened.values()) == [1] * 20


def test_a_wave_that_is_collected_later_reads_each_part_once(
    project: Project, opening: Callable[..., Invocation]
) -> None:
    prepare_wave(opening())
    assert run_wave(opening()).ending.state == "converged"
    with opens_of_parts() as opened:
        report = fire(project, "notes", FireOptions(keys=20))
    assert report.counts.parts >= 20
    assert max(opened.values()) == 1
