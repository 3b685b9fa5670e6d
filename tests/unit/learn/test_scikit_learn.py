"""Without the extra `eval` an evaluation or a comparison is refused, and the message names the extra."""

from __future__ import annotations

import sys

import pytest

from waves.errors import ConfigurationError
from waves.learn.scikit_learn import require_scikit_learn


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_scikit_learn()
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ConfigurationError) as caught:
        require_scikit_learn()
    assert caught.value.message == "scikit-learn is not installed"
    assert "pip install 'headless-waves[eval]'" in caught.value.hint
