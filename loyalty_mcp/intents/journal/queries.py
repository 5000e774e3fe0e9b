"""The queries on intents, as statements; each uses an index."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from loyalty_mcp.intents.journal.rows import stored
from loyalty_mcp.intents.journal.tables import intents
from loyalty_mcp.intents.lifecycle import BOUNDED, UNBOUNDED, State

Query = Select[Any]


def with_id(intent_id: str) -> Query:
    """The intent with that id."""
    return select(intents).where(intents.c.id == intent_id)


def with_prefix(prefix: str) -> Query:
    """The intents whose id starts with `prefix`; at most two, to detect ambiguity."""
    return select(intents).where(intents.c.id.startswith(prefix, autoescape=True)).limit(2)


def with_confirmation(digest: str) -> Query:
    """The intent that a confirmation with this digest confirms."""
    return select(intents).where(intents.c.confirmation == digest)


def with_transaction(transaction_id: str) -> Query:
    """The intent that created a draft."""
    return select(intents).where(intents.c.transaction_id == transaction_id)


def of_subject(account: str, subject: str, states: Collection[State], limit: int) -> Query:
    """The newest intents with a subject."""
    return _newest(states, limit).where(intents.c.account == account, intents.c.subject == subject)


def referring_to(account: str, reference: str, states: Collection[State], limit: int) -> Query:
    """The newest intents that name an order, or reverse a transaction."""
    return _newest(states, limit).where(
        intents.c.account == account, intents.c.refers_to == reference
    )


def applied_by(account: str, tool: str, limit: int) -> Query:
    """The newest applied intents of a tool."""
    return (
        _newest(None, limit)
        .where(intents.c.account == account, intents.c.tool == tool)
        .where(intents.c.state == "applied")
    )


def rows_of(batch: str) -> Query:
    """The intents of a batch's rows, oldest first."""
    return select(intents).where(intents.c.batch == batch).order_by(intents.c.created_at)


def newest(states: Collection[State] | None, accounts: Collection[str] | None, limit: int) -> Query:
    """Intents, newest first, of all states and accounts unless some are given."""
    query = _newest(states, limit)
    return query if accounts is None else query.where(intents.c.account.in_(tuple(accounts)))


def waiting_for_operator(now: datetime, limit: int) -> Query:
    """The intents that an operator can decide on now, by expiry."""
    return (
        select(intents)
        .where(
            intents.c.state == "proposed",
            intents.c.expires_at > stored(now),
            intents.c.route == "operator",
        )
        .order_by(intents.c.expires_at)
        .limit(limit)
    )


def decided_by_operator(since: datetime, limit: int) -> Query:
    """The intents for an operator that were decided since then, newest first."""
    return _newest(None, limit).where(
        intents.c.created_at > stored(since),
        intents.c.route == "operator",
        intents.c.state != "proposed",
    )


def open_counts(now: datetime, caller: str | None) -> Query:
    """The number of intents in each state that is not final, without expired ones."""
    in_time = intents.c.state.in_(BOUNDED) & (intents.c.expires_at > stored(now))
    query = (
        select(intents.c.state, func.count().label("number"))
        .where(in_time | intents.c.state.in_(UNBOUNDED))
        .group_by(intents.c.state)
    )
    return query if caller is None else query.where(intents.c.caller == caller)


def _newest(states: Collection[State] | None, limit: int) -> Query:
    query = select(intents).order_by(intents.c.created_at.desc()).limit(limit)
    return query if states is None else query.where(intents.c.state.in_(tuple(states)))
