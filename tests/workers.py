"""The workers of a fire that runs inside the process of the tests. All tests of that process share a forkserver, which
imports what any of them may need: where it lacks the SDK, a worker takes seconds to start.
"""

from __future__ import annotations

from multiprocessing import forkserver
from typing import Any

from waves.executors.processes import warm

_PRELOAD = ("waves.worker", "waves.backends.anthropic.backend", "waves.backends.claude_cli.backend")


def warm_up() -> None:
    """Have the shared forkserver run."""
    warm(_PRELOAD)


def start_afresh() -> None:
    """End the shared forkserver; the next that needs one gets a new one."""
    running: Any = forkserver._forkserver
    running._stop()
