"""The services that tools use: upstream client, references, journal and clock."""

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
    """Determines the outcome of intents by reading; implemented in `guard.reconciliation`."""

    async def reconcile(self, context: "Context", intent: Intent, *, close: bool = False) -> Intent:
        """Return the intent with its outcome, if reads can determine it."""

    def is_orphaned(self, context: "Context", intent: Intent) -> bool:
        """Return whether an intent was sent so long ago that no process can still work on it."""

    async def reconcile_all(self, context: "Context") -> list[Intent]:
        """Reconcile all intents that have not ended, and return those that were checked."""

    async def reconcile_abandoned(self, context: "Context") -> None:
        """Reconcile what a dead process left behind."""


@dataclass(frozen=True, slots=True)
class Context:
    """The services and settings that a task may use.

    Args:
        brevo: the upstream client.
        references: convert names to ids.
        journal: intents and their audit trail.
        now: the clock.
        settings: as read.
        policy: what the operator allows.
        reconciler: determines the outcome of intents.
        rehearsal: opens a client of a private, empty sandbox, which is discarded afterwards.
        caller: the caller of the tool; empty outside a call.
        role: of the caller.
        operator: whether the caller can see others' intents.
        kept: what the agreed preview stored, while the second preview is made.
        history_lag: how long a change takes to appear in reads.
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
