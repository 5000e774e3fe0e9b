"""The manifest of the bundle, and the entry of the public MCP registry."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from loyalty_mcp.cli.options import choices_of
from loyalty_mcp.intents.roles import Role
from loyalty_mcp.server.prompts import PROMPTS, Prompt
from loyalty_mcp.settings import Settings, variable_of
from loyalty_mcp.tools.registry import TOOLS
from loyalty_mcp.tools.tool import Tool

ROOT: Final = Path(__file__).parent.parent
PROJECT: Final[Mapping[str, Any]] = tomllib.loads(
    (ROOT / "pyproject.toml").read_text(encoding="utf-8")
)["project"]
REGISTRY_NAME: Final = "io.github.loyalty-mcp/loyalty-mcp"
"""Its first part has to be the account that publishes to the registry."""

SUMMARY: Final = (
    "Brevo loyalty programs, guarded: previewed, agreed to by a person, never done twice."
)
TITLE: Final = "Loyalty MCP"


def dumped(value: object) -> str:
    """JSON as it is committed."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def user_config() -> dict[str, dict[str, Any]]:
    """What a person is asked for when they install the bundle.

    Each has a default: a host leaves the placeholder of an option without one in the environment.
    """
    return {
        "api_key": {
            "type": "string",
            "title": "Brevo API key",
            "description": "Empty for the embedded sandbox, which needs no account.",
            "sensitive": True,
            "required": False,
            "default": "",
        },
        "role": {
            "type": "string",
            "title": "Role",
            "description": f"Which tools are published: {', '.join(Role)}.",
            "required": False,
            "default": Role.FULL.value,
        },
        "program": {
            "type": "string",
            "title": "Program",
            "description": "The one program to work on, by name; empty for all.",
            "required": False,
            "default": "",
        },
        "member": {
            "type": "string",
            "title": "Member",
            "description": "For role member: whom it serves, by contact id, email or own id.",
            "required": False,
            "default": "",
        },
        "confirm": {
            "type": "string",
            "title": "Who agrees to a change",
            "description": "ask, dialog, token, operator or off; ask is a dialog where there is "
            "one, else a confirmation by the assistant.",
            "required": False,
            "default": "ask",
        },
        "read_only": {
            "type": "boolean",
            "title": "Read only",
            "description": "Publish only tools that change nothing.",
            "required": False,
            "default": False,
        },
    }


def manifest() -> str:
    """The manifest of the bundle."""
    asked = user_config()
    return dumped(
        {
            "manifest_version": "0.4",
            "name": PROJECT["name"],
            "display_name": TITLE,
            "version": PROJECT["version"],
            "description": SUMMARY,
            "long_description": PROJECT["description"],
            "author": {"name": "Loyalty MCP contributors"},
            "license": PROJECT["license"],
            "keywords": PROJECT["keywords"],
            "icon": "icon.png",
            "server": {
                "type": "uv",
                "entry_point": "loyalty_mcp/__main__.py",
                "mcp_config": {
                    "command": "uv",
                    "args": ["run", "--directory", "${__dirname}", "--no-dev", "loyalty-mcp"],
                    "env": {variable_of(name): f"${{user_config.{name}}}" for name in asked},
                },
            },
            "user_config": asked,
            "tools": manifest_tools(TOOLS),
            "prompts": manifest_prompts(PROMPTS.values()),
            "compatibility": {
                "platforms": ["darwin", "win32", "linux"],
                "runtimes": {"python": PROJECT["requires-python"]},
            },
        }
    )


def server_json() -> str:
    """The entry of the public registry."""
    package = {
        "registryType": "pypi",
        "identifier": PROJECT["name"],
        "version": PROJECT["version"],
        "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
        "environmentVariables": [_registry_variable(name) for name in user_config()],
    }
    return dumped(
        {
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": REGISTRY_NAME,
            "title": TITLE,
            "description": SUMMARY,
            "version": PROJECT["version"],
            "packages": [package],
        }
    )


def _registry_variable(name: str) -> dict[str, Any]:
    asked = user_config()[name]
    found: dict[str, Any] = {"name": variable_of(name), "description": asked["description"]}
    found["format"] = asked["type"]
    if asked.get("sensitive"):
        found["isSecret"] = True
    choices = choices_of(Settings.model_fields[name].annotation)
    if choices:
        found["choices"] = list(choices)
    if asked["default"] != "":
        found["default"] = json.dumps(asked["default"]).strip('"')
    return found


def manifest_tools(tools: Mapping[str, Tool]) -> list[dict[str, str]]:
    """The menu as the manifest lists it."""
    return [{"name": tool.name, "description": tool.description} for tool in tools.values()]


def manifest_prompts(prompts: Iterable[Prompt]) -> list[dict[str, Any]]:
    """The prompts as the manifest lists them, with placeholders for their arguments."""
    return [
        {
            "name": prompt.name,
            "description": prompt.description,
            "arguments": [argument.name for argument in prompt.arguments],
            "text": " ".join(
                [
                    prompt.text,
                    *(f"{item.name}: ${{arguments.{item.name}}}" for item in prompt.arguments),
                ]
            ),
        }
        for prompt in prompts
    ]
