"""An unknown limit in theme.yaml is refused by the names of those that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from waves.config.document import parse, validate
from waves.config.theme_file import ThemeFile
from waves.errors import ConfigurationError

TEXT = "source: {relation: c, key: id, input: [a]}\nbackends: [r]\nwave: {kyes: 5}\n"


def test_an_unknown_limit_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"theme.yaml:3: unknown key 'wave.kyes'") as refused:
        validate(ThemeFile, parse(TEXT, Path("theme.yaml")))
    assert "batch_size, cap_usd_day" in refused.value.hint
    assert "keys, max_attempts" in refused.value.hint
