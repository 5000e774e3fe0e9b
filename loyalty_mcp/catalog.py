"""The menu described: for the `tools` command, the documents and the manifest."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from loyalty_mcp.tool import Tool

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
