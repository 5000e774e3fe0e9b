"""Every figure of the documents, in one run: `python benchmarks/run.py [FIGURE …] [--quick]`.

Times of one machine say little, so every figure is a ratio to something that was measured in the
same run, round by round. `--write README.md docs/benchmarks.md` puts the table into documents.
"""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from figure import Figure, table
from page import write

FIGURES = (
    *("start", "reading", "debit", "many_callers", "transport"),
    *("engine", "scale", "program_report", "memory", "tasks"),
)


def main() -> None:
    """Measure what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], help="all, if none is named")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller files")
    parser.add_argument("--write", type=Path, nargs="+", default=[], help="documents with marks")
    asked = parser.parse_args()
    if asked.write and asked.figures:
        parser.error("--write takes all figures: a part of the table would look like the whole")
    found: list[Figure] = []
    for name in asked.figures or FIGURES:
        print(f"measuring {name}", file=sys.stderr)
        measure: Callable[..., list[Figure]] = import_module(name).figures
        found += measure(quick=asked.quick)
    print(table(found))
    for document in asked.write:
        write(document, found)


if __name__ == "__main__":
    main()
