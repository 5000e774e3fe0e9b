"""The command `doctor`: how what was examined is printed."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from loyalty_mcp.cli.help_pages import CommandWithSettings
from loyalty_mcp.cli.options import settings_options
from loyalty_mcp.cli.run_command import FOUND, as_json, run

if TYPE_CHECKING:
    from loyalty_mcp.server.bootstrap import Runtime


@click.command(cls=CommandWithSettings)
@settings_options
@as_json
def doctor(flags: dict[str, Any], *, as_json: bool) -> None:
    """Find what is wrong with this set-up, and what to do about it; exit code 1 for a fault.

    Example: loyalty-mcp doctor --json
    """
    from loyalty_mcp.cli.doctor import examine  # noqa: PLC0415 - only here

    async def work(runtime: "Runtime") -> Any:
        return await examine(runtime.context)

    found = run(flags, work)
    if as_json:
        click.echo(json.dumps([asdict(item) for item in found], indent=2))
    else:
        for item in found:
            mark = click.style("good ", fg="green") if item.good else click.style("FAULT", fg="red")
            click.echo(f"{mark}  {item.check}: {item.found}")
            if item.fix:
                click.echo(f"       {item.fix}")
    if not all(item.good for item in found):
        sys.exit(FOUND)
