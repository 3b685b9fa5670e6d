"""What `claude` is started with: the executable, the flags that it knows, and a closed environment.

The flags make a request lean (our system prompt, no tools, no settings) and keep the text of a row from being anything
but text: with attachments on, the CLI would read the file that `@/etc/passwd` in a row names, and send it along.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from waves.backends.claude_cli import TRAITS
from waves.backends.claude_cli.process import OnLine, Workspace, run
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.exact_json import Encoder
from waves.outcomes import Fatal

TOKEN = TRAITS.key_variable
API_KEY = "ANTHROPIC_API_KEY"

_PROBE_TIMEOUT = 30.0
_FIXED = {
    "TZ": "UTC",
    "CLAUDE_CODE_DISABLE_ATTACHMENTS": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",  # the fallback would send the request once more
    "CLAUDE_CODE_MAX_RETRIES": "0",
    "DISABLE_AUTOUPDATER": "1",
    "MAX_STRUCTURED_OUTPUT_RETRIES": "1",
    "MAX_THINKING_TOKENS": "0",  # thinking would take all but one of the tokens of the answer
}
_FLAGS = (
    *("-p", "--tools", "", "--strict-mcp-config", "--setting-sources", "", "--disable-slash-commands"),
    *("--no-session-persistence", "--max-turns", "1"),
    *("--output-format", "stream-json", "--verbose", "--include-partial-messages"),
)
_IF_KNOWN = ("--restricted",)
"""Flags that not every version has."""


def key_variable(config: BackendConfig) -> str:
    """The variable in which the CLI gets its credential: that of an API key only if the configuration names it."""
    return API_KEY if config.api_key_env == API_KEY else TOKEN


def environment(config: BackendConfig, space: Workspace, max_tokens: int = 1) -> dict[str, str]:
    """The whole environment of the CLI."""
    variables = {**_FIXED, "HOME": str(space.home), "TMPDIR": str(space.temporary), **config.environment}
    variables["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(max_tokens)
    variables["CLAUDE_CODE_TMPDIR"] = str(space.temporary)
    variables[key_variable(config)] = config.api_key or ""
    if config.base_url is not None:
        variables["ANTHROPIC_BASE_URL"] = config.base_url
    return variables


class Executable:
    """`command` of the configuration, and the flags that it knows: read from its help once, and again after the file
    has changed."""

    def __init__(self, config: BackendConfig) -> None:
        self._config = config
        self._lock = asyncio.Lock()
        self._known: tuple[str, object, tuple[str, ...]] | None = None

    async def flags(self, space: Workspace) -> tuple[str, ...] | Fatal:
        """The command line without what depends on the rubric; Fatal if the executable cannot be used."""
        path = _find(self._config)
        if path is None:
            return self._unusable("there is no such executable", f"install it ({TRAITS.install})")
        async with self._lock:
            if self._known is None or self._known[:2] != (path, _fingerprint(path)):
                fingerprint = _fingerprint(path)
                usage = await self._help(path, space)
                if isinstance(usage, Fatal):
                    return usage
                self._known = (path, fingerprint, tuple(flag for flag in _IF_KNOWN if flag in usage))
            return (path, *_FLAGS, *self._known[2])

    async def _help(self, path: str, space: Workspace) -> str | Fatal:
        lines: list[bytes] = []
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT):
                end = await run([path, "--help"], environment(self._config, space), space, b"", _collect(lines))
        except TimeoutError:
            return self._unusable(f"`--help` takes more than {_PROBE_TIMEOUT:g} s", "run it by hand to see why")
        except OSError as error:
            return self._unusable(f"it cannot be executed ({type(error).__name__})", "check its permissions")
        if end.exit_code != 0:
            return self._unusable(f"`--help` ends with {end.exit_code}", "run it by hand to see why")
        return b"\n".join(lines).decode("utf-8", "replace")

    def _unusable(self, problem: str, remedy: str) -> Fatal:
        return Fatal(
            "configuration",
            f"backend {self._config.name}: command {self._config.command!r}: {problem}",
            f"{remedy}, or name another `command` for this backend in waves.yaml",
        )


def arguments(rubric: Rubric, model: str, system: Path) -> list[str]:
    """The part of the command line that depends on rubric and model; `system` is the file with the system prompt."""
    effort = ["--effort", rubric.effort] if rubric.effort is not None else []
    schema = Encoder(separators=(",", ":")).encode(rubric.wire_schema)
    return ["--system-prompt-file", str(system), "--model", model, "--json-schema", schema, *effort]


def _find(config: BackendConfig) -> str | None:
    path = shutil.which(config.command, path=config.environment.get("PATH", ""))
    return None if path is None else str(Path(path).absolute())


def _fingerprint(path: str) -> tuple[int, int, int]:
    """Changes with the file, also when another file takes its name."""
    status = Path(path).stat()
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def _collect(lines: list[bytes]) -> OnLine:
    def on_line(line: bytes) -> bool:
        lines.append(line)
        return False

    return on_line
