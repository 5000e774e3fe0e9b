"""The menu described: for the `tools` command, the documents and the manifest."""

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from loyalty_mcp.brevo.operation import Risk
from loyalty_mcp.server.prompts import Prompt
from loyalty_mcp.settings import Role
from loyalty_mcp.tools.tool import Tool

BUDGETS: Final[Mapping[Role, int]] = {"member": 500, "support": 2_200, "full": 5_500}
"""The most tokens that the menu of a role may cost."""

WIRE_BUDGET: Final = 12_000
"""The most tokens of the whole list of role `full` as it is sent, output schemas included."""

COSTS_BEGIN: Final = "<!-- what the menu costs: generated -->"
COSTS_END: Final = "<!-- end of what the menu costs -->"

BYTES_A_TOKEN: Final = 4.4
"""What our own menu has, counted; only for machines without the tokenizer."""


def priced(tool: Tool) -> str:
    """What a model is charged for on each turn: name, description and input schema."""
    return json.dumps(
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema},
        separators=(",", ":"),
        ensure_ascii=False,
    )


@functools.cache
def _tokenizer() -> Callable[[str], int] | None:
    """Counts tokens of o200k_base, if the extra `tokens` is installed."""
    try:
        from rs_bpe.bpe import openai  # noqa: PLC0415 - 48 MB, only for counting
    except ImportError:
        return None
    encoding = openai.o200k_base()
    return lambda text: len(encoding.encode(text))


def tokens(text: str) -> int:
    """The length of `text` in tokens of o200k_base, estimated where they cannot be counted."""
    count = _tokenizer()
    return round(len(text.encode()) / BYTES_A_TOKEN) if count is None else count(text)


def listing(tools: Mapping[str, Tool]) -> dict[str, Any]:
    """The menu with its sizes."""
    listed = [_listed(tool) for tool in tools.values()]
    return {
        "count": len(tools),
        "bytes": sum(item["bytes"] for item in listed),
        "tokens": sum(item["tokens"] for item in listed),
        "tokens_estimated": _tokenizer() is None,
        "tools": listed,
    }


def _listed(tool: Tool) -> dict[str, Any]:
    text = priced(tool)
    return {
        "name": tool.name,
        "risk": tool.risk,
        "description": tool.description,
        "input_schema": tool.input_schema,
        "bytes": len(text.encode()),
        "tokens": tokens(text),
    }


def table(found: Mapping[str, Any]) -> str:
    """The menu as lines of text."""
    lines = [
        f"{item['name']:30} {item['risk']:12} {item['tokens']:5}  {item['description']}"
        for item in found["tools"]
    ]
    how = "estimated; the extra `tokens` counts" if found["tokens_estimated"] else "o200k_base"
    sizes = f"{found['bytes']:,} bytes, {found['tokens']:,} tokens ({how})"
    return "\n".join([*lines, "", f"{found['count']} tools, {sizes}"])


RISKS: Final[Mapping[Risk, str]] = {
    "read": "Changes nothing.",
    "write": "Changes configuration, after a person agreed.",
    "moves_value": "Changes what a member has, after a person agreed.",
    "destructive": "Takes away what cannot be given back, after a person agreed.",
}


def manifest_tools(tools: Mapping[str, Tool]) -> list[dict[str, str]]:
    """The menu as a bundle's manifest lists it."""
    return [{"name": tool.name, "description": tool.description} for tool in tools.values()]


def manifest_prompts(prompts: Iterable[Prompt]) -> list[dict[str, Any]]:
    """The prompts as a bundle's manifest lists them, with places for their arguments."""
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


def reference(tools: Mapping[str, Tool], roles: Callable[[str], Iterable[str]]) -> str:
    """The reference of the tools, in Markdown.

    Args:
        tools: what to describe.
        roles: in which roles a tool of this name is published.
    """
    return "\n\n".join(_entry(tool, roles(tool.name)) for tool in tools.values())


def _entry(tool: Tool, roles: Iterable[str]) -> str:
    lines = [
        f"### `{tool.name}`",
        "",
        tool.description,
        f"{RISKS[tool.risk]} Roles: {', '.join(roles)}.",
    ]
    schema = tool.input_schema
    required = schema.get("required", ())
    rows = [
        f"| `{name}` | {_kind(part)} | {'yes' if name in required else ''} | {_cell(part)} |"
        for name, part in schema["properties"].items()
    ]
    if rows:
        lines += [
            "",
            "| argument | type | required | meaning |",
            "| --- | --- | --- | --- |",
            *rows,
        ]
    return "\n".join(lines)


def _kind(schema: Mapping[str, Any]) -> str:
    kind: str = schema["type"]
    return f"list of {_kind(schema['items'])}" if kind == "array" else kind


def _cell(schema: Mapping[str, Any]) -> str:
    choices = ", ".join(f"`{choice}`" for choice in schema.get("enum", ()))
    least, most = schema.get("minimum"), schema.get("maximum")
    bounds = [f"from {least}"] * (least is not None) + [f"to {most}"] * (most is not None)
    parts = [schema.get("description", ""), choices, " ".join(bounds)]
    return "; ".join(part for part in parts if part)


def costs(menus: Mapping[Role, tuple[Mapping[str, Tool], str]]) -> str:
    """What the menu of each role costs, as a table for the documents.

    Args:
        menus: the tools of each role, and their list as it is sent.
    """
    lines = [
        "| role | tools | name, description, input schema | at most | the whole list as sent |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for role, (tools, wire) in menus.items():
        size = sum(tokens(priced(tool)) for tool in tools.values())
        most = f"{BUDGETS[role]:,}" if role in BUDGETS else ""
        lines.append(f"| `{role}` | {len(tools)} | {size:,} | {most} | {tokens(wire):,} |")
    return "\n".join(lines)


def with_costs(document: str, table: str) -> str:
    """A document with the table between its two marks.

    Raises:
        ValueError: a mark is missing.
    """
    before, _, rest = document.partition(COSTS_BEGIN)
    _, end, after = rest.partition(COSTS_END)
    if not end:
        raise ValueError(f"the document lacks {COSTS_BEGIN} or {COSTS_END}")
    return f"{before}{COSTS_BEGIN}\n\n{table}\n\n{COSTS_END}{after}"
