"""Parts → entries: the parts of a wave, copied into the temporary table `wave_entry` in the manifest's order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from waves import exact_json
from waves.errors import BadDataError
from waves.store import queries
from waves.store.text import storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from waves.models import Identity, Manifest, Part
    from waves.store.merge.merge import Refused
    from waves.store.transactions import Connection

_SQL = queries.load("collect.sql")
_ESCAPED = re.compile(r"\\u(?:0000|d[89a-f])")


def in_manifest_order(manifest: Manifest, parts: Iterable[Part]) -> list[Part]:
    """The parts in the manifest's order; BadDataError if one does not belong to the wave, or is there twice. On disk
    they are in the order of their hashes, and rows written in that order take every index twice the time."""
    wave = (manifest.theme_id, manifest.wave_id, manifest.rubric_version)
    given: dict[Identity, Part | None] = dict.fromkeys(item.identity for item in manifest.items)
    for part in parts:
        identity = (part.entity_key, part.input_hash)
        if (part.theme, part.wave, part.rubric_version) != wave or given.get(identity, part) is not None:
            raise BadDataError(
                f"a part does not belong to wave {manifest.wave_id}, or is there twice",
                "Remove its file from the wave's folder parts: what was paid for is rebuilt from the journal.",
            )
        given[identity] = part
    return [part for part in given.values() if part is not None]


def copy_entries(connection: Connection, parts: Sequence[Part], run_id: str) -> Refused:
    """Numbers the entries in the order of the parts. Returns those whose output PostgreSQL cannot hold."""
    dump = exact_json.Encoder(separators=(",", ":")).encode
    refused: Refused = {}
    with connection.cursor() as cursor, cursor.copy(_SQL["copy_entries"]) as copy:
        for n, part in enumerate(parts):
            output: str | None = dump(part.output)
            if _ESCAPED.search(output or "") and not _storable(part.output):
                refused[n], output = "the output holds U+0000 or a lone surrogate", None
            verdict = (output, part.confidence, part.model, part.call_id, run_id)
            copy.write_row((n, part.entity_key, part.input_hash, *verdict))
    return refused


def _storable(output: object) -> bool:
    match output:
        case str():
            return storable(output) == output
        case Mapping():
            return all(_storable(each) for pair in output.items() for each in pair)
        case list() | tuple():
            return all(map(_storable, output))
        case _:
            return True
