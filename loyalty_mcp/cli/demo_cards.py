"""The cards of the demo, as pages with real answers to view in a browser."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import anyio
from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from loyalty_mcp.cli.demo import AMOUNT, MEMBER, PURCHASES, SPEC
from loyalty_mcp.server.apps.pages import filled_card
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.settings import read_settings

CALLS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "member": ("get_member_overview", {"member": MEMBER, "include": ["movements"]}),
    "program": ("plan_program", {"spec": SPEC, "rehearse": True, "purchases": PURCHASES}),
    "approval": (
        "debit_points",
        {"member": MEMBER, "amount": AMOUNT, "reason": "Goodwill correction"},
    ),
}
"""The tool call that fills each card."""


def write_cards(folder: Path) -> Iterator[Path]:
    """Write a page for each card, with an answer of the embedded sandbox.

    Args:
        folder: where to write them; created if it does not exist.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in anyio.run(_pages).items():
        file = folder / f"{name}.html"
        file.write_text(page, encoding="utf-8")
        yield file


async def _pages() -> dict[str, str]:
    pages = {}
    with TemporaryDirectory(prefix="loyalty-mcp-") as journal:
        address = f"sqlite:///{Path(journal) / 'journal.db'}"
        runtime = compose(read_settings(confirm="ask", database_url=address))
        apps = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
        try:
            async with Client(runtime.server(), extensions=[apps]) as client:
                for name, (tool, arguments) in CALLS.items():
                    result = await client.call_tool(tool, dict(arguments))
                    answer = result.model_dump(by_alias=True, mode="json", exclude_none=True)
                    answer.pop("_meta", None)  # the confirmation, which must not be in a file
                    pages[name] = filled_card(name, {"input": dict(arguments), "result": answer})
        finally:
            await runtime.close()
    return pages
