"""A wave step by step: the lines that scripts read, what each step leaves, and steps out of order."""

from __future__ import annotations

import re

import pytest

from tests.integration.cli.site import THEME, Site
from tests.integration.cli.tee import Tee


def test_prepare_run_and_collect_are_a_fire_in_three_steps(site: Site, tee: Tee) -> None:
    site.fill(30)
    prepared = site.wave("prepare", THEME, "--keys", "25")
    assert (prepared.code, prepared.err) == (0, "")
    line = re.fullmatch(r"WAVE: PREPARED (\d{8}T\d{6}Z-[0-9a-f]{4}) 25 keys 3 batches\n", prepared.out)
    assert line
    wave = site.data / THEME / "waves" / line[1]
    assert sorted(path.name for path in (wave / "batches").iterdir()) == [f"batch_000{n}.jsonl" for n in (1, 2, 3)]
    assert tee.requests() == []

    assert site.wave("collect", THEME).code == 75, "nothing has been asked yet"
    ran = site.wave("run", THEME)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert len(tee.requests()) == 3
    assert site.sql("SELECT count(*) FROM comment WHERE version IS NOT NULL") == [(0,)]

    collected = site.wave("collect", THEME)
    assert (collected.code, collected.err) == (0, "")
    assert collected.out == "emitted 25 = parts 25 = entries 25 = matched 25, orphaned 0\n"
    assert site.sql("SELECT count(*) FROM comment WHERE version IS NOT NULL") == [(25,)]
    assert (wave / "closed.json").exists()

    assert site.wave("prepare", THEME).out.endswith(" 5 keys 1 batches\n")
    assert site.wave("run", THEME).code == 0
    assert site.wave("collect", THEME).code == 0
    assert site.wave("prepare", THEME).out == "WAVE: COMPLETE\n"
    assert len(tee.requests()) == 4


def test_prepare_again_makes_the_batches_of_the_open_wave_anew(site: Site) -> None:
    site.fill(30)
    first = site.wave("prepare", THEME).out
    second = site.wave("prepare", THEME, "--keys", "5").out
    assert first == second
    (wave,) = (site.data / THEME / "waves").iterdir()
    assert len(list((wave / "batches").iterdir())) == 6


def test_a_fire_goes_on_with_what_was_prepared_by_hand(site: Site, tee: Tee) -> None:
    site.fill(20)
    wave_id = site.wave("prepare", THEME).out.split()[2]
    fired = site.fire()
    assert (fired["wave_id"], fired["counts"]["matched"]) == (wave_id, 20)
    assert len(tee.requests()) == 2


def test_a_part_of_a_wave_is_collected_on_demand(site: Site, tee: Tee) -> None:
    site.fill(10)
    assert site.wave("prepare", THEME).code == 0
    collected = site.wave("collect", THEME, "--partial")
    assert (collected.code, collected.out) == (
        0,
        "emitted 10 = parts 0 + released 10; parts 0 = entries 0 = matched 0, orphaned 0\n",
    )
    assert tee.requests() == []
    assert site.fire()["counts"]["matched"] == 10


@pytest.mark.parametrize("step", ["run", "collect"])
def test_a_step_without_a_wave_says_how_to_open_one(site: Site, step: str) -> None:
    site.fill(3)
    ran = site.wave(step, THEME)
    assert (ran.code, ran.out) == (78, "")
    assert ran.fault == ("theme comments has no open wave", "Open one with `wave prepare comments`.")


def test_a_wave_that_is_given_up_comes_back_as_another(site: Site) -> None:
    site.fill(3)
    wave_id = site.wave("prepare", THEME).out.split()[2]
    given_up = site.wave("abandon", THEME, "--by", "ana", "--reason", "wrong source")
    assert (given_up.code, given_up.out) == (0, f"wave {wave_id} of theme comments is abandoned\n")
    fired = site.fire()
    assert fired["wave_id"] != wave_id
    assert fired["counts"]["matched"] == 3


def test_a_wave_whose_rows_changed_is_held_until_somebody_takes_it(site: Site) -> None:
    site.fill(50)
    assert site.wave("prepare", THEME).code == 0
    site.sql("UPDATE comment SET content = content || ' Really?' WHERE id <= 25")
    assert site.wave("run", THEME).code == 0
    held = site.wave("collect", THEME)
    assert (held.code, held.out) == (76, "")
    assert "--accept-orphans" in held.err
    assert site.sql("SELECT count(*) FROM comment WHERE version IS NOT NULL") == [(0,)]
    status = site.status()
    assert status["wave"]["state"] == "held"
    assert "`wave collect comments --accept-orphans --by NAME` merges it" in site.wave("status", THEME).out
    fired = site.wave("fire", THEME, "--json")
    assert (fired.code, fired.json["state"], fired.json["llm_calls"]) == (76, "held", 0)
    taken = site.wave("collect", THEME, "--accept-orphans", "--by", "ana")
    assert (taken.code, taken.out) == (0, "emitted 50 = parts 50 = entries 50 = matched 25, orphaned 25\n")
    site.approve()
    assert site.fire()["counts"]["matched"] == 25


def test_closed_waves_are_pruned_and_open_ones_are_not(site: Site) -> None:
    site.fill(30)
    assert site.wave("fire", THEME, "--keys", "10").code == 0
    (closed,) = (site.data / THEME / "waves").iterdir()
    opened = site.wave("prepare", THEME).out.split()[2]
    kept = site.wave("prune", THEME)
    assert (kept.code, kept.out, kept.err) == (0, "", "")
    would = site.wave("prune", THEME, "--keep-days", "0", "--dry-run")
    assert would.out == f"would remove 1 wave\n  {closed.name}\n"
    assert closed.exists()
    foreseen = site.wave("prune", THEME, "--keep-days", "0", "--dry-run", "--json").json
    assert foreseen == {"theme": THEME, "waves": [closed.name], "dry_run": True}
    done = site.wave("prune", THEME, "--keep-days", "0", "--json").json
    assert done == {"theme": THEME, "waves": [closed.name], "dry_run": False}
    assert [path.name for path in (site.data / THEME / "waves").iterdir()] == [opened]
    assert site.fire()["counts"]["matched"] == 20
