"""Every figure of the README's table, in one run: `python benchmarks/run.py [FIGURE …] [--quick]`.

Times of one machine say little, so every figure is a ratio to a peer that was measured in the same
run, round by round.
"""

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from figure import Figure, table

BEGIN, END = "<!-- benchmarks -->", "<!-- end of benchmarks -->"
FIGURES = ("start", "reading", "debit", "many_callers", "engine", "scale", "memory", "tasks")


def main() -> None:
    """Measure what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], help="all, if none is named")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--write", type=Path, help="a document with marks for the table")
    asked = parser.parse_args()
    found: list[Figure] = []
    for name in asked.figures or FIGURES:
        measure: Callable[..., list[Figure]] = import_module(name).figures
        found += measure(quick=asked.quick)
    print(table(found))
    if asked.write is not None:
        write(asked.write, table(found))


def write(document: Path, lines: str) -> None:
    """Put the table between the marks of a document."""
    before, rest = document.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    document.write_text(f"{before}{BEGIN}\n{lines}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
