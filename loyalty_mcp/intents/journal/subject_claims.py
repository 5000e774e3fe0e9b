"""Claims on subjects: of several intents with the same subject, one runs at a time.

The primary key of the table admits one intent, in any process. A claim ends with its intent, or
when it expires: after that, its holder can no longer send anything.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from loyalty_mcp.intents.journal.rows import stored
from loyalty_mcp.intents.journal.tables import subject_claims


def claim(
    connection: Connection,
    account: str,
    subject: str,
    intent: str,
    *,
    now: datetime | None,
    until: datetime,
) -> str | None:
    """Claim a subject for an intent, inside a write transaction.

    Args:
        connection: the connection of the write transaction.
        account: the Brevo account.
        subject: what will be changed.
        intent: who claims it.
        now: upstream time; an expired claim is taken over. None if unknown: then no claim is taken
            over.
        until: when the claim expires, in upstream time.

    Returns:
        None if the intent holds the claim now, otherwise the intent that holds it.
    """
    other = holder_of(connection, account, subject, intent, now=now)
    if other is not None:
        return other
    place = _place(account, subject)
    connection.execute(delete(subject_claims).where(place | (subject_claims.c.intent == intent)))
    connection.execute(
        insert(subject_claims).values(
            account=account, subject=subject, intent=intent, until=stored(until)
        )
    )
    return None


def holder_of(
    connection: Connection, account: str, subject: str, intent: str, *, now: datetime | None
) -> str | None:
    """The other intent that holds the claim on a subject, if any; arguments as for `claim`."""
    row = connection.execute(select(subject_claims).where(_place(account, subject)))
    found = row.mappings().first()
    if found is None or found["intent"] == intent:
        return None
    over = now is not None and found["until"] <= stored(now)
    return None if over else str(found["intent"])


def _place(account: str, subject: str) -> ColumnElement[bool]:
    return (subject_claims.c.account == account) & (subject_claims.c.subject == subject)


def extend_claim(connection: Connection, intent: str, until: datetime) -> bool:
    """Extend the claim of an intent; False if it was lost."""
    statement = (
        update(subject_claims).where(subject_claims.c.intent == intent).values(until=stored(until))
    )
    return connection.execute(statement).rowcount == 1


def release(connection: Connection, intent: str) -> None:
    """End the claim of an intent, if it has one."""
    connection.execute(delete(subject_claims).where(subject_claims.c.intent == intent))
