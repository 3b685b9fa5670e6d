"""A scripted stand-in for `claude`, and the backend that asks it. What it does stands in a file beside it; what it was
started with it writes into another.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from waves.backends.claude_cli.backend import open_backend
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric, newest
from waves.outcomes import Answer, Ask, Outcome

REPOSITORY = Path(__file__).parents[3]
TOKEN = "sk-ant-oat-the-token"
ROW = "row text @/etc/passwd"
ASK = Ask("call-1", "model-1", (("1", {"content": ROW}), ("2", {"content": None})))
USAGE = {"input_tokens": 9, "output_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4}

_SCRIPT = """\
#!/bin/sh
'''exec' "{python}" -IS "$0" "$@"
' '''
import json, os, signal, subprocess, sys, time
here = os.path.dirname(os.path.realpath(__file__))
if "--help" in sys.argv:
    with open(here + "/helped", "a") as file:
        file.write("once\\n")
act = json.load(open(here + "/act.json"))
if "--help" in sys.argv:
    print(act.get("help", "--print"))
    sys.exit(act.get("help_code", 0))
prompt = "" if act.get("deaf") else sys.stdin.read()
grandchild = subprocess.Popen(["sleep", "600"]).pid if act.get("grandchild") else None
seen = {{"argv": sys.argv[1:], "env": dict(os.environ), "prompt": prompt, "cwd": os.getcwd(), "pid": os.getpid(),
        "left": os.listdir("."), "mode": os.stat(".").st_mode & 0o777, "group": os.getpgid(0),
        "grandchild": grandchild}}
seen["system"] = open(sys.argv[sys.argv.index("--system-prompt-file") + 1]).read()
own = f"{{here}}/seen.{{os.getpid()}}"
with open(own, "w") as file:
    json.dump(seen, file)
os.rename(own, here + "/seen.json")
for line in act.get("lines", ()):
    print(line if isinstance(line, str) else json.dumps(line), flush=True)
for _ in range(act.get("flood", 0)):
    sys.stdout.write("x" * (1 << 20))
for _ in range(act.get("lines_of_a_megabyte", 0)):
    print("x" * (1 << 20))
print(act.get("stderr", ""), file=sys.stderr, flush=True)
if act.get("hang"):
    time.sleep(600)
if act.get("killed"):
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(act.get("code", 0))
"""


class Claude:
    """`act` says what the next call of it does; `ask` asks the backend; `answers` are those that were passed up."""

    def __init__(self, folder: Path, rubric: Rubric) -> None:
        self._folder = folder
        self._rubric = rubric
        self.path = folder / "claude"
        self.path.write_text(_SCRIPT.format(python=sys.executable))
        self.path.chmod(0o755)
        self.answers: list[Answer] = []
        self.config = BackendConfig(
            "mine",
            "claude_cli",
            ("model-1",),
            api_key_env="CLAUDE_CODE_OAUTH_TOKEN",
            api_key=TOKEN,
            timeout=20.0,
            command=str(self.path),
            environment={"PATH": os.environ["PATH"]},
        )

    def acts(self, *lines: object, **facts: object) -> None:
        (self._folder / "act.json").write_text(json.dumps({"lines": lines, **facts}))

    @property
    def seen(self) -> dict[str, Any]:
        seen: dict[str, Any] = json.loads((self._folder / "seen.json").read_text())
        return seen

    @property
    def was_asked(self) -> bool:
        return (self._folder / "seen.json").exists()

    @property
    def times_helped(self) -> int:
        return len((self._folder / "helped").read_text().splitlines())

    def ask(self, *asks: Ask, **changes: Any) -> Outcome:
        """The outcome of the last of these requests, one after the other to one backend."""

        async def work() -> Outcome:
            backend = open_backend(replace(self.config, **changes), self._rubric)
            try:
                return [await backend.ask(ask, self.answers.append) for ask in asks or (ASK,)][-1]
            finally:
                await backend.close()

        return asyncio.run(work())


@pytest.fixture(scope="session")
def rubric() -> Rubric:
    return newest(REPOSITORY / "prompts" / "comment_classifier")


@pytest.fixture
def claude(tmp_path: Path, rubric: Rubric, monkeypatch: pytest.MonkeyPatch) -> Iterator[Claude]:
    """Leaves nothing in the folder for temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    yield Claude(tmp_path, rubric)
    assert not list(temporary.iterdir())


@pytest.fixture
def result() -> Callable[..., dict[str, Any]]:
    """`result("text", is_error=True)`: the result object of a call that was not answered."""

    def build(text: str | None = None, **changes: Any) -> dict[str, Any]:
        fields = {"type": "result", "subtype": "success", "is_error": False, "num_turns": 1, "total_cost_usd": 0}
        fields |= {"usage": dict.fromkeys(USAGE, 0)} | ({} if text is None else {"result": text})
        return fields | changes

    return build


@pytest.fixture
def good(result: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """`good("1", "2")`: the result object of an answer about these ids."""

    def build(*short_ids: str, **changes: Any) -> dict[str, Any]:
        verdicts = [{"id": short_id, "labels": ["question"], "confidence": 0.5} for short_id in short_ids]
        output = {"verdicts": verdicts}
        return result(
            json.dumps(output),
            **{"structured_output": output, "usage": USAGE, "total_cost_usd": 0.25, "num_turns": 2} | changes,
        )

    return build
