"""What a tool works with: the upstream client, the references, the journal and the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from loyalty_mcp.client import Brevo
from loyalty_mcp.journal_gate import JournalGate
from loyalty_mcp.references import References


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a task may use; nothing of it belongs to one call."""

    brevo: Brevo
    references: References
    journal: JournalGate
    now: Callable[[], datetime]
