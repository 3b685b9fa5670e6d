"""The shape of a rubric's front matter. Imported when a file is read: `wave --help` does not import pydantic."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from waves.config.verdict_schema import Schema


class RubricHead(BaseModel):
    """A rubric that classifies has `labels`, one that extracts has a `schema`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["classify", "extract"]
    labels: dict[str, str] | None = None
    multi: bool = False
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=200_000)

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: dict[str, str] | None) -> dict[str, str] | None:
        if not labels:
            raise ValueError("no label; write `labels: {name: definition}`")
        if any(name != name.strip() or not name for name in labels):
            raise ValueError("a label is empty, or has blanks around it")
        folded = [name.casefold() for name in labels]
        twins = sorted({name for name in labels if folded.count(name.casefold()) > 1})
        if twins:
            raise ValueError(f"{twins} differ in case only")
        return labels

    @field_validator("schema_")
    @classmethod
    def _object_with_properties(cls, schema: Schema | None) -> Schema | None:
        if not schema or schema.get("type") != "object":
            raise ValueError("it must be of type object, with properties")
        if not isinstance(schema.get("properties"), dict) or not schema["properties"]:
            raise ValueError("it must be of type object, with properties")
        if "id" in schema["properties"]:
            raise ValueError("`id` is taken: each verdict carries the id of its item")
        return schema

    @model_validator(mode="after")
    def _fits_its_kind(self) -> RubricHead:
        if self.kind == "classify":
            if self.labels is None:
                raise ValueError("a rubric that classifies needs `labels: {name: definition}`")
            if self.schema_ is not None:
                raise ValueError("`schema` belongs to kind extract; for classify it is derived from the labels")
        else:
            if self.schema_ is None:
                raise ValueError("a rubric that extracts needs `schema`")
            if self.labels is not None:
                raise ValueError("`labels` belong to kind classify")
        return self
