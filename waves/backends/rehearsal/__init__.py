"""The stand-in provider on this machine: what a rehearsal talks to instead of a language model."""

from waves.config.backend_kinds import BackendTraits

TRAITS = BackendTraits(
    needs_key=False,
    needs_models=False,
    own_settings=frozenset({"scenario"}),
    free=True,
    asks_through="anthropic",
)
