"""The security page names tests that exist."""

import ast
import re

import pytest

from tests.docs.documents import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_named_test_exists(file: str, name: str) -> None:
    """Every test named on the page exists."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found = {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert name in found


def test_every_point_is_answered_with_a_test() -> None:
    """All ten points have tests."""
    points = re.split(r"^## MCP", PAGE, flags=re.MULTILINE)[1:]

    assert [point[:2] for point in points] == [f"{number:02}" for number in range(1, 11)]
    assert all("`tests/" in point for point in points)
