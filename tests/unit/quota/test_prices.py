"""What a request costs: by class of token, by whose prices, and never 0 where nobody knows."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from waves.config.project import BackendConfig, Price
from waves.models import Usage
from waves.quota import prices
from waves.quota.prices import Cost, price

MILLION = 1_000_000
OWN = Price(input=2.0, output=8.0, cache_write=3.0, cache_write_1h=5.0, cache_read=0.5)


def backend(kind: str = "anthropic", **own: Price) -> BackendConfig:
    models = {name.replace("_", "-"): one for name, one in own.items()}
    return BackendConfig("provider", kind, ("model-1",), prices=models)


@pytest.mark.parametrize(
    ("model", "usage", "usd"),
    [
        ("claude-haiku-4-5", Usage(MILLION, 0, 0, 0), 1.0),
        ("claude-haiku-4-5", Usage(0, MILLION, 0, 0), 5.0),
        ("claude-haiku-4-5", Usage(0, 0, MILLION, 0), 1.25),
        ("claude-haiku-4-5", Usage(0, 0, MILLION, 0, cache_write_1h=MILLION), 2.0),
        ("claude-haiku-4-5", Usage(0, 0, MILLION, 0, cache_write_1h=400_000), 0.6 * 1.25 + 0.4 * 2.0),
        ("claude-haiku-4-5", Usage(0, 0, 0, MILLION), 0.1),
        ("claude-haiku-4-5-20251001", Usage(MILLION, 0), 1.0),
        ("claude-haiku-5-5", Usage(100_000, 1000, 0, 0), 0.01 + 0.0005),
        ("claude-haiku-5-5", Usage(0, 0, 0, 200_000), 200_000 / MILLION * 0.1 * 0.1 * 5),
        ("claude-sonnet-5-5", Usage(1000, 1000, 1000, 1000), (2 + 10 + 2.5 + 0.1) / 1000),
        ("claude-opus-5-5", Usage(1000, 1000), 0.024),
        ("claude-fable-5-1", Usage(1000, 1000), 0.06),
    ],
)
def test_the_table_prices_each_class_of_token(model: str, usage: Usage, usd: float) -> None:
    found = price(backend(), model, usage)
    assert found.usd == pytest.approx(usd)
    assert found.table == prices.table_version()
    assert found.table.startswith("genai-prices ")


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(MILLION, MILLION, 0, 0), 10.0),
        (Usage(0, 0, MILLION, 0, cache_write_1h=0), 3.0),
        (Usage(0, 0, MILLION, 0, cache_write_1h=MILLION), 5.0),
        (Usage(0, 0, 0, MILLION), 0.5),
    ],
)
def test_the_operators_own_prices_win(usage: Usage, usd: float) -> None:
    for model in ("claude_haiku_4_5", "qwen3"):
        found = price(backend("anthropic", **{model: OWN}), model.replace("_", "-"), usage)
        assert found.usd == pytest.approx(usd)
        assert found.table == "waves.yaml"


@pytest.mark.parametrize(
    ("usage", "usd"),
    [(Usage(0, 0, MILLION, 0), 2.5), (Usage(0, 0, MILLION, 0, MILLION), 4.0), (Usage(0, 0, 0, MILLION), 0.2)],
)
def test_classes_that_an_override_leaves_out_cost_what_the_api_makes_of_its_input_price(
    usage: Usage, usd: float
) -> None:
    assert price(backend(qwen3=Price(2.0, 8.0)), "qwen3", usage).usd == pytest.approx(usd)


def test_classes_that_an_override_leaves_out_cost_what_the_table_says_where_it_knows_the_model() -> None:
    own = backend(claude_haiku_4_5=Price(100.0, 100.0))
    assert price(own, "claude-haiku-4-5", Usage(0, 0, MILLION, 0)).usd == pytest.approx(1.25)


def test_a_request_in_a_batch_costs_half() -> None:
    usage = Usage(1000, 1000, 1000, 1000)
    alone, batched = (price(backend(kind), "claude-haiku-4-5", usage).usd for kind in ("anthropic", "message_batches"))
    assert alone is not None
    assert batched == pytest.approx(alone / 2)
    assert prices.most(backend("message_batches", m=OWN), "m", 1024, 0) == pytest.approx(0.00256)


@pytest.mark.parametrize("usage", [Usage(), Usage(10, None), Usage(None, 10, 0, 0)])
def test_without_counted_tokens_the_cost_is_unknown(usage: Usage) -> None:
    assert price(backend(qwen3=OWN), "qwen3", usage).usd is None
    assert price(backend(), "claude-haiku-4-5", usage).usd is None


def test_a_server_that_counts_no_cached_tokens_bills_none() -> None:
    assert price(backend(), "claude-haiku-4-5", Usage(MILLION, 0)).usd == pytest.approx(1.0)


def test_the_price_of_an_unknown_model_is_unknown() -> None:
    assert price(backend(), "qwen3", Usage(10, 10, 0, 0)) == Cost(None, None)
    assert prices.most(backend(), "qwen3", 10, 10) is None
    assert not prices.known(backend(), "qwen3")


def test_a_rehearsal_costs_nothing_unless_it_is_given_prices() -> None:
    usage = Usage(MILLION, 0, 0, 0)
    assert price(backend("rehearsal"), "rehearsal", usage) == Cost(0.0, "rehearsal")
    assert price(backend("rehearsal", rehearsal=OWN), "rehearsal", usage) == Cost(2.0, "waves.yaml")


def test_what_the_backend_itself_says_wins() -> None:
    assert price(backend("claude_cli", qwen3=OWN), "qwen3", Usage(reported_usd=0.25)) == Cost(0.25, "reported")


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-haiku-5-5", "claude-sonnet-5-5"])
@pytest.mark.parametrize("tokens", [10, 99_999, 100_001])
def test_the_bound_is_above_every_way_to_bill_so_many_tokens(model: str, tokens: int) -> None:
    bound = prices.most(backend(), model, tokens, 50)
    assert bound is not None
    for usage in (
        Usage(tokens, 50),
        Usage(0, 50, tokens, 0),
        Usage(0, 50, tokens, 0, tokens),
        Usage(0, 50, 0, tokens),
        Usage(1, 0, 1, tokens - 2),
    ):
        assert price(backend(), model, usage).usd <= bound + 1e-12  # type: ignore[operator]


def test_a_request_has_the_price_of_its_own_day() -> None:
    early = datetime(2020, 1, 1, tzinfo=UTC)
    assert price(backend(), "claude-haiku-4-5", Usage(MILLION, 0), early).usd == pytest.approx(1.0)


def test_the_table_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, waves.steps.reports.status, waves.steps.budget.caps; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
