"""A process that moves points at random by the product's own path, without MCP around it.

It reads its task as JSON from standard input, and writes how often each status came about.
"""

import json
import random
import sys
from collections import Counter
from typing import Any, Final

import anyio

from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.guard.confirmation import Caller, Reaction
from loyalty_mcp.guard.operator_approval import decide
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.server.dispatcher import Answer, Dialog
from loyalty_mcp.settings import read_settings

AT_ONCE: Final = 6
DUE: Final = "2090-01-01T00:00:00Z"


class Mover:
    """Moves points by every tool that can.

    Args:
        runtime: a server without its protocol.
        task: what the process was given.
    """

    def __init__(self, runtime: Runtime, task: dict[str, Any]) -> None:
        self._runtime = runtime
        self._members = task["members"]
        self._amount = task["amount"]
        self._chance = random.Random(task["seed"])
        self._drafts: list[tuple[str, str]] = [tuple(item) for item in task["drafts"]]
        self._vouchers: list[tuple[str, str]] = [tuple(item) for item in task["vouchers"]]
        self._tools = task["tools"]
        self._caller = Caller("local", can_ask=task["mode"] == "dialog")
        self.statuses: Counter[str] = Counter()

    async def move(self) -> None:
        """One movement, by whatever tool, seen through to its end."""
        tool, arguments = self._wish()
        answer = await self._agreed(tool, arguments)
        status = (answer or {}).get("status", "refused")
        self.statuses[status] += 1
        result = (answer or {}).get("result", {})
        draft = result.get("transaction_id") or result.get("id")
        if tool in {"create_transaction", "create_balance_order"} and draft:
            self._drafts.append((arguments["member"], draft))

    def _wish(self) -> tuple[str, dict[str, Any]]:
        member = str(self._chance.choice(self._members))
        amount = self._chance.randint(1, 2 * self._amount) / 2
        signed = self._chance.choice((amount, -amount))
        tool = self._chance.choice(self._tools)
        if tool in {"credit_points", "debit_points"}:
            return tool, {"member": member, "amount": amount, "reason": "Random"}
        if tool == "create_balance_order":
            order = {"source": "user", "due_at": DUE}
            return tool, {"member": member, "amount": signed, **order}
        if tool == "complete_transaction" and self._drafts:
            owner, draft = self._chance.choice(self._drafts)
            return tool, {"transaction_id": draft, "member": owner, "balance": "Points"}
        if tool == "redeem_voucher" and self._vouchers:
            owner, voucher = self._vouchers.pop()
            return tool, {"voucher_id": voucher, "member": owner, "auto_complete": True}
        return "create_transaction", {
            "member": member,
            "amount": signed,
            "auto_complete": tool == "auto",
        }

    async def _agreed(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """The last answer to a call that is agreed to in the way of the mode."""
        dispatcher = self._runtime.dispatcher
        outcome = await dispatcher.call(tool, arguments, self._caller)
        while isinstance(outcome, Dialog):
            yes = Reaction(agreed=True)
            outcome = await dispatcher.resume(tool, arguments, self._caller, outcome, yes)
        for _ in range(3):
            answer = _data(outcome)
            status = None if answer is None else answer["status"]
            if status == "waiting_for_operator":
                assert answer is not None
                try:
                    await decide(
                        self._runtime.context, answer["intent"], "approved", "operator:test"
                    )
                except LoyaltyError:
                    return answer
                confirmation = answer["intent"]
            elif status == "confirmation_required":
                assert answer is not None
                confirmation = answer["confirmation"]
            else:
                return answer
            confirmed = {**arguments, "confirmation": confirmation}
            outcome = await dispatcher.call(tool, confirmed, self._caller)
        return _data(outcome)


def _data(outcome: Answer | Dialog) -> dict[str, Any] | None:
    if isinstance(outcome, Dialog) or outcome.structured is None:
        return None
    return dict(outcome.structured)


async def work(task: dict[str, Any]) -> Counter[str]:
    """Carry the task out."""
    settings = read_settings(
        api_key="movers",
        base_url=task["base_url"],
        database_url=task["journal"],
        confirm=task["mode"],
        policy=task["policy"],
        program=task["program"],
    )
    runtime = compose(settings)
    mover = Mover(runtime, task)
    left = [None] * task["count"]

    async def moving() -> None:
        while left:
            left.pop()
            await mover.move()

    async with anyio.create_task_group() as group:
        for _ in range(AT_ONCE):
            group.start_soon(moving)
    await runtime.close()
    return mover.statuses


if __name__ == "__main__":
    found = anyio.run(work, json.load(sys.stdin))
    json.dump(found, sys.stdout)
