"""docs/architecture.md names files, functions and folders of the package: each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "waves"
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")

NAMED = sorted(set(re.findall(r"([\w/]+\.py)(?:: ([\w.]+))?", PAGE)))
FOLDERS = sorted(set(re.findall(r"`((?:[\w]+/)+)`", PAGE)))


def found(path: str) -> Path:
    whole = PACKAGE / path
    beside = {room: PACKAGE / room / path for room in ("surfaces/cli", "steps")}  # short names of the drawing
    return next((each for each in (whole, *beside.values()) if each.exists()), whole)


def names_in(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_name_on_the_page_is_in_its_file(path: str, name: str) -> None:
    assert found(path).exists(), path
    if name:
        assert set(name.split(".")) <= names_in(found(path)), f"{path}: {name}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_on_the_page_exists(folder: str) -> None:
    rooms = [PACKAGE, ROOT, *(path for path in PACKAGE.iterdir() if path.is_dir())]
    assert any((room / folder).is_dir() for room in [*rooms, PACKAGE / "surfaces" / "cli"]), folder


def test_each_room_has_a_line() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    rooms |= {f"steps/{path.name}" for path in (PACKAGE / "steps").iterdir() if path.is_dir() and path.suffix == ""}
    assert [room for room in sorted(rooms) if f"`{room}/" not in PAGE and "__" not in room] == []
