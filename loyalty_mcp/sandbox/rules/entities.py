"""The engine's entities as values: programs, definitions, members and movements."""

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
        version: How often it has been published.
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
        body: Its fields, in the API's spelling.
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
    """An active balance definition with its rules."""

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
        seq: Sequence number of the membership; enrolling again gives a new one.
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
    """A transaction in its current state.

    Attributes:
        seq: Sequence number, in the order of creation.
        amount: Signed: the amount requested or, once applied, the amount applied.
        minutes: The credited lot's own lifetime in minutes, if it has one.
        expires_at: When its ttl ends.
        resolved_at: When it was completed, rejected or cancelled.
        lot_expires_at: When the credited lot expires.
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
class CompletedMovement:
    """A movement that has just been applied to a balance."""

    movement: Movement
    member: Member
    definition: Definition
    application: Application
    at: datetime
