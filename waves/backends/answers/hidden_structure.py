"""Whether a text with stray quotes may hold structure of the answer: an unknown key, a missing comma or quote, a
comment, a second text.

Then one stray quote ends a string and a later one begins another, with a gap between them. A gap of signs alone is
structure. Words between signs are, too, and so is a lone comma, except in a text of its own whose quotes all have
partners: there they are prose, as in an enumeration `"Aura", "Lumina"`. What is in doubt is structure.
"""

from __future__ import annotations

import re

from waves.backends.answers.quotation_marks import STRAY, pairing

_SIGN = r"(?:[,:;+=|&\[\]{}…]|\.\.\.)"
_SIGNS = re.compile(rf"(?:\s|{_SIGN})*")
_BETWEEN_SIGNS = re.compile(rf"\s*{_SIGN}.*{_SIGN}\s*", re.DOTALL)
_COMMA = re.compile(r"\s*,\s*")
_COMMENT = re.compile(rf"{STRAY}(?:(?:\s*[,;])?\s*(?://|/\*|#\s)|(?:\s*[,;]\s*|\s+)#)")  # but not the quotation "#tag"
_KEY = re.compile(rf",\s*{STRAY}[\w-]*{STRAY}\s*:")
_AT_COMMA = re.compile(rf"[,;]\s*{STRAY}|{STRAY}\s*[,;]")
_AT_ODD_COMMA = re.compile(rf"{STRAY}(?:\s+[,;]|[,;]\S)|[,;](?:\s+{STRAY}(?:\s|\Z)|{STRAY}\S)")
"""A comma beside a quote in another way than in prose: `", x`, `," x` or `, "x`."""
_RUN = re.compile(f"{STRAY}+")
_OUTER_RUN = re.compile(rf"\A{STRAY}+|{STRAY}+\Z")
"""Quotes at an end of a text: a quotation in a quotation rather than a second, empty string."""


def may_hold_structure(text: str, *, listed: bool) -> bool:
    """`listed`: the text is an element of a list, where a comma beside a quote may be the end of an element."""
    if STRAY not in text:
        return False
    text = _undoubled(text)
    marks = pairing(text)
    if (marks.opened and marks.closed) or _COMMENT.search(text) or _KEY.search(text):
        return True
    if listed and (_AT_COMMA if not marks.complete else _AT_ODD_COMMA).search(text):
        return True
    gaps = (text if listed else _OUTER_RUN.sub(STRAY, text)).split(STRAY)[1:-1]
    return any(_divides(gap, prose=marks.complete and not listed) for gap in gaps)


def _undoubled(text: str) -> str:
    """With one quote for two where all are doubled, `""Aura""`. Two strings side by side, `"a""b"`, have a single pair
    of quotes between them."""
    runs = _RUN.findall(text)
    doubled = len(runs) % 2 == 0 and all(run == STRAY + STRAY for run in runs)
    return text.replace(STRAY + STRAY, STRAY) if doubled else text


def _divides(gap: str, *, prose: bool) -> bool:
    """Whether what stands between two stray quotes may stand between two strings of the answer."""
    if prose:
        return _SIGNS.fullmatch(gap) is not None and not _COMMA.fullmatch(gap)
    return _SIGNS.fullmatch(gap) is not None or _BETWEEN_SIGNS.fullmatch(gap) is not None
