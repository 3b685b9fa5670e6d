"""The Messages API through the official SDK: any server that speaks it."""

from waves.config.backend_kinds import BackendTraits

TRAITS = BackendTraits(counts_tokens=True, own_settings=frozenset({"auth", "overage"}))
