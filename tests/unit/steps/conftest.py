"""`session` is a real one: a project's files, a theme, and a database of its own. Nothing is asked and nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.site import TABLE, Site
from tests.project_folder import url_of
from waves.config import project
from waves.steps.session.session import Invocation, Session, open_session


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Site:
    site = Site(tmp_path / "a project", url_of(database_url), "http://127.0.0.1:1")
    site.sql(TABLE)
    return site


@pytest.fixture
def session(site: Site) -> Iterator[Session]:
    with open_session(Invocation(project.load(site.root), site.theme, {}), "run-1") as opened:
        yield opened
