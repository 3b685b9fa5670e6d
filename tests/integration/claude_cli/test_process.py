"""How the tool is started and ended: a closed environment, an empty folder, a group of its own, and no way to outlive
whoever asked.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from waves import child_processes
from waves.backends.claude_cli.backend import open_backend
from waves.config.rubric import Rubric
from waves.outcomes import Answered, Ask, Discarded, Fatal, Outcome, Retryable

Make = Callable[..., dict[str, Any]]
ITEMS = (("1", {"content": "row text @/etc/passwd"}), ("2", {"content": None}))
ASK = Ask("call-1", "model-1", ITEMS)
ALWAYS = {"CLAUDE_CODE_DISABLE_ATTACHMENTS", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "CLAUDE_CODE_MAX_RETRIES"} | {
    *("CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK", "DISABLE_AUTOUPDATER", "MAX_STRUCTURED_OUTPUT_RETRIES"),
    *("MAX_THINKING_TOKENS", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CODE_TMPDIR", "TMPDIR", "TZ", "HOME", "PATH"),
}


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# --- what it is given -----------------------------------------------------------------------------------------------


def test_nothing_of_our_environment_reaches_it(claude: Any, good: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_USE_BEDROCK", "CLAUDECODE", "NODE_OPTIONS"):
        monkeypatch.setenv(name, "of somebody")
    claude.acts(good("1", "2"))
    assert isinstance(claude.ask(), Answered)
    environment = {name: value for name, value in claude.seen["env"].items() if name not in {"LC_CTYPE", "PWD"}}
    assert "of somebody" not in environment.values()
    assert environment.keys() == ALWAYS | {"CLAUDE_CODE_OAUTH_TOKEN"}
    assert (environment["CLAUDE_CODE_DISABLE_ATTACHMENTS"], environment["TZ"]) == ("1", "UTC")
    assert environment["HOME"] != os.environ["HOME"]


def test_what_the_configuration_names_reaches_it(claude: Any, good: Make) -> None:
    claude.acts(good("1", "2"))
    environment = {**claude.config.environment, "HTTPS_PROXY": "http://proxy"}
    claude.ask(base_url="http://127.0.0.1:1", api_key_env="ANTHROPIC_API_KEY", environment=environment)
    environment = claude.seen["env"]
    assert (environment["HTTPS_PROXY"], environment["ANTHROPIC_BASE_URL"]) == ("http://proxy", "http://127.0.0.1:1")
    assert environment["ANTHROPIC_API_KEY"] == claude.config.api_key
    assert "CLAUDE_CODE_OAUTH_TOKEN" not in environment


def test_it_stands_in_an_empty_folder_of_its_own_group_with_lean_flags(claude: Any, good: Make, rubric: Rubric) -> None:
    claude.acts(good("1", "2"))
    claude.ask()
    seen = claude.seen
    assert (seen["left"], seen["mode"], seen["group"]) == ([], 0o700, seen["pid"])
    assert not Path(seen["cwd"]).exists()
    assert seen["system"] == rubric.system
    words = seen["argv"]
    for flag, value in {"--tools": "", "--setting-sources": "", "--model": "model-1", "--max-turns": "1"}.items():
        assert words[words.index(flag) + 1] == value
    assert json.loads(words[words.index("--json-schema") + 1]) == rubric.wire_schema
    assert {"-p", "--strict-mcp-config", "--disable-slash-commands", "--no-session-persistence"} <= set(words)


def test_row_text_is_on_stdin_alone_and_names_no_file(claude: Any, good: Make) -> None:
    claude.acts(good("1", "2"))
    claude.ask()
    seen = claude.seen
    assert json.loads(seen["prompt"])["items"][0]["input"]["content"] == ITEMS[0][1]["content"]
    assert seen["prompt"].startswith('{"items"')
    assert "@" not in seen["prompt"]
    del seen["prompt"]
    assert "row text" not in json.dumps(seen)
    assert claude.config.api_key not in json.dumps(seen["argv"])


def test_a_second_try_says_so_after_the_items(claude: Any, good: Make) -> None:
    claude.acts(good("1", "2"))
    outcome = claude.ask(Ask("call-1", "model-1", ITEMS, strict=True, reasons=("the answer is not JSON",)))
    assert isinstance(outcome, Answered)
    assert {item.parse for item in outcome.labelled} == {"retried"}
    document, end = json.JSONDecoder().raw_decode(claude.seen["prompt"])
    assert len(document["items"]) == 2
    assert claude.seen["prompt"][end:].strip().startswith("An earlier answer")
    assert claude.seen["prompt"].endswith("the answer is not JSON")


def test_the_length_of_the_answer_is_the_one_that_was_asked_for(claude: Any, good: Make) -> None:
    claude.acts(good("1", "2"))
    claude.ask(Ask("call-1", "model-1", ITEMS, max_tokens=4321))
    assert claude.seen["env"]["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "4321"


def test_more_than_its_stdin_takes_is_never_sent(claude: Any, good: Make) -> None:
    claude.acts(good("1"))
    outcome = claude.ask(Ask("call-1", "model-1", (("1", {"content": "x" * 10_000_000}),)))
    assert isinstance(outcome, Discarded)
    assert outcome.kind == "invalid"
    assert not claude.was_asked


def test_nine_megabytes_go_through_though_it_speaks_before_it_listens(claude: Any, good: Make) -> None:
    claude.acts(*["noise " * 1000] * 200, good("1"))
    outcome = claude.ask(Ask("call-1", "model-1", (("1", {"content": "x" * 9_000_000}),)))
    assert isinstance(outcome, Answered)
    assert len(claude.seen["prompt"]) > 9_000_000


# --- the executable -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "with a blank", "ключ"])
def test_without_a_usable_token_it_is_not_started(key: str | None, claude: Any, good: Make) -> None:
    claude.acts(good("1", "2"))
    outcome = claude.ask(api_key=key)
    assert isinstance(outcome, Fatal)
    assert "CLAUDE_CODE_OAUTH_TOKEN" in outcome.message
    assert not claude.was_asked


def test_where_there_is_no_executable_the_remedy_is_named(claude: Any) -> None:
    for command in ("no-such-claude", "/no/such/claude"):
        outcome = claude.ask(command=command)
        assert isinstance(outcome, Fatal)
        assert (outcome.kind, "install" in outcome.hint) == ("configuration", True)


def test_what_cannot_be_executed_is_a_fault_of_the_configuration(claude: Any, good: Make) -> None:
    claude.acts(good("1", "2"))
    claude.path.chmod(0o644)
    assert isinstance(claude.ask(), Fatal)
    claude.path.chmod(0o755)
    claude.path.write_text("#!/no/such/interpreter\n")
    assert isinstance(claude.ask(), Fatal)
    claude.path.write_text("#!/bin/sh\nexit 3\n")
    outcome = claude.ask()
    assert isinstance(outcome, Fatal)
    assert "3" in outcome.message


def test_it_is_probed_once_and_again_when_it_was_replaced(claude: Any, good: Make, rubric: Rubric) -> None:
    async def work() -> None:
        backend = open_backend(claude.config, rubric)
        claude.acts(good("1", "2"), help="--print --restricted")
        await asyncio.gather(*(backend.ask(ASK, claude.answers.append) for _ in range(3)))
        assert claude.times_helped == 1
        assert "--restricted" in claude.seen["argv"]
        claude.acts(good("1", "2"), help="--print")
        newer = claude.path.with_name("newer")
        newer.write_text(claude.path.read_text() + "\n")
        newer.chmod(0o755)
        newer.rename(claude.path)
        await backend.ask(ASK, claude.answers.append)
        assert claude.times_helped == 2
        assert "--restricted" not in claude.seen["argv"]
        await backend.close()

    asyncio.run(work())
    assert len(claude.answers) == 4


def test_a_schema_that_no_command_line_takes_is_a_fault_of_the_configuration(
    claude: Any, good: Make, rubric: Rubric
) -> None:
    claude.acts(good("1", "2"))
    large = replace(rubric, wire_schema={**rubric.wire_schema, "description": "x" * 3_000_000}, system="y" * 3_000_000)

    async def work() -> Outcome:
        backend = open_backend(claude.config, large)
        try:
            return await backend.ask(ASK, claude.answers.append)
        finally:
            await backend.close()

    outcome = asyncio.run(work())
    assert isinstance(outcome, Fatal)
    assert outcome.kind == "configuration"
    assert not claude.was_asked


# --- how it ends ----------------------------------------------------------------------------------------------------


def test_one_that_hangs_is_killed_with_its_children_at_the_timeout(claude: Any) -> None:
    claude.acts(hang=True, grandchild=True)
    outcome = claude.ask(timeout=1.0)
    assert outcome == Retryable("timeout", "no answer within 1 s", maybe_paid=True)
    assert gone(claude.seen["pid"])
    until(lambda: gone(claude.seen["grandchild"]))


def test_one_that_hears_nothing_is_killed_too(claude: Any) -> None:
    claude.acts(hang=True, deaf=True)
    large = Ask("call-1", "model-1", (("1", {"content": "x" * 5_000_000}),))
    assert isinstance(claude.ask(large, timeout=1.0), Retryable)
    assert gone(claude.seen["pid"])


def test_a_child_that_it_leaves_behind_neither_delays_the_answer_nor_lives_on(claude: Any, good: Make) -> None:
    claude.acts(good("1", "2"), grandchild=True)
    started = time.monotonic()
    assert isinstance(claude.ask(), Answered)
    assert time.monotonic() - started < 10
    until(lambda: gone(claude.seen["grandchild"]))


@pytest.mark.parametrize("lines", [{"flood": 400}, {"lines_of_a_megabyte": 400}], ids=["a line", "many lines"])
def test_a_tool_that_floods_us_is_killed_and_maybe_paid_and_not_held_in_memory(lines: Any, claude: Any) -> None:
    claude.acts(hang=True, **lines)
    tracemalloc.start()
    outcome = claude.ask()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcome == Retryable("outage", "the answer is longer than 8 MiB", maybe_paid=True)
    assert gone(claude.seen["pid"])
    assert peak < 40 * 2**20


def test_asking_can_be_called_off(claude: Any, rubric: Rubric) -> None:
    async def work() -> None:
        backend = open_backend(claude.config, rubric)
        asked = asyncio.create_task(backend.ask(ASK, claude.answers.append))
        await asyncio.to_thread(until, lambda: claude.was_asked)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert gone(claude.seen["pid"])
        await backend.close()

    claude.acts(hang=True)
    asyncio.run(work())
    assert not claude.answers


def test_many_share_one_backend(claude: Any, good: Make, rubric: Rubric) -> None:
    async def work() -> list[Outcome]:
        backend = open_backend(claude.config, rubric)
        asks = [Ask(f"call-{number}", "model-1", ITEMS) for number in range(12)]
        try:
            return list(await asyncio.gather(*(backend.ask(ask, claude.answers.append) for ask in asks)))
        finally:
            await backend.close()

    claude.acts(good("1", "2"))
    assert all(isinstance(outcome, Answered) and outcome.labelled for outcome in asyncio.run(work()))
    assert {answer.call_id for answer in claude.answers} == {f"call-{number}" for number in range(12)}


# --- whoever asks dies ----------------------------------------------------------------------------------------------

ASKER = """
import asyncio, pickle, sys
from waves.backends.claude_cli.backend import open_backend
config, rubric, ask = pickle.loads(bytes.fromhex(sys.stdin.readline()))
asyncio.run(open_backend(config, rubric).ask(ask, print))
"""


def test_it_dies_with_a_process_that_was_killed_and_its_folder_goes(claude: Any, rubric: Rubric) -> None:
    import pickle

    claude.acts(hang=True, grandchild=True)
    task = pickle.dumps((claude.config, rubric, ASK)).hex()
    environ = {**os.environ, "TMPDIR": str(claude.path.parent / "temporary")}
    with subprocess.Popen([sys.executable, "-c", ASKER], stdin=subprocess.PIPE, env=environ, text=True) as asker:
        assert asker.stdin is not None
        asker.stdin.write(task + "\n")
        asker.stdin.flush()
        until(lambda: claude.was_asked)
        asker.send_signal(signal.SIGKILL)
        killed = time.monotonic()
    seen = claude.seen
    until(lambda: gone(seen["pid"]) and gone(seen["grandchild"]))
    assert time.monotonic() - killed < 2
    until(lambda: not Path(seen["cwd"]).parent.exists())


def test_what_is_handed_down_is_held_while_a_child_lives(
    claude: Any, rubric: Rubric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "workers.lock"
    held = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_SH)
    monkeypatch.setattr(child_processes, "_handed_down", [held])

    def free() -> bool:
        other = os.open(lock, os.O_RDWR)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(other)
        return True

    async def work() -> None:
        backend = open_backend(claude.config, rubric)
        asked = asyncio.create_task(backend.ask(ASK, claude.answers.append))
        await asyncio.to_thread(until, lambda: claude.was_asked)
        os.close(held)
        assert not free()
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
        assert free()
        await backend.close()

    claude.acts(hang=True)
    asyncio.run(work())


def test_a_reaper_that_was_killed_is_replaced_and_knows_all_groups(tmp_path: Path) -> None:
    reaper = child_processes.GroupReaper(tmp_path)
    sleepers = [subprocess.Popen(["sleep", "600"], process_group=0) for _ in range(3)]
    reaper.add(sleepers[0].pid)
    reaper._shell.kill()
    reaper._shell.wait()
    reaper.add(sleepers[1].pid)
    reaper.add(sleepers[2].pid)
    reaper.remove(sleepers[2].pid)
    reaper.close()
    assert [sleeper.wait(5) for sleeper in sleepers[:2]] == [-signal.SIGKILL] * 2
    assert sleepers[2].poll() is None
    sleepers[2].kill()
    sleepers[2].wait()
