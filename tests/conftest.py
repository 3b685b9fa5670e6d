"""What all tests share: a clean environment, and one real PostgreSQL for the whole session, all workers included.

`server_url` is the server, `database_url` a database of the test's own (cloned from a migrated template), `db` an
open connection to it.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from waves.store import migrate as migrations
from waves.store.connect import Database, open_url
from waves.store.embedded import embedded

# How long an example takes says something about the machine, not about the code.
settings.register_profile("waves", max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("waves")

_FOREIGN = ("WAVES_", "ANTHROPIC_", "PG", "CLAUDE_")
_TEMPLATE = "waves_template"
_FOLDER = "TESTS_SERVER_FOLDER"
_SERVER_URL = "TESTS_SERVER_URL"
_TEMPORARY = "PYTEST_DEBUG_TEMPROOT"
_MEMORY = Path("/dev/shm")  # a database of its own for each test: copied in memory it costs a quarter
_ROOM = 2 << 30
_FORGETFUL = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")
_numbers = itertools.count(1)


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    """No test sees a key, a database or a setting of the person who runs it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
            monkeypatch.delenv(name)
        yield


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of the session's server, with the template in it: that of TESTS_SERVER_URL, of any version from 14 on and
    for tests alone, else the embedded one, shared by the workers of pytest-xdist, which keeps nothing."""
    if (given := os.environ.get(_SERVER_URL)) is not None:
        _make_template(given)
        yield given
        return
    folder = Path(os.environ[_FOLDER])
    folder.mkdir(exist_ok=True, mode=0o711)
    url = embedded.ensure_server(folder)
    _make_template(url, *_FORGETFUL)
    yield url
    embedded.leave_server(folder)


def _make_template(url: str, *settings: LiteralString) -> None:
    """Made by the first worker that comes."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone() is None:
            for setting in settings:
                connection.execute(sql.SQL("ALTER SYSTEM SET {}").format(sql.SQL(setting)))
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE waves_template_new")
            with psycopg.connect(make_conninfo(url, dbname="waves_template_new"), autocommit=True) as fresh:
                migrations.migrate(fresh)
            connection.execute("ALTER DATABASE waves_template_new RENAME TO waves_template")


@pytest.fixture
def database_url(server_url: str, worker_id: str) -> Iterator[str]:
    """A database of the test's own, migrated; it goes with the test, whoever is still connected."""
    name = f"test_{worker_id}_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} {}").format(
            sql.Identifier(name), sql.Identifier(_TEMPLATE), sql.SQL(_strategy())
        )
        connection.execute(create)
    yield make_conninfo(server_url, dbname=name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _strategy() -> LiteralString:
    """On a disk, and of another server, what the server itself prefers is the cheapest."""
    in_memory = _SERVER_URL not in os.environ and Path(os.environ[_FOLDER]).is_relative_to(_MEMORY)
    return "STRATEGY FILE_COPY" if in_memory else ""


@pytest.fixture
def db(database_url: str, tmp_path: Path) -> Iterator[Database]:
    with open_url(database_url, tmp_path) as database:
        yield database


def pytest_collection_finish() -> None:
    """What is imported stays to the end: it need not be searched for garbage again and again, a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_configure() -> None:
    """The controller names the folders; its workers inherit the variables."""
    gc.disable()  # nothing of what is imported and collected is garbage
    in_memory = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    home = _MEMORY if in_memory else Path(tempfile.gettempdir())
    os.environ.setdefault(_FOLDER, str(home / f"waves-tests-{os.getpid()}"))
    if in_memory:
        Path(os.environ[_FOLDER]).mkdir(exist_ok=True, mode=0o711)
        os.environ.setdefault(_TEMPORARY, os.environ[_FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The controller, which ends last, removes the server's folder, and what the tests wrote in memory."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)
