"""A progress bar with the remaining time, on a terminal's standard error only."""

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loyalty_mcp.tools.progress import reporting_to


@contextlib.contextmanager
def progress_bar() -> Iterator[None]:
    """Show the progress of the work in this context."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with shown:
        task = shown.add_task("", total=None)

        async def show(done: int, total: int, now: str) -> None:
            shown.update(task, completed=done, total=total, description=now)

        with reporting_to(show):
            yield
