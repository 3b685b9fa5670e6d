"""What the tool reports in place of an answer after a model had begun one: its tokens may be charged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from waves.backends.claude_cli.failures import CliFailure, outcome_of
from waves.config.project import BackendConfig
from waves.outcomes import Retryable, Snoozed

CONFIG = BackendConfig("mine", "claude_cli", ("model-1",))
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize("began", [True, False])
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Request rejected (429)", 429),
        ("You've hit your session limit", 429),
        ("an unknown message", None),
        ("API Error: 529 overloaded", 529),
        ("connection refused", None),
    ],
)
def test_what_a_model_had_begun_to_answer_may_be_paid(text: str, status: int | None, *, began: bool) -> None:
    outcome = outcome_of(CliFailure(text, status, began=began), CONFIG, NOW)
    assert isinstance(outcome, Retryable | Snoozed)
    assert outcome.maybe_paid is began
