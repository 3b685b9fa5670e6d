"""Another rubric version becomes active in the middle of things: what was paid is kept, the target is left alone, and
nothing more is paid for the version of before."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.faults.provider import Provider
from tests.integration.steps.conftest import RUBRIC, Fire
from waves.config.project import Project
from waves.fire import FireOptions, fire
from waves.models import Counts
from waves.steps.operator.by_hand import prepare_wave, run_wave
from waves.steps.rubrics import activation
from waves.steps.rubrics.activation_cost import activation_cost
from waves.steps.session.session import Invocation
from waves.store.connect import Database

pytestmark = pytest.mark.postgres


class Meddler:
    """Does something once, when the first wave is opened or the first parts are there."""

    def __init__(
        self, *, at_opening: Callable[[], object] | None = None, at_parts: Callable[[], object] | None = None
    ) -> None:
        self._at_opening, self._at_parts = at_opening, at_parts

    def opened(self, wave_id: str, emitted: int, done: int) -> None:  # noqa: ARG002 - a watcher's signature
        act, self._at_opening = self._at_opening, None
        if act is not None:
            act()

    def advanced(self, done: int) -> None:  # noqa: ARG002
        act, self._at_parts = self._at_parts, None
        if act is not None:
            act()

    def converged(self, wave_id: str, counts: Counts) -> None: ...

    def warned(self, message: str) -> None: ...


def activate(project: Project, more: str = "Be brief.") -> str:
    """Activates a second version; its name."""
    (project.prompts / "notes" / "v2.md").write_text(f"{RUBRIC}\n{more}\n")
    found = activation_cost(project, "notes", None, migrate=False).version
    activation.activate(project, "notes", found, by="ana", reason="")
    return found


def back(project: Project) -> str:
    return activation.rollback(project, "notes", by="ana", reason="worse").after


def shown(db: Database) -> dict[str | None, int]:
    return dict(db.execute("SELECT version, count(*) FROM notes GROUP BY 1").fetchall())


def held(db: Database) -> dict[tuple[str, bool], int]:
    """Accepted verdicts by version, and whether the target took them."""
    rows = db.execute(
        "SELECT rubric_version, applied_at IS NOT NULL, count(*) FROM waves.verdict"
        " WHERE state = 'accepted' GROUP BY 1, 2"
    )
    return {(version, applied): count for version, applied, count in rows}


def calls(db: Database) -> int:
    ((count,),) = db.execute("SELECT count(*) FROM waves.ledger").fetchall()
    return int(count)


def test_a_wave_that_is_open_at_an_activation_is_merged_as_it_stands(project: Project, db: Database) -> None:
    stop = Meddler(at_parts=lambda: os.kill(os.getpid(), signal.SIGTERM))
    first = fire(project, "notes", FireOptions(parallel=1), stop)
    assert first.ending.state == "interrupted"
    paid = first.counts.parts
    assert 0 < paid < 20
    old = first.rubric_version or ""
    asked = calls(db)

    new = activate(project)
    report = fire(project, "notes", FireOptions())
    assert (report.exit_code, report.rubric_version) == (0, new)
    assert calls(db) == asked + 5, "5 requests of the new version, and none of the old one"
    assert held(db) == {(old, False): paid, (new, True): 20}
    assert shown(db) == {new: 20, None: 10}

    assert back(project) == old
    report = fire(project, "notes", FireOptions(until_complete=True))
    assert report.ending.state == "complete"
    assert report.counts.emitted == 30 - paid, "what was paid comes back free"
    assert shown(db) == {old: 30}


def test_a_wave_of_before_is_not_held_for_rows_that_changed(project: Project, db: Database) -> None:
    """The usual case: a new version comes with another input column. Nothing is written to the target anyway."""
    theme = project.prompts / "notes" / "theme.yaml"
    theme.write_text(theme.read_text().replace("keys: 20", "keys: 28"))
    opening = Invocation(project, "notes", {})
    opened, _ = prepare_wave(opening)
    assert run_wave(opening).ending.state == "converged"
    db.execute("ALTER TABLE notes ADD extra text")
    theme.write_text(theme.read_text().replace("input: [content]", "input: [content, extra]"))
    new = activate(project)
    asked = calls(db)
    report = fire(project, "notes", FireOptions())
    assert (report.ending.state, report.rubric_version) == ("collected", new)
    assert {state for (state,) in db.execute("SELECT state FROM waves.wave").fetchall()} == {"closed"}
    assert sum(count for (_, applied), count in held(db).items() if not applied) == 28
    assert calls(db) == asked + 7
    assert opened.wave_id != report.wave_id


def test_a_rollback_in_the_middle_of_a_fire_lets_it_end_well_and_costs_nothing(project: Project, db: Database) -> None:
    old = fire(project, "notes", FireOptions(until_complete=True)).rubric_version or ""
    new = activate(project)
    assert fire(project, "notes", FireOptions()).counts.matched == 20
    asked = calls(db)

    report = fire(project, "notes", FireOptions(until_complete=True), Meddler(at_opening=lambda: back(project)))
    assert (report.exit_code, report.ending.state) == (0, "collected")
    assert report.counts.matched == 10
    assert held(db) == {(old, True): 30, (new, True): 20, (new, False): 10}
    assert shown(db) == {old: 10, new: 20}, "the wave of the version that is out of force changed nothing"

    after = calls(db)
    assert after - asked == 3, "the 10 rows of one wave"
    report = fire(project, "notes", FireOptions())
    assert (report.ending.state, report.llm_calls, report.rubric_version) == ("complete", 0, old)
    assert shown(db) == {old: 30}
    assert calls(db) == after


def test_a_fire_opens_no_further_wave_for_a_version_that_is_no_longer_active(project: Project, db: Database) -> None:
    old = fire(project, "notes", FireOptions(until_complete=True)).rubric_version or ""
    new = activate(project)
    report = fire(project, "notes", FireOptions(until_complete=True), Meddler(at_opening=lambda: back(project)))
    assert (report.exit_code, report.ending.state, report.counts.emitted) == (0, "collected", 20)
    assert f"rubric {old} has become active" in (report.ending.reason or "")
    assert held(db) == {(old, True): 30, (new, False): 20}
    assert shown(db) == {old: 30}


def test_what_is_away_at_an_activation_is_fetched_and_kept(
    project: Project, fire_at: Callable[..., Fire], provider: Provider, db: Database
) -> None:
    one_fire = fire_at(batches={"looks": 1})
    first = one_fire()
    assert first.ending.state == "submitted"
    new = activate(project)
    fetched = one_fire()
    assert (fetched.ending.state, fetched.counts.matched) == ("submitted", 20), "the new version's wave is on its way"
    assert held(db) == {(first.rubric_version, False): 20}
    assert shown(db) == {None: 20}
    assert one_fire().rubric_version == new
    assert shown(db) == {new: 20}
    assert len(provider.answers()) == 10


@pytest.mark.parametrize(
    "scenario",
    [
        {"poison": [{"marker": "number 3,", "fault": "unknown_label"}]},
        {"batches": {"expired": 0.5}},
        {"poison": [{"marker": "number 3,", "fault": "529"}]},
    ],
    ids=["malformed", "expired", "refused"],
)
def test_what_comes_back_without_an_answer_is_not_handed_over_again(
    project: Project, fire_at: Callable[..., Fire], db: Database, scenario: dict[str, object]
) -> None:
    one_fire = fire_at(**scenario)
    first = one_fire()
    new = activate(project)
    following = one_fire()
    while following.wave_id == first.wave_id:
        assert following.ending.state == "submitted"
        following = one_fire()
    assert (following.ending.state, following.rubric_version) == ("submitted", new)
    assert 0 < held(db)[first.rubric_version or "", False] < 20
    of_first = {"wave": first.wave_id}
    ((state, counts),) = db.execute("SELECT state, counts FROM waves.wave WHERE wave_id = %(wave)s", of_first)
    assert (state, counts["missing"]) == ("closed", 0), "what has no answer is released"
    sent = "SELECT count(*) FROM waves.ledger WHERE wave_id = %(wave)s"
    assert db.execute(sent, of_first).fetchall() == [(5,)], "what the first fire handed over, and nothing else"
