"""The file of published schemas says what the declarations say."""

import pytest

from docs.schemas import derived_schemas
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import menu
from loyalty_mcp.tools.schema_cache import kept

PINNED = menu(read_settings(program="VIP Club", member="102"))


def test_the_file_is_the_declarations() -> None:
    """Every tool is there as it is declared; `python -m docs.generate` writes the file anew."""
    assert kept() == derived_schemas()


@pytest.mark.parametrize("name", PINNED)
def test_pinned(name: str) -> None:
    """What is pinned is left out of the kept schema as it is of the derived one."""
    tool = PINNED[name]

    assert tool.input_schema == tool.derived_input()
    assert tool.output_schema == tool.derived_output()
