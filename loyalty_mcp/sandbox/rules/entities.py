"""The engine's nouns, as values: programs, definitions, members and movements."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from loyalty_mcp.sandbox.rules.ledger import Application, BalanceRules, Status


@dataclass(frozen=True, slots=True)
class Program:
    """A loyalty program.

    Attributes:
        version: How often it was published; 0 is never.
    """

    id: str
    name: str
    description: str | None
    document_id: str | None
    meta: Mapping[str, Any]
    version: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of configuration, in one version.

    Attributes:
        kind: `balance_definition`, `limit`, `tier_group`, `tier` or `reward`.
        parent: The item it belongs to: a limit's definition, a tier's group.
        body: Its fields, spelled as the API spells them.
    """

    id: str
    program_id: str
    kind: str
    parent: str | None
    body: Mapping[str, Any]
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Definition:
    """A balance definition that is in force, with what it says as rules."""

    id: str
    name: str
    unit: str
    meta: Mapping[str, Any]
    internal: bool
    rules: BalanceRules


@dataclass(frozen=True, slots=True)
class Member:
    """A contact's membership of a program.

    Attributes:
        seq: The membership's own number; a later enrolment of the contact has another.
    """

    seq: int
    program_id: str
    contact_id: int
    own_id: str
    version: int
    meta: Mapping[str, Any]
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Movement:
    """A transaction, as it stands.

    Attributes:
        seq: Its place in the order of creation.
        amount: Signed: what was asked for, or, once applied, what was applied.
        minutes: The life of the credited lot, where it has its own.
        expires_at: When it lapses by its ttl.
        resolved_at: When it was completed, rejected or cancelled.
        lot_expires_at: When the credited lot ends.
        balance: The balance after it was applied.
    """

    seq: int
    id: str
    program_id: str
    definition_id: str
    member_seq: int
    amount: Decimal
    minutes: int | None
    event_time: int | None
    meta: Mapping[str, Any]
    created_at: int
    expires_at: int | None
    status: Status
    resolved_at: int | None = None
    lot_expires_at: int | None = None
    balance: Decimal | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """A movement that has just entered a balance."""

    movement: Movement
    member: Member
    definition: Definition
    application: Application
    at: datetime
