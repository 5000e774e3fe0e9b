"""The commands."""

import functools
import json
import logging
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click

from loyalty_mcp import __version__
from loyalty_mcp.errors import BadSetting, LoyaltyError

USAGE = 2


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a flag for each setting; the command receives those that were given.

    A flag may stand before the name of a command or after it; the one after it wins.
    """
    from loyalty_mcp.config import Settings  # noqa: PLC0415 - not for --help of other commands

    @functools.wraps(command)
    def with_flags(**given: Any) -> Any:
        flags = dict(click.get_current_context().obj or {})
        for name in Settings.model_fields:
            value = given.pop(name)
            if value is not None:
                flags[name] = value
        return command(flags=flags, **given)

    wrapped: Callable[..., Any] = with_flags
    for name, field in reversed(Settings.model_fields.items()):
        wrapped = _option(name, field.annotation)(wrapped)
    return wrapped


def _option(name: str, annotation: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    flag = f"--{name.replace('_', '-')}"
    variable = "BREVO_API_KEY" if name == "api_key" else f"LOYALTY_MCP_{name.upper()}"
    if annotation is bool:
        return click.option(flag, is_flag=True, default=None, help=f"As {variable}.")
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    kind = click.Choice(choices) if choices else None
    return click.option(flag, type=kind, default=None, help=f"As {variable}.")


def read(flags: dict[str, Any]) -> Any:
    """The settings, or one sentence and exit code 2."""
    from loyalty_mcp.config import read_settings  # noqa: PLC0415 - only where settings are used

    try:
        return read_settings(**flags)
    except BadSetting as error:
        stop(error)


def stop(error: LoyaltyError) -> typing.NoReturn:
    """Say why there is no going on, on standard error, and end with exit code 2."""
    click.echo(f"loyalty-mcp: {error}", err=True)
    sys.exit(USAGE)


def log_to_stderr(level: str) -> None:
    """Standard output is the protocol; everything else goes to standard error."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for chatty in ("httpx2", "httpcore2", "mcp", "aiosqlite", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@click.group(invoke_without_command=True)
@click.version_option(__version__, prog_name="loyalty-mcp")
@settings_options
@click.pass_context
def main(context: click.Context, flags: dict[str, Any]) -> None:
    """Loyalty programs on Brevo, as tools for AI assistants.

    Without a command: serve over standard input and output, as a client's configuration starts it.
    """
    context.obj = flags
    if context.invoked_subcommand is None:
        run_stdio(read(flags))


@main.command()
@settings_options
def serve(flags: dict[str, Any]) -> None:
    """Serve over standard input and output."""
    run_stdio(read(flags))


def run_stdio(settings: Any) -> None:
    """Serve until the input ends."""
    import anyio  # noqa: PLC0415 - only where a server runs

    from loyalty_mcp.composition import compose  # noqa: PLC0415 - the same
    from loyalty_mcp.server import serve_stdio  # noqa: PLC0415 - the same

    log_to_stderr(settings.log_level)
    if settings.role == "member" and settings.member is None:
        stop(BadSetting("LOYALTY_MCP_MEMBER is missing: role member needs the member it serves."))
    try:
        parts = compose(settings)
    except BadSetting as error:
        stop(error)
    anyio.run(serve_stdio, parts.server())


@main.command()
def demo() -> None:
    """Show the main job, end to end, on the embedded sandbox."""
    from loyalty_mcp.demo import run_demo  # noqa: PLC0415 - only here

    sys.exit(run_demo())


@main.command()
@click.option("--port", default=8585, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--database", type=click.Path(path_type=Path, dir_okay=False), default=None)
@click.option("--empty", is_flag=True, help="Start without the seeded world.")
@click.option("--api-key", default=None, help="Accept only this key; any is accepted otherwise.")
@click.option("--rate-limit", default=600, show_default=True, type=click.IntRange(0))
def sandbox(port: int, host: str, **engine: Any) -> None:
    """Run the engine alone, for any Brevo SDK, with Brevo's bound on requests an hour."""
    from loyalty_mcp.sandbox.serve import serve as serve_sandbox  # noqa: PLC0415 - only here
    from loyalty_mcp.sandbox.settings import SandboxSettings  # noqa: PLC0415 - only here

    settings = SandboxSettings(**engine)
    click.echo(f"Sandbox on http://{host}:{port}/v3", err=True)
    serve_sandbox(settings, host, port)


@main.command()
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print the menu as JSON.")
def tools(flags: dict[str, Any], *, as_json: bool) -> None:
    """List the published tools, with the size of the menu in bytes and tokens."""
    from loyalty_mcp.catalog import listing, table  # noqa: PLC0415 - only here
    from loyalty_mcp.menu import menu  # noqa: PLC0415 - only here

    try:
        found = listing(menu(read(flags)))
    except BadSetting as error:
        stop(error)
    click.echo(json.dumps(found, indent=2) if as_json else table(found))
