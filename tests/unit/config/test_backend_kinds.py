"""A kind of backend is the name of a folder: nothing else is looked up, least of all imported."""

from __future__ import annotations

import sys

import pytest

from waves.config.backend_kinds import traits
from waves.errors import ConfigurationError


@pytest.mark.parametrize(
    "kind", ["telegraph", "", ".", "..", "../anthropic", "anthropic.backend", "an thropic", "api_key"]
)
def test_what_names_no_folder_is_refused_with_the_kinds_that_there_are(kind: str) -> None:
    loaded = "waves.backends.anthropic.backend" in sys.modules
    with pytest.raises(ConfigurationError, match="unknown kind of backend") as refused:
        traits(kind)
    assert "anthropic, claude_cli, message_batches, rehearsal" in refused.value.hint
    assert ("waves.backends.anthropic.backend" in sys.modules) == loaded
