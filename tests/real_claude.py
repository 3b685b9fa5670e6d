"""The real command line tool, where scripts/test has installed it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CLAUDE = Path(sys.prefix) / "claude" / "node_modules" / ".bin" / "claude"
needs_claude = pytest.mark.skipif(not CLAUDE.exists(), reason=f"npm did not install the real claude at {CLAUDE}")
