"""One theme, one provider, and the same command on each backend in turn. The provider's own record tells what was
paid: ledger, `wave spend`, `wave status` and `wave quota` say the same.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.provider import Provider
from tests.integration.cli.site import ROOT, Site
from tests.project_folder import url_of
from tests.real_claude import CLAUDE, needs_claude
from waves.store.connect import open_url
from waves.store.demo_tables import load_sample

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

THEME = "comment_classifier"
ROWS = 40
PRICES = {"model-1": {"input": 1.0, "output": 5.0, "cache_write": 1.25, "cache_write_1h": 2.0, "cache_read": 0.1}}
KEYS = ("input", "output", "cache_write", "cache_read")
RECORDED = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_write": "cache_creation_input_tokens",
    "cache_read": "cache_read_input_tokens",
}
"""What the provider's record calls them."""


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    provider = Provider(tmp_path / "record.jsonl")
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture
def site(tmp_path: Path, database_url: str, provider: Provider) -> Site:
    site = Site(tmp_path / "a project", url_of(database_url), provider.url, theme=THEME)
    shared = {"models": ["model-1"], "base_url": provider.url, "api_key_env": "SITE_KEY", "prices": PRICES}
    kinds: dict[str, dict[str, Any]] = {
        "api": {"kind": "anthropic"},
        "batches": {"kind": "message_batches"},
        "subscription": {"kind": "claude_cli", "command": str(CLAUDE), "window": "5h"},
    }
    backends = {name: shared | own for name, own in kinds.items()}
    site.write("waves.yaml", json.dumps({"database": site.database, "backends": backends}))
    for name in ("theme.yaml", "v1.md"):
        shutil.copy(ROOT / "prompts" / THEME / name, site.folder)
    with open_url(site.database, tmp_path) as db:
        load_sample(db, ROOT / "data" / "sample")
    site.sql("DELETE FROM artifact_comments WHERE id > %s OR deleted", ROWS)
    site.approve()
    return site


def complete(site: Site, backend: str) -> None:
    """Fire as cron does until nothing is missing: a submitted wave is fetched by a later fire."""
    for _ in range(20):
        ran = site.wave("fire", THEME, "--backend", backend, "--json")
        assert ran.json["state"] in {"collected", "complete", "submitted"}, ran
        if ran.json["state"] == "complete":
            return
    raise AssertionError(ran)


def ask_all_again(site: Site) -> None:
    """What a user does who wants every row judged anew."""
    site.sql("UPDATE artifact_comments SET classifier_version = NULL")


def recorded(answers: list[dict[str, Any]]) -> dict[str, int]:
    return {key: sum(answer[name] for answer in answers) for key, name in RECORDED.items()}


@needs_claude
def test_the_same_command_completes_a_theme_on_every_backend_and_all_agree_on_the_bill(
    site: Site, provider: Provider
) -> None:
    n_rows = site.sql("SELECT count(*) FROM artifact_comments")[0][0]
    paid_before = 0
    for backend in ("api", "batches", "subscription"):
        complete(site, backend)
        assert site.sql("SELECT count(*) FROM artifact_comments WHERE classifier_version IS NULL") == [(0,)]
        answers = provider.answers()[paid_before:]
        paid_before += len(answers)
        spent = spend_of(site, backend)
        assert spent["requests"]["paid"] == len(answers), backend
        assert {key: spent["tokens"][key] for key in KEYS} == recorded(answers), backend
        assert spent["cost_usd"] > 0
        ask_all_again(site)
    assert half(site)
    used = site.wave("quota", "subscription", "--json").json["backends"][0]["window"]["used"]
    assert used == n_rows

    complete(site, "rehearsal")
    assert spend_of(site, "rehearsal")["cost_usd"] == 0
    assert len(provider.answers()) == paid_before, "the rehearsal has a provider of its own"

    total = site.wave("spend", "--json").json["total"]
    status = site.status()
    assert status["percent"] == 100
    assert status["spend"]["total_usd"] == pytest.approx(total["cost_usd"])
    assert total["cost_usd"] == pytest.approx(site.sql("SELECT sum(cost_usd) FROM waves.ledger")[0][0])


def spend_of(site: Site, backend: str) -> dict[str, Any]:
    rows = site.wave("spend", THEME, "--by", "backend", "--json").json["rows"]
    (found,) = [row for row in rows if row["name"] == backend]
    assert isinstance(found, dict)
    return found


def half(site: Site) -> bool:
    """Batches cost half of what the same tokens cost otherwise."""
    api, batches = spend_of(site, "api"), spend_of(site, "batches")
    return bool(
        batches["cost_usd"] == pytest.approx(priced(batches["tokens"]) / 2)
        and api["cost_usd"] == pytest.approx(priced(api["tokens"]))
    )


def priced(tokens: dict[str, int]) -> float:
    return sum(tokens[key] * PRICES["model-1"][key] for key in KEYS) / 1e6


def test_a_pilot_that_is_handed_over_is_fetched_by_the_next_and_paid_once(site: Site, provider: Provider) -> None:
    """A fire leaves it alone meanwhile: only a person goes on with a pilot."""
    complete(site, "rehearsal")
    site.write(f"prompts/{THEME}/v2.md", (site.folder / "v1.md").read_text() + "\nBe brief.\n")
    asked = ("pilot", THEME, "--keys", "12", "--backend", "batches", "--json")
    first = site.wave(*asked)
    assert (first.code, first.json["state"], first.json["missing"]) == (75, "submitted", 12), first
    assert site.wave("fire", THEME).code == 76
    assert site.wave("approve", THEME, "--by", "ana").code == 75, "its answers are not there yet"
    for _ in range(20):
        pilot = site.wave(*asked).json
        if pilot["state"] == "converged":
            break
    assert (len(pilot["rows"]), pilot["missing"]) == (12, 0)
    answers = len(provider.answers())
    assert site.wave(*asked).json["state"] == "converged"
    assert site.wave("approve", THEME, "--by", "ana").code == 0
    assert len(provider.answers()) == answers
    assert sum(len(line["items"]) for line in provider.answers()) == 12
    judged = site.sql("SELECT count(*) FROM waves.verdict WHERE rubric_version = %s", pilot["version"])
    assert judged == [(12,)]
