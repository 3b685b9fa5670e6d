"""What a message tells a person to type is a command that works."""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = Path(__file__).parents[3] / "waves"
JOINT = re.compile(r'"\s*\n\s*f?"')
VALUE = re.compile(r"\{[^{}]*\}")
DECISION = re.compile(r"wave (?:abandon|takeover|approve) (?:X|\{\})[^`\",.;]*")


def test_who_is_told_to_decide_is_told_to_give_a_name() -> None:
    told = [
        command
        for path in sorted(SOURCES.rglob("*.py"))
        for command in DECISION.findall(VALUE.sub("X", JOINT.sub("", path.read_text())))
    ]
    assert len(told) > 10
    assert [command for command in told if "--by NAME" not in command] == []
