"""JSON whose decimals stay as they are written: they are read as Decimal, and written with all of their digits."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import simplejson

Encoder: Final = simplejson.JSONEncoder
"""As the encoder of the standard library, and writes a Decimal as a number."""


def exact(number: str) -> Decimal:
    """For `parse_float`. ValueError for an exponent that no Decimal has."""
    try:
        return Decimal(number)
    except InvalidOperation as error:
        raise ValueError("the exponent of a number is out of bounds") from error


_DECODER = json.JSONDecoder(parse_float=exact)
_READABLE = Encoder(ensure_ascii=False)
_COMPACT = Encoder(ensure_ascii=False, separators=(",", ":"))


def loads(text: str) -> Any:  # noqa: ANN401 - any JSON value
    return _DECODER.decode(text)


def dumps(value: object) -> str:
    """For people and pipes: in UTF-8, without escapes."""
    return str(_READABLE.encode(value))


def compact(value: object) -> str:
    """For requests: as `dumps`, without blanks."""
    return str(_COMPACT.encode(value))
