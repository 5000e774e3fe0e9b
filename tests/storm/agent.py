"""The assistant in a storm: previews, agrees, agrees twice, forgets, and asks again."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import mcp_types as types

from loyalty_mcp.intents.lifecycle import row_intent_id
from tests.storm.engine import REWARD, World
from tests.storm.replica import Lost, Replica

GOES_ON = frozenset({"confirmation_required", "partly_applied"})
"""Answers after which the same call is repeated with a confirmation."""


UNDONE: Final = 0.4
"""The share of the batches that are undone, and of these that are undone once more."""


@dataclass(frozen=True)
class Agreed:
    """What a person agreed to, as the call said it.

    Args:
        tool: what was called.
        arguments: with what.
        preview: what the person was shown.
    """

    tool: str
    arguments: Mapping[str, Any]
    preview: Mapping[str, Any]


@dataclass
class Diary:
    """What the assistant did and was told.

    Args:
        proposed: how many previews were given.
        agreed: intents that were confirmed, noted before the confirmation was sent.
        answers: every final answer, as (intent, status).
        rows: what was said of each row of a batch, as (intent, status).
        lost: how many answers died with their server.
        errors: how many calls were plain errors, without an intent.
    """

    proposed: int = 0
    agreed: dict[str, Agreed] = field(default_factory=dict)
    answers: list[tuple[str, str]] = field(default_factory=list)
    rows: list[tuple[str, str]] = field(default_factory=list)
    lost: int = 0
    errors: int = 0


class Agent:
    """Asks for changes, one after the other.

    Args:
        replicas: the servers; any of them will do.
        world: what the changes are about.
        chance: draws what is asked for.
        diary: where it is written down.
        batches: the share of the changes that are batches.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        world: World,
        chance: random.Random,
        diary: Diary,
        batches: float = 0,
    ) -> None:
        self._batches = batches
        self._replicas = replicas
        self._world = world
        self._chance = chance
        self.diary = diary
        self._vouchers = list(world.vouchers)

    async def ask(self) -> None:
        """Ask for one change, and see it through or forget it."""
        if self._chance.random() < 0.1:
            await self._ask_twice_at_once()
            return
        tool, arguments = self._wish()
        answer = await self._call(tool, arguments)
        self.diary.proposed += answer is not None
        await self._see_through(tool, arguments, answer)

    async def _ask_twice_at_once(self) -> None:
        """Two agents preview a debit of the same member, and are agreed to at the same moment."""
        member = str(self._chance.choice(self._world.members))
        calls: list[tuple[dict[str, Any], Mapping[str, Any] | None]] = []
        for _ in range(2):
            arguments = {"member": member, "amount": self._chance.randint(1, 50), "reason": "Both"}
            answer = await self._call("debit_points", arguments)
            self.diary.proposed += answer is not None
            calls.append((arguments, answer))
        async with anyio.create_task_group() as group:
            for arguments, answer in calls:
                group.start_soon(self._see_through, "debit_points", arguments, answer)

    async def _see_through(
        self, tool: str, arguments: Mapping[str, Any], answer: Mapping[str, Any] | None
    ) -> None:
        """Agree to what a preview shows, or forget it; to a new preview likewise."""
        while answer is not None and answer.get("status") in GOES_ON:
            if self._chance.random() < 0.1:
                return
            if "preview" in answer:
                self.diary.agreed[answer["intent"]] = Agreed(tool, arguments, answer["preview"])
            confirmed = {**arguments, "confirmation": answer["confirmation"]}
            answer = await self._confirm(tool, confirmed)
        if tool == "bulk_change" and answer is not None and answer.get("status") == "applied":
            await self._undo_perhaps(answer["intent"])

    async def _undo_perhaps(self, batch: str) -> None:
        """Undo some of the batches, now and then twice."""
        while self._chance.random() < UNDONE:
            arguments = {"batch": batch, "reason": "Wrong list"}
            answer = await self._call("reverse_transaction", arguments)
            self.diary.proposed += answer is not None
            await self._see_through("reverse_transaction", arguments, answer)

    def _wish(self) -> tuple[str, dict[str, Any]]:
        if self._batches and self._chance.random() < self._batches:
            return "bulk_change", self._batch()
        drawn = self._chance.random()
        member = str(self._chance.choice(self._world.members))
        amount = self._chance.randint(1, 50)
        if drawn < 0.35:
            order = {"order_id": f"order-{amount}"} if self._chance.random() < 0.3 else {}
            return "credit_points", {"member": member, "amount": amount, "reason": "Storm", **order}
        if drawn < 0.45:
            life = {"expires_in_minutes": 60 * 24}
            return "credit_points", {"member": member, "amount": amount, "reason": "Gift", **life}
        if drawn < 0.70:
            return "debit_points", {"member": member, "amount": amount, "reason": "Storm"}
        if drawn < 0.85 and self._vouchers:
            contact, voucher = self._chance.choice(self._vouchers)
            if self._chance.random() < 0.8:  # the others are wanted twice
                self._vouchers.remove((contact, voucher))
            return "redeem_for_member", {"member": str(contact), "voucher_id": voucher}
        return "create_voucher", {"member": member, "reward": REWARD}

    def _batch(self) -> dict[str, Any]:
        """A few rows for different members, now and then twice for one."""
        members = [self._chance.choice(self._world.members) for _ in range(4)]
        rows = [
            {"member": str(member), "amount": self._chance.randint(1, 50)} for member in members
        ]
        return {
            "action": self._chance.choice(("credit", "debit")),
            "rows": rows,
            "reason": "Storm",
        }

    async def _confirm(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Confirm, sometimes several times at once, and again when the answer is lost."""
        if self._chance.random() < 0.2:
            answers: list[Mapping[str, Any] | None] = []

            async def once() -> None:
                answers.append(await self._call(tool, arguments))

            async with anyio.create_task_group() as group:
                for _ in range(self._chance.randint(2, 4)):
                    group.start_soon(once)
            return next((answer for answer in answers if answer is not None), None)
        for _ in range(3):
            answer = await self._call(tool, arguments)
            if answer is not None or self._chance.random() < 0.3:
                return answer
        return None

    async def _call(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        replica = self._chance.choice(self._replicas)
        try:
            result = await replica.call(tool, arguments)
        except Lost:
            self.diary.lost += 1
            return None
        return self._noted(result)

    def _noted(self, result: types.CallToolResult) -> Mapping[str, Any] | None:
        answer: Mapping[str, Any] | None = result.structured_content
        if answer is None:
            self.diary.errors += 1
            return None
        rows = answer.get("result", {}).get("rows")
        if rows is not None:
            self.diary.rows += [
                (row_intent_id(answer["intent"], row["row"]), row["status"]) for row in rows
            ]
        elif answer["status"] != "confirmation_required":
            self.diary.answers.append((answer["intent"], answer["status"]))
        return answer
