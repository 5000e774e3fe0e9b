"""The pages about the code name existing files, and every page is linked from an index."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.docs.documents import ROOT

LINK: Final = re.compile(r"\]\(([^)#]+)[^)]*\)")
NAMED_PATH: Final = re.compile(r"`((?:loyalty_mcp|tests|docs|benchmarks|\.ci)/[\w./-]*)`")
ABOUT_THE_CODE: Final = [
    ROOT / "AGENTS.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "docs" / "architecture.md",
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]


def linked(index: Path) -> set[Path]:
    """The files that an index links to."""
    targets = LINK.findall(index.read_text(encoding="utf-8"))
    return {(index.parent / target).resolve() for target in targets if "://" not in target}


@pytest.mark.parametrize("page", ABOUT_THE_CODE, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    """Every path in a page exists."""
    named = NAMED_PATH.findall(page.read_text(encoding="utf-8"))

    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("folder", ["docs", "docs/decisions", "docs/clients"])
def test_an_index_lists_every_page_of_its_folder(folder: str) -> None:
    """Every page is linked from the README of its folder."""
    index = ROOT / folder / "README.md"
    pages = {path.resolve() for path in (ROOT / folder).glob("*.md")} - {index.resolve()}

    assert pages - linked(index) == set()


def test_every_room_is_on_the_map() -> None:
    """Each folder of the package is in the table of rooms."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "loyalty_mcp").glob("*/__init__.py")}

    assert {room for room in rooms if f"| `{room}/` |" not in page} == set()


def test_make_runs_what_the_documents_say() -> None:
    """Each target is in the table of AGENTS.md, and its check is that of CI."""
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    targets = re.findall(r"^(\w+):", "\n".join(lines), re.MULTILINE)
    table = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    check = lines[lines.index(next(line for line in lines if line.startswith("check:"))) + 1 :]
    commands = [line.strip() for line in check[: check.index("")]]

    assert [name for name in targets if f"| `make {name}` |" not in table] == []
    assert len(commands) == 4
    assert set(commands) <= set(ci)
