"""The shape of a line of `gold.jsonl`. Imported when such a file is read: `wave --help` must not pay for pydantic."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, model_validator

Text = Annotated[StrictStr, Field(pattern=r"^[^\x00]*$")]
"""As PostgreSQL could hold it: without U+0000 and lone surrogates."""
Name = Annotated[Text, Field(min_length=1)]
Value = Name | StrictInt


class GoldLine(BaseModel):
    """`id` is the row's key, a list for a key of several columns. Without `input` the row is read from the source."""

    model_config = ConfigDict(extra="forbid")

    id: Value | Annotated[list[Value], Field(min_length=1)]
    label: Name | None = None
    labels: list[Name] | None = None
    output: dict[str, Any] | None = None
    input: dict[str, Text | None] | None = None

    @model_validator(mode="after")
    def _one_verdict(self) -> GoldLine:
        if sum(given is not None for given in (self.label, self.labels, self.output)) != 1:
            raise ValueError("exactly one of `label`, `labels` and `output` is required")
        return self

    @property
    def verdict(self) -> object:
        """As a gold column would hold it: a label, a list of labels, or an object of fields."""
        return next(given for given in (self.label, self.labels, self.output) if given is not None)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(str(part) for part in (self.id if isinstance(self.id, list) else [self.id]))
