"""The flags of the commands: one for each setting, and how a wrong one is said."""

import functools
import sys
import typing
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import click

from loyalty_mcp.errors import BadSetting, LoyaltyError

USAGE = 2

MEANINGS = {
    "api_key": "the key of Brevo's API; without one the embedded sandbox serves",
    "base_url": "root of the API",
    "role": "which tools are published",
    "read_only": "publish only tools that change nothing; nothing overrides it",
    "program": "pin one program, by name or id",
    "member": "pin one member, by contact id, email or own id; role member needs it",
    "tools": "publish only these tools of the role, comma-separated",
    "exclude_tools": "publish all but these tools, comma-separated",
    "confirm": "who has to agree to a change",
    "policy": "a TOML file of caps and approvals",
    "intent_ttl": "seconds a preview may wait for agreement",
    "dialog_timeout": "seconds a dialog may stay open",
    "database_url": "the journal; postgresql+asyncpg://… for several replicas",
    "secret": "32 bytes or more, the same on all replicas",
    "timeout": "seconds a request to Brevo may take",
    "log_level": "how much is logged, to standard error",
    "log_format": "lines of text, or of JSON",
    "public_url": "the address by which callers over HTTP reach this service",
    "allowed_hosts": "further names in the Host header, comma-separated",
    "allowed_origins": "web pages of other places that may call, comma-separated",
    "oauth_issuer": "the authorization server whose access tokens are taken",
    "oauth_audience": "whom its access tokens have to be for",
    "oauth_jwks_url": "where its public keys are",
    "oauth_member_claim": "the claim that binds a caller to one member",
}
"""Each setting in a few words: for `--help` and the table in the README."""


def variable_of(field: str) -> str:
    """The environment variable of a setting."""
    return "BREVO_API_KEY" if field == "api_key" else f"LOYALTY_MCP_{field.upper()}"


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a flag for each setting; the command receives those that were given.

    A flag may stand before the name of a command or after it; the one after it wins.
    """
    from loyalty_mcp.settings import Settings  # noqa: PLC0415 - not for --help of other commands

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
    meaning = MEANINGS[name]
    help_text = f"{meaning[0].upper()}{meaning[1:]} [{variable_of(name)}]."
    if annotation is bool:
        return click.option(flag, is_flag=True, default=None, help=help_text)
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    kind = click.Choice(choices) if choices else None
    return click.option(flag, type=kind, default=None, help=help_text)


def read(flags: dict[str, Any]) -> Any:
    """The settings, or one sentence and exit code 2."""
    from loyalty_mcp.settings import read_settings  # noqa: PLC0415 - only where settings are used

    try:
        return read_settings(**flags)
    except BadSetting as error:
        stop(error)


def stop(error: LoyaltyError) -> typing.NoReturn:
    """Say why there is no going on, on standard error, and end with exit code 2."""
    click.echo(f"loyalty-mcp: {error}", err=True)
    sys.exit(USAGE)
