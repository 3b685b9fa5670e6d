"""The objects of `--json` as docs/design.md fixes them: JSON schemas without room for anything else."""

from __future__ import annotations

from typing import Any, get_args

import jsonschema_rs

from waves.models import FireState, WaveKind, WaveState

WHOLE = {"type": "integer", "minimum": 0}
WHOLE_OR_UNKNOWN = {"type": ["integer", "null"], "minimum": 0}
MONEY = {"type": ["number", "null"], "minimum": 0}
WORDS = {"type": ["string", "null"], "minLength": 1}
MOMENT = {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}


def closed(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


ERROR = closed(
    code={"type": "string", "pattern": "^[a-z_]+$"},
    message={"type": "string", "minLength": 1, "pattern": r"^[^\n]+$"},
    hint={"type": "string", "minLength": 1, "pattern": r"^[^\n]+$"},
)
FIRE = closed(
    theme={"type": "string"},
    run_id={"type": "string", "minLength": 1},
    wave_id=WORDS,
    state={"enum": [state for state in get_args(FireState) if state not in {"prepared", "converged"}]},
    rubric_version={"type": ["string", "null"], "pattern": "^v[0-9]+-[0-9a-f]{7}$"},
    counts=closed(
        emitted=WHOLE,
        parts=WHOLE,
        entries=WHOLE_OR_UNKNOWN,
        matched=WHOLE_OR_UNKNOWN,
        orphaned=WHOLE_OR_UNKNOWN,
        released=WHOLE,
        quarantined=WHOLE,
        missing=WHOLE,
    ),
    llm_calls=WHOLE_OR_UNKNOWN,
    tokens=closed(
        input=WHOLE_OR_UNKNOWN,
        output=WHOLE_OR_UNKNOWN,
        cache_write=WHOLE_OR_UNKNOWN,
        cache_read=WHOLE_OR_UNKNOWN,
    ),
    cost_usd=MONEY,
    duration_ms=WHOLE,
    snoozed_until=MOMENT,
    reason=WORDS,
    given_up={"type": "array", "items": closed(reason={"type": "string"}, rows=WHOLE)},
)
FAILED_FIRE = {**FIRE, "properties": {**FIRE["properties"], "error": ERROR}, "required": [*FIRE["required"], "error"]}
THEME = closed(
    theme={"type": "string"},
    rubric_version={"type": "string", "pattern": "^v[0-9]+-[0-9a-f]{7}$"},
    backend={"type": "string"},
    total=WHOLE,
    done=WHOLE,
    missing=WHOLE,
    given_up=WHOLE,
    percent={"type": "number", "minimum": 0, "maximum": 100},
    estimated={"type": "boolean"},
    corrupt_parts=WHOLE,
    wave={
        "anyOf": [
            {"type": "null"},
            closed(
                id={"type": "string"},
                state={"enum": list(get_args(WaveState))},
                kind={"enum": list(get_args(WaveKind))},
                host={"type": "string"},
                counts={
                    "anyOf": [
                        {"type": "null"},
                        closed(emitted=WHOLE, parts=WHOLE, released=WHOLE, quarantined=WHOLE, missing=WHOLE),
                    ]
                },
            ),
        ]
    },
    snoozed_until=MOMENT,
    snooze_reason=WORDS,
    last_run={
        "anyOf": [
            {"type": "null"},
            closed(
                run_id={"type": "string"},
                started_at=MOMENT,
                finished_at=MOMENT,
                state={"type": ["string", "null"]},
                reason=WORDS,
                items_processed=WHOLE_OR_UNKNOWN,
                items_errored=WHOLE_OR_UNKNOWN,
                llm_cost_usd=MONEY,
            ),
        ]
    },
    spend=closed(today_usd=MONEY, total_usd=MONEY),
    eta=closed(waves=WHOLE_OR_UNKNOWN, at=MOMENT),
)
STATUS = closed(themes={"type": "array", "items": THEME})
FAILED_STATUS = closed(themes={"type": "array", "items": THEME}, error=ERROR)


def check(shape: dict[str, Any], found: object) -> None:
    """Fails with every defect."""
    validator = jsonschema_rs.validator_for(shape, validate_formats=True)
    assert [f"{list(defect.instance_path)}: {defect.message}" for defect in validator.iter_errors(found)] == []
