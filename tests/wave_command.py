"""`wave` inside the process of the tests: the same `main`, without the second that an interpreter and its forkserver
take to start. Both outputs are those of the file descriptors, so that what children write is seen, too.

For what is about the process itself (signals, pipes, a terminal, what is imported) start one.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn
from unittest.mock import patch

import pytest

from tests import workers
from tests.project_folder import Ran
from waves.surfaces.cli.main import main

WARNINGS = ("error", "ignore::ResourceWarning")
"""Of workers: aiohttp warns of bodies over 1 MB by a ResourceWarning, which nobody sees by default."""


def run(arguments: Sequence[str], folder: Path, environ: Mapping[str, str], *, seconds: int = 120) -> Ran:
    """`wave` in this folder and environment, without a terminal, as cron runs it; fails if it takes too long."""
    workers.warm_up()
    with ExitStack() as stack:
        stack.enter_context(_in_folder(folder))
        stack.enter_context(patch.dict(os.environ, environ, clear=True))
        stack.enter_context(patch.object(sys, "argv", ["wave", *arguments]))
        stack.enter_context(patch.object(sys, "warnoptions", list(WARNINGS)))
        for name in ("freeze", "set_threshold"):  # `main` means a process that is about to end
            stack.enter_context(patch.object(gc, name))
        out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        with _nothing_to_read(), _written("stdout", out), _written("stderr", err), _deadline(arguments, seconds):
            code = _exit_code()
        return Ran(code, _read(out), _read(err))


def _exit_code() -> int:
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _nothing_to_read() -> Iterator[None]:
    with Path(os.devnull).open(encoding="utf-8") as empty, patch.object(sys, "stdin", empty):
        yield


@contextmanager
def _written(name: str, file: IO[bytes]) -> Iterator[None]:
    """What is written to `sys.stdout` or `sys.stderr`, and to its descriptor, goes to this file."""
    number = {"stdout": 1, "stderr": 2}[name]
    before = os.dup(number)
    os.dup2(file.fileno(), number)
    try:
        with open(number, "w", encoding="utf-8", closefd=False) as stream, patch.object(sys, name, stream):
            yield
    finally:
        os.dup2(before, number)
        os.close(before)


@contextmanager
def _deadline(arguments: Sequence[str], seconds: int) -> Iterator[None]:
    def late(_number: int, _frame: FrameType | None) -> NoReturn:
        raise TimeoutError(f"wave {' '.join(arguments)} takes more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
