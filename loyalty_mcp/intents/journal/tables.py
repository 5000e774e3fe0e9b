"""The journal's tables, and the migrations of older journals."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    select,
    text,
    update,
)

from loyalty_mcp.errors import JournalUnavailable
from loyalty_mcp.intents.audit_trail import START

metadata = MetaData()

versions = Table("schema_version", metadata, Column("version", Integer, nullable=False))

intents = Table(
    "intents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("tool", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("caller", String(200), nullable=False),
    Column("account", String(64), nullable=False, server_default=""),
    Column("scope", Text, nullable=False, server_default=""),
    Column("arguments", Text, nullable=False),
    Column("resolved", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("preview", Text, nullable=False),
    Column("route", String(10), nullable=False),
    Column("state", String(12), nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("expires_at", String(32), nullable=False),
    Column("movement_kind", String(6)),
    Column("movement_amount", BigInteger),  # in millionths, so that sums are exact
    Column("movement_member", BigInteger),
    Column("agreed_by", String(200)),
    Column("transaction_id", String(64)),
    Column("result", Text),
    Column("reason", Text),
    Column("sent_at", String(32)),
    Column("deadline", String(32)),
    Column("subject", String(200)),
    Column("confirmation", String(64)),
    Column("batch", String(32)),
    Column("kept", Text),
    Column("refers_to", String(160)),
    Index("intents_by_state", "state", "created_at"),
    Index("intents_by_caller_and_state", "caller", "state", "sent_at"),
    Index("intents_by_member", "movement_member", "movement_kind", "sent_at"),
    Index("intents_by_transaction", "transaction_id"),
    Index("intents_by_age", "created_at"),
    Index("intents_by_end", "state", "expires_at"),
    Index("intents_by_subject", "subject", "account", "state"),
    Index("intents_by_confirmation", "confirmation"),
    Index("intents_by_batch", "batch"),
    Index("intents_by_reference", "refers_to", "account"),
    Index("intents_by_tool", "tool", "account", "state"),
)

subject_claims = Table(
    "subject_claims",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("intent", String(32), nullable=False, unique=True),
    Column("until", String(32), nullable=False),
)
"""The intent that may change a subject now; the primary key admits one at a time."""

accounts = Table(
    "accounts",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("organization", String(64), nullable=False, index=True),
)
"""Keys that are known to belong to the same Brevo organization."""

account_facts = Table(
    "account_facts",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", String(32), nullable=False),
)
"""Facts about how the API behaves for an account."""

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("intent", String(32), nullable=False),
    Column("step", String(12), nullable=False),
    Column("caller", String(200), nullable=False),
    Column("tool", String(64), nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Index("audit_by_intent", "intent"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("number", Integer, nullable=False),
    Column("fingerprint", String(64), nullable=False),
)

audit_start = Table(
    "audit_start",
    metadata,
    Column("number", Integer, nullable=False),
    Column("fingerprint", String(64), nullable=False),
)
"""The last pruned entry, if any."""

tokens = Table(
    "tokens",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("role", String(10), nullable=False),
    Column("member", String(320)),
    Column("operator", Integer, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("expires_at", String(32)),
    Column("revoked_at", String(32)),
)

ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("expires_at", String(32), nullable=False),
)
"""Operator sessions that were signed out before they expired."""


def m001_initial(connection: Connection) -> None:
    """Intents and the audit trail."""
    metadata.create_all(connection, tables=[intents, audit, audit_head])
    connection.execute(audit_head.insert().values(number=0, fingerprint=START))


def m002_tokens(connection: Connection) -> None:
    """Static tokens of HTTP callers."""
    metadata.create_all(connection, tables=[tokens])


def m003_indexes(connection: Connection) -> None:
    """Every frequent query has an index, however many intents there are."""
    connection.execute(text("DROP INDEX IF EXISTS intents_by_caller"))
    _index(connection, "intents_by_age", "intents_by_caller_and_state")


def m004_what_waits(connection: Connection) -> None:
    """Intents that can still be agreed to are found among many that were not."""
    _index(connection, "intents_by_end")


NEW_INDEXES: Final = (
    *("intents_by_subject", "intents_by_confirmation", "intents_by_batch"),
    *("intents_by_reference", "intents_by_tool"),
)


def m005_accounts_and_subjects(connection: Connection) -> None:
    """Intents belong to an account and a scope, and changes of the same subject take turns."""
    present = {column["name"] for column in inspect(connection).get_columns(intents.name)}
    for column in intents.columns:
        if column.name not in present:
            kind = column.type.compile(connection.dialect)
            default = "" if column.nullable else " NOT NULL DEFAULT ''"
            connection.execute(
                text(f"ALTER TABLE intents ADD COLUMN {column.name} {kind}{default}")
            )
    metadata.create_all(connection, tables=[subject_claims, accounts, account_facts, audit_start])
    _index(connection, *NEW_INDEXES)


def m006_ended_sessions(connection: Connection) -> None:
    """A session that was signed out ends on every replica."""
    metadata.create_all(connection, tables=[ended_sessions])


def _index(connection: Connection, *names: str) -> None:
    """Create indexes of the intents, unless a newer first migration has created them already."""
    for index in intents.indexes:
        if index.name in names:
            index.create(connection, checkfirst=True)


MIGRATIONS: Final[tuple[Callable[[Connection], None], ...]] = (
    m001_initial,
    m002_tokens,
    m003_indexes,
    m004_what_waits,
    m005_accounts_and_subjects,
    m006_ended_sessions,
)
"""In the order of their application; never edited after release."""


def migrate(connection: Connection) -> None:
    """Migrate the journal to this version, inside one write transaction.

    Raises:
        JournalUnavailable: a newer version wrote it.
    """
    if not inspect(connection).has_table(versions.name):
        metadata.create_all(connection, tables=[versions])
        connection.execute(versions.insert().values(version=0))
    found = connection.execute(select(versions.c.version)).scalar_one()
    if found > len(MIGRATIONS):
        raise JournalUnavailable(
            "The journal was written by a newer version of this program; the operator must update."
        )
    for migration in MIGRATIONS[found:]:
        migration(connection)
    connection.execute(update(versions).values(version=len(MIGRATIONS)))
