"""`wave config` and the table theme_config: nonsense is refused with key and bound, the last good value stays."""

from __future__ import annotations

import psycopg
import pytest

from tests.integration.cli.site import THEME, Site


@pytest.fixture
def registered(site: Site) -> Site:
    site.fill(1)
    site.fire()
    return site


def in_force(site: Site, key: str) -> tuple[object, object]:
    (found,) = site.wave("config", THEME, key, "--json").json["limits"]
    return found["value"], found["from"]


def test_a_limit_says_where_it_comes_from(registered: Site) -> None:
    site = registered
    assert in_force(site, "passes") == (3, "default")
    assert in_force(site, "parallel") == (4, "theme.yaml")
    ran = site.wave("config", THEME, "parallel", "8", "--by", "ana", "--reason", "a larger machine")
    assert (ran.code, ran.out) == (0, "parallel of theme comments: not set → 8\n")
    assert in_force(site, "parallel") == (8, "theme_config")
    assert site.wave("config", THEME, "parallel", "--json", WAVES_PARALLEL="2").json["limits"] == [
        {"key": "parallel", "value": 2, "from": "environment"}
    ]
    overruled = site.wave("config", THEME, "parallel", "7", WAVES_PARALLEL="2")
    assert (overruled.code, overruled.err) == (0, "WAVES_PARALLEL overrides it: the limit is 2 here\n")
    shown = site.wave("config", THEME).out.splitlines()
    assert len(shown) == 15
    assert shown[0].split() == ["keys", "700", "default"]
    assert shown[-1].split() == ["cap_usd_month", "none", "default"]


def test_what_is_set_and_unset_is_audited(registered: Site) -> None:
    site = registered
    changed = {"theme": THEME, "key": "cap_usd_day", "before": None, "after": "2.5"}
    assert site.wave("config", THEME, "cap_usd_day", "2.5", "--by", "ana", "--json").json == changed
    assert site.wave("config", THEME, "cap_usd_day", "2.50", "--by", "bo").code == 0, "the same value"
    assert site.wave("config", THEME, "cap_usd_day", "--unset", "--by", "cy", "--reason", "enough").code == 0
    assert in_force(site, "cap_usd_day") == (None, "default")
    story = site.wave("audit", THEME, "--entity", "limit cap_usd_day", "--json").json["entries"]
    assert [(one["actor"], one["before"]["value"], one["after"]["value"], one["reason"]) for one in story] == [
        ("ana", None, "2.5", "no reason was given"),
        ("cy", "2.5", None, "enough"),
    ]


def test_plain_sql_is_audited_too(registered: Site) -> None:
    """By the role that logged in, with the reason it gave; `updated_by` may still name who came before."""
    site = registered
    ((role,),) = site.sql("SELECT session_user")
    assert site.wave("config", THEME, "keys", "5", "--by", "ana", "--reason", "a small start").code == 0
    site.sql("UPDATE waves.theme_config SET value = '6'")
    site.sql("UPDATE waves.theme_config SET value = '6', reason = 'still 6'")
    site.sql("UPDATE waves.theme_config SET value = '7', reason = 'more'")
    site.sql("UPDATE waves.theme_config SET key = 'passes'")
    site.sql("UPDATE waves.theme_config SET key = 'keys'")
    site.sql("DELETE FROM waves.theme_config")
    site.sql("INSERT INTO waves.theme_config (theme_id, key, value, reason) VALUES (%s, 'keys', '8', 'again')", THEME)
    story = site.wave("audit", THEME, "--entity", "limit keys", "--json").json["entries"]
    assert [(one["actor"], one["before"]["value"], one["after"]["value"], one["reason"]) for one in story] == [
        ("ana", None, "5", "a small start"),
        (role, "5", "6", "no reason was given"),
        (role, "6", "7", "more"),
        (role, "7", None, "no reason was given"),
        (role, None, "7", "more"),
        (role, "7", None, "no reason was given"),
        (role, None, "8", "again"),
    ]


def test_the_log_is_written_by_the_change_alone(registered: Site) -> None:
    """The trigger may write where its caller may not, so nobody may call it."""
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="can only be called as triggers"):
        registered.sql("SELECT waves.audit_limit()")
    ((definers,),) = registered.sql(
        "SELECT count(*) FROM pg_proc WHERE prosecdef AND pronamespace = 'waves'::regnamespace"
    )
    assert definers == 1


def test_nonsense_is_refused_whoever_writes_it_and_the_last_good_value_stays(registered: Site) -> None:
    site = registered
    assert site.wave("config", THEME, "batch_size", "5").code == 0
    for value in ("0", "1001", "many", "2.5", "", "nan"):
        ran = site.wave("config", THEME, "batch_size", value)
        assert (ran.code, ran.out) == (78, ""), value
        assert ran.fault[0].startswith(f"batch_size = '{value}': ")
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            site.sql("UPDATE waves.theme_config SET value = %s", value)
        assert f"batch_size = {value}: must be " in str(refused.value)
        assert "from 1 to 1000" in str(refused.value)
    with pytest.raises(psycopg.errors.CheckViolation, match="batchsize is no limit") as refused:
        site.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES ('comments', 'batchsize', '5')")
    assert "batch_size, cap_usd_day" in str(refused.value)
    assert site.wave("config", THEME, "batchsize", "5").fault[0] == "unknown limit 'batchsize'"
    assert in_force(site, "batch_size") == (5, "theme_config")


def test_a_bad_value_of_an_older_database_stays_until_a_person_takes_it_away(registered: Site) -> None:
    site = registered
    site.sql("ALTER TABLE waves.theme_config DISABLE TRIGGER theme_config_is_checked")
    site.sql("INSERT INTO waves.theme_config (theme_id, key, value) VALUES ('comments', 'keys', '-5')")
    site.sql("ALTER TABLE waves.theme_config ENABLE TRIGGER theme_config_is_checked")
    site.sql("UPDATE waves.theme_config SET reason = 'found it'")
    ran = site.wave("fire", THEME)
    assert ran.code == 78
    assert ran.fault[0] == "keys = '-5': input should be greater than or equal to 1"
    assert site.wave("config", THEME, "keys", "--unset", "--by", "ana").code == 0
    assert site.wave("fire", THEME).code == 0


def test_usage(site: Site) -> None:
    for arguments in (["--unset"], ["keys", "5", "--unset"]):
        assert site.wave("config", THEME, *arguments).code == 2
