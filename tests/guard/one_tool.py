"""A server with one tool, whose reads tell what a test wants them to tell."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from loyalty_mcp.brevo.types import Reply
from loyalty_mcp.guard.reconciliation import Reconciler
from loyalty_mcp.intents.lifecycle import Intent, State
from loyalty_mcp.tools.context import Context
from tests.intents.journal.test_journal import NOW, ONE, an_intent

SECOND = timedelta(seconds=1)
UNTIL = NOW + timedelta(minutes=1)
"""When nothing of an intent can arrive any more."""

RESOLVED = ("p-1", 101, "b-1")


class Moved(Reply):
    """What the tool of these tests answers."""

    id: str
    at: datetime | None = None
    note: str | None = None


MOVED = Moved(id="t-1", at=NOW)
AS_JSON = {"id": "t-1", "at": "2026-03-02T12:00:00Z"}


@dataclass
class Clock:
    """The clock of a server, and that of its upstream."""

    moment: datetime = NOW
    skew: timedelta | None = field(default_factory=timedelta)

    def now(self) -> datetime:
        """The moment at which it stands."""
        return self.moment

    def observe(self, date: str | None) -> None:
        """It stands whatever an answer says."""


@dataclass
class Reads:
    """What the reads of the tool tell, and how they were asked for.

    Args:
        tells: an error or a reply for each look; the last one is repeated.
    """

    tells: list[Exception | BaseModel]
    calls: list[dict[str, Any]] = field(default_factory=list)
    on_call: Callable[[], None] = lambda: None

    async def __call__(self, context: Context, intent: Intent, **named: Any) -> BaseModel:
        """Tell what became of an intent."""
        self.calls.append({"context": context, "intent": intent, **named})
        self.on_call()
        answer = self.tells.pop(0) if len(self.tells) > 1 else self.tells[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class OneTool:
    """A server whose one tool is known by its reads.

    Args:
        context: what tools work with.
        clock: its time.
        reads: what the tool tells.
        reconciler: knows that one tool.
    """

    context: Context
    clock: Clock
    reads: Reads
    reconciler: Reconciler

    async def sent(self, state: State = "sent", **changes: Any) -> Intent:
        """An intent that was sent at NOW, with a minute for its requests to arrive."""
        journal = self.context.journal.open()
        fields = {"account": self.context.account, "resolved": RESOLVED, **changes}
        intent = an_intent(**fields)
        await journal.add(intent)
        await journal.move(intent.id, "proposed", "approved", NOW, agreed_by="dialog")
        if intent.subject is not None:
            assert await journal.claim_subject(intent, now=NOW, until=UNTIL) is None
        assert await journal.send(intent, self.context.policy, NOW, deadline=UNTIL)
        if state != "sent":
            await journal.move(intent.id, "sent", state, NOW, reason="As it was.")
            await journal.release_subject(intent)
        return await self.stored(intent.id)

    async def stored(self, intent_id: str = ONE) -> Intent:
        """An intent as the journal has it."""
        found = await self.context.journal.open().get(intent_id)
        assert found is not None
        return found


async def outcome(answer: Exception | BaseModel) -> BaseModel:
    """Work that ends like this."""
    if isinstance(answer, Exception):
        raise answer
    return answer
