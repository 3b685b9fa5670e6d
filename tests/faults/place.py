"""A project of its own in a temporary folder, a provider outside of it that keeps a record, and `wave` as a process.

`Place` is the operator: fires, looks into the database, breaks things. What was paid is told by the provider's record
and the journals alone (`judge`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from tests import prefork, wave_command
from tests.faults.corpus import PROJECT, RUBRIC, TABLE, THEME_FILE
from tests.faults.provider import Provider
from tests.prefork import Running
from tests.project_folder import ProjectFolder, Ran
from waves.config import project as projects
from waves.steps.rubrics import approval

THEME = "notes"
GONE_WITHIN = 2.0
"""Seconds after a kill in which every process of a fire has to be gone."""

_TEXTS = (
    "How many patients were left out in group {}?",
    "A wonderful paper, I agree with point {}.",
    "Please move figure {} to the end.",
)


@dataclass(frozen=True, slots=True)
class Trap:
    """Where `wave` is killed: see trap.py."""

    match: str
    nth: int = 1
    when: str = "after"
    who: str = "runner"


@dataclass
class Place(ProjectFolder):
    provider: Provider
    n_items: int = 60
    batch_size: int = 3
    parallel: int = 4
    timeout: float = 20.0
    backend: str = "kind: anthropic"
    sessions: set[int] = field(default_factory=set)
    """Those of all that `begin` started."""

    def __post_init__(self) -> None:
        self.root.mkdir()
        self.write_project()
        folder = self.root / "prompts" / THEME
        folder.mkdir(parents=True)
        (folder / "theme.yaml").write_text(THEME_FILE % {"batch_size": self.batch_size, "parallel": self.parallel})
        (folder / "v1.md").write_text(RUBRIC)
        with self.connect() as connection:
            connection.execute(TABLE)
            rows = [(n, _TEXTS[n % 3].format(n), "review") for n in range(1, self.n_items + 1)]
            connection.cursor().executemany("INSERT INTO note (id, content, kind) VALUES (%s, %s, %s)", rows)
        approval.approve(projects.load(self.root), THEME, by="tests", version=None, max_rows=None, reason="")

    def write_project(self) -> None:
        facts = {"database": self.database, "url": self.provider.url, "timeout": self.timeout, "backend": self.backend}
        (self.root / "waves.yaml").write_text(PROJECT % facts)

    @property
    def folder(self) -> Path:
        return self.data / THEME

    @property
    def wave(self) -> Path:
        """The folder of the newest wave."""
        return max(path for path in (self.folder / "waves").iterdir() if not path.name.startswith("."))

    # --- the database -----------------------------------------------------------------------------------------------

    def inputs(self) -> dict[str, dict[str, str | None]]:
        """Row by key, as the model sees it."""
        rows = self.sql("SELECT id::text, content, kind FROM note")
        return {key: {"content": content, "kind": kind} for key, content, kind in rows}

    def wait_for_answers(self, more: int) -> None:
        """Until the provider has handed over so many more answers than it had."""
        wanted = len(self.provider.answers()) + more
        until(lambda: len(self.provider.answers()) >= wanted, f"{more} more answers")

    def wait_for_requests(self, more: int) -> None:
        """Until so many more requests have arrived than had before."""
        wanted = len(self.provider.lines("arrived")) + more
        until(lambda: len(self.provider.lines("arrived")) >= wanted, f"{more} more requests")

    def awake(self) -> None:
        """What an operator does who does not want to wait for the end of a snooze, or of the pause of a failed row."""
        self.sql("DELETE FROM waves.backend_state")
        self.sql("UPDATE waves.verdict SET retry_at = NULL WHERE retry_at IS NOT NULL")

    # --- wave as a process ------------------------------------------------------------------------------------------

    def begin(
        self, *arguments: str, traps: Sequence[Trap] | None = None, program: Sequence[str] | None = None
    ) -> Running:
        """`wave` with these arguments, forked; with an empty list of traps every operation is noted. `program`, where
        the start of the process matters, is what runs instead, from its first instruction."""
        if program is None:
            laid = None if traps is None else [asdict(trap) for trap in traps]
            set_up = None if laid is None else {"note": str(self.note), "data": str(self.folder), "traps": laid}
            wave = prefork.begin(arguments, self.root, self._environ(), set_up)
        else:
            wave = prefork.begin_program([*program, *arguments], self.root, self._environ())
        self.sessions.add(wave.process.pid)
        return wave

    def begin_fire(
        self, *arguments: str, traps: Sequence[Trap] | None = None, program: Sequence[str] | None = None
    ) -> Running:
        return self.begin("fire", THEME, "--json", *arguments, traps=traps, program=program)

    def fire(self, *arguments: str, traps: Sequence[Trap] | None = None) -> Ran:
        """With traps in a process of its own, which they kill; else in this one, which saves the start of both."""
        if traps is not None:
            return self.begin_fire(*arguments, traps=traps).end()
        return self.run("fire", THEME, "--json", *arguments)

    def fire_measured(self) -> tuple[Ran, float]:
        """A fire, and the most megabytes that one of its processes ever held."""
        peaks: list[float] = []

        def over() -> bool:
            for process in self.processes():
                with suppress(OSError):
                    status = Path(f"/proc/{process.pid}/status").read_text()
                    peaks.extend(int(line.split()[1]) / 1024 for line in status.splitlines() if line[:5] == "VmHWM")
            return not fire.running

        fire = self.begin_fire()
        until(over, "the end of the fire", seconds=60)
        return fire.end(), max(peaks)

    def run(self, *arguments: str) -> Ran:
        """`wave` in this process; its forkserver stays for the next test."""
        return wave_command.run(arguments, self.root, self._environ())

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "FAULTS_KEY": "dummy"}

    def fire_until_complete(self, fires: int = 8) -> Ran:
        """As an operator who wakes the backend after each fire that could not end, and waits for no pause."""
        for _ in range(fires):
            self.awake()
            fired = self.fire("--until-complete")
            if fired.state == "complete":
                break
            assert fired.code in {0, 75}, fired
        assert (fired.code, fired.state) == (0, "complete"), fired
        return fired

    @property
    def note(self) -> Path:
        return self.root / "trap.txt"

    def hits(self) -> list[str]:
        """What each trap hit so far."""
        return self.note.read_text().splitlines() if self.note.exists() else []

    # --- processes --------------------------------------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """Whatever `wave` and its children still run, wherever they hang: nobody leaves a session but to lead one."""
        return [process for pid in psutil.pids() if (process := self._ours(pid)) is not None]

    def workers(self) -> list[psutil.Process]:
        """Each leads a process group with what it starts itself; all others stay in that of the runner."""
        ours = self.processes()
        return [one for one in ours if one.pid not in self.sessions and _group(one) == one.pid]

    def _ours(self, pid: int) -> psutil.Process | None:
        """None if it is another's, or gone by now."""
        try:
            process = psutil.Process(pid)
            alive = os.getsid(pid) in self.sessions and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return None
        return process if alive else None


def until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Waits until the condition holds; fails with `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        threading.Event().wait(0.002)


def _group(process: psutil.Process) -> int:
    try:
        return os.getpgid(process.pid)
    except OSError:
        return 0
