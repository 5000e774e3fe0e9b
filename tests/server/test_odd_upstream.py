"""Tools on an upstream whose replies drift from what is documented."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import TOOLS
from tests.conftest import SandboxControl
from tests.world import GOOD, World

ME = Caller(LOCAL, can_ask=False)
READS = [name for name, tool in TOOLS.items() if not tool.guarded]

Change = Callable[[str, Any], Any]
"""Takes the name of a field and its value; gives the value that is answered instead."""


class DriftingUpstream:
    """The sandbox, with every field of its JSON replies passed through a function.

    Args:
        sandbox: answers.
        change: changes the value of a field.
    """

    def __init__(self, sandbox: Starlette, change: Change) -> None:
        self._sandbox = sandbox
        self._change = change

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request of ASGI."""
        messages: list[Any] = []

        async def keep(message: Any) -> None:
            messages.append(message)

        await self._sandbox(scope, receive, keep)
        start, *rest = messages
        body = b"".join(message.get("body", b"") for message in rest)
        if body and start["status"] < 300:
            body = json.dumps(self._changed(json.loads(body))).encode()
        headers = [header for header in start["headers"] if header[0] != b"content-length"]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _changed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._change(name, self._changed(inner)) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._changed(item) for item in value]
        return value


def is_date(name: str) -> bool:
    """Whether a field is a date."""
    return name.endswith(("At", "Date", "From", "Time")) and name != "balanceExpirationDate"


ODD_LIST_ITEM = {"name": "No id, so nothing"}


def with_odd_item(name: str, value: Any) -> Any:
    """Lists of configuration with one item that is none."""
    return [ODD_LIST_ITEM, *value] if name == "items" else value


CHANGES: dict[str, Change] = {
    "unknown states": lambda name, value: "archived" if name == "state" else value,
    "unknown statuses": lambda name, value: "brand_new" if name == "status" else value,
    "unknown units": lambda name, value: "GOLD_COINS" if name == "unit" else value,
    "unknown strategies": lambda name, value: "later" if name.endswith("Strategy") else value,
    "empty update times": lambda name, value: "" if name in {"updatedAt", "createdAt"} else value,
    "null update times": lambda name, value: None if name in {"updatedAt", "createdAt"} else value,
    "no offsets": lambda name, value: (
        value[:19] if is_date(name) and isinstance(value, str) else value
    ),
    "bare days": lambda name, value: (
        value[:10] if is_date(name) and isinstance(value, str) else value
    ),
    "Go's empty time": lambda name, value: (
        "0001-01-01T00:00:00Z" if is_date(name) and value is None else value
    ),
    "null for empty lists": lambda _name, value: None if value == [] else value,
    "numbers as text": lambda _name, value: (
        str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    ),
    "new fields": lambda _name, value: (
        {**value, "addedOneDay": {"deep": [1]}} if isinstance(value, dict) else value
    ),
    "one odd item in each list": with_odd_item,
    "null items in each list": lambda name, value: [None, *value] if name == "items" else value,
}


@asynccontextmanager
async def drifting(sandbox: Starlette, change: Change) -> AsyncIterator[Runtime]:
    """A server on such an upstream."""
    runtime = compose(read_settings(confirm="token"), DriftingUpstream(sandbox, change))
    try:
        yield runtime
    finally:
        await runtime.close()


async def answer_of(runtime: Runtime, tool: str, arguments: dict[str, Any]) -> Answer:
    """What a tool answers."""
    answer = await runtime.dispatcher.call(tool, arguments, ME)
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_every_read_works_on_drifting_replies(
    sandbox: Starlette, world: World, change: Change
) -> None:
    """No odd value or object keeps a tool from answering; no description has unknown words."""
    async with drifting(sandbox, change) as runtime:
        answers = {
            name: await answer_of(runtime, name, GOOD[name](world))
            for name in READS
            if name != "check_intent"
        }

    failed = {name: answer.text for name, answer in answers.items() if answer.failed}
    if "export_program" in failed:
        assert "This program cannot be described" in failed.pop("export_program")
    assert failed == {}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_debit_is_applied_on_drifting_replies(
    sandbox: Starlette, control: SandboxControl, change: Change
) -> None:
    """A debit is previewed, agreed to and applied once, and its outcome is never told falsely."""
    before = await control.balance(101)
    debit = {"member": "101", "amount": 5, "reason": "Test"}
    async with drifting(sandbox, change) as runtime:
        preview = await answer_of(runtime, "debit_points", debit)
        assert not preview.failed, preview.text
        assert preview.structured is not None
        confirmed = {**debit, "confirmation": preview.structured["confirmation"]}
        outcome = await answer_of(runtime, "debit_points", confirmed)

    assert outcome.structured is not None
    assert outcome.structured["status"] == "applied"
    assert await control.balance(101) == before - 5


async def test_lots_without_an_offset_expire_in_utc(
    sandbox: Starlette, control: SandboxControl
) -> None:
    """The overview tells the same day of expiry, whether the API says the offset or not."""
    program = await control.program()
    definition = (await control.get(f"/v3/loyalty/balance/programs/{program}/balance-definitions"))[
        "items"
    ][0]["id"]
    credit = {
        "contactId": 101,
        "balanceDefinitionId": definition,
        "amount": 30,
        "autoComplete": True,
        "balanceExpiryInMinutes": 60 * 24 * 10,
    }
    await control.post(f"/v3/loyalty/balance/programs/{program}/transactions", credit)
    texts = []
    for change in (CHANGES["no offsets"], lambda _name, value: value):
        async with drifting(sandbox, change) as runtime:
            answer = await answer_of(runtime, "get_member_overview", {"member": "101"})
            assert not answer.failed, answer.text
            texts.append(answer.text)

    assert texts[0] == texts[1]
    assert "30 points" in texts[0]
