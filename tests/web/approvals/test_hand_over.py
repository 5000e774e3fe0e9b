"""Open the approvals page through a client that can show URLs."""

from typing import Any

import mcp_types as types
import pytest

from tests.conftest import Connect, Mode, SandboxControl
from tests.web.conftest import Serve

DEBIT: dict[str, Any] = {"member": "101", "amount": 5, "reason": "broken mug"}
PAGE = "https://loyalty.example/approvals"
FLAGS = {"confirm": "operator", "public_url": "https://loyalty.example"}


class Person:
    """A client callback that records URLs and answers with a fixed action."""

    def __init__(self, action: Any = "accept") -> None:
        self.action = action
        self.shown: list[str] = []

    def __call__(self, params: types.ElicitRequestParams) -> types.ElicitResult:
        """Record one URL."""
        assert isinstance(params, types.ElicitRequestURLParams)
        self.shown.append(params.url)
        return types.ElicitResult(action=self.action)


@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
async def test_the_page_is_opened_once_per_intent(
    connect: Connect, control: SandboxControl, action: str
) -> None:
    """The page is opened for a new intent only, and the intent waits whatever the person does."""
    person, before = Person(action), await control.balance(101)
    async with connect(person, **FLAGS) as client:
        asked = await client.call_tool("debit_points", DEBIT)
        assert asked.structured_content is not None
        assert asked.structured_content["status"] == "waiting_for_operator"
        call = {**DEBIT, "confirmation": asked.structured_content["intent"]}
        again = await client.call_tool("debit_points", call)

    assert again.structured_content is not None
    assert again.structured_content["status"] == "waiting_for_operator"
    assert person.shown == [PAGE]
    assert await control.balance(101) == before


async def test_without_a_public_url_no_page_is_opened(connect: Connect) -> None:
    """Without a public URL no page is opened."""
    person = Person()
    async with connect(person, confirm="operator") as client:
        await client.call_tool("debit_points", DEBIT)

    assert person.shown == []


async def test_the_page_is_opened_over_http(serve: Serve, mode: Mode) -> None:
    """The page is opened over HTTP too, in both eras."""
    person = Person()

    async def callback(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        return person(params)

    async with (
        serve(**FLAGS) as server,
        server.client(
            await server.token("agent"), mode=mode, elicitation_callback=callback
        ) as client,
    ):
        asked = await client.call_tool("debit_points", DEBIT)

    assert asked.structured_content is not None
    assert asked.structured_content["status"] == "waiting_for_operator"
    assert person.shown == [PAGE]


async def test_a_decision_while_the_page_is_open_lets_the_call_continue(
    serve: Serve, control: SandboxControl
) -> None:
    """An approval while the call is suspended lets that same call carry the change out."""
    before = await control.balance(101)
    async with serve(**FLAGS) as served:
        journal = served.runtime.context.journal.open()

        async def callback(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
            assert isinstance(params, types.ElicitRequestURLParams)
            (waiting,) = await journal.find()
            now = served.runtime.context.now()
            await journal.move(waiting.id, "proposed", "approved", now, agreed_by="operator:anna")
            return types.ElicitResult(action="accept")

        agent = await served.token("agent")
        async with served.client(agent, elicitation_callback=callback) as client:
            done = await client.call_tool("debit_points", DEBIT)

    assert done.structured_content is not None
    assert done.structured_content["status"] == "applied"
    assert await control.balance(101) == before - 5
