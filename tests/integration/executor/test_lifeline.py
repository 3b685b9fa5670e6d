"""Nothing is left of a runner that was killed, or that ended without closing anything."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

# Deliberately without a `__main__` guard: no worker may run it again.
RUNNER = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
with Path({ran!r}).open("a") as file:
    file.write("once\\n")
import handlers
from waves.executors.processes import Processes
from waves.executors.events import Emitted
processes = Processes(handlers.obey, workers=2, preload=(), guard=None)
processes.submit("a", ("child", None))
processes.submit("b", ("child", None))
ended = 0
while ended < 2:
    ended += sum(not isinstance(event, Emitted) for event in processes.events(10))
processes.submit("c", ("wait", None))
processes.submit("d", ("wait", None))
while not processes.events(10):
    pass
print("ready", flush=True)
{then}
"""


def _start(tmp_path: Path, then: str) -> subprocess.Popen[str]:
    folder = tmp_path / "a path with blanks"
    folder.mkdir()
    script = folder / "runner.py"
    here = str(Path(__file__).parent)
    script.write_text(RUNNER.format(folder=here, ran=str(tmp_path / "ran"), then=then))
    return subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
    )


def _family(runner: subprocess.Popen[str]) -> list[psutil.Process]:
    """The forkserver, the resource tracker, two workers and a child of each."""
    assert runner.stdout is not None
    assert runner.stdout.readline() == "ready\n"
    family = psutil.Process(runner.pid).children(recursive=True)
    assert len(family) == 6
    return family


def test_a_killed_runner_leaves_no_process_behind(tmp_path: Path, all_gone: Any) -> None:
    with _start(tmp_path, "import time; time.sleep(600)") as runner:
        family = _family(runner)
        runner.send_signal(signal.SIGKILL)
        assert all_gone(family)


@pytest.mark.parametrize("then", ["", "raise RuntimeError", "sys.exit(3)"])
def test_a_runner_that_ends_without_closing_leaves_no_process_behind(then: str, tmp_path: Path, all_gone: Any) -> None:
    with _start(tmp_path, f"sys.stdin.readline()\nsys.stderr = None\n{then}") as runner:
        family = _family(runner)
        runner.communicate("go on\n", timeout=10)
        assert all_gone(family)


def test_no_worker_runs_the_callers_script_again(tmp_path: Path) -> None:
    with _start(tmp_path, "processes.close(kill=True)") as runner:
        output = runner.communicate(timeout=20)[0]
    assert output == "ready\n"
    assert runner.returncode == 0
    assert (tmp_path / "ran").read_text() == "once\n"
