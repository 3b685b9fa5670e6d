"""What the real command line tool says in place of an answer: the fire ends with its words, nobody is charged, and once
it is over the next fire leaves nothing missing.

Where no answer of a provider makes the tool say it, a script stands before the tool: it says it, or is the tool.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import judge
from tests.faults.place import Place
from tests.faults.test_trouble import fault_of, nobody_is_charged
from tests.real_claude import CLAUDE, needs_claude

pytestmark = [pytest.mark.postgres, pytest.mark.slow, needs_claude]

TERMS = "[ACTION REQUIRED] An update to our Consumer Terms and Privacy Policy has taken effect."
MOON = "The moon is in the wrong quarter for this tool."
PARALLEL = 2
_SCRIPT = """\
#!/bin/sh
case "$*" in *--help*) ;; *) if [ -e "{says}" ]; then cat "{says}"; exit 0; fi ;; esac
exec "{claude}" "$@"
"""

Make = Callable[..., Place]


def asked_through(make: Make, command: Path, scenario: dict[str, object] | None = None) -> Place:
    backend = f'kind: claude_cli, command: "{command}"'
    return make(scenario, n_items=8, batch_size=4, parallel=PARALLEL, backend=backend)


@pytest.fixture
def says(tmp_path: Path) -> Path:
    """While this file exists, the script prints it."""
    return tmp_path / "says.txt"


@pytest.fixture
def script(tmp_path: Path, says: Path) -> Path:
    path = tmp_path / "claude"
    path.write_text(_SCRIPT.format(says=says, claude=CLAUDE))
    path.chmod(0o755)
    return path


def all_is_done(place: Place) -> None:
    fired = place.fire("--until-complete")
    assert (fired.code, fired.state) == (0, "complete"), fired
    assert judge.after_all(place).answers == 0


def test_terms_that_a_person_has_to_accept_are_shown(make: Make, script: Path, says: Path) -> None:
    place = asked_through(make, script)
    says.write_text(f"\n{TERMS}\nRun claude to review them.\n")
    fired = place.fire()
    assert fired.code == 77, fired
    assert fault_of(fired).endswith(f"the CLI says: {TERMS}")
    nobody_is_charged(place)
    assert place.provider.lines("arrived") == []
    says.unlink()
    all_is_done(place)


def test_a_text_that_nobody_knows_is_shown_once_a_probe_has_met_it_again(make: Make, script: Path, says: Path) -> None:
    place = asked_through(make, script)
    says.write_text(MOON)
    fired = place.fire()
    assert (fired.code, fired.state) == (75, "snoozed"), fired
    place.sql("UPDATE waves.backend_state SET snoozed_until = now() - interval '1 second'")
    fired = place.fire()
    assert fired.code == 78, fired
    assert MOON in fault_of(fired)
    nobody_is_charged(place)
    assert place.provider.lines("arrived") == []
    says.unlink()
    all_is_done(place)


def test_what_the_provider_says_through_the_tool_is_shown(make: Make) -> None:
    place = asked_through(make, CLAUDE, {"down": [{"fault": "400"}], "message": MOON})
    fired = place.fire()
    assert fired.code == 78, fired
    assert MOON in fault_of(fired)
    nobody_is_charged(place)
    place.provider.restart()
    all_is_done(place)


def test_answers_on_overage_put_the_subscription_to_sleep_until_its_reset(make: Make) -> None:
    place = asked_through(
        make, CLAUDE, {"quota": {"capacity": 1, "window": 3600, "claim": "five_hour", "overage": True}}
    )
    fired = place.fire()
    assert (fired.code, fired.state) == (75, "snoozed"), fired
    assert "answers cost money" in fired.json["reason"]
    (slept,) = place.sql(
        "SELECT snoozed_until BETWEEN now() + interval '55 min' AND now() + interval '70 min' FROM waves.backend_state"
    )
    assert slept == (True,)
    nobody_is_charged(place)
