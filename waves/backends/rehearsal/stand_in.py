"""The backend `rehearsal`: starts the stand-in provider as a process of its own, which the backend `anthropic` then
talks to, so that a rehearsal runs the same code as a real fire. The provider ends with the runner, however that ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

from waves.config.project import BackendConfig
from waves.errors import ConfigurationError

_KEY = "rehearsal"


@contextmanager
def rehearse(config: BackendConfig) -> Iterator[BackendConfig]:
    """The config of an `anthropic` backend at the provider's address, while the provider runs. The config of any other
    kind is returned unchanged: it has a provider. Raises ConfigurationError if the stand-in does not start, for
    instance because it does not know the scenario."""
    if config.kind != "rehearsal":
        yield config
        return
    command = [sys.executable, "-m", "waves.rehearsal", "--port", "0", "--until-stdin-closes"]
    if config.scenario is not None:
        command += ["--scenario", config.scenario]
    with (
        tempfile.TemporaryFile() as complaints,
        # a group of its own: Ctrl-C is for the runner, which still waits for the answers to its requests
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, process_group=0
        ) as provider,
    ):
        try:
            yield replace(config, kind="anthropic", base_url=_address(provider, complaints), api_key=_KEY)
        finally:
            _stop(provider)


def _address(provider: subprocess.Popen[bytes], complaints: IO[bytes]) -> str:
    """The provider prints it on its first line, once it listens."""
    assert provider.stdout is not None  # noqa: S101 - opened as a pipe
    line = provider.stdout.readline()
    if line:
        return str(json.loads(line)["url"])
    provider.wait()
    complaints.seek(0)
    message, _, hint = complaints.read().decode("utf-8", "replace").strip().partition("\n")
    raise ConfigurationError(
        f"the rehearsal provider does not start: {message or f'exit code {provider.returncode}'}",
        hint.splitlines()[0] if hint else "run `python -m waves.rehearsal` to see why",
    )


def _stop(provider: subprocess.Popen[bytes]) -> None:
    assert provider.stdin is not None  # noqa: S101 - opened as a pipe
    provider.stdin.close()
    try:
        provider.wait(5)
    except subprocess.TimeoutExpired:
        provider.kill()
