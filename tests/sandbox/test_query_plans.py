"""What the engine asks its database: always by a key, however many members and movements."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tests.sandbox.conftest import CONFIG, Account, Sandbox

GROWS = re.compile(
    r"\b(FROM|JOIN|UPDATE|INTO) (contacts|subscriptions|attached_contacts|balances|transactions"
    r"|resolutions|orders|lots|entries|open_lots|due|events|tier_moves|vouchers|voucher_ends"
    r"|redemptions)\b"
)


@contextmanager
def heard(sandbox: Sandbox) -> Iterator[list[str]]:
    """What the engine says to its database meanwhile."""
    connection: sqlite3.Connection = sandbox.app.state.store._connection
    said: list[str] = []
    connection.set_trace_callback(said.append)
    try:
        yield said
    finally:
        connection.set_trace_callback(None)


def plan(sandbox: Sandbox, said: list[str]) -> list[str]:
    """Every step of every plan for what grows, as SQLite tells it."""
    connection: sqlite3.Connection = sandbox.app.state.store._connection
    return [
        row[3]
        for sql in said
        if GROWS.search(sql) and sql.split(" ", 1)[0] in {"SELECT", "UPDATE", "DELETE"}
        for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
    ]


async def test_reads_of_a_member_look_at_their_rows(account: Account) -> None:
    """Balances, lots, history, account and the contact are found by a key."""
    sandbox = account.sandbox
    await account.move(30)
    with heard(sandbox) as said:
        await account.value()
        await account.lots()
        await account.history()
        await account.history(status="completed", transactionType="credit")
        await sandbox.get(f"{CONFIG}/{account.program}/account-info", contactId=account.contact)
        await sandbox.get(f"/v3/contacts/{account.contact}")

    found = plan(sandbox, said)
    assert len(found) > 15
    assert [step for step in found if step.startswith("SCAN")] == []


async def test_movements_look_at_the_rows_of_their_member(account: Account) -> None:
    """A credit and a debit, each in two phases, touch what they are about."""
    sandbox = account.sandbox
    with heard(sandbox) as said:
        await account.resolve(await account.draft(30))
        await account.resolve(await account.draft(-10))

    found = plan(sandbox, said)
    assert len(found) > 15
    assert [step for step in found if step.startswith("SCAN")] == []


async def test_enrolment_looks_at_its_contact(account: Account) -> None:
    """A new member is compared with those who could be the same, and with no others."""
    sandbox = account.sandbox
    with heard(sandbox) as said:
        await sandbox.enrol(account.program, await sandbox.contact("new"))

    found = plan(sandbox, said)
    assert len(found) > 5
    assert [step for step in found if step.startswith("SCAN")] == []
