"""Flags of the commands, one per setting, and the report of a wrong setting."""

import functools
import re
import sys
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, Literal, get_args, get_origin

import click

from loyalty_mcp.cli.help_pages import SettingOption
from loyalty_mcp.errors import BadSetting, LoyaltyError
from loyalty_mcp.settings import (
    SECRET_FILES,
    Settings,
    meaning_of,
    read_settings,
    variable_of,
)

USAGE_ERROR: Final = 2
"""The exit code for wrong usage and wrong settings."""

WITH_PASSWORD: Final = re.compile(r"//[^/@]*:[^/]*@")
"""A database address that contains a password."""


class SettingChoice(click.Choice[str]):
    """One of a list of words; an empty value counts as not set."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The word, or an empty string."""
        return value if value == "" else super().convert(value, param, ctx)


def choices_of(annotation: Any) -> tuple[str, ...]:
    """The values that a setting of this type can have, if they are a list."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return tuple(member.value for member in annotation)
    return ()


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a flag for each setting; the command receives the flags that were given.

    A flag may precede or follow the name of a command; the one after the name takes precedence.
    """

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
        wrapped = _setting_option(name, field.annotation)(wrapped)
    return wrapped


def _setting_option(
    name: str, annotation: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    flag = f"--{name.replace('_', '-')}"
    meaning = meaning_of(name)
    help_text = f"{meaning[0].upper()}{meaning[1:]} [{variable_of(name)}]."
    if annotation is bool:
        return click.option(flag, cls=SettingOption, is_flag=True, default=None, help=help_text)
    choices = choices_of(annotation)
    kind = SettingChoice(choices) if choices else None
    return click.option(flag, cls=SettingOption, type=kind, default=None, help=help_text)


def settings_from(flags: dict[str, Any]) -> Settings:
    """The settings; a wrong one ends the program with one sentence and exit code 2."""
    try:
        settings = read_settings(**flags)
    except BadSetting as error:
        stop(error)
    warn_of_secrets(flags)
    return settings


def warn_of_secrets(flags: Mapping[str, Any]) -> None:
    """Warn about secrets in flags, which every user of the machine sees in the process list."""
    for file, field in SECRET_FILES.items():
        value = flags.get(field)
        harmless = field == "database_url" and not WITH_PASSWORD.search(value or "")
        if value and not harmless:
            click.echo(
                f"loyalty-mcp: warning: --{field.replace('_', '-')} is visible to every user of "
                f"this machine; use {variable_of(field)} or --{file.replace('_', '-')}.",
                err=True,
            )


def stop(error: LoyaltyError) -> typing.NoReturn:
    """Print the error to standard error, and exit with code 2."""
    click.echo(f"loyalty-mcp: {error}", err=True)
    sys.exit(USAGE_ERROR)
