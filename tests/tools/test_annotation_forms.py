"""What an annotation says of an argument, in the words of an error."""

from typing import Annotated, Any

import pytest
from pydantic import Field

from loyalty_mcp.brevo.types import Count
from loyalty_mcp.tools.annotation_forms import form_of
from loyalty_mcp.tools.registry import TOOLS

Small = Annotated[int, Field(ge=1, le=100)]
Short = Annotated[str, Field(min_length=1, max_length=20)]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[Count, Field(ge=10)], "a whole number, at least 10"),
        (Annotated[Small, Field(ge=0, le=500)], "a whole number from 1 to 100"),
        (Annotated[Small, Field(ge=5, le=50)], "a whole number from 5 to 50"),
        (Annotated[Short, Field(max_length=10)], "a text of 1 to 10 characters"),
        (Annotated[Short, Field(max_length=99)], "a text of 1 to 20 characters"),
    ],
)
def test_of_several_bounds_the_tightest_is_told(annotation: Any, words: str) -> None:
    """A type with a bound that is narrowed, or repeated more loosely, holds the tightest."""
    assert form_of(annotation).expected == words


def test_the_shortest_ttl_of_a_draft_is_told() -> None:
    """An error about `ttl` names the ten seconds that are enforced."""
    assert TOOLS["create_transaction"].form.fields["ttl"].expected == "a whole number, at least 10"
