"""Hosts of chats as clients: those that show cards, and keep all that a model may see."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import mcp_types as types
from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from loyalty_mcp.server.apps.confirmation_meta import CALL_KEY, CONFIRMATION_KEY
from loyalty_mcp.server.bootstrap import Runtime
from tests.conftest import Mode

SHOWS_CARDS: Final = (advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]}),)


class CardHost:
    """A host that shows cards and no dialogs: what the model sees is kept, `_meta` is the card's.

    Args:
        client: connected to the server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.seen_by_model: list[str] = []

    async def model_calls(self, tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """A call of the model: it sees the text and the structured content."""
        result = await self._client.call_tool(tool, arguments)
        visible = result.model_copy(update={"meta": None})
        self.seen_by_model.append(visible.model_dump_json())
        return result

    async def model_reads_all(self) -> None:
        """What else a model may see: the menu and the resources."""
        self.seen_by_model.append((await self._client.list_tools()).model_dump_json())
        self.seen_by_model.append((await self._client.list_resources()).model_dump_json())

    async def person_agrees(self, shown: types.CallToolResult, typed: str = "") -> Any:
        """A press of Agree in the card of an answer, with what was typed."""
        secret = confirmation_in_card(shown)
        return await self._press(shown, f"{secret}:{typed}" if typed else secret)

    async def person_declines(self, shown: types.CallToolResult) -> Any:
        """A press of Decline in the card of an answer."""
        return await self._press(shown, f"decline:{confirmation_in_card(shown)}")

    async def _press(self, shown: types.CallToolResult, said: str) -> types.CallToolResult:
        call = (shown.meta or {})[CALL_KEY]
        return await self._client.call_tool(
            call["name"], {**call["arguments"], "confirmation": said}
        )


def confirmation_in_card(shown: types.CallToolResult) -> str:
    """The confirmation that the card of an answer was given."""
    return str((shown.meta or {})[CONFIRMATION_KEY])


def host_factory(
    make_runtime: Callable[..., Runtime], mode: Mode
) -> Callable[..., AbstractAsyncContextManager[CardHost]]:
    """Connects hosts that show cards to servers with the given flags."""

    @asynccontextmanager
    async def connected(**flags: Any) -> AsyncIterator[CardHost]:
        server = make_runtime(**flags).server()
        async with Client(server, mode=mode, extensions=SHOWS_CARDS) as client:
            yield CardHost(client)

    return connected
