"""The commands."""

import gc
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loyalty_mcp import __version__
from loyalty_mcp.cli.audit_commands import audit
from loyalty_mcp.cli.bulk_command import bulk
from loyalty_mcp.cli.doctor_command import doctor
from loyalty_mcp.cli.help_pages import GroupWithSettings
from loyalty_mcp.cli.intent_commands import intents
from loyalty_mcp.cli.options import settings_from, settings_options, stop
from loyalty_mcp.cli.token_commands import token
from loyalty_mcp.errors import BadSetting, LoyaltyError
from loyalty_mcp.intents.roles import definition_of

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server


@click.group(cls=GroupWithSettings, invoke_without_command=True)
@click.version_option(__version__, prog_name="loyalty-mcp")
@settings_options
@click.pass_context
def main(context: click.Context, flags: dict[str, Any]) -> None:
    """Loyalty programs on Brevo, as tools for AI assistants.

    Without a command, it serves over standard input and output. MCP clients start it this way.

    Each setting is a flag and an environment variable, whose name is in brackets.

    Example: loyalty-mcp --role support --program "VIP Club"
    """
    context.obj = flags
    if os.environ.get("NO_COLOR"):
        context.color = False
    if context.invoked_subcommand is None:
        run_stdio(settings_from(flags))


@main.command()
@settings_options
@click.option("--http", is_flag=True, help="Serve over HTTP, at /mcp, for many callers.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="The port to listen on; 0 for any free port.",
)
def serve(flags: dict[str, Any], host: str, port: int, *, http: bool) -> None:
    """Serve over standard input and output, or over HTTP.

    Example: loyalty-mcp serve --http --port 8000
    """
    if http:
        run_http(settings_from(flags), host, port)
    else:
        run_stdio(settings_from(flags))


def run_http(settings: Any, host: str, port: int) -> None:
    """Serve until the process is told to stop."""
    from loyalty_mcp.cli.log_format import log_to_stderr  # noqa: PLC0415 - only where it serves
    from loyalty_mcp.web.serve import serve_http  # noqa: PLC0415 - same reason

    log_to_stderr(settings.log_level, settings.log_format)
    try:
        serve_http(settings, host, port)
    except LoyaltyError as error:
        stop(error)


def run_stdio(settings: Any) -> None:
    """Serve until the input ends."""
    # Objects created at start live as long as the process, so garbage collection is off during the
    # start, and these objects are excluded from later collections.
    gc.disable()
    try:
        import anyio  # noqa: PLC0415 - loaded only when a server runs

        from loyalty_mcp.server.stdio import serve_stdio  # noqa: PLC0415 - same reason

        server = _stdio_server(settings)
        gc.freeze()
    finally:
        gc.enable()
    anyio.run(serve_stdio, server)


def _stdio_server(settings: Any) -> "Server[None]":
    from loyalty_mcp.cli.log_format import log_to_stderr  # noqa: PLC0415 - only where it serves
    from loyalty_mcp.server.bootstrap import compose  # noqa: PLC0415 - same reason

    log_to_stderr(settings.log_level, settings.log_format)
    if definition_of(settings.role).needs_member and settings.member is None:
        stop(
            BadSetting(
                f"LOYALTY_MCP_MEMBER is missing: role {settings.role} needs the member it serves."
            )
        )
    try:
        return compose(settings).server()
    except BadSetting as error:
        stop(error)


@main.command()
@click.option(
    "--html",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Only write the cards that a chat can show, with data, into this folder.",
)
def demo(html: Path | None) -> None:
    """Show the main use cases, end to end, on the embedded sandbox.

    Example: loyalty-mcp demo --html cards
    """
    if html is not None:
        from loyalty_mcp.cli.demo_cards import write_cards  # noqa: PLC0415 - only needed here

        for file in write_cards(html):
            click.echo(str(file))
        return
    from loyalty_mcp.cli.demo import run_demo  # noqa: PLC0415 - only needed here

    sys.exit(run_demo())


@main.command()
@click.option(
    "--port",
    default=8585,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="The port to listen on; 0 for any free port.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--database",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="A file for the data; without one, the data is lost at the end.",
)
@click.option("--empty", is_flag=True, help="Start without the seeded data.")
@click.option("--api-key", default=None, help="Accept only this key; by default any key.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    help="A further name to accept in the Host header; can be repeated.",
)
@click.option(
    "--webhook-host",
    "webhook_hosts",
    multiple=True,
    help="A host other than this machine that webhooks may be sent to; can be repeated.",
)
@click.option(
    "--rate-limit",
    default=600,
    show_default=True,
    type=click.IntRange(0),
    help="Loyalty requests per hour; 0 for no limit.",
)
@click.option("--no-meta-in-history", is_flag=True, help="Omit meta in answers about members.")
@click.option("--ttl-minutes", is_flag=True, help="Count the ttl of a transaction in minutes.")
@click.option(
    "--history-lag",
    default=0.0,
    type=click.FloatRange(0, 86_400),
    metavar="SECONDS",
    help="Show a write in reads about members only after this long.",
)
@click.option(
    "--drafts-in-balance", is_flag=True, help="Include open drafts in the shown balances."
)
@click.option(
    "--complete-twice",
    is_flag=False,
    flag_value="ignored",
    default="refused",
    show_default=True,
    type=click.Choice(["refused", "ignored", "applied"]),
    help="Effect of a second completion; without a value, ignored: 200, and nothing moves.",
)
@click.option(
    "--filters-ignored", is_flag=True, help="Ignore the filters of transactions and vouchers."
)
@click.option("--history-oldest-first", is_flag=True, help="List the history oldest first.")
def sandbox(port: int, host: str, allowed_hosts: tuple[str, ...], **engine: Any) -> None:
    """Run the sandbox alone, for any Brevo SDK.

    The flags from --no-meta-in-history on make the sandbox answer as the real API might.

    Example: loyalty-mcp sandbox --database shop.db --rate-limit 0
    """
    from loyalty_mcp.sandbox.access import is_loopback  # noqa: PLC0415 - only needed here
    from loyalty_mcp.sandbox.serve import serve as serve_sandbox  # noqa: PLC0415 - only needed here
    from loyalty_mcp.sandbox.settings import SandboxSettings  # noqa: PLC0415 - only needed here

    settings = SandboxSettings(**engine)
    if settings.api_key is None and not is_loopback(host):
        stop(
            BadSetting(
                f"--host {host} lets others reach the sandbox, which takes any key: give --api-key."
            )
        )
    click.echo(f"Sandbox on http://{host}:{port}/v3", err=True)
    serve_sandbox(settings, host, port, allowed_hosts)


@main.command()
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print the menu as JSON.")
def tools(flags: dict[str, Any], *, as_json: bool) -> None:
    """List the published tools with the size of the menu in bytes and tokens.

    Example: loyalty-mcp tools --role support --json
    """
    from loyalty_mcp.cli.menu_size import menu_report, menu_table  # noqa: PLC0415 - only needed here
    from loyalty_mcp.tools.registry import menu  # noqa: PLC0415 - only needed here

    try:
        found = menu_report(menu(settings_from(flags)))
    except BadSetting as error:
        stop(error)
    click.echo(json.dumps(found, indent=2) if as_json else menu_table(found))


main.add_command(bulk)
main.add_command(intents)
main.add_command(audit)
main.add_command(doctor)
main.add_command(token)
