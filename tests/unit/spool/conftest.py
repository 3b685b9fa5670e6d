"""What the tests of the spool share: a wave with hostile keys, and a disk that can be watched, broken and unplugged."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from waves.models import Item, Limits, Manifest, Part

AT = datetime(2026, 11, 20, 23, 0, 3, 123456, tzinfo=UTC)
HOSTILE_KEYS = ("../../etc/passwd", "a/b", "k" * 300, "Key", "KEY", "", ".", "..", "nul\x00byte", "lone\ud800half")


@pytest.fixture
def manifest() -> Manifest:
    """Every hostile key is one of its items."""
    items = tuple(
        Item(key, f"{n:064x}", {"comment_text": f"text {n}", "parent": None}) for n, key in enumerate(HOSTILE_KEYS)
    )
    wave = "20261120T230003Z-7f3a"
    return Manifest("inst-1", "comments", wave, "normal", "v1-abcdef0", "anthropic", "m-1", Limits(), items, AT)


@pytest.fixture
def part_of(manifest: Manifest) -> Callable[..., Part]:
    """A valid part of an item of the manifest, with what is said to be different."""

    def make(item: Item, **different: Any) -> Part:
        fields: dict[str, Any] = {
            "theme": manifest.theme_id,
            "wave": manifest.wave_id,
            "entity_key": item.entity_key,
            "input_hash": item.input_hash,
            "rubric_version": manifest.rubric_version,
            "model": manifest.model,
            "backend": manifest.backend,
            "call_id": "call-1",
            "output": {"labels": ["question"]},
            "confidence": 0.9,
            "parse": "strict",
            "created_at": AT,
        }
        return Part(**{**fields, **different})

    return make


class Disk:
    """Watches the system calls below `root`, makes chosen ones fail, and knows what a power failure would leave.

    `calls` are (call, path) pairs, the temporary names written as `TMP`. What stands in `root` at the start is durable.
    With `stop_at` the process ends at that call, and at every one that it tries after it.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.calls: list[tuple[str, str]] = []
        self.failures: dict[tuple[str, str], int] = {}
        self.stop_at: int | None = None
        self._paths: dict[int, str] = {}
        self._content: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._real: dict[str, Any] = {}
        for place, _, names in os.walk(root):
            self._names[Path(place).stat().st_ino] = _listing(place)
            self._content |= {Path(place, name).stat().st_ino: Path(place, name).read_bytes() for name in names}
        for name in ("open", "write", "fsync", "close", "rename", "mkdir", "unlink"):
            self._real[name] = getattr(os, name)
            monkeypatch.setattr(os, name, getattr(self, f"_{name}"))

    def fail(self, call: str, path: str, error: int) -> None:
        """From now on `call` on `path`, as it stands in `calls`, fails with this errno."""
        self.failures[call, path] = error

    def _note(self, call: str, path: str | os.PathLike[str]) -> bool:
        full = Path(path)
        if not full.is_relative_to(self.root):
            return False
        steps = ["TMP" if step.endswith(".tmp") else step for step in full.relative_to(self.root).parts]
        shown = "/".join(steps) or "."
        if len(self.calls) == self.stop_at:
            raise KeyboardInterrupt
        self.calls.append((call, shown))
        if error := self.failures.get((call, shown)):
            raise OSError(error, os.strerror(error))
        return True

    def _open(self, path: Any, flags: int, mode: int = 0o777, **rest: Any) -> int:
        new = bool(flags & os.O_EXCL)
        watched = isinstance(path, str | os.PathLike) and self._note("create" if new else "open", path)
        fd: int = self._real["open"](path, flags, mode, **rest)
        if watched:
            self._paths[fd] = os.fspath(path)
            if new:
                self._begin(os.fstat(fd).st_ino, folder=False)
        return fd

    def _write(self, fd: int, data: Any) -> int:
        if fd in self._paths:
            self._note("write", self._paths[fd])
        written: int = self._real["write"](fd, data)
        return written

    def _fsync(self, fd: int) -> None:
        path = self._paths[fd]
        self._note("fsync", path)
        self._real["fsync"](fd)
        number = os.fstat(fd).st_ino
        if number in self._names:
            self._names[number] = _listing(path)
        else:
            self._content[number] = Path(path).read_bytes()

    def _close(self, fd: int) -> None:
        if path := self._paths.pop(fd, None):
            self._note("close", path)
        self._real["close"](fd)

    def _rename(self, old: Any, new: Any, **rest: Any) -> None:
        self._note("rename", new)
        self._real["rename"](old, new, **rest)

    def _mkdir(self, path: Any, mode: int = 0o777, **rest: Any) -> None:
        watched = self._note("mkdir", path)
        self._real["mkdir"](path, mode, **rest)
        if watched:
            self._begin(Path(path).stat().st_ino, folder=True)

    def _unlink(self, path: Any, **rest: Any) -> None:
        if "dir_fd" not in rest:
            self._note("unlink", path)
        self._real["unlink"](path, **rest)

    def _begin(self, number: int, *, folder: bool) -> None:
        self._content.pop(number, None)
        self._names.pop(number, None)
        if folder:
            self._names[number] = {}

    def order(self, *calls: str) -> list[tuple[str, str]]:
        """Only these calls, in their order."""
        return [pair for pair in self.calls if pair[0] in calls]

    def unplug(self, into: Path, *, names_survive: bool = False) -> Path:
        """What the disk holds after a power failure, as a new tree: what was fsynced and nothing else. With
        `names_survive` every name is there, and content that was not fsynced is lost: many file systems do that."""
        self._rebuild(self.root, self.root.stat().st_ino, into, names_survive=names_survive)
        return into

    def _rebuild(self, place: Path | str, number: int, into: Path, *, names_survive: bool) -> None:
        into.mkdir()
        names = _listing(place) if names_survive else self._names[number]
        for name, inner in names.items():
            if inner in self._names:
                self._rebuild(Path(place, name), inner, into / name, names_survive=names_survive)
            else:
                (into / name).write_bytes(self._content.get(inner, b""))


def _listing(place: str | Path) -> dict[str, int]:
    with os.scandir(place) as entries:
        return {entry.name: entry.inode() for entry in entries}


@pytest.fixture
def disk_of() -> type[Disk]:
    """For a test that breaks many: `disk_of(root, monkeypatch)`."""
    return Disk


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    root = tmp_path / "disk"
    root.mkdir()
    return Disk(root, monkeypatch)
