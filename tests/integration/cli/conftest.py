"""`site` is a project with an empty database; `tee` the provider that its theme asks, shared by a session's tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.site import Site
from tests.integration.cli.tee import Tee, provider
from tests.project_folder import url_of


@pytest.fixture(scope="session")
def _provider() -> Iterator[Tee]:
    with provider("--scenario", json.dumps({"invalid_keys": ["wrong"]})) as tee:
        yield tee


@pytest.fixture
def tee(_provider: Tee) -> Tee:
    assert _provider.process.poll() is None, f"the provider ended with {_provider.process.returncode}"
    _provider.clear()
    return _provider


@pytest.fixture
def site(tmp_path: Path, database_url: str, tee: Tee) -> Site:
    return Site(tmp_path / "a project", url_of(database_url), tee.url)
