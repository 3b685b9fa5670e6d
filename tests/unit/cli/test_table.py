"""A table shows its cells as they are."""

from __future__ import annotations

import pytest

from waves.surfaces.cli import output

CELL = "[red]bold[/red] :warning: [link]"


@pytest.mark.parametrize("fold", [False, True])
def test_nothing_in_a_cell_or_a_title_is_markup(capsys: pytest.CaptureFixture[str], *, fold: bool) -> None:
    output.table(("name", "rows"), [(CELL, "1")], right={"rows"}, fold=fold, title=CELL)
    title, head, row = (line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert title == CELL
    assert head == f"{'name':<{len(CELL)}}  rows"
    assert row == f"{CELL}     1"
