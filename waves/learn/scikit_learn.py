"""The optional dependency behind the figures of evaluations and comparisons: the extra `eval`."""

from __future__ import annotations

from importlib.util import find_spec

from waves.errors import ConfigurationError


def require_scikit_learn() -> None:
    """ConfigurationError where scikit-learn is not installed. Called before anything is asked or paid, and imports
    nothing: that takes a second."""
    if find_spec("sklearn") is None:
        raise ConfigurationError(
            "scikit-learn is not installed", "Install the extra `eval`: pip install 'headless-waves[eval]'."
        )
