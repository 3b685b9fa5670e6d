"""`Ask` + `Rubric` → the bytes of one request of the Messages API.

The system prompt and the output schema are the same bytes in every request of a wave, so that the provider's cache
hits; they are encoded once. Row text goes into one JSON document in the user message and nowhere else. It goes out as
UTF-8: escaped, a text in Cyrillic takes five times as many tokens.
"""

from __future__ import annotations

import re

from waves.config.rubric import Rubric
from waves.exact_json import compact
from waves.outcomes import Ask

_STRICTER = (
    "An earlier answer about these items could not be used. Answer with exactly one JSON document that follows the "
    "schema: one verdict for each id, each id once, labels spelled exactly as in the schema, double quotes inside "
    "strings escaped, and no text before or after the document."
)
_MOST_REASONS, _LONGEST_REASON = 3, 200

ESCAPED_AT = "\\u0040"
"""How `@` stands in JSON for a client that reads the file which the text after an `@` names."""

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # alone it has no form in UTF-8, only its escape
_FIXED_TOKENS = 256
_TOKENS_PER_ITEM = {"classify": 128, "extract": 1024}
_MAX_TOKENS = 32_000


def max_tokens(rubric: Rubric, ask: Ask, ceiling: int | None) -> int:
    """The tokens that the answer may take: those of the request, else the rubric's, else enough for its items; never
    more than `ceiling`, the backend's own `max_tokens`."""
    derived = min(_MAX_TOKENS, _FIXED_TOKENS + _TOKENS_PER_ITEM[rubric.kind] * len(ask.items))
    wanted = ask.max_tokens or rubric.max_tokens or derived
    return wanted if ceiling is None else min(wanted, ceiling)


def document(ask: Ask) -> str:
    """The user message: `{"items": [{"id": "1", "input": {…}}, …]}`."""
    return _encode({"items": [{"id": short_id, "input": dict(columns)} for short_id, columns in ask.items]})


def stricter(ask: Ask) -> str:
    """Added for a second try, with the reasons for it. It stands in the user message, so that the system prompt keeps
    the same bytes."""
    reasons = [f"\n- {reason[:_LONGEST_REASON]}" for reason in ask.reasons[:_MOST_REASONS]]
    return _STRICTER + ("\nIt was refused because of this:" + "".join(reasons) if reasons else "")


class Prompt:
    """Renders requests for one rubric and one backend, whose `max_tokens` is the `ceiling`."""

    def __init__(self, rubric: Rubric, ceiling: int | None) -> None:
        output: dict[str, object] = {"format": {"type": "json_schema", "schema": rubric.wire_schema}}
        if rubric.effort is not None:
            output["effort"] = rubric.effort
        system = [{"type": "text", "text": rubric.system, "cache_control": {"type": "ephemeral"}}]
        self._rubric = rubric
        self._ceiling = ceiling
        self._fixed = f'"system":{_encode(system)},"output_config":{_encode(output)}'

    def body(self, ask: Ask) -> bytes:
        content: object = document(ask)
        if ask.strict:
            content = [{"type": "text", "text": content}, {"type": "text", "text": stricter(ask)}]
        head = f'{{"model":{_encode(ask.model)},"max_tokens":{max_tokens(self._rubric, ask, self._ceiling)}'
        messages = f'"messages":[{{"role":"user","content":{_encode(content)}}}]}}'
        return f"{head},{self._fixed},{messages}".encode()

    def most_tokens(self, ask: Ask) -> int:
        """More tokens than the prompt has, whichever backend sends it: no token is shorter than a byte of UTF-8."""
        body = self.body(ask)
        return len(body) + (len(ESCAPED_AT) - 1) * body.count(b"@")


def _encode(value: object) -> str:
    return _HALF_CHARACTER.sub(lambda half: f"\\u{ord(half[0]):04x}", compact(value))
