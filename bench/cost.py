"""What an item costs in input tokens: batches behind a cached rubric, beside one-item requests without a cache.

Billed: uncached + 1.25 × written + 0.1 × read, as the provider counts them (the rehearsal: four bytes a token). Then
what the frame around a text adds, in four scripts: bytes of the user message, as it arrives, for each of its texts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from common import THEME, dump_inputs, place, plain, provider, table, verdict

from waves.backends.prompt import Prompt
from waves.config.rubric import Rubric
from waves.outcomes import Ask
from waves.rehearsal.usage import size, tokens

SCRIPTS = {
    "English": 'The sampling is described in a single sentence, and "figure 3" is not in colour. ',
    "Russian": 'Отбор проб описан в одном предложении, а "рисунок 3" не цветной. ',
    "Arabic": 'وصف أخذ العينات في جملة واحدة، و"الشكل 3" ليس ملونًا. ',
    "Chinese": '采样只用一句话描述，"图三"也不是彩色的。',
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=700)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--rubric-tokens", type=int, default=1500)
    options = parser.parse_args()
    with place() as here, provider(latency=0.05) as url:
        rubric = here.write_theme(options.rubric_tokens)
        here.use_provider(url)
        database = here.filled("cost", options.items)
        limits = {"WAVES_KEYS": str(options.items), "WAVES_BATCH_SIZE": str(options.batch_size)}
        fired = here.wave("fire", THEME, "--json", WAVES_DATABASE=database, **limits).json
        bare = plain(here, url, dump_inputs(here, database))
    ours, theirs = billed(fired["tokens"]) / options.items, billed(bare) / options.items
    table(
        f"cost: {options.items:,} items, batches of {options.batch_size}, a rubric of "
        f"{tokens(size(rubric.system)):,} tokens; bare is one item a request, no cache",
        [("input tokens billed, an item", f"{ours:.0f}", f"{theirs:.0f}", *verdict(ours / theirs, at_most=0.25))],
    )
    print(f"  ours {fired['tokens']} in {fired['llm_calls']} requests")
    framed = {script: frame(rubric, text * 10, options.batch_size) for script, text in SCRIPTS.items()}
    table(
        f"frame: bytes of the user message for each byte of its {options.batch_size} texts",
        [(script, f"{ratio:.3f}", "", *verdict(ratio, at_most=1.1)) for script, ratio in framed.items()],
    )


def frame(rubric: Rubric, text: str, batch_size: int) -> float:
    items = tuple((str(number), {"content": text}) for number in range(1, batch_size + 1))
    message = json.loads(Prompt(rubric, None).body(Ask("", "model", items)))["messages"][0]["content"]
    return size(message) / (size(text) * batch_size)


def billed(usage: Mapping[str, Any]) -> float:
    return float(usage["input"] + 1.25 * usage["cache_write"] + 0.1 * usage["cache_read"])


if __name__ == "__main__":
    main()
