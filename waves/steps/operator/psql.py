"""`psql` on the project's database: the program that ships with the embedded server, else the system's."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from waves.config.project import Project
from waves.errors import ConfigurationError
from waves.store.connect import open_database
from waves.store.embedded import cluster


def psql(project: Project, arguments: Sequence[str]) -> int:
    """Run psql with these arguments while this process keeps the embedded server up. Returns its exit code."""
    program = str(cluster.programs() / "psql") if project.database == "embedded" else shutil.which("psql")
    if program is None:
        raise ConfigurationError("psql is not installed", "Install PostgreSQL's client programs.")
    with open_database(project) as db:
        return subprocess.call([program, db.url, *arguments])
