"""The Message Batches API: requests at half the price, handed over together and fetched later."""

from waves.config.backend_kinds import BackendTraits

TRAITS = BackendTraits(
    takes_submissions=True,
    asks_through="anthropic",
    price_share=0.5,
    counts_tokens=True,
    own_settings=frozenset({"auth"}),
)
"""The price table knows no batches: a request in one costs half of the same request sent alone."""
