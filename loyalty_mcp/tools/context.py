"""What a tool works with: the upstream client, the references, the journal and the clock."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from loyalty_mcp.brevo.client import Brevo
from loyalty_mcp.brevo.references import References
from loyalty_mcp.intents.account import account_of
from loyalty_mcp.intents.lazy_journal import LazyJournal
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.intents.policy import Policy
from loyalty_mcp.intents.roles import Role
from loyalty_mcp.settings import Settings


class Reconciliation(Protocol):
    """Finds out by reading what became of intents; `guard.reconciliation` implements it."""

    async def reconcile(self, context: "Context", intent: Intent, *, close: bool = False) -> Intent:
        """Return the intent as far as reads can tell its outcome."""

    def is_orphaned(self, context: "Context", intent: Intent) -> bool:
        """Return whether an intent was sent so long ago that nobody can still be working on it."""

    async def reconcile_all(self, context: "Context") -> list[Intent]:
        """Reconcile every intent that has not ended, and return those looked at."""

    async def reconcile_abandoned(self, context: "Context") -> None:
        """Reconcile what a process that is gone left behind."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a task may use.

    Args:
        brevo: the upstream client.
        references: turns names into ids.
        journal: intents and their audit trail.
        now: the clock.
        settings: as they were read.
        policy: what the operator allows.
        reconciler: finds out what became of intents.
        rehearsal: opens a client of a private, empty sandbox, thrown away at the end.
        caller: on whose behalf; empty outside a call.
        role: of the caller.
        operator: whether the caller sees the intents of others.
        kept: what the agreed preview found out once, while it is made again.
        history_lag: how much later than its answer a change shows in what is read.
    """

    brevo: Brevo
    references: References
    journal: LazyJournal
    now: Callable[[], datetime]
    settings: Settings
    policy: Policy
    reconciler: Reconciliation
    rehearsal: Callable[[], AbstractAsyncContextManager[Brevo]]
    caller: str = ""
    role: Role = Role.FULL
    operator: bool = False
    kept: Mapping[str, Any] = field(default_factory=dict)
    history_lag: timedelta = timedelta()

    @property
    def account(self) -> str:
        """The Brevo account that changes belong to."""
        return account_of(self.settings)
