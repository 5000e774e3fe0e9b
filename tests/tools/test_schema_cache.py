"""The file of published schemas says what the declarations say."""

import json
import os

import pytest

from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import menu
from loyalty_mcp.tools.schema_cache import FILE, kept

TOOLS = menu(read_settings())
PINNED = menu(read_settings(program="VIP Club", member="102"))
UPDATE = "UPDATE_SNAPSHOTS"
"""Set it to write the file anew."""


def test_the_file_is_the_declarations() -> None:
    """Every tool is there as it is declared; UPDATE_SNAPSHOTS=1 writes the file anew."""
    derived = {
        name: {"input": tool.derived_input(), "output": tool.derived_output()}
        for name, tool in TOOLS.items()
    }
    if os.environ.get(UPDATE):
        lines = (
            f"{json.dumps(name)}: {json.dumps(schemas, ensure_ascii=False, separators=(',', ':'))}"
            for name, schemas in derived.items()
        )
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        kept.cache_clear()

    assert kept() == derived


@pytest.mark.parametrize("name", PINNED)
def test_pinned(name: str) -> None:
    """What is pinned is left out of the kept schema as it is of the derived one."""
    tool = PINNED[name]

    assert tool.input_schema == tool.derived_input()
    assert tool.output_schema == tool.derived_output()
