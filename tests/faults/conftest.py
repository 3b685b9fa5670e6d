"""A place to break things in: `make` gives a project with notes in its table and a provider that keeps a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.faults.place import Place
from tests.faults.provider import Provider
from tests.project_folder import url_of

Make = Callable[..., Place]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    found = Provider(tmp_path / "record.jsonl")
    yield found
    found.stop()


@pytest.fixture
def make(tmp_path: Path, database_url: str, provider: Provider) -> Iterator[Make]:
    """`make(scenario, **fields of Place)`; what still runs when the test ends is ended."""
    made: list[Place] = []

    def build(scenario: Mapping[str, Any] | None = None, *, seed: int = 0, **fields: Any) -> Place:
        provider.start(scenario, seed=seed)
        made.append(Place(tmp_path / "a project", url_of(database_url), provider, **fields))
        return made[-1]

    yield build
    for place in made:
        for process in place.processes():
            process.kill()
