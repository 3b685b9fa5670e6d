"""Unit tests start no process and open no database: what tries to, fails with the name of the call. What needs
scikit-learn or the SDK is in tests/integration/learn and tests/integration/backends: the import of either takes as long
as a third of these tests.
"""

from __future__ import annotations

import multiprocessing.util
import os
import subprocess
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

import psycopg
import pytest

_OUTSIDE: list[tuple[Any, str]] = [
    (subprocess.Popen, "__init__"),
    (BaseProcess, "start"),
    (multiprocessing.util, "spawnv_passfds"),
    (os, "fork"),
    (os, "forkpty"),
    (os, "posix_spawn"),
    (os, "posix_spawnp"),
    (os, "system"),
    (psycopg, "connect"),
    (psycopg.Connection, "connect"),
    (psycopg.AsyncConnection, "connect"),
]


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refused(*_args: object, **_options: object) -> NoReturn:
        pytest.fail(f"{name} was called: a test that needs a process or a database belongs in tests/integration")

    return refused


@pytest.fixture(autouse=True, scope="module")
def _nothing_outside_of_this_process() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for owner, name in _OUTSIDE:
            monkeypatch.setattr(owner, name, _refusing(f"{owner.__name__}.{name}"))
        yield
