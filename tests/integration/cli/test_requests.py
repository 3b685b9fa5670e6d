"""What a fire sends, seen on the wire: the reasons for a second try, and no longer answer than the backend gives."""

from __future__ import annotations

import json

from tests.integration.cli.site import Site
from tests.integration.cli.tee import Tee, provider


def fired(site: Site, tee: Tee, **backend: object) -> list[dict[str, object]]:
    """The requests of a fire of two rows that gives each item one attempt."""
    site.provider = tee.url
    site.environment["WAVES_MAX_ATTEMPTS"] = "1"
    project = json.loads(site.project_file())
    project["backends"]["provider"] |= backend
    site.write("waves.yaml", json.dumps(project))
    site.fill(2)
    assert site.fire()["counts"]["emitted"] == 2
    return tee.requests()


def test_a_second_try_names_the_reason_for_which_the_first_answer_was_refused(site: Site) -> None:
    with provider("--scenario", json.dumps({"poison": [{"marker": "How many", "fault": "unknown_label"}]})) as tee:
        first, second = fired(site, tee)
    assert "refused because" not in json.dumps(first["messages"])
    assert "does not fit the schema at labels/0: enum" in json.dumps(second["messages"])
    assert first["system"] == second["system"]


def test_a_server_with_shorter_answers_is_never_asked_for_longer_ones(site: Site) -> None:
    with provider("--scenario", json.dumps({"longest_answer": 100})) as tee:
        (request,) = fired(site, tee, max_tokens=100)
    assert request["max_tokens"] == 100
    assert site.states() == {"accepted": 2}
