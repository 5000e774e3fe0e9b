"""The help of every command, and shell completion."""

from collections.abc import Iterator

import click
import pytest
from click.shell_completion import ShellComplete, get_completion_class
from click.testing import CliRunner

from loyalty_mcp.cli.commands import main


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every command."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name)


PATHS = list(every_command(main))
named = pytest.mark.parametrize("path", PATHS, ids=" ".join)


@named
def test_help_shows_an_example(path: tuple[str, ...]) -> None:
    """Each command's help explains it and shows an example."""
    result = CliRunner().invoke(main, [*path, "--help"])

    assert result.exit_code == 0
    _, _, example = result.output.partition("Example: loyalty-mcp")
    assert " ".join(path) in " ".join(example.split())


@named
def test_every_option_is_explained(path: tuple[str, ...]) -> None:
    """Every option has a description."""
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    options = [item for item in command.params if isinstance(item, click.Option)]

    assert [item.opts[0] for item in options if not item.help] == []


@pytest.mark.parametrize("path", [path for path in PATHS if path], ids=" ".join)
def test_help_shows_the_settings_last(path: tuple[str, ...]) -> None:
    """A command's own options come before the shared settings."""
    page = CliRunner().invoke(main, [*path, "--help"]).output
    own, _, settings = page.partition("Settings:")

    assert "--help " in own
    assert "[BREVO_API_KEY]" not in own
    assert "Options:" not in settings
    assert "Commands:" not in settings


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_is_told_how_to_complete(shell: str) -> None:
    """The completion script comes from the command itself."""
    variables = {"_LOYALTY_MCP_COMPLETE": f"{shell}_source"}
    result = CliRunner().invoke(main, prog_name="loyalty-mcp", env=variables)

    assert "_LOYALTY_MCP_COMPLETE" in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("typed", "begun", "offered"),
    [
        ([], "d", {"demo", "doctor"}),
        (["intents"], "re", {"reconcile"}),
        (["tools", "--role"], "m", {"manager", "member"}),
        (["token", "create"], "--exp", {"--expires"}),
    ],
)
def test_completion(typed: list[str], begun: str, offered: set[str]) -> None:
    """Commands, flags and the values of flags are offered."""
    kind = get_completion_class("bash")
    assert kind is not None
    completion: ShellComplete = kind(main, {}, "loyalty-mcp", "_LOYALTY_MCP_COMPLETE")

    assert {item.value for item in completion.get_completions(typed, begun)} == offered


def test_no_colour_where_none_is_wanted() -> None:
    """NO_COLOR also works on a terminal."""
    plain = CliRunner().invoke(main, ["doctor"], color=True, env={"NO_COLOR": "1"})
    coloured = CliRunner().invoke(main, ["doctor"], color=True)

    assert "\x1b[" not in plain.output
    assert "\x1b[" in coloured.output
