"""What `claude -p` adds to a request: prompt tokens of an item beside its own, and CPU, against a plain call of it.

Both ask about the same rows of the sample in the same batches, by the real command line tool (scripts/test installs it)
and the rehearsal provider, which counts four bytes a token. Plain is `claude -p --tools ""` with the rubric before the
items on its stdin. CPU is that of the tool's processes and of whoever starts them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import SAMPLE, provider, table, verdict

from waves.backends.claude_cli.backend import open_backend
from waves.backends.prompt import document
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric, newest
from waves.outcomes import Answered, Ask
from waves.rehearsal.usage import size, tokens

CLAUDE = Path(sys.prefix) / "claude" / "node_modules" / ".bin" / "claude"
MODEL = "claude-haiku-4-5"
TOKEN = "CLAUDE_CODE_OAUTH_TOKEN"
COLUMNS = ("content", "comment_type", "artifact_type", "parent_content")

Asker = Callable[[Ask], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one item: prompt tokens beside its own, and those that are billed; of all, how many requests were answered; of
    1,000 items, seconds of CPU and on the clock."""

    prompt: float
    billed: float
    requests: int
    cpu: float
    wall: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=120)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--parallel", type=int, default=6)
    parser.add_argument("--latency", type=float, default=0.3, help="seconds")
    options = parser.parse_args()
    rubric = newest(SAMPLE / "prompts" / "comment_classifier")
    asks = batches(options.items, options.batch_size)
    ours = measured(asks, options, lambda url: Ours(url, rubric))
    bare = measured(asks, options, lambda url: Plain(url, rubric))
    table(
        f"claude_cli: {options.items} items, batches of {options.batch_size}, {options.parallel} in flight, "
        f'{options.latency:g} s each; bare is `claude -p --tools ""`',
        [
            (
                "prompt tokens beside its own, an item",
                f"{ours.prompt:.0f}",
                f"{bare.prompt:.0f}",
                *verdict(ours.prompt / bare.prompt, at_most=1 / 3),
            ),
            ("billed, an item", f"{ours.billed:.0f}", f"{bare.billed:.0f}", f"{ours.billed / bare.billed:.2f}", ""),
            ("requests", f"{ours.requests}", f"{bare.requests}", f"{ours.requests / bare.requests:.2f}", ""),
            ("CPU, s for 1,000 items", f"{ours.cpu:.0f}", f"{bare.cpu:.0f}", f"{ours.cpu / bare.cpu:.2f}", ""),
            ("wall, s for 1,000 items", f"{ours.wall:.0f}", f"{bare.wall:.0f}", f"{ours.wall / bare.wall:.2f}", ""),
        ],
    )


def batches(items: int, batch_size: int) -> list[Ask]:
    lines = (SAMPLE / "data" / "sample" / "artifact_comments.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines[:items]]
    inputs = [{column: row.get(column) for column in COLUMNS} for row in rows]
    starts = range(0, len(inputs), batch_size)
    numbered = [[(str(n), one) for n, one in enumerate(inputs[at : at + batch_size], 1)] for at in starts]
    return [Ask(f"call-{n}", MODEL, tuple(batch), max_tokens=4000) for n, batch in enumerate(numbered)]


def measured(asks: Sequence[Ask], options: argparse.Namespace, make: Callable[[str], Any]) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.jsonl"
        with provider(options.latency, record) as url:
            started, before = time.perf_counter(), cpu()
            asyncio.run(all_of(asks, options.parallel, make(url)))
            used, wall = cpu() - before, time.perf_counter() - started
        lines = [json.loads(line) for line in record.read_text().splitlines()]
    ended = [
        line for line in lines if line["t"] == "ended" and line["status"] == 200 and line["path"] == "/v1/messages"
    ]
    written = sum(line["cache_creation_input_tokens"] for line in ended)
    read = sum(line["cache_read_input_tokens"] for line in ended)
    uncached = sum(line["input_tokens"] for line in ended)
    own = sum(tokens(size(document(ask))) for ask in asks)
    items = sum(len(ask.items) for ask in asks)
    thousands = items / 1000
    return Cost(
        prompt=(uncached + written + read - own) / items,
        billed=(uncached + 2 * written + 0.1 * read) / items,  # what is written stays for an hour
        requests=len(ended),
        cpu=used / thousands,
        wall=wall / thousands,
    )


async def all_of(asks: Sequence[Ask], parallel: int, way: Ours | Plain) -> None:
    places = asyncio.Semaphore(parallel)

    async def one(ask: Ask) -> None:
        async with places:
            await way.ask(ask)

    await one(asks[0])  # writes the cache that the others read
    await asyncio.gather(*map(one, asks[1:]))
    await way.close()


class Ours:
    def __init__(self, url: str, rubric: Rubric) -> None:
        path = {"PATH": os.environ["PATH"]}
        config = BackendConfig(
            "bench", "claude_cli", (MODEL,), url, TOKEN, "token", command=str(CLAUDE), environment=path
        )
        self._backend = open_backend(config, rubric)

    async def ask(self, ask: Ask) -> None:
        outcome = await self._backend.ask(ask, lambda _: None)
        if not isinstance(outcome, Answered) or outcome.rejected:
            raise SystemExit(f"not answered: {outcome}")

    async def close(self) -> None:
        await self._backend.close()


class Plain:
    def __init__(self, url: str, rubric: Rubric) -> None:
        self._rubric = rubric
        self._home = tempfile.TemporaryDirectory()
        self._environment = {"PATH": os.environ["PATH"], "HOME": self._home.name, "ANTHROPIC_BASE_URL": url}
        self._environment |= {TOKEN: "token", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}

    async def ask(self, ask: Ask) -> None:
        process = await asyncio.create_subprocess_exec(
            *(str(CLAUDE), "-p", "--tools", "", "--model", MODEL, "--output-format", "json"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=self._home.name,
            env=self._environment,
        )
        out, _ = await process.communicate(f"{self._rubric.system}\n\n{document(ask)}".encode())
        if process.returncode:
            raise SystemExit(f"plain claude ended with {process.returncode}: {out.decode()}")

    async def close(self) -> None:
        self._home.cleanup()


def cpu() -> float:
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


if __name__ == "__main__":
    main()
