"""SQL files with named blocks → queries by name.

A block starts with a line `-- name --` and ends at the next one; text before the first block is for readers only.
A duplicate name is an error when the file is loaded, an unknown name when it is looked up. Values are
bound as `%(name)s`, so a literal per cent sign is written `%%`.

Every module of the store loads its file once, as `_SQL = queries.load("x.sql")`: a tenth of a millisecond at import.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import LiteralString

_HEADER = re.compile(r"^-- (\w+) --[ \t]*$", re.MULTILINE)


@cache
def load(name: str) -> Mapping[str, LiteralString]:
    """The queries of `waves/store/sql/<name>`. They ship with the package, hence literal strings."""
    return parse((files("waves.store") / "sql" / name).read_text(encoding="utf-8"), name)


def parse(text: str, name: str) -> Mapping[str, LiteralString]:
    """The blocks of `text`; ValueError for a name given twice or a block without a query."""
    _, *pieces = _HEADER.split(text)
    blocks: dict[str, LiteralString] = {}
    for block, query in zip(pieces[::2], pieces[1::2], strict=True):
        if block in blocks:
            raise ValueError(f"{name} has two queries named {block}")
        if not query.strip():
            raise ValueError(f"{name} has no query under {block}")
        blocks[block] = cast("LiteralString", query.strip())
    return MappingProxyType(blocks)
