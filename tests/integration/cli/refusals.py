"""How every fire is refused: one exit code, two lines on stderr, the same in JSON, and no secret in either."""

from __future__ import annotations

from tests.integration.cli import shapes
from tests.integration.cli.site import KEY, THEME, Site
from tests.project_folder import Ran
from waves.errors import EXIT_CODES

PASSWORD = "hunter2"


def refused(site: Site, code: int, word: str, *said: str, **environment: str) -> Ran:
    """A fire that ends with this exit code, as text and as JSON."""
    ran = site.wave("fire", THEME, "--json", **environment)
    assert ran.code == code, ran
    assert code in EXIT_CODES
    shapes.check(shapes.FAILED_FIRE, ran.json)
    error = ran.json["error"]
    assert (error["code"], ran.json["state"]) == (word, "failed")
    assert ran.fault == (error["message"], error["hint"])
    for part in said:
        assert part in f"{error['message']} | {error['hint']}"
    for secret in (KEY, PASSWORD):
        assert secret not in ran.out + ran.err
    return ran
