"""How many tokens requests have, as the provider counts them: `count_tokens` runs no model and costs nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import anthropic
import httpx2

from waves.backends.anthropic.client import new_async_client
from waves.backends.api_key import unusable
from waves.backends.prompt import Prompt
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.outcomes import Ask

_PATIENCE = 10.0
"""Seconds; an estimate is not worth a longer wait."""


def count(config: BackendConfig, rubric: Rubric, asks: Sequence[Ask]) -> list[int] | None:
    """The tokens of each prompt; None if the provider does not report them, for any reason."""
    if unusable(config) is not None:
        return None
    prompt = Prompt(rubric, config.max_tokens)
    return asyncio.run(_count(config, [_prompt_only(prompt.body(ask)) for ask in asks]))


def _prompt_only(body: bytes) -> bytes:
    request = json.loads(body)
    del request["max_tokens"]
    return json.dumps(request).encode()


async def _count(config: BackendConfig, bodies: Sequence[bytes]) -> list[int] | None:
    client = new_async_client(config)
    try:
        async with asyncio.timeout(min(_PATIENCE, config.timeout)):
            path = "/v1/messages/count_tokens"
            answers = [await client.post(path, cast_to=httpx2.Response, content=body) for body in bodies]
        return [int(json.loads(answer.content)["input_tokens"]) for answer in answers]
    except (TimeoutError, anthropic.AnthropicError, ValueError, TypeError, KeyError, RecursionError):
        return None
    finally:
        await client.close()
