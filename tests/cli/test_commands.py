"""The commands: what they print, where, and how they end."""

import gc
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from loyalty_mcp import __version__
from loyalty_mcp.cli.commands import main
from loyalty_mcp.cli.menu_size import count_tokens, menu_report
from loyalty_mcp.intents.roles import MEMBER_TOOLS, SUPPORT_TOOLS, Role
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import TOOLS, in_role, menu


def run(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, arguments)


def listed(*arguments: str) -> dict[str, Any]:
    """What `tools --json` prints."""
    result = run(*arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def names(*arguments: str) -> list[str]:
    """The tools that `tools --json` lists."""
    return [tool["name"] for tool in listed(*arguments)["tools"]]


def test_version() -> None:
    """`--version` prints the version."""
    result = run("--version")

    assert (result.exit_code, result.stdout) == (0, f"loyalty-mcp, version {__version__}\n")


@pytest.mark.parametrize("command", [None, *main.commands])
def test_help(command: str | None) -> None:
    """Every command explains itself in a sentence and by its flags."""
    result = run(*([] if command is None else [command]), "--help")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: ")
    assert "." in result.stdout.split("Options:")[0]


@pytest.mark.parametrize("arguments", [["nonsense"], ["tools", "--nonsense"], ["--role"]])
def test_wrong_usage(arguments: list[str]) -> None:
    """An unknown command, flag or a missing value is told on standard error; exit code 2."""
    result = run(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage:" in result.stderr or "Error:" in result.stderr


def test_refused_start_leaves_the_collector_on() -> None:
    """Garbage is not collected during a start, and again after it, also if it is refused."""
    result = run("--role", "member")

    assert result.exit_code == 2
    assert "LOYALTY_MCP_MEMBER is missing" in result.stderr
    assert gc.isenabled()


def test_tools_json() -> None:
    """The menu as JSON holds every tool with its schema, risk and size, and the sums."""
    found = listed("tools")
    tools = found["tools"]

    assert found["count"] == len(tools) == len(TOOLS)
    assert found["bytes"] == sum(tool["bytes"] for tool in tools)
    assert found["tokens"] == sum(tool["tokens"] for tool in tools)
    for tool in tools:
        assert tool["risk"] in {"read", "write", "moves_value", "destructive"}
        assert tool["description"]
        assert tool["input_schema"]["type"] == "object"


def test_tools_table() -> None:
    """The menu as text has a line for each tool, and its size at the end."""
    result = run("tools")
    lines = result.stdout.splitlines()
    found = menu_report(menu(read_settings()))

    assert len(lines) == found["count"] + 2
    assert lines[-1].startswith(f"{found['count']} tools, {found['bytes']:,} bytes, ")


def test_size_is_what_a_model_reads() -> None:
    """A tool's bytes are those of its name, description and input schema."""
    (found,) = listed("tools", "--tools", "get_program")["tools"]
    text = json.dumps(
        {
            "name": "get_program",
            "description": found["description"],
            "input_schema": found["input_schema"],
        },
        separators=(",", ":"),
        ensure_ascii=False,
    )

    assert found["bytes"] == len(text.encode())
    assert found["tokens"] == count_tokens(text)


@pytest.mark.parametrize(
    ("role", "most"),
    [(Role.MEMBER, 7), (Role.SUPPORT, 22), (Role.MANAGER, None), (Role.FULL, None)],
)
def test_tools_of_a_role(role: Role, most: int | None) -> None:
    """A role publishes its own tools, and no more than it may."""
    found = names("tools", "--role", role.value)

    assert found == [name for name in TOOLS if in_role(name, role)]
    assert most is None or len(found) <= most


def test_roles_as_designed() -> None:
    """Support can do all that a member can; at most seven tools for members, 22 for support."""
    assert len(MEMBER_TOOLS) <= 7
    assert len(SUPPORT_TOOLS) <= 22
    assert set(MEMBER_TOOLS) < set(SUPPORT_TOOLS)


def test_role_member_has_no_member_parameter() -> None:
    """Members are never asked who they are, and read only."""
    for tool in listed("tools", "--role", "member")["tools"]:
        assert tool["risk"] == "read"
        assert "member" not in tool["input_schema"]["properties"]


def test_manager_moves_no_value() -> None:
    """A manager sets programs up; members' points are not a manager's."""
    risks = {tool["risk"] for tool in listed("tools", "--role", "manager")["tools"]}

    assert "moves_value" not in risks


def test_read_only_publishes_reads_alone() -> None:
    """With read only no tool that changes anything is there, even when it is named."""
    risks = {tool["risk"] for tool in listed("tools", "--read-only")["tools"]}

    assert risks == {"read"}
    assert names("tools", "--read-only", "--tools", "debit_points,find_member") == ["find_member"]


def test_pinned_program_is_no_parameter() -> None:
    """A pinned program disappears from every tool."""
    for tool in listed("tools", "--program", "VIP Club")["tools"]:
        assert "program" not in tool["input_schema"]["properties"], tool["name"]


def test_chosen_and_excluded_tools() -> None:
    """The menu can be named, and what is excluded wins."""
    assert names("tools", "--tools", "get_program, find_member") == ["find_member", "get_program"]
    assert "get_program" not in names("tools", "--exclude-tools", "get_program")
    chosen = ("--tools", "get_program,find_member", "--exclude-tools", "get_program")
    assert names("tools", *chosen) == ["find_member"]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--tools", "get_progam"), "LOYALTY_MCP_TOOLS names"),
        (("--exclude-tools", "get_progam"), "LOYALTY_MCP_EXCLUDE_TOOLS names"),
        (("--role", "support", "--tools", "create_tier"), "which role support has not"),
    ],
)
def test_tools_that_are_not_there(flags: tuple[str, ...], sentence: str) -> None:
    """A tool that does not exist, or is outside the role, refuses to start."""
    result = run("tools", *flags)

    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


def test_nearest_tool_is_named() -> None:
    """A misspelled tool is answered with the nearest."""
    assert "did you mean get_program?" in run("tools", "--tools", "get_progam").stderr


def test_flags_may_stand_before_the_command() -> None:
    """A flag before the command's name holds for the command; one after it wins."""
    assert names("--role", "support", "tools") == names("tools", "--role", "support")
    assert names("--role", "support", "tools", "--role", "full") == names("tools")


def test_role_member_needs_its_member() -> None:
    """Over stdio nobody says who calls, so role member does not start without a member."""
    for command in ([], ["serve"]):
        result = run(*command, "--role", "member")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("loyalty-mcp: LOYALTY_MCP_MEMBER is missing")


def test_listing_tools_touches_no_disk(state_home: Path) -> None:
    """The menu is known without a journal or a network."""
    run("tools")

    assert list(state_home.iterdir()) == []
