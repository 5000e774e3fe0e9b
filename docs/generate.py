"""Write what is generated: the manifests, the reference, the client guides, the tables.

`python -m docs.generate` from the root writes them; the tests compare.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from docs.client_guides import CLIENTS, guide, overview
from loyalty_mcp.cli.catalog import manifest_prompts, manifest_tools, reference
from loyalty_mcp.sandbox.differences import DIFFERENCES
from loyalty_mcp.server.prompts import PROMPTS
from loyalty_mcp.settings import Settings, meaning_of, variable_of
from loyalty_mcp.tools.registry import every_tool, in_role

ROOT: Final = Path(__file__).parent.parent
PROJECT: Final[Mapping[str, Any]] = tomllib.loads(
    (ROOT / "pyproject.toml").read_text(encoding="utf-8")
)["project"]
NAME: Final = "io.github.loyalty-mcp/loyalty-mcp"
"""In the public MCP registry; its first part has to be the account that publishes."""

SUMMARY: Final = (
    "Brevo loyalty programs, guarded: previewed, agreed to by a person, never done twice."
)
TITLE: Final = "Loyalty MCP"
ROLES: Final = ("member", "support", "manager", "full")
SHOWN_DEFAULTS: Final = {
    "tools": "all of the role",
    "exclude_tools": "none",
    "database_url": "SQLite in the user's state folder",
    "secret": "made per process",
}
MARK: Final = "<!-- generated: {name} -->\n\n{text}\n\n<!-- end of {name} -->"


def dumped(value: object) -> str:
    """JSON as it is committed."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def user_config() -> dict[str, dict[str, Any]]:
    """What a person is asked for when they install the bundle.

    Each has a default, since a host leaves the placeholder of what has none in the environment.
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
            "description": "Which tools are published: full, manager, support or member.",
            "required": False,
            "default": "full",
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
            "tools": manifest_tools(every_tool()),
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
        "environmentVariables": [_variable(name) for name in user_config()],
    }
    return dumped(
        {
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": NAME,
            "title": TITLE,
            "description": SUMMARY,
            "version": PROJECT["version"],
            "packages": [package],
        }
    )


def _variable(name: str) -> dict[str, Any]:
    asked = user_config()[name]
    found: dict[str, Any] = {"name": variable_of(name), "description": asked["description"]}
    found["format"] = asked["type"]
    if asked.get("sensitive"):
        found["isSecret"] = True
    choices = choices_of(name)
    if choices:
        found["choices"] = list(choices)
    if asked["default"] != "":
        found["default"] = json.dumps(asked["default"]).strip('"')
    return found


def choices_of(name: str) -> tuple[str, ...]:
    """What a setting can be, where that is a list."""
    annotation: Any = Settings.model_fields[name].annotation
    return tuple(getattr(annotation, "__args__", ())) if name in {"role", "confirm"} else ()


def tools_page() -> str:
    """The reference of all tools."""
    tools = every_tool()
    head = (
        "# Tools\n\n"
        f"All {len(tools)} tools, tasks first, then the operations of the API.\n"
        "What changes something also takes `confirmation`, and answers in "
        "[one envelope](confirmation.md).\n"
        "A program, balance, tier or reward is named by name or id; a member by contact id, "
        "email, +phone or own id.\n"
        "A name is the live one; in a tool that edits configuration, or reads it by `version`, "
        "the one of that version: the draft, unless `active` is asked for.\n"
        "`program` and `balance` may be left out where there is only one.\n\n"
        "This page is generated by `python -m docs.generate`.\n\n"
    )
    return head + reference(tools, roles_of) + "\n"


def roles_of(name: str) -> list[str]:
    """The roles in which a tool is published."""
    return [role for role in ROLES if in_role(name, role)]


def settings_table() -> str:
    """Every setting with its meaning and default."""
    lines = ["| environment variable | meaning | default |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        choices = choices_of(name)
        meaning = meaning_of(name) + (
            f": {', '.join(f'`{c}`' for c in choices)}" if choices else ""
        )
        lines.append(f"| `{variable_of(name)}` | {meaning} | {_default(name, field.default)} |")
    return "\n".join(lines)


def _default(name: str, value: Any) -> str:
    if name in SHOWN_DEFAULTS:
        return SHOWN_DEFAULTS[name]
    if value is None or value == ():
        return "none"
    return f"`{json.dumps(value)}`" if isinstance(value, bool | int | float) else f"`{value}`"


def differences_table() -> str:
    """The sandbox's choices."""
    lines = ["| subject | choice | why | switch |", "| --- | --- | --- | --- |"]
    for item in DIFFERENCES:
        switch = f"`{item.switch}`" if item.switch else ""
        lines.append(f"| {item.subject} | {item.choice} | {item.why} | {switch} |")
    return "\n".join(lines)


FILES: Final = {
    "manifest.json": manifest,
    "server.json": server_json,
    "docs/tools.md": tools_page,
}
SECTIONS: Final = {
    ("README.md", "settings"): settings_table,
    ("docs/sandbox.md", "differences"): differences_table,
    ("docs/clients/README.md", "clients"): overview,
}


def generated() -> dict[str, str]:
    """Every generated file, whole; a file with a generated section keeps what is around it."""
    found = {path: make() for path, make in FILES.items()}
    found |= {f"docs/clients/{client.slug}.md": guide(client) for client in CLIENTS}
    for (path, name), make in SECTIONS.items():
        text = found.get(path) or (ROOT / path).read_text(encoding="utf-8")
        found[path] = replaced(text, name, make())
    return found


def replaced(text: str, name: str, section: str) -> str:
    """A text with one generated section anew.

    Raises:
        ValueError: the text has no marks for it.
    """
    begin, end = re.escape(f"<!-- generated: {name} -->"), re.escape(f"<!-- end of {name} -->")
    pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"there is no generated section {name}")
    return pattern.sub(lambda _: MARK.format(name=name, text=section), text, count=1)


def write() -> None:
    """Write everything that is generated."""
    for path, text in generated().items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
