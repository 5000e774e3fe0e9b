"""Help pages: a command's own options first, the shared settings last."""

from collections.abc import Sequence
from typing import Any

import click

from loyalty_mcp.cli.console import never_fail_to_print


class SettingOption(click.Option):
    """A flag for a setting."""


class CommandWithSettings(click.Command):
    """A command whose help lists its own options before the settings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, the commands of a group, and the settings."""
        own = [item for item in self.get_params(ctx) if not isinstance(item, SettingOption)]
        shared = [item for item in self.get_params(ctx) if isinstance(item, SettingOption)]
        _write(ctx, formatter, "Options", own)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        _write(ctx, formatter, "Settings", shared)


class GroupWithSettings(CommandWithSettings, click.Group):
    """A group whose help lists its commands before the settings."""

    command_class = CommandWithSettings

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command with the arguments of the process."""
        never_fail_to_print()
        return super().main(*args, **kwargs)


def _write(
    ctx: click.Context, formatter: click.HelpFormatter, title: str, items: Sequence[click.Parameter]
) -> None:
    records = [record for item in items if (record := item.get_help_record(ctx)) is not None]
    if records:
        with formatter.section(title):
            formatter.write_dl(records)
