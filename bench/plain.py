"""The bare version: what one would write in an afternoon. One process, asyncio, `AsyncAnthropic` as it comes, a
semaphore; one item a request; answers are parsed and kept in memory, nothing is stored. Prints one JSON object."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anthropic

from waves.config.rubric import newest

if TYPE_CHECKING:
    from anthropic.types import Message, OutputConfigParam, TextBlock, TextBlockParam, Usage


async def classify(
    url: str, system: TextBlockParam, schema: dict[str, object], inputs: list[Any], at_once: int
) -> dict[str, float]:
    """Asks for every input, `at_once` in flight. Seconds from the first request to the last answer, and the tokens."""
    places = asyncio.Semaphore(at_once)
    wanted: OutputConfigParam = {"format": {"type": "json_schema", "schema": schema}}
    async with anthropic.AsyncAnthropic(base_url=url, api_key="bench-key") as client:

        async def ask(given: object) -> Message:
            content = json.dumps({"items": [{"id": "1", "input": given}]})
            async with places:
                return await client.messages.create(
                    model="bench-model",
                    max_tokens=384,
                    system=[system],
                    output_config=wanted,
                    messages=[{"role": "user", "content": content}],
                )

        started = time.perf_counter()
        answers = await asyncio.gather(*map(ask, inputs))
        seconds = time.perf_counter() - started
    verdicts = [json.loads(cast("TextBlock", answer.content[0]).text)["verdicts"][0] for answer in answers]
    return {"seconds": seconds, "verdicts": len(verdicts), **_tokens([answer.usage for answer in answers])}


def _tokens(usages: list[Usage]) -> dict[str, int]:
    return {
        "input": sum(usage.input_tokens for usage in usages),
        "cache_write": sum(usage.cache_creation_input_tokens or 0 for usage in usages),
        "cache_read": sum(usage.cache_read_input_tokens or 0 for usage in usages),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("rubric", type=Path, help="the folder that holds v1.md")
    parser.add_argument("inputs", type=Path, help="a JSON list of inputs")
    parser.add_argument("--parallel", type=int, default=32)
    parser.add_argument("--cache", action="store_true", help="mark the system prompt for the provider's cache")
    options = parser.parse_args()
    rubric = newest(options.rubric)
    system: TextBlockParam = {"type": "text", "text": rubric.system}
    if options.cache:
        system["cache_control"] = {"type": "ephemeral"}
    inputs = json.loads(options.inputs.read_text())
    print(json.dumps(asyncio.run(classify(options.url, system, dict(rubric.wire_schema), inputs, options.parallel))))


if __name__ == "__main__":
    main()
