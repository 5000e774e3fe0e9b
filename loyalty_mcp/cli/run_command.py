"""Shared code of commands: the runtime, JSON output, and the exit code for a problem."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import click

from loyalty_mcp.cli.options import settings_from, stop
from loyalty_mcp.errors import LoyaltyError

if TYPE_CHECKING:
    from loyalty_mcp.server.bootstrap import Runtime

FOUND: Final = 1
"""Exit code for a problem that was found: a broken audit trail, or an outcome still unknown."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def run(flags: dict[str, Any], work: "Callable[[Runtime], Awaitable[Any]]") -> Any:
    """Run `work` with a server's runtime, and close the runtime afterwards."""
    import anyio  # noqa: PLC0415 - loaded only by commands that need it

    from loyalty_mcp.server.bootstrap import compose  # noqa: PLC0415 - same reason

    async def to_the_end() -> Any:
        runtime = compose(settings_from(flags))
        try:
            return await work(runtime)
        finally:
            await runtime.close()

    try:
        return anyio.run(to_the_end)
    except LoyaltyError as error:
        stop(error)
