"""Whether a text with stray quotes may hold structure of the answer: an unknown key, a missing comma or quote, a
comment, a second text.

Then one stray quote ends a string and a later one begins another, with a gap between them. A gap of signs alone is
structure. Words between signs are, too, and so is a lone comma, except in a text of its own whose quotes all have
partners: there they are prose, as in an enumeration `"Aura", "Lumina"`. A quote without a partner at an end of the
text, or with signs alone between it and the end, is one too many. What is in doubt is structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from waves.backends.answers.quotation_marks import MARKS, STRAY, Pairing, pairing

_SIGN = r"(?:[,:;+=|&\[\]{}…]|\.\.\.)"
_SIGNS = re.compile(rf"(?:\s|{_SIGN})*")
_BETWEEN_SIGNS = re.compile(rf"\s*{_SIGN}.*{_SIGN}\s*", re.DOTALL)
_COMMA = re.compile(r"\s*,\s*")
_COMMENT = re.compile(rf"{STRAY}(?:(?:\s*[,;])?\s*(?://|/\*|#\s)|(?:\s*[,;]\s*|\s+)#)")  # but not the quotation "#tag"
_KEY = re.compile(rf"(?:,\s*|\w){STRAY}[\w-]*{STRAY}\s*:")
_KEY_ALONE = re.compile(rf"{STRAY}[\w-]*{STRAY}\s*:")
_MARK = re.compile(f"[{MARKS}]")
_IN_MARKS = re.compile(rf"[{MARKS}](.*)[{MARKS}]", re.DOTALL)
_NOTHING_BUT_STRUCTURE = re.compile(r"\s*[,:\[\]{}][\s,:\[\]{}]*")
_AT_COMMA = re.compile(rf"[,;]\s*{STRAY}|{STRAY}\s*[,;]")
_AT_ODD_COMMA = re.compile(rf"{STRAY}(?:\s+[,;]|[,;]\S)|[,;](?:\s+{STRAY}(?:\s|\Z)|{STRAY}\S)")
"""A comma beside a quote in another way than in prose: `", x`, `," x` or `, "x`."""
_RUN = re.compile(f"{STRAY}+")


def may_hold_structure(text: str, *, listed: bool) -> bool:
    """`listed`: the text is an element of a list, where a comma beside a quote may be the end of an element."""
    if STRAY not in text:
        return _NOTHING_BUT_STRUCTURE.fullmatch(text) is not None
    text = _undoubled(text)
    marks = _pairing(text)
    if (marks.opened and marks.closed) or _COMMENT.search(text) or _KEY.search(text):
        return True
    if not marks.complete and _may_end_inside(text):
        return True
    if listed and (_AT_COMMA if not marks.complete else _AT_ODD_COMMA).search(text):
        return True
    gaps = _gaps(text, marks, nested=not listed)
    return any(_divides(gap, prose=marks.complete and not listed) for gap in gaps)


def _pairing(text: str) -> Pairing:
    """Of a text that stands in quotes as a whole, by what stands in them if that is complete."""
    marks, quoted = pairing(text), _IN_MARKS.fullmatch(text)
    if marks.complete or quoted is None or not (inner := pairing(quoted[1])).complete:
        return marks
    outer = [[opens] if mark == STRAY else [] for mark, opens in ((text[0], True), (text[-1], False))]
    return Pairing(0, 0, (*outer[0], *inner.strays, *outer[1]))


def _may_end_inside(text: str) -> bool:
    """Whether a text of which a quote has no partner may hold the end of a string, with a key behind it, or with
    nothing but signs between it and an end of the text: `abc"],`, and `abc"` if the number of quotes is odd."""
    first, *_, last = (part.strip() for part in text.split(STRAY))
    beside_signs = any(part and _SIGNS.fullmatch(part) for part in (first, last))
    at_an_end = not (first and last) and len(_MARK.findall(text)) % 2 == 1
    return beside_signs or at_an_end or _KEY_ALONE.search(text) is not None


def _undoubled(text: str) -> str:
    """With one quote for two where all are doubled, `""Aura""`. Two strings side by side, `"a""b"`, have a single pair
    of quotes between them."""
    runs = _RUN.findall(text)
    doubled = len(runs) % 2 == 0 and all(run == STRAY + STRAY for run in runs)
    return text.replace(STRAY + STRAY, STRAY) if doubled else text


@dataclass(frozen=True, slots=True)
class _Gap:
    """What stands between two stray quotes; `between` two quotations if the first quote closes and the second opens."""

    text: str
    between: bool


def _gaps(text: str, marks: Pairing, *, nested: bool) -> Iterator[_Gap]:
    """`nested`: quotes side by side at an end of the text are a quotation in a quotation, if all open or all close."""
    gaps = text.split(STRAY)[1:-1]
    in_run = [gap == "" for gap in gaps]
    for at, (gap, (left, right)) in enumerate(zip(gaps, pairwise(marks.strays), strict=True)):
        at_an_end = (text.startswith(STRAY) and all(in_run[: at + 1])) or (text.endswith(STRAY) and all(in_run[at:]))
        if not (nested and at_an_end and left == right):
            yield _Gap(gap, between=right and not left)


def _divides(gap: _Gap, *, prose: bool) -> bool:
    """Whether what stands between two stray quotes may stand between two strings of the answer."""
    if prose:
        return _SIGNS.fullmatch(gap.text) is not None and not (gap.between and _COMMA.fullmatch(gap.text))
    return _SIGNS.fullmatch(gap.text) is not None or _BETWEEN_SIGNS.fullmatch(gap.text) is not None
