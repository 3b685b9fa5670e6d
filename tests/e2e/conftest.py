"""`sample` is a project with the shipped theme and the first of the sample comments, all classified."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.site import ROOT, Site
from tests.integration.cli.tee import Tee, provider
from tests.project_folder import url_of
from waves.store.connect import open_url
from waves.store.demo_tables import load_sample

THEME = "comment_classifier"
ROWS = 40


@pytest.fixture(scope="session")
def _provider() -> Iterator[Tee]:
    with provider() as tee:
        yield tee


@pytest.fixture
def tee(_provider: Tee) -> Tee:
    _provider.clear()
    return _provider


@pytest.fixture
def sample(tmp_path: Path, database_url: str, tee: Tee) -> Site:
    site = Site(tmp_path / "a project", url_of(database_url), tee.url, theme=THEME)
    for name in ("theme.yaml", "v1.md"):
        shutil.copy(ROOT / "prompts" / THEME / name, site.folder)
    site.edit(f"prompts/{THEME}/theme.yaml", "backends: [rehearsal] ", "backends: [provider] ")
    with open_url(site.database, tmp_path) as db:
        load_sample(db, ROOT / "data" / "sample")
    site.sql("DELETE FROM artifact_comments WHERE id > %s OR deleted", ROWS)
    assert site.fire()["state"] == "complete"
    tee.clear()
    return site
