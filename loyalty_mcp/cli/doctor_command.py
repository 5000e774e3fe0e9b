"""The command `doctor`: print the results of the checks."""

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

QUESTION = (
    "The probe creates a program, a contact without address, and a few transactions in this "
    "account, and deletes them again; it takes about 30 requests. Go on?"
)


@click.command(cls=CommandWithSettings)
@settings_options
@click.option(
    "--probe",
    is_flag=True,
    help="Also test how the API behaves, with a temporary program and contact.",
)
@click.option("--yes", is_flag=True, help="Do not ask before the probe.")
@as_json
def doctor(flags: dict[str, Any], *, as_json: bool, probe: bool, yes: bool) -> None:
    """Find problems of this set-up, and how to fix them; exit code 1 if there is one.

    Example: loyalty-mcp doctor --json
    """
    from loyalty_mcp.cli.doctor import examine  # noqa: PLC0415 - only needed here

    if probe and not yes:
        click.confirm(QUESTION, abort=True, err=True)

    async def work(runtime: "Runtime") -> Any:
        found = await examine(runtime.context)
        if probe:
            from loyalty_mcp.cli.probe import probed  # noqa: PLC0415 - only needed here

            found += await probed(runtime.context)
        return found

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
