"""A new backend is one folder under `waves.backends`, and nothing else has to change."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import waves.backends
from waves.backends import open_backend
from waves.config import project
from waves.config.backend_kinds import known_kinds
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric

TRAITS = """
from waves.config.backend_kinds import BackendTraits

TRAITS = BackendTraits(key_variable="TELEGRAPH_KEY", own_settings=frozenset({"command"}), passes_on=("WIRE",))
"""
BACKEND = """
class Telegraph:
    def __init__(self, config, rubric):
        self.sends = (config.command, rubric.version)

    async def ask(self, ask, received):
        raise NotImplementedError

    async def close(self):
        pass


def open_backend(config, rubric):
    return Telegraph(config, rubric)
"""


@pytest.fixture
def telegraph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a backend that is not part of the package."""
    folder = tmp_path / "elsewhere" / "telegraph"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(TRAITS, "utf-8")
    (folder / "backend.py").write_text(BACKEND, "utf-8")
    monkeypatch.setattr(waves.backends, "__path__", [*waves.backends.__path__, str(folder.parent)])
    yield folder
    for name in [name for name in sys.modules if name.startswith("waves.backends.telegraph")]:
        del sys.modules[name]
    vars(waves.backends).pop("telegraph", None)


def test_a_folder_is_a_kind_that_waves_yaml_accepts_and_that_opens(
    telegraph: Path, rubric: Rubric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert telegraph.name in known_kinds()
    (tmp_path / "waves.yaml").write_text("backends: {wire: {kind: telegraph, models: [m], command: morse}}\n", "utf-8")
    monkeypatch.setenv("TELEGRAPH_KEY", "key")
    monkeypatch.setenv("WIRE", "copper")
    config = project.load(tmp_path).backends["wire"]
    assert (config.kind, config.api_key, config.environment) == ("telegraph", "key", {"WIRE": "copper"})
    assert vars(open_backend(config, rubric)) == {"sends": ("morse", rubric.version)}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("raise AttributeError('no such wire')", AttributeError),
        ("import no_such_wire", ModuleNotFoundError),
        ("from waves.backends.telegraph.wire import Wire", ModuleNotFoundError),
    ],
)
def test_a_fault_inside_an_adapter_is_not_taken_for_an_unknown_kind(
    telegraph: Path, rubric: Rubric, fault: str, error: type[Exception]
) -> None:
    (telegraph / "backend.py").write_text(f"def open_backend(config, rubric):\n    {fault}\n", "utf-8")
    with pytest.raises(error, match="wire"):
        open_backend(BackendConfig("mine", "telegraph", ("m",)), rubric)


def test_a_fault_in_what_a_folder_declares_is_raised_as_it_is(telegraph: Path) -> None:
    (telegraph / "__init__.py").write_text("TRAITS = undefined\n", "utf-8")
    with pytest.raises(NameError, match="undefined"):
        known_kinds()
