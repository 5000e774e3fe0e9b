"""The flags of the commands: one for each setting, and how a wrong one is said."""

import functools
import sys
import typing
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import click

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
