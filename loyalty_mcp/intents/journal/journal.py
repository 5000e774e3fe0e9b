"""Stored intents: each state change is one conditional update, with its audit entry."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, update

from loyalty_mcp.intents.audit_trail import Trail, masked_arguments
from loyalty_mcp.intents.journal import queries
from loyalty_mcp.intents.journal.account_facts import AccountFacts
from loyalty_mcp.intents.journal.batches import Batches
from loyalty_mcp.intents.journal.database import Database
from loyalty_mcp.intents.journal.disclosures import Disclosures
from loyalty_mcp.intents.journal.ended_sessions import EndedSessions
from loyalty_mcp.intents.journal.rows import intent_of, row_of, stored
from loyalty_mcp.intents.journal.subject_claims import claim, extend_claim, holder_of, release
from loyalty_mcp.intents.journal.tables import intents
from loyalty_mcp.intents.journal.tokens import Tokens
from loyalty_mcp.intents.journal.trail import append_entry, prune_trail, read_trail
from loyalty_mcp.intents.journal.transitions import get_intent, move_intent
from loyalty_mcp.intents.journal.usage import read_usage
from loyalty_mcp.intents.lifecycle import (
    ENDED,
    Intent,
    Movement,
    State,
    check_move,
)
from loyalty_mcp.intents.policy import Policy, Usage, check

KEPT: Final = timedelta(days=90)
"""How long ended intents are kept."""


class Journal:
    """All intents with their outcomes.

    Args:
        url: an SQLAlchemy address.

    Every method raises JournalUnavailable if the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.tokens = Tokens(self._database)
        self.account_facts = AccountFacts(self._database)
        self.ended_sessions = EndedSessions(self._database)
        self.disclosures = Disclosures(self._database)
        self.batches = Batches(self._database)

    def __repr__(self) -> str:
        """The representation without the address, which may contain a password."""
        return f"Journal({self._database!r})"

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def add(self, intent: Intent) -> None:
        """Store a new intent."""
        details = {
            "arguments": masked_arguments(intent.arguments),
            "facts": intent.facts,
            "route": intent.route,
            "account": intent.account,
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(intents).values(row_of(intent)))
            append_entry(connection, intent, intent.state, intent.created_at, details)

        await self._database.write(work)

    async def get(self, intent_id: str) -> Intent | None:
        """The intent with that id, if there is one."""
        return await self._database.read(lambda connection: get_intent(connection, intent_id))

    async def starting_with(self, prefix: str) -> list[Intent]:
        """The intents whose id starts with `prefix`, at most two."""
        return await self._found(queries.with_prefix(prefix))

    async def by_confirmation(self, digest: str) -> Intent | None:
        """The intent that a confirmation with this digest confirms, if there is one."""
        return _first(await self._found(queries.with_confirmation(digest)))

    async def move(
        self, intent_id: str, origin: State, target: State, at: datetime, **changes: Any
    ) -> bool:
        """Change an intent from state `origin` to `target`, if its state is still `origin`.

        Of several callers, in any process, only one succeeds.

        Returns:
            whether this call changed the state.

        Raises:
            IllegalMove: there is no such state change.
        """
        check_move(origin, target)
        return await self._database.write(
            lambda connection: move_intent(connection, intent_id, origin, target, at, changes)
        )

    async def conclude(self, intent: Intent, target: State, at: datetime, **changes: Any) -> bool:
        """Record an outcome that was found by reading, unless the intent has changed since.

        A process that has bound a draft, extended the deadline or ended the intent since then has
        newer knowledge.

        Returns:
            whether this call changed the state.

        Raises:
            IllegalMove: there is no such state change.
        """
        check_move(intent.state, target)

        def work(connection: Connection) -> bool:
            found = get_intent(connection, intent.id)
            if found is None or found.transaction_id != intent.transaction_id:
                return False
            if found.deadline != intent.deadline:
                return False
            return move_intent(connection, intent.id, intent.state, target, at, changes)

        return await self._database.write(work)

    async def claim_subject(
        self, intent: Intent, *, now: datetime | None, until: datetime
    ) -> str | None:
        """Claim the subject of an intent, so that no other intent changes it at the same time.

        Args:
            intent: an approved intent with a subject.
            now: upstream time; an expired claim is taken over. None if unknown.
            until: when the claim expires, in upstream time.

        Returns:
            None if this intent holds the claim, otherwise the id of the intent that holds it.
        """
        subject = intent.subject
        if subject is None:
            return None
        return await self._database.write(
            lambda connection: claim(
                connection, intent.account, subject, intent.id, now=now, until=until
            )
        )

    async def subject_holder(self, intent: Intent, *, now: datetime | None) -> str | None:
        """The other intent that holds the claim on a subject; arguments as for `claim_subject`."""
        subject = intent.subject
        if subject is None:
            return None
        return await self._database.read(
            lambda connection: holder_of(connection, intent.account, subject, intent.id, now=now)
        )

    async def release_subject(self, intent: Intent) -> None:
        """End the claim of an intent that was not sent."""
        await self._database.write(lambda connection: release(connection, intent.id))

    async def send(
        self, intent: Intent, policy: Policy, now: datetime, *, deadline: datetime
    ) -> bool:
        """In one transaction, change an approved intent to `sent` if the policy still allows it.

        Args:
            intent: holds the claim on its subject.
            policy: its caps are checked against earlier movements.
            now: our clock.
            deadline: until when a request of it may still arrive, in upstream time.

        Returns:
            whether this call changed the state.

        Raises:
            Refused: a cap is reached; the intent stays approved.
        """

        def work(connection: Connection) -> bool:
            if intent.subject is not None and not extend_claim(connection, intent.id, deadline):
                return False
            usage = read_usage(connection, intent.account, intent.caller, intent.movement, now)
            check(policy, intent.tool, intent.movement, usage)
            sent = {"sent_at": now, "deadline": deadline}
            return move_intent(connection, intent.id, "approved", "sent", now, sent)

        return await self._database.write(work)

    async def prolong(self, intent: Intent, deadline: datetime) -> bool:
        """Record a later deadline for an intent that is sent in several steps.

        Returns:
            whether it is still being sent; otherwise nothing more may be sent.
        """
        statement = (
            update(intents)
            .where(intents.c.id == intent.id, intents.c.state == "sent")
            .values(deadline=stored(deadline))
        )

        def work(connection: Connection) -> bool:
            if connection.execute(statement).rowcount != 1:
                return False
            return intent.subject is None or extend_claim(connection, intent.id, deadline)

        return await self._database.write(work)

    async def usage(
        self, account: str, caller: str, movement: Movement | None, now: datetime
    ) -> Usage:
        """What was moved today, and how many changes were made this hour, in one account."""
        return await self._database.read(
            lambda connection: read_usage(connection, account, caller, movement, now)
        )

    async def set_transaction(
        self,
        intent: Intent,
        transaction_id: str,
        at: datetime,
        *,
        kept: Mapping[str, Any] | None = None,
    ) -> bool:
        """Bind a draft to its intent permanently, while the intent is being sent.

        Args:
            intent: is being sent.
            transaction_id: of the draft, or of the redemption.
            at: our clock.
            kept: facts from the upstream, for reconciliation.

        Returns:
            whether this draft is bound; a second draft never is.
        """
        statement = (
            update(intents)
            .where(
                intents.c.id == intent.id,
                intents.c.state == "sent",
                intents.c.transaction_id.is_(None),
            )
            .values(transaction_id=transaction_id, kept=stored({**intent.kept, **(kept or {})}))
        )

        def work(connection: Connection) -> bool:
            bound = connection.execute(statement).rowcount == 1
            if bound:
                details = {"transaction_id": transaction_id}
                append_entry(connection, intent, "drafted", at, details)
            return bound

        return await self._database.write(work)

    async def made_by(self, transaction_id: str) -> Intent | None:
        """The intent that created a draft, if it was one of ours."""
        return _first(await self._found(queries.with_transaction(transaction_id)))

    async def of_subject(
        self, account: str, subject: str, states: Collection[State], *, limit: int = 20
    ) -> list[Intent]:
        """The newest intents with this subject in one of these states."""
        return await self._found(queries.of_subject(account, subject, states, limit))

    async def referring_to(
        self, account: str, reference: str, states: Collection[State], *, limit: int = 20
    ) -> list[Intent]:
        """The newest intents in these states that name an order, or reverse a transaction."""
        return await self._found(queries.referring_to(account, reference, states, limit))

    async def applied_by(self, account: str, tool: str, *, limit: int = 100) -> list[Intent]:
        """The newest applied intents of a tool."""
        return await self._found(queries.applied_by(account, tool, limit))

    async def find(
        self,
        *,
        states: Collection[State] | None = None,
        accounts: Collection[str] | None = None,
        limit: int = 100,
    ) -> list[Intent]:
        """Intents, newest first.

        Args:
            states: only those in one of these states.
            accounts: only those of one of these accounts.
            limit: the maximum number.
        """
        return await self._found(queries.newest(states, accounts, limit))

    async def waiting(self, now: datetime, *, limit: int) -> list[Intent]:
        """The intents that an operator can decide on now, by expiry."""
        return await self._found(queries.waiting_for_operator(now, limit))

    async def decided(self, since: datetime, *, limit: int) -> list[Intent]:
        """The intents for an operator that were decided since then, newest first."""
        return await self._found(queries.decided_by_operator(since, limit))

    async def _found(self, query: queries.Query) -> list[Intent]:
        return await self._database.read(
            lambda connection: [intent_of(row) for row in connection.execute(query).mappings()]
        )

    async def counts(self, now: datetime, caller: str | None = None) -> dict[str, int]:
        """The number of intents in each state that is not final, without expired ones."""
        query = queries.open_counts(now, caller)

        def work(connection: Connection) -> dict[str, int]:
            rows = connection.execute(query).mappings()
            return {str(row["state"]): int(row["number"]) for row in rows}

        return await self._database.read(work)

    async def prune(self, now: datetime) -> int:
        """Delete old intents that were never sent or have ended, and old audit entries.

        Returns:
            how many intents were deleted.
        """
        statement = delete(intents).where(
            intents.c.state.in_((*ENDED, "proposed")), intents.c.created_at < stored(now - KEPT)
        )

        def work(connection: Connection) -> int:
            prune_trail(connection, now)
            return int(connection.execute(statement).rowcount)

        return await self._database.write(work)

    async def trail(
        self, *, intent: str | None = None, tool: str | None = None, since: str | None = None
    ) -> Trail:
        """The audit trail in order, and its two ends.

        Args:
            intent: only entries of intents whose id starts with this.
            tool: only entries of this tool.
            since: only entries from this time on, as ISO text in UTC.
        """
        return await self._database.read(
            lambda connection: read_trail(connection, intent=intent, tool=tool, since=since)
        )


def _first(found: list[Intent]) -> Intent | None:
    return found[0] if found else None
