"""Settlement: whatever happens to an answer, what is said agrees with the ledger."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import pytest
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from loyalty_mcp.agreement import Caller
from loyalty_mcp.composition import Parts, compose
from loyalty_mcp.config import read_settings
from loyalty_mcp.dispatch import Answer
from loyalty_mcp.intents import Intent
from tests.conftest import SandboxControl
from tests.world import GOOD, World, fill

ME: Final = Caller("local", can_ask=False)
CHANGES: Final = (
    *(("PUT", "*"), ("PATCH", "*"), ("DELETE", "*")),
    *(("POST", "*/programs"), ("POST", "*/publish"), ("POST", "*/subscriptions")),
    *(("POST", "*/subscription-members"), ("POST", "*/balance-definitions")),
    *(("POST", "*/limits"), ("POST", "*/balances"), ("POST", "*/transactions")),
    *(("POST", "*/complete"), ("POST", "*/cancel"), ("POST", "*/create-order")),
    *(("POST", "*/tier-groups"), ("POST", "*/tiers"), ("POST", "*/tiers/*")),
    *(("POST", "*/offers"), ("POST", "*/attribute"), ("POST", "*/redeem")),
)
"""Every request that changes something; a validation is a read."""

READS: Final = ("/validate",)

BLIND_FOREVER: Final = {
    "create_program",
    "create_balance_definition",
    "create_balance_limit",
    "create_tier_group",
    "create_tier",
    "create_reward",
    "create_subscription_balance",
    "publish_program",
    "remove_subscription_members",
    "complete_redemption",
}
"""No read of the API tells whether these took effect: after a lost answer they stay unknown.

(A redemption tells if it was opened here; the one of this world was opened elsewhere.)
"""

GUARDED: Final = sorted(
    {
        *("enroll_member", "credit_points", "debit_points", "reverse_transaction"),
        *("redeem_for_member", "expiring credit", "redeem and complete", "draft completed at once"),
        *("create_program", "update_program", "patch_program", "delete_program"),
        *("publish_program", "create_subscription", "delete_subscription"),
        *("add_subscription_members", "remove_subscription_members"),
        *("create_balance_definition", "update_balance_definition", "delete_balance_definition"),
        *("create_balance_limit", "update_balance_limit", "delete_balance_limit"),
        *("create_transaction", "complete_transaction", "cancel_transaction"),
        *("create_balance_order", "create_tier_group", "update_tier_group", "delete_tier_group"),
        *("create_tier", "update_tier", "delete_tier", "assign_tier", "create_reward"),
        *("create_voucher", "redeem_voucher", "complete_redemption", "revoke_vouchers"),
    }
)

VARIANTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "expiring credit": ("credit_points", {"expires_in_minutes": 60}),
    "redeem and complete": ("redeem_voucher", {"auto_complete": True}),
    "draft completed at once": ("create_transaction", {"auto_complete": True, "ttl": None}),
}
"""Cases that are an ordinary tool with something added."""

HELD: Final = {"redeem_voucher"}
"""An open redemption whose id was lost holds its voucher, and is settled once it has lapsed."""

TWO_PHASES: Final = {
    *("credit_points", "debit_points", "reverse_transaction"),
    *("redeem_for_member", "redeem and complete"),
}
"""What these leave open is no effect: it lapses, and moved nothing."""

LASTING: Final = """
SELECT 'moved', t.id, r.applied FROM transactions t JOIN resolutions r
ON r.transaction_seq = t.seq AND r.status = 'completed'
UNION ALL SELECT 'ended', voucher_seq, at FROM voucher_ends
UNION ALL SELECT 'redeemed', redemption_seq, at FROM redemption_ends WHERE status = 'completed'
"""


class Wire:
    """The sandbox as a server reaches it: counts changes, and can fail reads after one.

    Args:
        app: the sandbox.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.state = app.state
        self.changes: list[str] = []
        self.blind = False
        self.on_change: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or fail it."""
        path = str(scope["path"])
        reads = scope["method"] == "GET" or path.endswith(READS)
        if reads and self.blind and self.changes:
            start = {"type": "http.response.start", "status": 503, "headers": []}
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        if not reads:
            self.changes.append(f"{scope['method']} {path}")
            self.on_change()
        await self._app(scope, receive, send)


@dataclass
class Bench:
    """A server without its protocol, on a world with something of everything.

    Args:
        parts: the server.
        wire: between it and the sandbox.
        control: the sandbox from outside.
        world: ids of what has no name.
    """

    parts: Parts
    wire: Wire
    control: SandboxControl
    world: World

    def call_of(self, case: str) -> tuple[str, dict[str, Any]]:
        """The tool and the arguments of a case."""
        tool, more = VARIANTS.get(case, (case, {}))
        given = {**GOOD[tool](self.world), **more}
        return tool, {name: value for name, value in given.items() if value is not None}

    async def call(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """One call of a tool."""
        answer = await self.parts.dispatch.call(tool, arguments, ME)
        assert isinstance(answer, Answer)
        return answer

    async def confirmed(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The answer to a preview: the arguments with its confirmation."""
        preview = await self.call(tool, arguments)
        assert preview.structured is not None, preview.text
        return {**arguments, "confirmation": preview.structured["confirmation"]}

    async def faults(self, kind: str, *, status: int = 503, times: int = 1) -> None:
        """Let the next changes fail, each kind of request so many times."""
        faults = [
            {"method": method, "path": path, "kind": kind, "status": status, "times": times}
            for method, path in CHANGES
        ]
        await self.control.post("/sandbox/faults", {"faults": faults})

    async def calm(self) -> None:
        """Nothing fails any more."""
        self.wire.blind = False
        await self.control.post("/sandbox/faults", {"faults": []})

    async def trace(self, case: str) -> str:
        """What the ledger says of a case, so that an effect shows."""
        if case not in TWO_PHASES:
            return await self.control.state_hash()
        store = self.wire.state.store
        with store.unit() as unit:
            return repr([tuple(row) for row in unit.all(LASTING)])

    async def settled(self, intent: str, later: timedelta = timedelta(hours=1)) -> Intent:
        """The intent once the operator reconciled, when nothing can be on its way any more."""
        context = replace(self.parts.context, now=lambda: self.parts.context.now() + later)
        await context.settler.settle_all(context)
        found = await self.parts.context.journal.open().get(intent)
        assert found is not None
        return found


