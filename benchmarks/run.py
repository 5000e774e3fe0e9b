"""Every figure of the README's table, in one run: `python benchmarks/run.py [FIGURE …] [--quick]`.

Times of one machine say little, so every figure is a ratio to a peer that was measured in the same
run, round by round.
"""

import argparse
from collections.abc import Callable
from importlib import import_module

from figure import Figure, table

FIGURES = ("start", "reading", "many_callers")


def main() -> None:
    """Measure what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], help="all, if none is named")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    asked = parser.parse_args()
    found: list[Figure] = []
    for name in asked.figures or FIGURES:
        measure: Callable[..., list[Figure]] = import_module(name).figures
        found += measure(quick=asked.quick)
    print(table(found))


if __name__ == "__main__":
    main()
