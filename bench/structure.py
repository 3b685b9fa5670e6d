"""Answers with one fault of structure: 26 kinds about 200 texts each. Whether any is stored altered, how many are read
as they were meant, and how many are refused and asked again. The kinds are in tests/data/structural_faults.jsonl.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import islice
from typing import Any

from tests.structural_faults import KINDS, faulty_answer, sentences, stored

TEXTS = 200


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(f"structure: {len(KINDS)} kinds of faults in an answer, {TEXTS} texts each\n")
    print(f"  {'answers'.ljust(60)}{'read':>8}{'refused':>10}{'altered':>10}")
    altered = sum(measure(kind) for kind in KINDS)
    print(f"\n  all {len(KINDS) * TEXTS:,}: {altered} altered, 0 {'MISSED' if altered else 'reached'}")


def measure(kind: Mapping[str, Any]) -> int:
    """How many answers of this kind are altered; every other one is written without blanks between its values."""
    texts = sentences(seed=len(kind["kind"]))
    answers = [faulty_answer(kind, list(islice(texts, 4)), compact=n % 2 == 1) for n in range(TEXTS)]
    altered = sum(bool(answer.altered()) for answer in answers)
    whole = sum(len(stored(answer.text, answer.ids)) == len(answer.ids) for answer in answers) - altered
    print(f"  {kind['kind'].ljust(60)}{whole:>8}{TEXTS - whole - altered:>10}{altered:>10}")
    return altered


if __name__ == "__main__":
    main()
