"""Claims on subjects: of several intents that change one subject, one runs at a time.

The primary key of the table lets one intent in, in whatever process it runs. A claim ends with its
intent, or when its time is over: then whoever held it can no longer send anything.
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
        connection: of the write transaction.
        account: the Brevo account.
        subject: what is about to be changed.
        intent: who claims it.
        now: upstream time; a claim whose time is over by then is taken over. None if it is not
            known: then no claim is.
        until: when the claim ends by itself, in upstream time.

    Returns:
        None if the claim is held now, else the intent that holds it.
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
    """The other intent that holds a subject, if there is one; arguments as for `claim`."""
    row = connection.execute(select(subject_claims).where(_place(account, subject)))
    found = row.mappings().first()
    if found is None or found["intent"] == intent:
        return None
    over = now is not None and found["until"] <= stored(now)
    return None if over else str(found["intent"])


def _place(account: str, subject: str) -> ColumnElement[bool]:
    return (subject_claims.c.account == account) & (subject_claims.c.subject == subject)


def extend_claim(connection: Connection, intent: str, until: datetime) -> bool:
    """Hold the claim of an intent until a later moment; False if the claim was lost."""
    statement = (
        update(subject_claims).where(subject_claims.c.intent == intent).values(until=stored(until))
    )
    return connection.execute(statement).rowcount == 1


def release(connection: Connection, intent: str) -> None:
    """End the claim of an intent, if it has one."""
    connection.execute(delete(subject_claims).where(subject_claims.c.intent == intent))
