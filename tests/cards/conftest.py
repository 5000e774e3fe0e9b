"""A host of MCP Apps in Chromium, in front of a real server on the embedded sandbox."""

import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from playwright.async_api import Browser, FrameLocator, Page

from loyalty_mcp.server.apps.pages import card_html
from loyalty_mcp.server.bootstrap import Runtime
from tests import node_tools
from tests.browser import running_chromium, serious_violations
from tests.server.conftest import Clock

HOST: Final = "http://host.test/"
DOCUMENT: Final = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Host</title>'
STYLE: Final = "<style>body{margin:0} iframe{display:block;border:0;width:100%;height:60px}</style>"
PICTURES: Final = Path(__file__).parents[2] / "docs" / "images"
UPDATE: Final = "UPDATE_SCREENSHOTS"
CARD_OF: Final[Mapping[str, str]] = {
    "get_member_overview": "member",
    "explain_balance": "member",
    "plan_program": "program",
    "get_unpublished_changes": "program",
    "export_program": "program",
    "get_program_report": "program",
}
"""The card of each reading tool; guarded tools have the card of an approval."""

OpenHost = Callable[..., AbstractAsyncContextManager["CardHost"]]


@dataclass
class CardHost:
    """A page that hosts cards, and the client that it calls the server with.

    Args:
        page: the host's page.
        client: offers Apps and has no dialogs.
        clock: of the server.
        requests: the address of every request that the page or a card made.
        problems: errors of scripts, errors and warnings of the console, dialogs.
        calls: every call that a card made.
        held: set to let the calls of cards through, if there is one.
    """

    page: Page
    client: Client
    clock: Clock
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    held: anyio.Event | None = None

    @property
    def card(self) -> FrameLocator:
        """The frame of the card that is shown."""
        return self.page.frame_locator("iframe")

    async def show(
        self, tool: str, *, theme: str = "light", **arguments: Any
    ) -> types.CallToolResult:
        """Call a tool as the model would, and show its card with the answer."""
        result = await self.client.call_tool(tool, arguments)
        page = card_html(CARD_OF.get(tool, "approval"))
        answer = {"input": arguments, "result": _plain(result), "theme": theme}
        await self.page.evaluate(
            "([html, answer]) => window.showCard(html, answer)", [page, answer]
        )
        await self.card.locator("h1").first.wait_for()
        return result

    async def text(self) -> str:
        """What the card shows."""
        return await self.card.locator("main").inner_text()

    async def focused(self) -> str:
        """What the keyboard acts on in the card, by its tag and its text."""
        read = "[document.activeElement.tagName, document.activeElement.textContent].join(' ')"
        return str(await self.page.frames[-1].evaluate(read))

    async def ready(self) -> None:
        """Wait until the buttons can be pressed."""
        await self.card.get_by_role("button", name="Agree", disabled=False).wait_for()

    async def picture(self, name: str) -> None:
        """Save a screenshot for the documentation, if asked to."""
        if os.environ.get(UPDATE):
            await self.page.locator("iframe").screenshot(path=PICTURES / f"card-{name}.png")

    async def serious_violations(self) -> list[str]:
        """What axe-core finds in the card that keeps people from using it."""
        return await serious_violations(self.page.frames[-1])

    async def call_server(self, params: str) -> str:
        """Do a call that a card asks for, as a host does."""
        call = json.loads(params)
        self.calls.append(call)
        if self.held is not None:
            await self.held.wait()
        result = await self.client.call_tool(call["name"], call.get("arguments", {}))
        return json.dumps(_plain(result))


def _plain(result: types.CallToolResult) -> dict[str, Any]:
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop for the module, because the browser is bound to it."""
    return "asyncio"


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for the module."""
    async with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def host_script() -> str:
    """The host with the official library, in one script."""
    source = Path(__file__).parent / "host.js"
    bundled = node_tools.run(
        "esbuild",
        str(source),
        "--bundle",
        "--format=iife",
        "--log-level=warning",
        NODE_PATH=str(node_tools.FOLDER.parent),
    )
    assert bundled.returncode == 0, bundled.stderr
    return bundled.stdout


@pytest.fixture
def open_host(
    chromium: Browser, host_script: str, make_runtime: Callable[..., Runtime]
) -> OpenHost:
    """Opens a host in front of a server with the given flags; nothing may leave the host's page."""

    @asynccontextmanager
    async def opened(width: int = 760, **flags: Any) -> AsyncIterator[CardHost]:
        context = await chromium.new_context(viewport={"width": width, "height": 900})
        context.set_default_timeout(5_000)
        page = await context.new_page()
        apps = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
        runtime, clock = make_runtime(**flags), Clock()
        object.__setattr__(runtime.context, "now", clock)
        async with Client(runtime.server(), extensions=[apps]) as client:
            host = CardHost(page, client, clock)
            context.on("request", lambda request: host.requests.append(request.url))
            page.on("pageerror", lambda error: host.problems.append(str(error)))
            page.on(
                "console",
                lambda message: (
                    host.problems.append(message.text)
                    if message.type in {"error", "warning"}
                    else None
                ),
            )
            page.on("dialog", lambda dialog: host.problems.append(dialog.message))
            await page.route(
                re.compile(".*"), _fulfil_with(f"{DOCUMENT}{STYLE}</head><body></body>")
            )
            await page.goto(HOST)
            await page.expose_function("callServer", host.call_server)
            await page.add_script_tag(content=host_script)
            yield host
        await context.close()
        assert host.problems == []
        assert host.requests == [HOST]

    return opened


def _fulfil_with(html: str) -> Callable[[Any], Awaitable[None]]:
    """Answers the host's own address with its document, and refuses every other."""

    async def fulfil(route: Any) -> None:
        if route.request.url == HOST:
            await route.fulfill(body=html, content_type="text/html")
        else:
            await route.abort()

    return fulfil
