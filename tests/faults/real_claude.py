"""The real command line tool, where scripts/test has installed it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults.place import MARK

CLAUDE = Path(sys.prefix) / "claude" / "node_modules" / ".bin" / "claude"
needs_claude = pytest.mark.skipif(not CLAUDE.exists(), reason=f"npm did not install the real claude at {CLAUDE}")
BACKEND = f'kind: claude_cli, command: "{CLAUDE}", environment: [{MARK}]'
"""For a place in which the real tool is asked; its processes bear the place's mark."""
