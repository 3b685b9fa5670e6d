"""How the stand-in behaves: a scenario by its ready-made name, from a YAML or JSON file, or as JSON text.

`Scenario` is frozen and refuses unknown keys by name. The ready-made scenarios are in `scenarios.yaml`, which is also
the place to copy from. Raises ConfigurationError with a remedy for anything that cannot be read.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, cast

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from waves.errors import ConfigurationError

StatusFault = Literal["400", "401", "402", "403", "404", "413", "429", "500", "503", "504", "529"]
WholeFault = Literal[
    # the request fails
    "hang",  # no answer until the client leaves
    "reset",  # the connection is reset in the middle of the answer
    "html",  # 200 with a web page
    "empty_object",  # 200 with {}
    "error_in_200",  # 200 with an error of the API
    "gateway_error_in_200",  # 200 with the error of a gateway: a status of its own, no type
    "huge_body",  # a good answer behind 400 MB of blanks, compressed on the wire
    "endless_body",  # blanks without a length and without an end
    # the message as a whole is bad
    "refusal",
    "max_tokens",
    "truncated",  # the text ends early and says end_turn
    "code_fence",
    "prose",
    "python_literal",
]
ItemFault = Literal[
    "unescaped_quote",
    "missing_id",
    "duplicate_id",
    "foreign_id",
    "label_case",
    "unknown_label",
    "lone_surrogate",
    "nul",
]
"""One verdict is bad."""
Fault = Literal[StatusFault, WholeFault, ItemFault]
"""Every fault that a scenario can ask for. A number is an HTTP status."""

FaultName = Annotated[Fault, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Latency(_Strict):
    """Seconds from the arrival of a request to its answer. `fixed`: always `a`; `uniform`: between `a` and `b`;
    `lognormal`: median `a`, `b` the standard deviation of its logarithm, never above `longest`."""

    kind: Literal["fixed", "uniform", "lognormal"] = "fixed"
    a: Seconds = 0.0
    b: Seconds = 0.0
    longest: Seconds = 600.0


class QuotaRules(_Strict):
    """At most `capacity` items or requests in a window of `window` seconds, which opens with the first request after
    the last window ended; then 429 until it ends. An `error_code` (`enforced_spend_limit_reached` …) is put into the
    error's details, and such an answer has no `retry-after`. With a `claim` it is the window of a subscription: every
    answer reports its use in `anthropic-ratelimit-unified-*`; with `overage` requests beyond it are answered, too."""

    capacity: Annotated[int, Field(ge=1)]
    unit: Literal["items", "requests"] = "requests"
    window: Annotated[float, Field(gt=0)]
    error_code: str | None = None
    claim: Literal["five_hour", "seven_day"] | None = None
    overage: bool = False


class Down(_Strict):
    """The provider is down: from the `start`-th request (the first is 1) or second (from the first request on) up to,
    not including, `end`; indefinitely without it. `models` restricts it to these models, in batches as well."""

    unit: Literal["requests", "seconds"] = "requests"
    start: Seconds = 0.0
    end: Seconds | None = None
    fault: FaultName = "529"
    models: tuple[str, ...] = ()


class Poison(_Strict):
    """Any item whose input holds the marker (in any of its values) gets this fault, every time."""

    marker: Annotated[str, Field(min_length=1)]
    fault: FaultName


class BatchRules(_Strict):
    """How batches proceed. A batch ends once `seconds` have passed since it was created and its state was read `looks`
    times; its results are kept for `results_kept` seconds. Shares of its requests: `expired` and `canceled` are not
    processed, the results of `lacking` are not returned. Of the first batches, `requests_lost` never arrive, and of the
    next, `replies_lost` are created but the reply is lost; the first `results_cut` readings of each batch's results
    break off. The results of the share `late` are not in the first `late_readings` of them, and the first
    `results_huge` of them are a body of 400 MB. `twice`: each result is returned twice; `foreign`: the number of
    results that belong to no request.
    `state`: the reported state of a running batch. `clock`: seconds by which the provider's clock is ahead,
    `clock_step`: seconds by which each listing moves it further. `page`: the longest page of a listing."""

    seconds: Seconds = 0.0
    looks: Annotated[int, Field(ge=0)] = 0
    expired: Share = 0.0
    canceled: Share = 0.0
    lacking: Share = 0.0
    replies_lost: Annotated[int, Field(ge=0)] = 0
    requests_lost: Annotated[int, Field(ge=0)] = 0
    results_cut: Annotated[int, Field(ge=0)] = 0
    results_huge: Annotated[int, Field(ge=0)] = 0
    late: Share = 0.0
    late_readings: Annotated[int, Field(ge=0)] = 2
    results_kept: Seconds | None = None
    twice: bool = False
    foreign: Annotated[int, Field(ge=0)] = 0
    state: str = "in_progress"
    clock: float = 0.0
    clock_step: Seconds = 0.0
    page: Annotated[int, Field(ge=1)] = 1000


class Scenario(_Strict):
    about: str = ""
    brain: bool = True
    latency: Latency = Latency()
    quota: QuotaRules | None = None
    faults: dict[FaultName, Share] = Field(default_factory=dict)
    retry_after: Seconds | None = None
    message: str | None = None
    longest_answer: Annotated[int, Field(ge=1)] | None = None
    down: tuple[Down, ...] = ()
    dies_after: Annotated[int, Field(ge=0)] | None = None
    invalid_keys: tuple[str, ...] = ()
    poison: tuple[Poison, ...] = ()
    swaps: Annotated[int, Field(ge=0)] = 0
    batches: BatchRules = BatchRules()
    cache_minimum: Annotated[int, Field(ge=0)] = 512
    cache_ttl: Seconds | None = None
    requests_per_minute: Annotated[int, Field(ge=1)] = 4_000
    input_tokens_per_minute: Annotated[int, Field(ge=1)] = 4_000_000
    output_tokens_per_minute: Annotated[int, Field(ge=1)] = 800_000
    """The last three only fill the ratelimit headers; `quota` is what refuses."""

    @pydantic.model_validator(mode="after")
    def _shares_add_up(self) -> Scenario:
        if sum(self.faults.values()) > 1 + 1e-9:
            raise ValueError("the shares of all faults together exceed 1")
        return self


def load(text: str | None) -> Scenario:
    """The scenario with that name, in the file at that path, or written as a JSON object; None is the healthy one."""
    if text is None:
        return Scenario()
    if text.lstrip().startswith("{"):
        return _validated(_read_yaml(text, "the scenario"), "the scenario")
    path = Path(text)
    if path.suffix in {".yaml", ".yml", ".json"}:
        try:
            content = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(
                f"the scenario file {text} cannot be read", "give a YAML or JSON file, or a ready-made scenario's name"
            ) from None
        return _validated(_read_yaml(content, text), text)
    if text not in ready_made():
        raise ConfigurationError(
            f"there is no scenario named {text!r}", f"known: {', '.join(ready_made())}; or give a .yaml or .json file"
        )
    return ready_made()[text]


@cache
def ready_made() -> dict[str, Scenario]:
    """Name → scenario, in the order of the file."""
    source = Path(__file__).with_name("scenarios.yaml")
    content = cast("dict[str, object]", _read_yaml(source.read_text("utf-8"), source.name))
    return {name: _validated(body, f"{source.name}, {name}") for name, body in content.items()}


def _read_yaml(text: str, where: str) -> object:
    import yaml

    try:
        return yaml.safe_load(text)  # JSON is YAML
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{where} is not valid YAML{line}", "fix the syntax") from None


def _validated(content: object, where: str) -> Scenario:
    try:
        return Scenario.model_validate(content if content is not None else {})
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(step) for step in first["loc"]) or "it"
        if first["type"] == "extra_forbidden":
            known = ", ".join(_known_keys(first["loc"]))
            raise ConfigurationError(f"{where}: unknown key {key!r}", f"known keys: {known}") from None
        raise ConfigurationError(f"{where}: {key}: {first['msg']}", "see docs/rehearsal.md") from None


def _known_keys(location: tuple[int | str, ...]) -> tuple[str, ...]:
    shapes: dict[int | str, type[BaseModel]] = {"latency": Latency, "quota": QuotaRules, "down": Down, "poison": Poison}
    shapes["batches"] = BatchRules
    shape = shapes.get(location[0], Scenario) if len(location) > 1 else Scenario
    return tuple(shape.model_fields)
