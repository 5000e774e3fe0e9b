"""Disclosures of a person's full contact data: audit entries that belong to no intent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from loyalty_mcp.intents.journal.database import Database
from loyalty_mcp.intents.journal.trail import append_step

NO_INTENT: Final = ""
DISCLOSED: Final = "disclosed"


class Disclosures:
    """Writes disclosures of personal data to the audit trail.

    Args:
        database: where the trail is stored.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, *, caller: str, tool: str, contact: int, fields: Sequence[str], at: datetime
    ) -> None:
        """Record that a caller is about to see fields of a contact in full.

        Args:
            caller: who asked.
            tool: the tool that was called.
            contact: the contact whose data is shown.
            fields: their names, never their values.
            at: UTC.

        Raises:
            JournalUnavailable: the database cannot be used.
        """
        details = {"contact": contact, "fields": list(fields)}

        def work(connection: Connection) -> None:
            append_step(
                connection,
                intent=NO_INTENT,
                step=DISCLOSED,
                caller=caller,
                tool=tool,
                at=at,
                details=details,
            )

        await self._database.write(work)
