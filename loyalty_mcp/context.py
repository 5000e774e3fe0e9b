"""What a tool works with: the upstream client, the references, the journal and the clock."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from loyalty_mcp.client import Brevo
from loyalty_mcp.config import Role, Settings
from loyalty_mcp.journal_gate import JournalGate
from loyalty_mcp.policy import Policy
from loyalty_mcp.references import References

if TYPE_CHECKING:
    from loyalty_mcp.settlement import Settler


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a task may use.

    Args:
        brevo: the upstream client.
        references: names to ids.
        journal: intents and their audit trail.
        now: the clock.
        settings: as they were read.
        policy: what the operator allows.
        settler: finds out what became of intents.
        rehearsal: opens a client of a private, empty sandbox, thrown away at the end.
        caller: on whose behalf; empty outside a call.
        role: of the caller.
        operator: whether the caller sees the intents of others.
    """

    brevo: Brevo
    references: References
    journal: JournalGate
    now: Callable[[], datetime]
    settings: Settings
    policy: Policy
    settler: "Settler"
    rehearsal: Callable[[], AbstractAsyncContextManager[Brevo]]
    caller: str = ""
    role: Role = "full"
    operator: bool = False
