"""A figure: what was measured, its ratio to something else in the same run, and the goal."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        what: what was measured.
        measured: with its unit.
        against: what it is compared with.
        peer: what that measured, with its unit.
        ratio: ours to theirs.
        goal: the bound of the ratio.
        at_least: whether the bound is a lower one.
    """

    what: str
    measured: str
    against: str
    peer: str
    ratio: float
    goal: float | None = None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """Whether the goal is met."""
        if self.goal is None:
            return ""
        met = self.ratio >= self.goal if self.at_least else self.ratio <= self.goal
        return "yes" if met else "no"

    @property
    def goal_text(self) -> str:
        """The goal in words."""
        return "" if self.goal is None else f"{'>=' if self.at_least else '<='} {self.goal:g}"


TITLES = {
    "low_level": "official Python SDK, low level, 8 tools",
    "high_level": "official Python SDK, high level, 8 tools",
    "wrapping": "automatic wrapping by FastMCP",
    "typescript": "official TypeScript SDK, 8 tools",
}
"""The peers as readers know them."""

HEAD = ("figure", "result", "compared with", "its result", "ratio", "goal", "met")


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [
        (
            f.what,
            f.measured,
            TITLES.get(f.against, f.against),
            f.peer,
            f"{f.ratio:.2f}",
            f.goal_text,
            f.verdict,
        )
        for f in figures
    ]
    lines = [HEAD, tuple("---" for _ in HEAD), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def interleaved(rounds: int, makers: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Measure everything once a round, in another order each round."""
    found: dict[str, list[float]] = {name: [] for name in makers}
    names = list(makers)
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            found[name].append(makers[name]())
    return found


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the ratios of the rounds: what slows a whole round weighs on both sides."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def compared(
    what: str,
    found: Mapping[str, list[float]],
    ours: str,
    theirs: str,
    show: Callable[[float], str],
    goal: float | None = None,
    *,
    at_least: bool = False,
) -> Figure:
    """The figure of one contender beside another."""
    return Figure(
        what,
        show(median(found[ours])),
        theirs,
        show(median(found[theirs])),
        ratio(found[ours], found[theirs]),
        goal,
        at_least,
    )


def compared_with_all(
    what: str,
    found: Mapping[str, list[float]],
    ours: str,
    show: Callable[[float], str],
    goals: Mapping[str, float],
    *,
    at_least: bool = False,
) -> list[Figure]:
    """The figures of one contender beside each other one that was measured.

    Args:
        what: was measured.
        found: by contender.
        ours: the one.
        show: how a value is written.
        goals: the bound of the ratio, for those that have one.
        at_least: whether the bounds are lower ones.
    """
    others = sorted((name for name in found if name != ours), key=lambda name: name not in goals)
    return [
        compared(what, found, ours, name, show, goals.get(name), at_least=at_least)
        for name in others
    ]


def milliseconds(seconds: float) -> str:
    """Seconds as people read short times."""
    return f"{seconds * 1000:.2f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def microseconds(seconds: float) -> str:
    """Seconds as people read very short times."""
    return f"{seconds * 1_000_000:,.0f} us"


def mebibytes(kibibytes: float) -> str:
    """Memory as people read it."""
    return f"{kibibytes / 1024:.1f} MiB"


def per_second(rate: float) -> str:
    """A rate."""
    return f"{rate:,.0f}/s"
