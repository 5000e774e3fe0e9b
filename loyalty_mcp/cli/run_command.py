"""What commands share: a server's runtime for their work, JSON output, the code for a finding."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import click

from loyalty_mcp.cli.options import settings_from, stop
from loyalty_mcp.errors import LoyaltyError

if TYPE_CHECKING:
    from loyalty_mcp.server.bootstrap import Runtime

FOUND: Final = 1
"""The exit code for a finding: a broken trail, an outcome that is still unknown."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def run(flags: dict[str, Any], work: "Callable[[Runtime], Awaitable[Any]]") -> Any:
    """Run `work` with the runtime of a server, and close the runtime afterwards."""
    import anyio  # noqa: PLC0415 - only where something runs

    from loyalty_mcp.server.bootstrap import compose  # noqa: PLC0415 - the same

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
