"""A subscription through the command line tool `claude -p`: one process for each request."""

from waves.config.backend_kinds import BackendTraits

TRAITS = BackendTraits(
    key_variable="CLAUDE_CODE_OAUTH_TOKEN",
    own_settings=frozenset({"command", "environment", "overage"}),
    passes_on=("PATH",),
    install="npm package @anthropic-ai/claude-code",
    turns=2,
    overhead_tokens=4096,
)
"""One process may ask twice for one answer, and adds at most `overhead_tokens` of its own to each prompt."""
