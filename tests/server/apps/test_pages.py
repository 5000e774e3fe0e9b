"""The pages of the cards are whole, and load nothing."""

import re

import pytest

from loyalty_mcp.server.apps.pages import NAMES, card_html

ADDRESS = re.compile(
    r"""\b(?:src|href|action|formaction|poster|data)\s*=|@import|url\(|https?://"""
)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_one_document(name: str) -> None:
    """Each card is a whole HTML document in one file."""
    page = card_html(name)

    assert page.lower().startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert '<html lang="en"' in page


@pytest.mark.parametrize("name", NAMES)
def test_a_card_names_no_address(name: str) -> None:
    """Nothing in a card can be fetched; the namespace of SVG is a name and no address."""
    page = card_html(name).replace("http://www.w3.org/2000/svg", "")

    assert ADDRESS.findall(page) == []


def test_another_name_is_no_card() -> None:
    """A name leads to one of the three files, never along a path."""
    with pytest.raises(ValueError, match="no card"):
        card_html("../__init__")
