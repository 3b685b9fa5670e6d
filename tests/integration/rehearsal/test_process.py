"""`python -m waves.rehearsal` as a process: it announces itself, ends when stopped, and keeps a truthful record."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import pytest

CLIENT = """
import json, sys, urllib.request
url, body = json.load(sys.stdin)
headers = {"authorization": "Bearer any", "content-type": "application/json"}
urllib.request.urlopen(urllib.request.Request(url + "/v1/messages", json.dumps(body).encode(), headers))
"""


def test_it_announces_its_url_and_answers(spawn: Any) -> None:
    process = spawn("--port", "0", "--seed", "3")
    assert process.facts["url"].startswith("http://127.0.0.1:")
    assert process.facts["seed"] == 3
    assert "not a language model" in process.facts["notice"]
    assert process.provider.create().stop_reason == "end_turn"


@pytest.mark.parametrize("in_flight", [False, True])
def test_it_ends_when_stdin_closes(spawn: Any, in_flight: bool) -> None:
    process = spawn("--until-stdin-closes", "--scenario", '{"latency": {"a": 60}}')
    if in_flight:
        with pytest.raises(anthropic.APITimeoutError):
            process.provider.create(timeout=0.2)
    started = time.monotonic()
    process.close_stdin()
    assert process.end() == (0, "")
    assert time.monotonic() - started < 1  # 15 ms where nothing else runs


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_a_request_in_flight(spawn: Any, number: int) -> None:
    process = spawn("--scenario", '{"latency": {"a": 60}}')
    with raw_request(process) as _:
        process.provider.wait_for(1, "arrived")
        process.process.send_signal(number)
        assert process.end() == (0, "")
    (ended,) = process.provider.wait_for(1, "ended")
    assert (ended["answered"], ended["client_gone"]) == (False, False)


def test_without_the_flag_a_closed_stdin_changes_nothing(spawn: Any) -> None:
    process = spawn()
    process.close_stdin()
    assert process.provider.create().stop_reason == "end_turn"


def test_it_dies_after_so_many_requests(spawn: Any) -> None:
    process = spawn("--scenario", '{"dies_after": 2}')
    process.provider.create()
    process.provider.create()
    with pytest.raises(anthropic.APIConnectionError):
        process.provider.create()
    assert process.end() == (1, "")
    assert [line["t"] for line in process.provider.lines()] == ["arrived", "ended", "arrived", "ended", "arrived"]


def raw_request(process: Any, share: float = 1.0) -> socket.socket:
    """A connection on which that share of a request was sent."""
    body = json.dumps(process.provider.ask()).encode()
    head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer any\r\ncontent-length: {len(body)}\r\n\r\n"
    whole = head.encode() + body
    connection = socket.create_connection(("127.0.0.1", urlsplit(process.facts["url"]).port))
    connection.sendall(whole[: int(len(whole) * share)])
    return connection


def test_clients_that_vanish_leave_nothing_on_stderr(spawn: Any) -> None:
    process = spawn("--until-stdin-closes", "--scenario", '{"latency": {"a": 60}}')
    for share in (0.01, 0.5, 1.0):
        for reset in (False, True):
            with raw_request(process, share) as connection:
                if share == 1.0:
                    process.provider.wait_for(1 + reset, "arrived")
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ended = process.provider.wait_for(2, "ended")
    assert [(line["answered"], line["client_gone"]) for line in ended] == [(False, True)] * 2
    process.close_stdin()
    assert process.end() == (0, "")


def test_the_record_names_items_and_prompt_by_their_hash(spawn: Any) -> None:
    process = spawn()
    process.provider.create()
    arrived, ended = process.provider.wait_for(1, "ended") and process.provider.lines()
    given = {"content": "How many patients were left out?", "kind": "review"}
    canonical = json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    expected = {"id": "1", "sha256": hashlib.sha256(canonical.encode()).hexdigest(), "fault": None}
    assert arrived["items"][0] == ended["items"][0] == expected
    assert ended["system_sha256"] == hashlib.sha256(process.provider.ask()["system"].encode()).hexdigest()
    assert (ended["status"], ended["answered"], ended["client_gone"]) == (200, True, False)
    assert ended["input_tokens"] > 0 < ended["output_tokens"]
    assert arrived["at"] == ended["started"] <= ended["finished"]


def test_the_record_tells_which_verdict_was_spoiled(spawn: Any) -> None:
    process = spawn("--scenario", '{"faults": {"missing_id": 1}}')
    process.provider.create()
    (ended,) = process.provider.wait_for(1, "ended")
    assert ended["fault"] == "missing_id"
    assert sorted(str(item["fault"]) for item in ended["items"]) == ["None", "None", "missing_id"]


def test_a_killed_client_is_recorded_as_gone_and_not_as_answered(spawn: Any) -> None:
    process = spawn("--scenario", '{"latency": {"a": 60}}')
    with subprocess.Popen([sys.executable, "-c", CLIENT], stdin=subprocess.PIPE) as client:
        assert client.stdin is not None
        client.stdin.write(json.dumps([process.facts["url"], process.provider.ask()]).encode())
        client.stdin.close()
        process.provider.wait_for(1, "arrived")
        client.kill()
    (ended,) = process.provider.wait_for(1, "ended")
    assert (ended["answered"], ended["client_gone"], ended["status"]) == (False, True, None)
    assert ended["finished"] - ended["started"] < 60


def test_two_servers_can_share_a_record(spawn: Any) -> None:
    first, second = spawn(), spawn()
    first.provider.create()
    second.provider.create()
    ended = first.provider.wait_for(2, "ended")
    assert len({line["request_id"] for line in ended}) == 2


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "waves.rehearsal", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_help_says_what_it_is() -> None:
    assert "not a language model" in run("--help").stdout


def test_the_ready_made_scenarios_are_listed() -> None:
    names = {line.split()[0] for line in run("--list").stdout.splitlines()}
    assert {"healthy", "flaky", "outage", "quota", "slow", "malformed"} <= names


def taken_port(_: Path) -> list[str]:
    return ["--port", "1"] if not _root_may_bind() else ["--port", "70000"]


def _root_may_bind() -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 1))
        except OSError:
            return False
    return True


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (lambda _: ["--scenario", "nonesuch"], 78, "nonesuch"),
        (lambda _: ["--scenario", "nonesuch.yaml"], 78, "nonesuch.yaml"),
        (lambda _: ["--scenario", '{"lattency": 1}'], 78, "lattency"),
        (taken_port, 78, "cannot listen"),
        (lambda folder: ["--record", str(folder / "no" / "record")], 74, "record"),
    ],
)
def test_a_mistake_is_one_line_and_one_remedy(
    tmp_path: Path, arguments: Callable[[Path], list[str]], code: int, problem: str
) -> None:
    result = run(*arguments(tmp_path))
    assert (result.returncode, result.stdout) == (code, "")
    message, hint = result.stderr.splitlines()
    assert problem in message
    assert hint
