"""What `wave rubrics activate` is going to do, from the cost of the version and the flags."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from waves.errors import NeedsPersonError
from waves.surfaces.cli.commands.rubrics.activate import Activate, Confirm, Preview, Refuse, _decide

GATE = NeedsPersonError("the gate is closed")


@pytest.mark.parametrize(
    ("before", "refusal", "flags", "decision"),
    [
        ("v2", None, "yes", Preview(active=True)),
        ("v2", GATE, "", Preview(active=True)),
        ("v1", None, "dry_run", Preview(active=False)),
        ("v1", GATE, "dry_run", Preview(active=False)),
        ("v1", GATE, "yes", Refuse(GATE)),
        ("v1", GATE, "interactive", Refuse(GATE)),
        ("v1", None, "yes", Activate()),
        ("v1", None, "interactive", Confirm()),
        (None, None, "yes", Activate()),
    ],
)
def test_the_decision_follows_from_the_cost_and_the_flags(
    before: str | None, refusal: NeedsPersonError | None, flags: str, decision: object
) -> None:
    cost = SimpleNamespace(version="v2", before=before, theme_id="t", refusal=refusal)
    given = {name: name == flags for name in ("yes", "dry_run", "interactive")}
    assert _decide(cost, **given) == decision  # type: ignore[arg-type]


def test_without_a_terminal_a_cost_that_nobody_confirmed_is_refused() -> None:
    cost = SimpleNamespace(version="v2", before="v1", theme_id="t", refusal=None)
    decision = _decide(cost, yes=False, dry_run=False, interactive=False)  # type: ignore[arg-type]
    assert isinstance(decision, Refuse)
    assert "nobody has confirmed" in decision.fault.message
    assert "--yes" in decision.fault.hint
