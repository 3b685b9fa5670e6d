"""The type of `--by`: whoever decides something has a name, because the audit log is to say who it was."""

from __future__ import annotations

from typing import Any

import click


class Person(click.ParamType[str]):
    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's signature
        given = str(value).strip()
        if not given:
            self.fail("a name is wanted", param, ctx)
        return given
