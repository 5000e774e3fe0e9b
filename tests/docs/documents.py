"""The documents for tests: their code blocks, and the commands in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = tuple(
    sorted(
        path
        for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
        if path.name != "CHANGELOG.md"
    )
)
BLOCK: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code.

    Args:
        page: the document, from the root.
        line: its first line.
        language: as marked.
        text: without the indentation of a list.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """For the name of a test."""
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Every block in one of these languages, in all documents."""
    return [block for page in PAGES for block in blocks_of(page) if block.language in languages]


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of one document."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        indent, language, body = found.groups()
        line = text.count("\n", 0, found.start()) + 1
        lines = [part.removeprefix(indent) for part in body.splitlines()]
        yield Block(str(page.relative_to(ROOT)), line, language, "\n".join(lines) + "\n")


def commands(block: Block) -> list[str]:
    """The commands of a shell block, with continued lines joined."""
    found: list[str] = []
    for line in block.text.splitlines():
        if found and (found[-1].endswith("\\") or found[-1].count("'") % 2):
            found[-1] = f"{found[-1]}\n{line}"
        elif line.strip():
            found.append(line)
    return found
