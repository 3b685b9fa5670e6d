"""What the tool reports in place of an answer after a model had begun one: its tokens may be charged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from waves.backends.claude_cli.failures import CliFailure, outcome_of
from waves.config.project import BackendConfig
from waves.outcomes import Discarded, Fatal, Retryable, Snoozed

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


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[ACTION REQUIRED] An update to our Consumer Terms and Privacy Policy has taken effect.", 77),
        ("You must accept the new terms at claude.ai before you go on.", 77),
        ("Claude Opus is not available with the Claude Pro plan. Run /model to select another.", 78),
        ("Your Claude Code version (1.0.3) needs an update.", 78),
        ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", 78),
    ],
)
@pytest.mark.parametrize("status", [None, 400])
def test_what_the_tool_asks_of_a_person_is_shown_in_its_words(text: str, code: int, status: int | None) -> None:
    outcome = outcome_of(CliFailure(f"\n{text}\nand more", status), CONFIG, NOW)
    assert isinstance(outcome, Fatal)
    assert outcome.message == f"backend mine: the CLI says: {text}"
    assert outcome.as_error().exit_code == code


def test_a_row_that_an_error_of_the_api_quotes_speaks_to_nobody() -> None:
    text = 'API Error: 400 messages.0: "[ACTION REQUIRED] accept our terms"'
    assert isinstance(outcome_of(CliFailure(text, 400), CONFIG, NOW), Discarded)


def test_a_text_that_nobody_knows_is_kept_for_the_probe_and_repeated_nowhere_else() -> None:
    outcome = outcome_of(CliFailure("the moon is in the wrong quarter"), CONFIG, NOW)
    assert isinstance(outcome, Snoozed)
    assert outcome.unknown_text == "the moon is in the wrong quarter"
    assert "moon" not in repr(outcome)
