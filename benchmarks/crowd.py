"""A sandbox file with very many movements: what the engine did for a hundred members, repeated.

The hundred members are enrolled and moved by the engine itself, day by day. Members have nothing
to do with one another, so a hundred times more members are the same rows with other keys. The
copies interleave, as if all had moved in the same year: each a little earlier on the same day.
"""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from bulk import copied

from loyalty_mcp.sandbox.engine import Engine
from loyalty_mcp.sandbox.records import (
    balances,
    contacts,
    definitions,
    history,
    member_tiers,
    members,
    movements,
    programs,
    vouchers,
)
from loyalty_mcp.sandbox.records.contacts import NewContact
from loyalty_mcp.sandbox.records.due_events import process_due
from loyalty_mcp.sandbox.records.event_hooks import HOOKS
from loyalty_mcp.sandbox.rules.entities import Definition, Member, Program
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.sandbox.store import Store, UnitOfWork

MEMBERS = 100
MOVEMENTS = 10
"""Of each of them."""

FIRST = 1001
"""The contact id of the first of them; those of the seeded world are smaller."""

DAYS = 300
"""How long ago the first of them was enrolled; shorter than a lot lives."""

SPENT, PRICE = 1 / 3, 20
"""Which part of the movements are debits, where the balance allows it, and of how much."""

SHIFT = 82_000
"""Milliseconds between a copy and the next; a thousand of them stay within one day."""


def founded(file: Path) -> None:
    """Make a file with the seeded world and a hundred members, each with ten movements."""
    engine = Engine(SandboxSettings(database=file), HOOKS)
    with closing(engine.store), engine.store.unit() as unit:
        program = programs.page_of_programs(unit, "name", descending=False, limit=1, offset=0)[0]
        definition = next(
            each for each in definitions.definitions_in_force(unit, program) if not each.internal
        )
        enrolled: dict[int, Member] = {}
        for then, contact in _steps(unit.now):
            moment = unit.at(then)
            process_due(moment)
            if contact not in enrolled:
                enrolled[contact] = _enrol(moment, program, contact)
            _move(moment, program, definition, enrolled[contact])
        process_due(unit)


def _steps(now: datetime) -> Iterator[tuple[datetime, int]]:
    """When something happens, and to whom: late in the evening, and never within these two days."""
    drawn = random.Random(7)  # noqa: S311 - the same each time, on purpose
    last = now.replace(hour=23, minute=30, second=0, microsecond=0) - timedelta(days=3)
    steps = [
        (last - timedelta(days=drawn.randrange(DAYS)), FIRST + number)
        for number in range(MEMBERS)
        for _ in range(MOVEMENTS)
    ]
    yield from sorted(steps)


def _enrol(unit: UnitOfWork, program: Program, contact: int) -> Member:
    new = NewContact(email=f"{contact}@example.com", attributes={"FIRSTNAME": f"No. {contact}"})
    contacts.add_contact(unit, new, contact)
    return members.enrol_contact(unit, program, contact, own_id=f"C-{contact}")


def _move(unit: UnitOfWork, program: Program, definition: Definition, member: Member) -> None:
    """A credit, or a debit of what is surely there."""
    drawn = random.Random(f"{member.contact_id} {unit.now}")  # noqa: S311 - same reason
    debits = drawn.random() < SPENT and balances.balance_value(unit, member, definition.id) >= PRICE
    amount = Decimal(-PRICE if debits else drawn.randrange(20, 120))
    meta = {"reason": f"Order of {unit.now:%d %B}"}
    movement = movements.draft_movement(unit, member, definition, amount, meta=meta)
    movements.complete_movement(unit, program, movement)


