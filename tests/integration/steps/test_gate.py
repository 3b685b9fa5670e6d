"""A theme's gate holds for whoever activates, not for the command line alone."""

from __future__ import annotations

import pytest

from tests.integration.steps.conftest import RUBRIC
from waves.config.project import Project
from waves.errors import NeedsPersonError
from waves.fire import FireOptions, fire
from waves.steps.rubrics import activation
from waves.steps.rubrics.activation_cost import activation_cost
from waves.store.connect import Database
from waves.store.rubrics import rubric_registry

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("gate", ["min_f1: 0.5", "max_flips: 0.5"])
def test_a_version_of_which_nothing_was_measured_is_not_activated(project: Project, db: Database, gate: str) -> None:
    old = fire(project, "notes", FireOptions()).rubric_version
    folder = project.prompts / "notes"
    (folder / "theme.yaml").write_text((folder / "theme.yaml").read_text() + f"gate: {{{gate}}}\n")
    (folder / "v2.md").write_text(f"{RUBRIC}\nBe brief.\n")
    new = activation_cost(project, "notes", None, migrate=False)
    assert new.refusal is not None
    with pytest.raises(NeedsPersonError, match="gate"):
        activation.activate(project, "notes", new.version, by="ana", reason="")
    active = rubric_registry.active(db, "notes")
    assert active is not None
    assert active.version == old
    assert rubric_registry.find(db, "notes", new.version) is None, "nothing was registered either"
    assert activation.activate(project, "notes", str(old), by="ana", reason="").before == old
