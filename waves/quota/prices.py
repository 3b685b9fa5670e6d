"""What a request costs in US dollars: by the `prices` in `waves.yaml`, else by the table of `genai-prices`.

None if the price of a model is unknown, or if the provider did not report its tokens; never 0 instead. The table ships
with its package and is read as of the moment of the request; nothing here uses the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from importlib.metadata import version

from waves.calls import Call
from waves.config.project import BackendConfig, Price
from waves.models import Usage

OVERRIDES = "waves.yaml"
REPORTED = "reported"
"""Sources of a price other than the table: the operator's prices, and the cost that the backend itself reports."""

_PROVIDER = "anthropic"
_MTOK = 1_000_000
_STEP = 256
_WRITE, _WRITE_1H, _READ = 1.25, 2.0, 0.1
"""The price of a token that is written to or read from the prompt cache, as a share of an uncached one, by the rule of
the Messages API: for overrides that leave it out, if the table does not know the model either."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`usd` None: unknown. `table` names the source of the prices, None if there are none."""

    usd: float | None
    table: str | None


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Tokens by billing class; no token is in two classes."""

    input: int
    output: int
    write: int = 0
    write_1h: int = 0
    read: int = 0


def price(backend: BackendConfig, model: str, usage: Usage, at: datetime | None = None) -> Cost:
    """What `usage` costs on this backend, at the prices of the moment `at` (default: now)."""
    if usage.reported_usd is not None:
        return Cost(usage.reported_usd, REPORTED)
    if usage.input is None or usage.output is None:
        return Cost(None, table_of(backend, model))
    written, for_an_hour = usage.cache_write or 0, usage.cache_write_1h or 0
    tokens = _Tokens(usage.input, usage.output, max(0, written - for_an_hour), for_an_hour, usage.cache_read or 0)
    usd = _price(backend, model, tokens, at)
    if usd is None:
        return Cost(None, None)
    return Cost(usd * backend.traits.price_share, table_of(backend, model))


def most(backend: BackendConfig, model: str, prompt: int, answer: int) -> float | None:
    """An upper bound for a request of at most this many tokens: all of its prompt in the most expensive class."""
    prompt = -(-prompt // _STEP) * _STEP  # requests of about the same size share one look-up in the table
    bounds = (_Tokens(prompt, answer), _Tokens(0, answer, write=prompt), _Tokens(0, answer, write_1h=prompt))
    prices = [_price(backend, model, tokens, None) for tokens in bounds]
    known = [usd for usd in prices if usd is not None]
    return max(known) * backend.traits.price_share if len(known) == len(prices) else None


def known(backend: BackendConfig, model: str) -> bool:
    return most(backend, model, 1, 1) is not None


def table_of(backend: BackendConfig, model: str) -> str | None:
    """The source of this model's prices: an override, a kind that is free, the table with its version, or None."""
    if model in backend.prices:
        return OVERRIDES
    if backend.traits.free:
        return backend.kind
    return table_version() if _from_table(model, _Tokens(1, 1), None) is not None else None


@cache
def table_version() -> str:
    return f"genai-prices {version('genai-prices')}"


def _price(backend: BackendConfig, model: str, tokens: _Tokens, at: datetime | None) -> float | None:
    override = backend.prices.get(model)
    if override is not None:
        return _overridden(override, model, tokens, at)
    if backend.traits.free:
        return 0.0
    return _from_table(model, tokens, at)


def _overridden(override: Price, model: str, tokens: _Tokens, at: datetime | None) -> float:
    """Classes that the override leaves out cost what the table says, else the usual share of its input price."""
    usd = tokens.input * override.input + tokens.output * override.output
    for count, own, share, alone in (
        (tokens.write, override.cache_write, _WRITE, _Tokens(0, 0, write=tokens.write)),
        (tokens.write_1h, override.cache_write_1h, _WRITE_1H, _Tokens(0, 0, write_1h=tokens.write_1h)),
        (tokens.read, override.cache_read, _READ, _Tokens(0, 0, read=tokens.read)),
    ):
        if own is None and count and (listed := _from_table(model, alone, at)) is not None:
            usd += listed * _MTOK
        else:
            usd += count * (own if own is not None else share * override.input)
    return usd / _MTOK


@lru_cache(maxsize=4096)
def _from_table(model: str, tokens: _Tokens, at: datetime | None) -> float | None:
    """Cached, because a look-up takes 0.2 ms, and each cost is needed twice: during the fire, and for the ledger."""
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    counted = Counted(  # the table's input and cache_write include the other classes of their kind, ours do not
        input_tokens=tokens.input + tokens.write + tokens.write_1h + tokens.read,
        output_tokens=tokens.output,
        cache_write_tokens=tokens.write + tokens.write_1h,
        cache_write_1h_tokens=tokens.write_1h,
        cache_read_tokens=tokens.read,
    )
    try:
        calculated = calc_price(counted, model, provider_id=_PROVIDER, genai_request_timestamp=at)
    except LookupError:
        return None
    return float(calculated.total_price)


def cost(call: Call, backend: BackendConfig) -> Cost:
    """What a paid request cost; unknown if no answer came."""
    if call.paid is None:
        return Cost(None, None)
    return price(backend, call.sent.model, call.paid.usage, call.sent.at)
