"""A fresh clone of this checkout and what a newcomer runs in it; nothing is installed from anywhere.

The virtual environment is made from the one that runs the tests: its `pip` notes what it is asked for, and does what
an editable install would: the command `wave` appears.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.cli.site import ROOT
from tests.project_folder import Ran

DEEP = Path("a folder with blanks", *["and another one that makes the path deep"] * 3)
"""Far more than the 107 bytes that the name of a Unix socket may have."""
NOBODY = 65534

_PIP = """
    import pathlib, sys
    pathlib.Path(sys.prefix, "asked").write_text(" ".join(sys.argv[1:]))
    wave = pathlib.Path(sys.prefix, "bin", "wave")
    wave.write_text("#!/bin/sh\\nexec \\"$(dirname \\"$0\\")/python\\" -m waves \\"$@\\"\\n")
    wave.chmod(0o755)
"""


@dataclass(frozen=True, slots=True)
class Clone:
    """`user` is the id of another user than ours who runs everything in it, or None."""

    root: Path
    user: int | None = None

    def run(self, *command: str, cwd: Path | None = None, **more: str) -> Ran:
        """A command as a person or cron starts it, without a terminal; `more` is the environment's."""
        done = subprocess.run(
            command,
            cwd=cwd or self.root,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root), "LANG": "C.UTF-8", **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=170,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def wave(self, *arguments: str) -> Ran:
        return self.run(str(self.root / ".venv" / "bin" / "wave"), *arguments)

    def query(self, *queries: str) -> list[str]:
        """The value of each query, all by one psql: each start of `wave` takes most of a second."""
        return self.psql("SELECT " + ", ".join(f"({query})" for query in queries)).split("|")

    def psql(self, text: str) -> str:
        """What psql says, as a person asks it."""
        ran = self.wave("db", "psql", "-XAtc", text)
        assert (ran.code, ran.err) == (0, ""), ran
        return ran.out.strip()


@contextmanager
def cloned(python: str, user: int | None = None) -> Iterator[Clone]:
    """A clone in a deep folder with blanks in its path, with its virtual environment."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout: there is nothing to clone")
    top = Path(tempfile.mkdtemp(prefix="waves e2e ", dir="/tmp"))
    top.chmod(0o711)
    clone = Clone(top / DEEP / "waves", user)
    clone.root.parent.mkdir(parents=True)
    try:
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone.root)], check=True)
        _make_venv(clone.root / ".venv", python)
        if user is not None:
            for path in [clone.root, *clone.root.rglob("*")]:
                os.chown(path, user, user, follow_symlinks=False)
        yield clone
    finally:
        shutil.rmtree(top)


def python_for_everybody() -> str:
    """A Python of our version that any user may run; skips where there is none."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin:/opt/homebrew/bin")):
        if found and _open_to_all(Path(found).resolve()) and _open_to_all(Path(sysconfig.get_path("purelib"))):
            return found
    return pytest.skip(f"no {version} that another user may run: {sys.executable} lies in a private folder")


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def _make_venv(venv: Path, python: str) -> None:
    subprocess.run([python, "-m", "venv", "--without-pip", str(venv)], check=True)
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "project.pth").write_text(f"{venv.parent}\n{sysconfig.get_path('purelib')}\n")
    (packages / "pip").mkdir()
    (packages / "pip" / "__init__.py").touch()
    (packages / "pip" / "__main__.py").write_text(textwrap.dedent(_PIP))
