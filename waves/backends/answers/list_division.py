"""Whether the texts of a list in a repaired answer can be divided in one way only.

`", "` divides two texts, or belongs to one text: 'the songs "Aura", "Lumina" and …'. It certainly divides them if both
of its quotes would have no partner in the text: none is left open before it, and none is closed after it. If a text
ends with `",` there are two ways to divide.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from waves.backends.answers.quotation_marks import STRAY, pairing

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIVIDES_TOO = re.compile(rf"\s*,\s*[\"{STRAY}]")


def is_unambiguous(texts: Sequence[str]) -> bool:
    return all(
        not pairing(text).opened and not pairing(following).closed and not _DIVIDES_TOO.match(following)
        for text, following in pairwise(texts)
    )
