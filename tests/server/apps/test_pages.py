"""The pages of the cards are whole, and load nothing."""

import base64
import hashlib
import re

import pytest

from loyalty_mcp.server.apps.pages import NAMES, card_html, filled_card

ADDRESS = re.compile(
    r"""(?<!\.)\b(?:src|href|action|formaction|poster|data)\s*=(?!=)|@import|url\(|https?://"""
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


@pytest.mark.parametrize("name", NAMES)
def test_the_policy_of_a_card_allows_its_own_script_and_style_alone(name: str) -> None:
    """The page's own policy names what may run by its fingerprint, and allows nothing else."""
    page = card_html(name)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    fingerprint = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{fingerprint}'; ")
    assert "unsafe" not in policy
    assert "<script" not in script


def test_an_answer_in_a_page_cannot_end_its_element() -> None:
    """Markup in a stored answer stays inside the element that holds it."""
    page = filled_card("member", {"result": {"content": [], "x": "</script><img src=x>"}})

    assert "<img" not in page
    assert page.count("</script>") == 2


def test_another_name_is_no_card() -> None:
    """A name leads to one of the three files, never along a path."""
    with pytest.raises(ValueError, match="no card"):
        card_html("../__init__")
