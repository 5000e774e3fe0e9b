"""Write the table of requests: what each guarded tool declares, and what it takes.

`python -m docs.request_costs` from the root writes it, in a minute; a test compares each line.
"""

import asyncio
from pathlib import Path
from typing import Final

from docs.generate import replaced
from tests.guard.request_counts import GUARDED, Counts, counts_of, declared

PAGE: Final = Path(__file__).parent / "requests.md"
COLUMNS: Final = (
    *("tool", "declared", "cold", "warm"),
    *("lost answer", "new preview", "reconciled"),
)


def row_of(tool: str, counts: Counts, declares: tuple[int, int]) -> str:
    """The line of a tool."""
    whole, after = declares
    return _line(
        f"`{tool}`",
        f"{whole}, {after} after",
        f"{counts.cold[0]} + {counts.cold[1]}",
        f"{counts.warm[0]} + {counts.warm[1]}",
        str(counts.lost),
        str(counts.drift),
        str(counts.reconciled),
    )


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


async def write_table() -> None:
    """Carry every guarded tool out, and write the table into the page."""
    rows = [row_of(tool, await counts_of(tool), await declared(tool)) for tool in GUARDED]
    table = [_line(*COLUMNS), _line("---", *["---:"] * (len(COLUMNS) - 1)), *rows]
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(replaced(page, "requests", "\n".join(table)), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(write_table())
