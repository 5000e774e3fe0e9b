"""A program with more members than a page holds."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import pytest
from starlette.applications import Starlette

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.records import contacts, definitions, members, movements, programs
from loyalty_mcp.sandbox.records.contacts import NewContact
from loyalty_mcp.sandbox.store import Store
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer

FIRST: Final = 1001
CROWD: Final = 1130
"""With the seeded eight, three pages."""

Call = Callable[..., Any]


@pytest.fixture(scope="session")
def crowded() -> Iterator[sqlite3.Connection]:
    """The store of a seeded engine with a crowd of members, made once."""
    store = create_app().state.store
    _add_crowd(store)
    yield store._connection
    store.close()


@pytest.fixture
def crowd(sandbox: Starlette, crowded: sqlite3.Connection) -> list[Decimal]:
    """Every member's balance in the seeded program, the seeded members' included, highest first."""
    crowded.backup(sandbox.state.store._connection)
    with sandbox.state.store.unit() as unit:
        rows = unit.all(
            "SELECT COALESCE((SELECT SUM(remaining) FROM open_lots o WHERE o.member = b.member"
            " AND o.definition = b.definition), 0) FROM balances b"
        )
    return sorted((Decimal(row[0]) / 1_000_000 for row in rows), reverse=True)


def _add_crowd(store: Store) -> None:
    drawn = random.Random(11)
    with store.unit() as unit:
        program = programs.page_of_programs(unit, "name", descending=False, limit=1, offset=0)[0]
        definition = next(
            each for each in definitions.definitions_in_force(unit, program) if not each.internal
        )
        for contact in range(FIRST, FIRST + CROWD):
            contacts.add_contact(unit, NewContact(email=f"{contact}@example.com"), contact)
            member = members.enrol_contact(unit, program, contact, own_id=f"C-{contact}")
            amount = Decimal(drawn.choice([0, 0, 20, 120, 299, 300, 450, 500, 2000]))
            if amount:
                movement = movements.draft_movement(unit, member, definition, amount)
                movements.complete_movement(unit, program, movement)


@pytest.fixture
def call(make_runtime: Callable[..., Runtime]) -> Call:
    """Calls a tool on one server that stays, and gives its answer."""
    runtime = make_runtime()

    async def called(tool: str, **arguments: Any) -> Answer:
        answer = await runtime.dispatcher.call(tool, arguments, Caller(LOCAL, can_ask=False))
        assert isinstance(answer, Answer)
        return answer

    return called
