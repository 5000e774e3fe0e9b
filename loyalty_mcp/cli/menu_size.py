"""The menu with its size in bytes and tokens, for the `tools` command."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from loyalty_mcp.tools.tool import Tool

BYTES_PER_TOKEN: Final = 4.4
"""Measured on our own menu; used only if the tokenizer is not installed."""


def charged_text(tool: Tool) -> str:
    """The text that a model reads in each turn: name, description and input schema."""
    return json.dumps(
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema},
        separators=(",", ":"),
        ensure_ascii=False,
    )


@functools.cache
def _tokenizer() -> Callable[[str], int] | None:
    """The o200k_base tokenizer, if the extra `tokens` is installed."""
    try:
        from rs_bpe.bpe import openai  # noqa: PLC0415 - 48 MB, needed only for counting
    except ImportError:
        return None
    encoding = openai.o200k_base()
    return lambda text: len(encoding.encode(text))


def count_tokens(text: str) -> int:
    """The length of `text` in o200k_base tokens; estimated if the tokenizer is missing."""
    count = _tokenizer()
    return round(len(text.encode()) / BYTES_PER_TOKEN) if count is None else count(text)


def menu_report(tools: Mapping[str, Tool]) -> dict[str, Any]:
    """The menu with the size of each tool and the total, as data."""
    listed = [_tool_report(tool) for tool in tools.values()]
    return {
        "count": len(tools),
        "bytes": sum(item["bytes"] for item in listed),
        "tokens": sum(item["tokens"] for item in listed),
        "tokens_estimated": _tokenizer() is None,
        "tools": listed,
    }


def _tool_report(tool: Tool) -> dict[str, Any]:
    text = charged_text(tool)
    return {
        "name": tool.name,
        "risk": tool.risk,
        "description": tool.description,
        "input_schema": tool.input_schema,
        "bytes": len(text.encode()),
        "tokens": count_tokens(text),
    }


def menu_table(report: Mapping[str, Any]) -> str:
    """A menu report as lines of text."""
    lines = [
        f"{item['name']:30} {item['risk']:12} {item['tokens']:5}  {item['description']}"
        for item in report["tools"]
    ]
    how = "estimated; the extra `tokens` counts" if report["tokens_estimated"] else "o200k_base"
    sizes = f"{report['bytes']:,} bytes, {report['tokens']:,} tokens ({how})"
    return "\n".join([*lines, "", f"{report['count']} tools, {sizes}"])
