"""A guard with one tool, whose previews and outcomes a test decides."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from loyalty_mcp.guard.confirmation import Call, Caller, Envelope
from loyalty_mcp.guard.guard import Guard
from loyalty_mcp.intents.lifecycle import Intent, Movement, Preparation, Preview
from loyalty_mcp.intents.policy import Policy
from loyalty_mcp.settings import Confirm
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.registry import TOOLS
from tests.guard.one_tool import MOVED, OneTool

TTL = timedelta(minutes=10)
OPERATOR_TTL = timedelta(days=1)
DIALOG_TIMEOUT = timedelta(minutes=2)
PLAIN = Caller("local", can_ask=False)
DIALOGS = Caller("local", can_ask=True)
CARDS = Caller("local", can_ask=False, shows_cards=True)
GIVEN: dict[str, Any] = {"member": "101", "amount": 5, "reason": "Test"}
FIVE = Preparation(
    Preview("Credit 5.", {"balance": 10}, {"balance": 15}, done="Credited 5."),
    facts={"balance": Decimal(10)},
    movement=Movement("credit", Decimal(5), 101),
    kept={"newest": "t-0"},
)
DRIFTED = replace(FIVE, facts={"balance": Decimal(11), "tier": "Gold"})

Step = Callable[[Context], Awaitable[Preparation]]


def same(preparation: Preparation) -> Step:
    """A preview that shows this."""

    async def prepare(_context: Context) -> Preparation:
        return preparation

    return prepare


@dataclass
class GuardedTool:
    """A guard, its one tool, and what was done with it.

    Args:
        one: the server and its clock.
        previews: what each preview shows; the last one is repeated.
        runs: how carrying it out ends.
    """

    one: OneTool
    previews: list[Step] = field(default_factory=lambda: [same(FIVE)])
    runs: BaseModel | Exception = MOVED
    contexts: list[Context] = field(default_factory=list)
    arguments: list[dict[str, Any]] = field(default_factory=list)
    sent: list[Intent] = field(default_factory=list)
    announced: list[Intent] = field(default_factory=list)

    async def prepare(self, context: Context, **arguments: Any) -> Preparation:
        """The next preview."""
        self.contexts.append(context)
        self.arguments.append(arguments)
        step = self.previews.pop(0) if len(self.previews) > 1 else self.previews[0]
        return await step(context)

    async def run(self, context: Context, intent: Intent, **arguments: Any) -> BaseModel:
        """Carry it out."""
        assert context is self.one.context
        assert {**arguments} == self.arguments[-1]
        self.sent.append(intent)
        if isinstance(self.runs, Exception):
            raise self.runs
        return self.runs

    def guard(self, confirm: Confirm = "token", policy: Policy | None = None) -> Guard:
        """A guard in a mode and under a policy."""
        return Guard(
            self.one.context,
            policy or self.one.context.policy,
            confirm=confirm,
            intent_ttl=TTL,
            operator_ttl=OPERATOR_TTL,
            dialog_timeout=DIALOG_TIMEOUT,
            announce=self.announced.append,
        )

    def call(self, caller: Caller = PLAIN, **changes: Any) -> Call:
        """A call of the tool."""
        tool = replace(
            TOOLS["credit_points"], prepare=self.prepare, run=self.run, reconcile=self.one.reads
        )
        return Call(tool, tool.validated({**GIVEN, **changes}), caller, scope="full")

    async def previewed(self, guard: Guard, call: Call) -> Envelope:
        """The answer to a call without a confirmation."""
        found = await guard.request(call)
        assert isinstance(found, Envelope)
        return found

    async def confirmed(self, guard: Guard, call: Call, confirmation: str | None) -> Envelope:
        """The answer to a call with a confirmation."""
        assert confirmation is not None
        found = await guard.confirm(call, confirmation)
        assert isinstance(found, Envelope)
        return found


async def stored(tool: GuardedTool, intent_id: str | None) -> Intent:
    """An intent as the journal has it."""
    assert intent_id is not None
    return await tool.one.stored(intent_id)