def multiplied(made: Path, file: Path, times: int) -> None:
    """Make a file with so many times the hundred members of another.

    Args:
        made: by `founded`.
        file: to be made.
        times: 1 to 1,000; with 1 nothing but the file is another.
    """
    with copied(made, file) as connection:
        connection.execute("ATTACH ? AS made", (str(made),))
        connection.execute("BEGIN")
        connection.execute("CREATE TEMP TABLE copy (n INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO copy VALUES (?)", ((n,) for n in range(times)))
        values = {**_seeded(connection), "times": times}
        for table, (whose, changed) in COPIED.items():
            connection.execute(f"DELETE FROM main.{table} WHERE {whose}", values)  # noqa: S608
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            shown = ", ".join(changed.get(name, name) for name in columns)
            connection.execute(
                f"INSERT INTO main.{table} SELECT {shown}"  # noqa: S608 - all of it is ours
                f" FROM (SELECT * FROM made.{table} WHERE {whose}) CROSS JOIN copy",
                values,
            )
        connection.execute("COMMIT")


_LEFT = "(SELECT SUM(amount) FROM entries e WHERE e.lot = o.lot)"
SUMS = (
    "SELECT COALESCE(SUM(applied), 0) - (SELECT SUM(amount) FROM entries) FROM resolutions",
    "SELECT SUM(remaining) - (SELECT SUM(amount) FROM entries) FROM open_lots",
    f"SELECT COUNT(*) FROM open_lots o WHERE remaining <> {_LEFT}",  # noqa: S608 - ours
)
"""What is 0 in a true file: movements are their entries, and lots are what their entries left."""


def contacts_of(times: int) -> range:
    """The contact ids of the members in a file with so many times the hundred."""
    return range(FIRST, FIRST + MEMBERS * times)


def check(made: Path, file: Path, times: int) -> None:
    """Let the engine say of a sample of copies what it says of their originals.

    Raises:
        AssertionError: it says something else, or a sum over all the file is not what it has to be.
    """
    drawn = random.Random(times)  # noqa: S311 - the same each time, on purpose
    one, many = (Store(SandboxSettings(database=each)) for each in (made, file))
    with closing(one), closing(many), one.unit() as original, many.unit() as copy:
        for number in range(MEMBERS):
            n = drawn.randrange(times)
            reported = _report(copy, FIRST + number * times + n)
            assert reported == _report(original, FIRST + number), (number, n)
        for sql in SUMS:
            assert copy.number(sql) == 0, sql


def _report(unit: UnitOfWork, contact: int) -> list[object]:
    """What the engine says of a member, without ids and moments."""
    program = programs.page_of_programs(unit, "name", descending=False, limit=1, offset=0)[0]
    member = members.member_by_contact(unit, program.id, contact)
    assert member is not None
    found: list[object] = [balances.balance_values(unit, member)]
    for definition in definitions.definitions_in_force(unit, program):
        lots = balances.page_of_lots(
            unit, member, definition.id, descending=True, limit=500, offset=0
        )
        past = history.page_of_movements(unit, member, definition.id, limit=500)
        found.append([lot.remaining for lot in lots])
        found.append([(each.amount, each.status, each.balance) for each in past])
    places = member_tiers.tiers_of_member(unit, member)
    found.append([(place.group_id, place.tier_id) for place in places.values()])
    found.append([each.voucher.reward_id for each in vouchers.vouchers_of_member(unit, member)])
    return found


def _seeded(connection: sqlite3.Connection) -> dict[str, int]:
    """The last key of each table that belongs to the seeded world."""
    found = {"contacts": FIRST - 1}
    for table, first in (
        ("subscriptions", f"contact >= {FIRST}"),
        ("transactions", "member > :subscriptions"),
        ("lots", "transaction_seq > :transactions"),
        ("tier_moves", "member > :subscriptions"),
        ("vouchers", "member > :subscriptions"),
    ):
        sql = f"SELECT MIN(seq) - 1 FROM made.{table} WHERE {first}"  # noqa: S608 - all of it is ours
        (found[table],) = connection.execute(sql, found).fetchone()
    return found


