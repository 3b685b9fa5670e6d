"""Named blocks of SQL: each is found by its name, and a mistake in a file is an error, not a silent choice."""

from __future__ import annotations

from importlib.resources import files

import pytest

from waves.store.queries import load, parse


def test_a_block_reaches_to_the_next_header() -> None:
    blocks = parse("for readers\n-- one --\nSELECT 1\n-- a comment\n\n-- two --\nSELECT 2\n", "x.sql")
    assert blocks == {"one": "SELECT 1\n-- a comment", "two": "SELECT 2"}


def test_a_name_given_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="two queries named one"):
        parse("-- one --\nSELECT 1\n-- one --\nSELECT 2\n", "x.sql")


def test_a_header_without_a_query_is_an_error() -> None:
    with pytest.raises(ValueError, match="no query under one"):
        parse("-- one --\n\n-- two --\nSELECT 2\n", "x.sql")


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        load("config.sql")["no_such_query"]


def test_every_file_that_ships_can_be_loaded() -> None:
    names = [file.name for file in (files("waves.store") / "sql").iterdir()]
    assert names
    assert all(load(name) for name in names)
