"""A caller of bulk changes without a dialog, and members to change."""

from collections.abc import Sequence
from typing import Any

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer
from tests.conftest import SandboxControl
from tests.world import CONFIG

NOBODY_ASKS = Caller(LOCAL, can_ask=False)


class BulkCaller:
    """Calls one server as an assistant whose client shows no dialogs.

    Args:
        runtime: the server.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def once(self, tool: str, **arguments: Any) -> Answer:
        """One call."""
        answer = await self.runtime.dispatcher.call(tool, arguments, NOBODY_ASKS)
        assert isinstance(answer, Answer)
        return answer

    async def preview(self, **arguments: Any) -> dict[str, Any]:
        """The preview of a bulk change."""
        answer = await self.once("bulk_change", **arguments)
        assert answer.structured is not None, answer.text
        assert answer.structured["status"] == "confirmation_required"
        return dict(answer.structured)

    async def agreed(self, **arguments: Any) -> dict[str, Any]:
        """A bulk change that is agreed to, and its answer."""
        return await self.agreed_to("bulk_change", **arguments)

    async def agreed_to(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """A change that is agreed to, and its answer."""
        found = await self.once(tool, **arguments)
        assert found.structured is not None, found.text
        assert found.structured["status"] == "confirmation_required"
        confirmation = found.structured["confirmation"]
        answer = await self.once(tool, **arguments, confirmation=confirmation)
        assert answer.structured is not None, answer.text
        return dict(answer.structured)


async def new_members(control: SandboxControl, count: int) -> list[int]:
    """Contact ids of new members of the seeded program."""
    program = await control.program()
    contacts = []
    for number in range(count):
        contact = await control.post("/v3/contacts", {"email": f"bulk{number}@example.com"})
        enrolment = {"contactId": contact["id"], "loyaltySubscriptionId": f"BULK-{number}"}
        await control.post(f"{CONFIG}/{program}/subscriptions", enrolment)
        contacts.append(int(contact["id"]))
    return contacts


def credit_each(members: Sequence[object], amount: int = 100) -> dict[str, Any]:
    """The arguments of a bulk credit of the same amount to each member."""
    rows = [{"member": str(member), "amount": amount} for member in members]
    return {"action": "credit", "rows": rows, "reason": "Goodwill"}


def statuses(answer: dict[str, Any]) -> list[str]:
    """The status of each row of an answer."""
    return [row["status"] for row in answer["result"]["rows"]]
