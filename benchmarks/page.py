"""Where the figures stand in documents: between two marks, which say how many of them."""

import platform
import sqlite3
from os import cpu_count
from pathlib import Path

from figure import Figure, table

MARKS = {
    "telling": ("<!-- benchmarks -->", "<!-- end of benchmarks -->"),
    "all": ("<!-- all benchmarks -->", "<!-- end of all benchmarks -->"),
}
TELLING = (
    ("start to tools/list", "wrapping"),
    ("resident memory", "wrapping"),
    ("read over stdio", "high_level"),
    ("debit: whole path", "6 bare requests"),
    ("HTTP, 64 callers", "high_level"),
    ("member overview, 1", "1,000 movements"),
    ("journal of a guarded call, 1", "1,000 intents"),
    ("resident memory after", "after"),
    ("upstream requests of thirty jobs", "wrapping"),
    ("tokens of thirty jobs", "wrapping"),
)
"""What the first screen of the README has room for: how `what` and `against` begin."""


def write(document: Path, figures: list[Figure]) -> None:
    """Put figures between the marks of a document; all else in it stays as it is.

    Raises:
        ValueError: it has no marks, or a figure that it needs was not measured.
    """
    text = document.read_text(encoding="utf-8")
    for kind, (begin, end) in MARKS.items():
        if text.count(begin) == text.count(end) == 1:
            before, rest = text.split(begin)
            _, after = rest.split(end)
            lines = telling(figures) if kind == "telling" else whole(figures)
            document.write_text(f"{before}{begin}\n\n{lines}\n\n{end}{after}", encoding="utf-8")
            return
    raise ValueError(f"{document} has no marks for benchmarks")


def telling(figures: list[Figure]) -> str:
    """The table of the most telling figures."""
    return table([_found(figures, what, against) for what, against in TELLING])


def whole(figures: list[Figure]) -> str:
    """The table of all figures, and where they were measured."""
    return f"{table(figures)}\n\nMeasured on {machine()}."


def machine() -> str:
    """This machine in words."""
    cores, system = cpu_count(), f"{platform.system()} {platform.release().split('-')[0]}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{cores} cores, {_processor()}, {system}, {python}, SQLite {sqlite3.sqlite_version}"


def _processor() -> str:
    """Its name, where Linux tells it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _found(figures: list[Figure], what: str, against: str) -> Figure:
    for figure in figures:
        if figure.what.startswith(what) and figure.against.startswith(against):
            return figure
    raise ValueError(f"nothing was measured of {what!r} against {against!r}")
