"""A journal with very many intents: what the journal wrote for a thousand of them, repeated.

The thousand go the ways that intents go, through the journal itself. The copies stand between
them, a few seconds apart, and the audit trail is chained anew over all.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any

from bulk import copied

from loyalty_mcp.intents.audit_trail import Entry, Head, next_entry
from loyalty_mcp.intents.journal import Journal
from loyalty_mcp.intents.lifecycle import Intent, Movement, Preview, State, call_digest, new_id
from loyalty_mcp.intents.policy import Policy

ACCOUNT = "a" * 32
INTENTS = 1_000
MEMBERS = 100
APART = timedelta(minutes=115)
"""Between one of the thousand and the next: they span eighty days, and ninety are kept."""

SHIFT = timedelta(seconds=6)
"""Between a copy and the next; a thousand of them stay between two of the thousand."""

COLUMNS = tuple(field.name for field in fields(Entry))
MOMENTS = ("created_at", "expires_at", "sent_at")


def opened(file: Path) -> Journal:
    """The journal in a file."""
    return Journal(f"sqlite+aiosqlite:///{file}")


def an_intent(number: int, now: datetime) -> Intent:
    """A debit of a few points that was just previewed."""
    member, amount = 101 + number % MEMBERS, 1 + number % 50
    arguments = {
        "program": "VIP Club",
        "member": str(member),
        "amount": amount,
        "reason": f"Correction of order {number}",
    }
    preview = Preview(
        f'Debit {amount} points from "Purchase Points" of member {member}: 280 points → '
        f'{280 - amount} points. Reason given: "Correction of order {number}".',
        {"balance": 280, "tier": {"Status": "Bronze"}},
        {"balance": 280 - amount, "tier": {"Status": "Bronze"}},
    )
    return Intent(
        id=new_id(),
        tool="debit_points",
        digest=call_digest(ACCOUNT, "debit_points", arguments),
        caller="local",
        account=ACCOUNT,
        scope="full",
        arguments=arguments,
        resolved=["program", member, "balance"],
        facts={"balance": 280, "drafts": [], "tier": {"Status": "Bronze"}},
        preview=preview,
        route="token",
        state="proposed",
        created_at=now,
        expires_at=now + timedelta(minutes=10),
        movement=Movement("debit", Decimal(amount), member),
    )


async def carry_out(journal: Journal, intent: Intent) -> None:
    """All that the journal does for a guarded call, from its preview to its outcome."""
    at, second = intent.created_at, timedelta(seconds=1)
    await journal.usage(ACCOUNT, intent.caller, intent.movement, at)
    await journal.add(intent)
    assert await journal.get(intent.id) is not None
    at += second
    assert await journal.move(intent.id, "proposed", "approved", at, agreed_by="confirmation")
    assert await journal.send(intent, Policy(), at + second, deadline=at + 60 * second)
    draft = new_id()
    assert await journal.set_transaction(intent, draft, at + 2 * second)
    result = {"id": draft, "amount": -5, "status": "completed", "new_balance": 275}
    assert await journal.move(intent.id, "sent", "applied", at + 3 * second, result=result)


async def founded(file: Path, now: datetime | None = None) -> None:
    """Make a journal of a thousand intents: of twenty, sixteen applied and four of other ends."""
    others: dict[int, State] = {0: "declined", 5: "expired", 10: "not_applied"}
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    journal = opened(file)
    for number in range(INTENTS):
        then = now - APART * (INTENTS - number)
        intent, other = an_intent(number, then), others.get(number % 20)
        if other == "not_applied":
            await journal.add(intent)
            await journal.move(intent.id, "proposed", "approved", then)
            await journal.move(intent.id, "approved", other, then, reason="A cap was reached.")
        elif other is not None:
            await journal.add(intent)
            await journal.move(intent.id, "proposed", other, then, reason="Nobody agreed.")
        elif number % 20 == 15:
            await journal.add(intent)
        else:
            await carry_out(journal, intent)
    await journal.close()


def multiplied(made: Path, file: Path, times: int) -> None:
    """Make a journal with so many times the intents of another.

    Args:
        made: by `founded`.
        file: to be made.
        times: 1 to 1,000; with 1 nothing but the file is another.
    """
    with closing(sqlite3.connect(made)) as source, copied(made, file) as target:
        source.row_factory = sqlite3.Row
        target.execute("BEGIN")
        target.execute("DELETE FROM intents")
        target.execute("DELETE FROM audit")
        head = Head()
        for row in source.execute("SELECT * FROM intents ORDER BY created_at"):
            copies = (_copied(row, n) for n in reversed(range(times)))
            target.executemany(_insert("intents", len(row)), copies)
            trail = list(_chained(head, row, _steps(source, row["id"]), times))
            target.executemany(_insert("audit", len(COLUMNS)), map(_values, trail))
            head = Head(trail[-1].number, trail[-1].fingerprint)
        target.execute(
            "UPDATE audit_head SET number = ?, fingerprint = ?", (head.number, head.fingerprint)
        )
        target.execute("COMMIT")


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 - our own names


_values = attrgetter(*COLUMNS)


def _own(text: str, n: int) -> str:
    """An id of its own."""
    return text if n == 0 else f"{text[:24]}{n:08x}"


def _earlier(text: str, n: int) -> str:
    return (datetime.fromisoformat(text) - n * SHIFT).isoformat()


def _copied(row: sqlite3.Row, n: int) -> tuple[Any, ...]:
    """An intent of its own, a little earlier."""
    values = dict(row)
    for name in MOMENTS:
        values[name] = None if values[name] is None else _earlier(values[name], n)
    draft = values["transaction_id"]
    if draft is not None:
        values["transaction_id"] = _own(draft, n)
        values["result"] = values["result"].replace(draft, _own(draft, n))
    return (_own(values.pop("id"), n), *values.values())


def _steps(source: sqlite3.Connection, intent: str) -> list[Entry]:
    """The entries of an intent."""
    found = source.execute("SELECT * FROM audit WHERE intent = ? ORDER BY number", (intent,))
    return [Entry(**dict(row)) for row in found]


def _chained(head: Head, row: sqlite3.Row, steps: list[Entry], times: int) -> Iterator[Entry]:
    """The entries of the copies of an intent, as they follow one another."""
    draft = row["transaction_id"]
    for n in reversed(range(times)):
        for step in steps:
            details = step.details
            if draft is not None:
                details = details.replace(draft, _own(draft, n))
            entry = next_entry(
                head,
                at=_earlier(step.at, n),
                intent=_own(step.intent, n),
                step=step.step,
                caller=step.caller,
                tool=step.tool,
                details=details,
            )
            head = Head(entry.number, entry.fingerprint)
            yield entry
