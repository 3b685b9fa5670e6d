"""What `claude` is started with: the executable, the flags that it has, and an environment that holds nothing else.

The flags make a request lean (our system prompt, no tools, no settings) and keep the text of a row from being anything
but text: with attachments on, `@/etc/passwd` in it would be read and sent along.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

from waves.backends.claude_cli import TRAITS
from waves.backends.claude_cli.process import Hear, Workspace, run
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.outcomes import Fatal

TOKEN = TRAITS.key_variable
KEY = "ANTHROPIC_API_KEY"

_PROBE_TIMEOUT = 30.0
_FIXED = {
    "TZ": "UTC",
    "CLAUDE_CODE_DISABLE_ATTACHMENTS": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",  # it would send the request once more
    "CLAUDE_CODE_MAX_RETRIES": "0",
    "DISABLE_AUTOUPDATER": "1",
    "MAX_STRUCTURED_OUTPUT_RETRIES": "1",
    "MAX_THINKING_TOKENS": "0",  # it would take all but one of the tokens of the answer
}
_FLAGS = (
    *("-p", "--tools", "", "--strict-mcp-config", "--setting-sources", "", "--disable-slash-commands"),
    *("--no-session-persistence", "--max-turns", "1"),
    *("--output-format", "stream-json", "--verbose", "--include-partial-messages"),
)
_IF_KNOWN = ("--restricted",)
"""Flags that not every version has."""


def key_variable(config: BackendConfig) -> str:
    """Under which name the CLI gets its credential: as an API key where the configuration names that very variable."""
    return KEY if config.api_key_env == KEY else TOKEN


def environment(config: BackendConfig, space: Workspace, max_tokens: int = 1) -> dict[str, str]:
    """All that the CLI gets to see."""
    found = {**_FIXED, "HOME": str(space.home), "TMPDIR": str(space.temporary), **config.environment}
    found["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(max_tokens)
    found["CLAUDE_CODE_TMPDIR"] = str(space.temporary)
    found[key_variable(config)] = config.api_key or ""
    if config.base_url is not None:
        found["ANTHROPIC_BASE_URL"] = config.base_url
    return found


class Executable:
    """`command` of the configuration, and the flags that it knows: asked once, and again when the file has changed."""

    def __init__(self, config: BackendConfig) -> None:
        self._config = config
        self._lock = asyncio.Lock()
        self._known: tuple[str, object, tuple[str, ...]] | None = None

    async def flags(self, space: Workspace) -> tuple[str, ...] | Fatal:
        """The command line up to what differs from rubric to rubric; or why there is none."""
        path = _find(self._config)
        if path is None:
            return self._unusable("there is no such executable", f"install it ({TRAITS.install})")
        async with self._lock:
            if self._known is None or self._known[:2] != (path, _mark(path)):
                mark = _mark(path)
                usage = await self._help(path, space)
                if isinstance(usage, Fatal):
                    return usage
                self._known = (path, mark, tuple(flag for flag in _IF_KNOWN if flag in usage))
            return (path, *_FLAGS, *self._known[2])

    async def _help(self, path: str, space: Workspace) -> str | Fatal:
        lines: list[bytes] = []
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT):
                ran = await run([path, "--help"], environment(self._config, space), space, b"", _collect(lines))
        except TimeoutError:
            return self._unusable(f"`--help` takes more than {_PROBE_TIMEOUT:g} s", "run it by hand to see why")
        except OSError as error:
            return self._unusable(f"it cannot be executed ({type(error).__name__})", "check its permissions")
        if ran.code != 0:
            return self._unusable(f"`--help` ends with {ran.code}", "run it by hand to see why")
        return b"\n".join(lines).decode("utf-8", "replace")

    def _unusable(self, problem: str, remedy: str) -> Fatal:
        return Fatal(
            "configuration",
            f"backend {self._config.name}: command {self._config.command!r}: {problem}",
            f"{remedy}, or name another `command` for this backend in waves.yaml",
        )


def arguments(rubric: Rubric, model: str, system: Path) -> list[str]:
    """What differs from rubric to rubric; `system` is the file that holds the system prompt."""
    effort = ["--effort", rubric.effort] if rubric.effort is not None else []
    schema = json.dumps(rubric.wire_schema, separators=(",", ":"))
    return ["--system-prompt-file", str(system), "--model", model, "--json-schema", schema, *effort]


def _find(config: BackendConfig) -> str | None:
    found = shutil.which(config.command, path=config.environment.get("PATH", ""))
    return None if found is None else str(Path(found).absolute())


def _mark(path: str) -> tuple[int, int, int]:
    """Changes with the file, also where it was replaced by one of the same name."""
    found = Path(path).stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _collect(lines: list[bytes]) -> Hear:
    def hear(line: bytes) -> bool:
        lines.append(line)
        return False

    return hear
