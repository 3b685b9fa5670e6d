"""`python -m waves.rehearsal`: the stand-in provider as a process. One JSON line on stdout when it listens."""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from waves.errors import WaveError
from waves.rehearsal.scenarios import load, ready_made

_ABOUT = """A rehearsal, not a language model: a real HTTP server on loopback that speaks the Messages API and labels
items by their likeness to the worked examples in the system prompt. It costs nothing and knows nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        if options.list:
            sys.stdout.write("".join(f"{name:22}{made.about}\n" for name, made in ready_made().items()))
            return 0
        scenario = load(options.scenario)
        if options.no_brain:
            scenario = scenario.model_copy(update={"brain": False})
        from waves.rehearsal.server import serve

        gc.freeze()  # the collector need not examine what was imported again and again
        serve(
            scenario,
            port=options.port,
            seed=options.seed,
            record=options.record,
            until_stdin_closes=options.until_stdin_closes,
            ready=_announce,
        )
    except WaveError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return error.exit_code
    return 0


def _announce(facts: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m waves.rehearsal", description=_ABOUT)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--scenario", help="a ready-made name, a .yaml or .json file, or a JSON object")
    parser.add_argument("--seed", type=int, default=0, help="the same seed repeats the same random draws")
    parser.add_argument("--record", type=Path, help="append one JSON line for each request that arrives and ends")
    parser.add_argument("--no-brain", action="store_true", help="answer with the schema's first values, for benchmarks")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when the parent process ends")
    parser.add_argument("--list", action="store_true", help="list the ready-made scenarios, and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
