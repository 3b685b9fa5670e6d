"""What the provider counts: tokens, prompt cache, quota window, and the headers that report it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.rehearsal.limits import RateLimits
from waves.rehearsal.protocol import ProtocolError, Segment
from waves.rehearsal.scenarios import Scenario
from waves.rehearsal.usage import Billed, PromptCache, count_tokens

SYSTEM = Segment("s" * 4000, ttl=300)


def test_four_bytes_of_utf_8_are_a_token() -> None:
    assert count_tokens([Segment("abcd"), Segment("é")]) == 2
    assert count_tokens([Segment("\ud800" * 4)]) == 3


def test_a_prefix_lives_from_its_last_use() -> None:
    cache = PromptCache(minimum=512, ttl=None)
    segments = [SYSTEM, Segment("x" * 40)]
    assert cache.bill("m", segments, 0) == Billed(uncached=10, written_5m=1000)
    assert cache.bill("m", segments, 299) == Billed(uncached=10, read=1000)
    assert cache.bill("m", segments, 598) == Billed(uncached=10, read=1000)
    assert cache.bill("m", segments, 899) == Billed(uncached=10, written_5m=1000)


def test_another_model_or_another_prefix_reads_nothing() -> None:
    cache = PromptCache(minimum=512, ttl=None)
    cache.bill("m", [SYSTEM], 0)
    assert cache.bill("n", [SYSTEM], 1).read == 0
    assert cache.bill("m", [Segment("tool"), SYSTEM], 1).read == 0


def test_a_longer_prefix_reads_the_shorter_one_and_writes_the_rest() -> None:
    cache = PromptCache(minimum=512, ttl=None)
    cache.bill("m", [SYSTEM], 0)
    longer = [SYSTEM, Segment("t" * 400, ttl=3600)]
    assert cache.bill("m", longer, 1) == Billed(read=1000, written_1h=100)
    assert cache.bill("m", longer, 2) == Billed(read=1100)


def test_the_scenario_may_shorten_the_life_of_the_cache() -> None:
    cache = PromptCache(minimum=0, ttl=1)
    cache.bill("m", [SYSTEM], 0)
    assert cache.bill("m", [SYSTEM], 1).read == 0


@given(st.lists(st.tuples(st.text(max_size=30), st.sampled_from([None, 300, 3600])), max_size=6), st.integers(0, 20))
def test_the_classes_add_up_to_the_whole_prompt(pieces: list[tuple[str, int | None]], minimum: int) -> None:
    cache = PromptCache(minimum, ttl=None)
    segments = [Segment(text, ttl) for text, ttl in pieces]
    for now in (0, 1):
        billed = cache.bill("m", segments, now)
        assert billed.total == count_tokens(segments)
        assert min(billed.uncached, billed.written, billed.read) >= 0
    assert billed.written == 0 or not any(ttl for _, ttl in pieces)


def limits(**quota: Any) -> RateLimits:
    return RateLimits(Scenario.model_validate({"quota": quota} if quota else {}))


def test_a_window_refuses_beyond_its_capacity_and_opens_anew() -> None:
    books = limits(capacity=10, unit="items", window=60)
    books.admit(6, 0)
    books.admit(4, 1)
    with pytest.raises(ProtocolError):
        books.admit(1, 2)
    assert books.retry_after(2) == 58
    books.admit(10, 60)


def test_a_request_beyond_the_whole_capacity_passes_as_the_first() -> None:
    books = limits(capacity=10, unit="items", window=60)
    books.admit(12, 0)
    with pytest.raises(ProtocolError):
        books.admit(1, 1)


def test_the_headers_tell_what_is_left_of_a_quota() -> None:
    books = limits(capacity=4, unit="requests", window=60)
    books.admit(1, 1_000_000)
    headers = books.headers(1_000_000)
    assert (headers["anthropic-ratelimit-requests-limit"], headers["anthropic-ratelimit-requests-remaining"]) == (
        "4",
        "3",
    )
    assert headers["anthropic-ratelimit-input-tokens-remaining"] == "3000000"
    assert headers["anthropic-ratelimit-tokens-reset"] == "1970-01-12T13:47:40Z"


def test_the_window_of_a_subscription_tells_its_use_and_refuses_in_its_own_words() -> None:
    books = limits(capacity=4, unit="requests", window=60, claim="five_hour")
    prefix = "anthropic-ratelimit-unified"
    books.admit(1, 1_000_000)
    headers = books.headers(1_000_000)
    assert (headers[f"{prefix}-status"], headers[f"{prefix}-5h-utilization"]) == ("allowed", "0.25")
    assert headers[f"{prefix}-reset"] == "1000060"
    assert f"{prefix}-5h-surpassed-threshold" not in headers
    for _ in range(3):
        books.admit(1, 1_000_000)
    headers = books.headers(1_000_000, refused=True)
    assert (headers[f"{prefix}-status"], headers[f"{prefix}-representative-claim"]) == ("rejected", "five_hour")
    assert headers[f"{prefix}-5h-surpassed-threshold"] == "0.9"


def test_a_quota_of_items_shows_in_every_family() -> None:
    books = limits(capacity=10, unit="items", window=60)
    books.admit(5, 0)
    assert books.headers(0)["anthropic-ratelimit-requests-remaining"] == "2000"


def test_without_a_quota_nothing_is_refused_and_tokens_are_counted_down() -> None:
    books = limits()
    for _ in range(10_000):
        books.admit(1, 0)
    books.book(1_000, 10)
    headers = books.headers(0)
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-tokens-remaining"] == "4798990"
    assert books.headers(60)["anthropic-ratelimit-tokens-remaining"] == "4800000"