@pytest.fixture
async def bench(sandbox: Starlette, control: SandboxControl) -> AsyncIterator[Bench]:
    """A server that asks by token, on a full world."""
    world = await fill(control)
    wire = Wire(sandbox)
    parts = compose(read_settings(confirm="token"), wire)
    yield Bench(parts, wire, control, world)
    await parts.http.aclose()
    await parts.context.journal.close()


def test_every_guarded_tool_is_tried() -> None:
    """But for the plan, which goes on where it stopped and has tests of its own."""
    from loyalty_mcp.menu import every_tool  # noqa: PLC0415 - the menu, once

    guarded = {name for name, tool in every_tool().items() if tool.guarded}
    tried = {VARIANTS.get(case, (case, {}))[0] for case in GUARDED}
    assert guarded - tried == {"apply_program", "create_contact", "create_subscription_balance"} & (
        guarded
    )


LOST: Final = [
    pytest.param("drop_after_commit", 503, 1, False, id="answer lost"),
    pytest.param("drop_after_commit", 503, 9, False, id="every answer lost"),
    pytest.param("status_after_commit", 500, 1, False, id="done, then 500"),
    pytest.param("status_after_commit", 504, 9, False, id="always done, then 504"),
    pytest.param("malformed", 503, 1, False, id="malformed"),
    pytest.param("malformed", 503, 9, False, id="always malformed"),
    pytest.param("refuse_before", 503, 1, False, id="not done, 503"),
    pytest.param("refuse_before", 500, 9, False, id="never done, 500"),
    pytest.param("refuse_before", 422, 9, False, id="refused"),
    pytest.param("refuse_before", 429, 9, False, id="budget spent"),
    pytest.param("drop_after_commit", 503, 9, True, id="lost, and nothing to read"),
    pytest.param("refuse_before", 503, 9, True, id="not done, and nothing to read"),
]


@pytest.mark.parametrize("case", GUARDED)
@pytest.mark.parametrize(("kind", "status", "times", "blind"), LOST)
async def test_what_is_said_agrees_with_the_ledger(
    bench: Bench, case: str, kind: str, status: int, times: int, blind: bool
) -> None:
    """Applied means that it happened, not applied that it did not; at once, and when settled."""
    tool, arguments = bench.call_of(case)
    confirmed = await bench.confirmed(tool, arguments)
    before = await bench.trace(case)
    bench.wire.changes.clear()
    bench.wire.blind = blind
    await bench.faults(kind, status=status, times=times)

    answer = await bench.call(tool, confirmed)

    await bench.calm()
    happened = await bench.trace(case) != before
    assert answer.structured is not None, answer.text
    first = answer.structured["status"]
    assert first in {"applied", "not_applied", "unknown"}
    assert first == "unknown" or (first == "applied") == happened
    assert answer.failed == (first != "applied")
    settled = await bench.settled(confirmed["confirmation"])
    happened = await bench.trace(case) != before
    assert settled.state == "unknown" or (settled.state == "applied") == happened
    if settled.state == "unknown":
        assert tool in BLIND_FOREVER or case in HELD
    again = await bench.call(tool, confirmed)
    assert again.structured is not None
    assert again.structured["status"] == settled.state
    assert (await bench.trace(case) != before) == happened
