"""`waves.yaml` and the environment: found upwards, the environment wins, paths are absolute, keys stay secret."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from waves.config import project
from waves.errors import ConfigurationError
from waves.models import Limits


def write(folder: Path, text: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "waves.yaml"
    path.write_text(text, "utf-8")
    return path


def refused(folder: Path, text: str) -> ConfigurationError:
    write(folder, text)
    with pytest.raises(ConfigurationError) as raised:
        project.load(folder)
    return raised.value


def test_an_empty_file_is_a_project_with_its_defaults(tmp_path: Path) -> None:
    write(tmp_path)
    loaded = project.load(tmp_path)
    assert (loaded.root, loaded.database) == (tmp_path, "embedded")
    assert (loaded.data, loaded.prompts) == (tmp_path / "data", tmp_path / "prompts")
    assert set(loaded.backends) == {"rehearsal"}
    assert loaded.models is None
    assert loaded.limits == {}


def test_a_command_line_tool_gets_the_named_variables_and_the_way_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = "{kind: claude_cli, models: [m], environment: [HTTPS_PROXY, NOT_SET]}"
    write(tmp_path, f"backends: {{subscription: {backend}, api: {{kind: anthropic, models: [m]}}}}\n")
    monkeypatch.setenv("PATH", "/somewhere/bin")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", "token")
    backends = project.load(tmp_path).backends
    assert backends["subscription"].environment == {"PATH": "/somewhere/bin", "HTTPS_PROXY": "http://proxy"}
    assert (backends["subscription"].api_key, backends["subscription"].command) == ("token", "claude")
    assert backends["api"].environment == {}


def test_the_file_is_found_from_a_folder_below(tmp_path: Path) -> None:
    write(tmp_path / "a b")
    below = tmp_path / "a b" / "prompts" / "theme"
    below.mkdir(parents=True)
    assert project.load(below).root == tmp_path / "a b"


def test_the_nearest_file_is_taken(tmp_path: Path) -> None:
    write(tmp_path, "data: outer\n")
    write(tmp_path / "inner", "data: inner\n")
    assert project.load(tmp_path / "inner").data == tmp_path / "inner" / "inner"


def test_no_file_at_all_is_said_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no waves\.yaml in .* or above") as raised:
        project.load(tmp_path)
    assert "WAVES_CONFIG" in raised.value.hint


def test_waves_config_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "here")
    elsewhere = tmp_path / "elsewhere" / "other.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text("data: there\n", "utf-8")
    monkeypatch.setenv("WAVES_CONFIG", str(elsewhere))
    assert project.load(tmp_path / "here").data == tmp_path / "elsewhere" / "there"
    monkeypatch.setenv("WAVES_CONFIG", str(tmp_path / "gone.yaml"))
    with pytest.raises(ConfigurationError, match=r"gone\.yaml, which is not a file"):
        project.load(tmp_path / "here")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "database: embedded\ndata: d\nprompts: p\n")
    monkeypatch.setenv("WAVES_DATABASE", "postgresql://h/x")
    monkeypatch.setenv("WAVES_DATA", "/elsewhere")
    monkeypatch.setenv("WAVES_PROMPTS", "q")
    monkeypatch.setenv("WAVES_MODELS", " big , small,")
    loaded = project.load(tmp_path)
    assert loaded.database == "postgresql://h/x"
    assert (loaded.data, loaded.prompts) == (Path("/elsewhere"), tmp_path / "q")
    assert loaded.models == ("big", "small")


@pytest.mark.parametrize("name", ["WAVES_DATABASE", "WAVES_DATA", "WAVES_PROMPTS", "WAVES_MODELS", "WAVES_KEYS"])
def test_an_empty_variable_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write(tmp_path)
    before = project.load(tmp_path)
    monkeypatch.setenv(name, "")
    assert project.load(tmp_path) == before


@pytest.mark.parametrize("limit", [limit.name for limit in fields(Limits)])
def test_each_limit_has_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    write(tmp_path)
    monkeypatch.setenv(f"WAVES_{limit.upper()}", "7")
    assert project.load(tmp_path).limits == {limit: "7"}


def test_a_backend_gets_its_key_from_its_own_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-first")
    monkeypatch.setenv("OTHER_KEY", "sk-second")
    write(
        tmp_path,
        "backends:\n"
        "  one: {kind: anthropic, models: [big, small]}\n"
        "  two: {kind: anthropic, models: [m], api_key_env: OTHER_KEY, base_url: 'http://127.0.0.1:1', timeout: 5,\n"
        "    auth: x-api-key, max_tokens: 8192}\n"
        "  three: {kind: anthropic, models: [m], api_key_env: NOT_SET}\n"
        "  rehearsal: {kind: rehearsal, scenario: flaky}\n",
    )
    loaded = project.load(tmp_path)
    assert [loaded.backends[name].api_key for name in ("one", "two", "three")] == ["sk-first", "sk-second", None]
    assert loaded.backends["one"].models == ("big", "small")
    assert (loaded.backends["two"].auth, loaded.backends["two"].max_tokens) == ("x-api-key", 8192)
    assert (loaded.backends["two"].base_url, loaded.backends["two"].timeout) == ("http://127.0.0.1:1", 5)
    assert (loaded.backends["rehearsal"].scenario, loaded.backends["rehearsal"].models) == ("flaky", ("rehearsal",))


def test_secrets_are_in_no_repr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("WAVES_DATABASE", "postgresql://u:hunter2@h/x")
    write(tmp_path, "backends: {one: {kind: anthropic, models: [m]}}\n")
    shown = repr(project.load(tmp_path))
    assert "sk-secret" not in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("databse: embedded\n", "waves.yaml:1: unknown key 'databse'"),
        (
            "backends:\n  a: {kind: anthropic, models: [m], modls: [x]}\n",
            "waves.yaml:2: unknown key 'backends.a.modls'",
        ),
        ("database: mysql://u:hunter2@h/x\n", "waves.yaml:1: database: "),
        ("database: 5\n", "waves.yaml:1: database: "),
        ("data: ''\n", "waves.yaml:1: data: "),
        ("backends: [a]\n", "waves.yaml:1: backends: a mapping of keys is required here"),
        ("backends:\n  a: {kind: anthropic}\n", "waves.yaml:2: backends.a: `models` names no model"),
        ("backends:\n  a: {kind: anthropic, models: m}\n", "waves.yaml:2: backends.a.models: "),
        ("backends:\n  a: {kind: anthropic, models: ['']}\n", "waves.yaml:2: backends.a.models.0: "),
        (
            "backends:\n  a: {kind: anthropic, models: [m], scenario: x}\n",
            "waves.yaml:2: backends.a: `scenario` belongs",
        ),
        (
            "backends:\n  a: {kind: telepathy, models: [m]}\n",
            "waves.yaml:2: backends.a.kind: unknown kind 'telepathy'; known: anthropic, claude_cli, message_batches,",
        ),
        ("backends:\n  a: {kind: answers, models: [m]}\n", "waves.yaml:2: backends.a.kind: unknown kind 'answers'"),
        (
            "backends:\n  a: {kind: anthropic, models: [m], command: x}\n",
            "waves.yaml:2: backends.a: `command` belongs to a backend of kind claude_cli",
        ),
        ("backends:\n  a: {kind: anthropic, models: [m], base_url: ftp://x}\n", "waves.yaml:2: backends.a.base_url: "),
        (
            "backends:\n  a: {kind: anthropic, models: [m], api_key_env: sk-1}\n",
            "waves.yaml:2: backends.a.api_key_env: ",
        ),
        ("backends:\n  a: {kind: anthropic, models: [m], max_tokens: 0}\n", "waves.yaml:2: backends.a.max_tokens: "),
        ("backends:\n  a: {kind: anthropic, models: [m], auth: basic}\n", "waves.yaml:2: backends.a.auth: "),
        (
            "backends:\n  a: {kind: claude_cli, models: [m], auth: x-api-key}\n",
            "waves.yaml:2: backends.a: `auth` belongs to a backend of kind anthropic or message_batches",
        ),
        ("backends:\n  a: {kind: anthropic, models: [m], timeout: 0}\n", "waves.yaml:2: backends.a.timeout: "),
        ("backends:\n  a: {kind: anthropic, models: [m], timeout: .nan}\n", "waves.yaml:2: backends.a.timeout: "),
        ("backends:\n  a: {kind: anthropic, models: [m], timeout: true}\n", "waves.yaml:2: backends.a.timeout: "),
        ("backends:\n  a: {kind: anthropic, models: [m], caps: {day: .inf}}\n", "waves.yaml:2: backends.a.caps.day: "),
        ("backends:\n  a: {kind: anthropic, models: [m], window: 999999w}\n", "waves.yaml:2: backends.a.window: "),
        ("backends:\n  a: {kind: anthropic, models: [m], window: 0h}\n", "waves.yaml:2: backends.a.window: "),
        (
            "backends:\n  a: {kind: anthropic, models: [m], prices: {m: {input: .inf, output: 1.0}}}\n",
            "waves.yaml:2: backends.a.prices.m.input: ",
        ),
    ],
)
def test_a_defect_is_said_with_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    fault = refused(tmp_path, text)
    assert fault.message.startswith(f"{tmp_path}/{message}")
    assert "hunter2" not in fault.message + fault.hint
    if "unknown key" in message:
        assert "Known here: " in fault.hint