def _key(column: str, table: str) -> str:
    """The key of a copy: those of one row stand together, so that all stay in order of time."""
    return f"(:{table} + ({column} - :{table} - 1) * :times + n + 1)"


def _id(column: str) -> str:
    """A UUID of its own."""
    return f"CASE n WHEN 0 THEN {column} ELSE substr({column}, 1, 24) || printf('%012x', n) END"


def _text(column: str) -> str:
    """A text of its own."""
    return f"CASE n WHEN 0 THEN {column} ELSE n || '-' || {column} END"


def _times(*columns: str) -> dict[str, str]:
    """Moments a little earlier."""
    return {column: f"{column} - n * {SHIFT}" for column in columns}


_FIRST = "CAST(subject AS INTEGER)"
_SECOND = "CAST(substr(subject, instr(subject, ':') + 1) AS INTEGER)"
_BASE = (
    "CASE substr(kind, 1, 3) WHEN 'lot' THEN :lots WHEN 'vou' THEN :vouchers"
    " ELSE :subscriptions END"
)
_REST = "substr(subject, instr(subject, ':'))"
_MEMBER = {"member": _key("member", "subscriptions")}
_MOVEMENT = {"transaction_seq": _key("transaction_seq", "transactions")}

COPIED = {
    "contacts": (
        "id > :contacts",
        {
            "id": _key("id", "contacts"),
            "email": _text("email"),
            **_times("created_at", "modified_at"),
        },
    ),
    "subscriptions": (
        "seq > :subscriptions",
        {
            "seq": _key("seq", "subscriptions"),
            "contact": _key("contact", "contacts"),
            "own_id": _text("own_id"),
            **_times("created_at", "updated_at"),
        },
    ),
    "balances": (
        "member > :subscriptions",
        {**_MEMBER, "id": _id("id"), **_times("created_at", "updated_at")},
    ),
    "transactions": (
        "seq > :transactions",
        {
            "seq": _key("seq", "transactions"),
            "id": _id("id"),
            **_MEMBER,
            **_times("created_at"),
        },
    ),
    "resolutions": (
        "transaction_seq > :transactions",
        {**_MOVEMENT, **_times("at")},
    ),
    "lots": (
        "seq > :lots",
        {
            "seq": _key("seq", "lots"),
            "id": _id("id"),
            **_MOVEMENT,
            **_times("created_at", "expires_at"),
        },
    ),
    "entries": ("lot > :lots", {"lot": _key("lot", "lots"), **_MOVEMENT}),
    "open_lots": (
        "member > :subscriptions",
        {**_MEMBER, "lot": _key("lot", "lots"), **_times("expires_at")},
    ),
    "tier_moves": (
        "seq > :tier_moves",
        {"seq": _key("seq", "tier_moves"), **_MEMBER, **_times("at")},
    ),
    "vouchers": (
        "seq > :vouchers",
        {
            "seq": _key("seq", "vouchers"),
            "id": _id("id"),
            **_MEMBER,
            "code": _text("code"),
            **_times("valid_from", "expires_at", "created_at"),
        },
    ),
    "due": (
        f"{_FIRST} > {_BASE}",
        {
            **_times("at"),
            "subject": f"CASE WHEN kind LIKE 'lot%' THEN {_key(_FIRST, 'lots')}"
            f" WHEN kind LIKE 'voucher%' THEN {_key(_FIRST, 'vouchers')}"
            f" WHEN kind LIKE 'membership%' THEN {_key(_FIRST, 'subscriptions')}"
            f" WHEN kind IN ('tier_anniversary', 'tier_reminder')"
            f" THEN {_key(_FIRST, 'subscriptions')} || ':' || {_key(_SECOND, 'tier_moves')}"
            f" ELSE {_key(_FIRST, 'subscriptions')} || {_REST} END",
        },
    ),
}
"""What is copied: which rows of a table, and what is another in each copy."""
