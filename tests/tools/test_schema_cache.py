"""The file of published schemas says what the declarations say."""

from dataclasses import replace
from pathlib import Path

import pytest

from docs.schemas import derived_schemas
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools import schema_cache
from loyalty_mcp.tools.registry import TOOLS, menu
from loyalty_mcp.tools.schema_cache import cached_schemas

PINNED = menu(read_settings(program="VIP Club", member="102"))


def test_the_file_is_the_declarations() -> None:
    """Every tool is there as it is declared; `python -m docs.generate` writes the file anew."""
    assert cached_schemas() == derived_schemas()


@pytest.mark.parametrize("name", PINNED)
def test_pinned(name: str) -> None:
    """What is pinned is left out of the cached_schemas schema as it is of the derived one."""
    tool = PINNED[name]

    assert tool.input_schema == tool.derived_input()
    assert tool.output_schema == tool.derived_output()


def test_without_the_file_schemas_are_derived(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A missing file makes the start slower, and changes nothing that is published."""
    known = TOOLS["debit_points"]
    monkeypatch.setattr(schema_cache, "FILE", tmp_path / "missing.json")
    cached_schemas.cache_clear()
    derived = replace(known)
    shown = derived.input_schema, derived.output_schema
    monkeypatch.undo()
    cached_schemas.cache_clear()

    assert shown == (known.input_schema, known.output_schema)
