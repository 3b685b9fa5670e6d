"""JSON objects on disk that carry their own checksum.

Bytes of a sealed object: `json.dumps(object, sort_keys=True, separators=(",", ":"), ensure_ascii=True)` with a key
`sha256` that covers the same dump without it. `unseal` requires exactly these bytes, so that any change of any byte is
noticed, even one that JSON ignores. A Decimal keeps its digits, and decimals are read as Decimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from waves import exact_json

_MARK = b',"sha256":"'
_ENCODER = exact_json.Encoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical(value: object) -> bytes:
    """ASCII, keys sorted, no blanks. ValueError for NaN and infinities, which JSON does not have."""
    return bytes(_ENCODER.encode(value), "ascii")


def seal(fields: Mapping[str, Any]) -> bytes:
    """`fields` must have a key that sorts before `sha256`, and only text under those that sort after it."""
    return canonical({**fields, "sha256": sha256(canonical(fields)).hexdigest()})


def unseal(data: bytes) -> dict[str, Any]:
    """The fields without `sha256`. ValueError if the bytes are not exactly what `seal` makes."""
    # Inside a JSON string each quote is escaped, so the mark is never part of a text; no object follows the seal.
    at = data.rfind(_MARK)
    after = at + len(_MARK) + 64 + 1
    digest = sha256(data[:at])
    digest.update(data[after:])
    if at < 0 or data[at:after] != _MARK + digest.hexdigest().encode() + b'"':
        raise ValueError("the checksum does not match")
    try:
        fields = exact_json.loads(data.decode("ascii"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(fields, dict) or fields.pop("sha256", None) is None:
        raise ValueError("not an object with a checksum")
    return fields


def parse_timestamp(text: str) -> datetime:
    """An ISO 8601 timestamp with its offset, as `isoformat` writes it. ValueError for anything else."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a timestamp without an offset")
    return at
