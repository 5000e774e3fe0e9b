"""Generated files are up to date."""

import importlib.metadata
import json
import tomllib
from typing import Any

import pytest

from docs.generate import generated, replaced
from docs.make_icon import icon
from tests.docs.documents import ROOT

GENERATED = generated()


@pytest.mark.parametrize("path", GENERATED)
def test_generated_file(path: str) -> None:
    """`python -m docs.generate` would change nothing."""
    assert GENERATED[path] == (ROOT / path).read_text(encoding="utf-8")


def test_a_section_without_its_marks_is_a_mistake() -> None:
    """A missing mark is an error, and nothing is omitted silently."""
    with pytest.raises(ValueError, match="no generated section"):
        replaced("text", "figures", "")


@pytest.mark.slow
def test_the_icon_is_what_is_drawn() -> None:
    """The committed file equals the script's output, pixel by pixel."""
    assert icon() == (ROOT / "icon.png").read_bytes()


def test_the_version_stands_in_one_place() -> None:
    """All other places take the version from pyproject.toml."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    manifest = json.loads((ROOT / "manifest.json").read_text("utf-8"))
    entry = json.loads((ROOT / "server.json").read_text("utf-8"))

    assert {
        project["version"],
        manifest["version"],
        entry["version"],
        *(package["version"] for package in entry["packages"]),
        importlib.metadata.version("loyalty-mcp"),
    } == {project["version"]}
