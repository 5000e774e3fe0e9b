"""The journal: every move conditional, every move with its entry, on one file for all processes."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest
from sqlalchemy import Connection, text

from loyalty_mcp.errors import JournalUnavailable, Refused
from loyalty_mcp.intents.audit_trail import broken
from loyalty_mcp.intents.journal import Journal
from loyalty_mcp.intents.journal.tables import MIGRATIONS
from loyalty_mcp.intents.lifecycle import MOVES, IllegalMove, Intent, Movement, Preview, State
from loyalty_mcp.intents.policy import Caps, Policy

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ONE = "a" * 32
ACCOUNT = "b" * 32
DEADLINE = NOW + timedelta(minutes=1)
EVERY_STATE: tuple[State, ...] = get_args(State)


def an_intent(**changes: Any) -> Intent:
    """A proposed credit of 5 to member 101."""
    intent = Intent(
        id=ONE,
        tool="credit_points",
        digest="d" * 64,
        caller="local",
        account=ACCOUNT,
        scope="full",
        arguments={"member": "anna@example.com", "amount": 5, "reason": "Test"},
        resolved=["program", 101],
        facts={"balance": Decimal("12.50")},
        preview=Preview("Credit 5 points.", {"balance": 1}, {"balance": 6}, ("Mind it.",)),
        route="token",
        state="proposed",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
        movement=Movement("credit", Decimal(5), 101),
    )
    return replace(intent, **changes)


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Where a fresh journal is; on PostgreSQL elsewhere."""
    return f"sqlite+aiosqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture
async def journal(address: str) -> AsyncIterator[Journal]:
    """A fresh journal."""
    found = Journal(address)
    yield found
    await found.close()


async def tamper(journal: Journal, sql: str, **values: Any) -> Sequence[Any]:
    """Change the tables behind the journal's back; gives the rows of a query."""

    def change(connection: Connection) -> Sequence[Any]:
        found = connection.execute(text(sql), values)
        return found.all() if found.returns_rows else []

    return await journal._database.write(change)


async def at(journal: Journal, state: State, **changes: Any) -> Intent:
    """An intent that has come to a state the way every intent comes there."""
    intent = an_intent(**changes)
    await journal.add(intent)
    ways: dict[State, tuple[State, ...]] = {
        "proposed": (),
        "approved": ("approved",),
        "sent": ("approved", "sent"),
        "unknown": ("approved", "sent", "unknown"),
        "applied": ("approved", "sent", "applied"),
        "not_applied": ("approved", "not_applied"),
        "declined": ("declined",),
        "expired": ("expired",),
    }
    origin: State = "proposed"
    for target in ways[state]:
        if target == "sent":
            assert await journal.send(intent, Policy(), NOW, deadline=DEADLINE)
        else:
            assert await journal.move(intent.id, origin, target, NOW)
        origin = target
    found = await journal.get(intent.id)
    assert found is not None
    return found


async def test_an_intent_comes_back_as_it_was_written(journal: Journal) -> None:
    """Every field survives, exact numbers and moments included."""
    intent = an_intent()
    await journal.add(intent)

    assert await journal.get(intent.id) == intent


async def test_there_is_no_intent_of_another_id(journal: Journal) -> None:
    """What was never written is not found."""
    await journal.add(an_intent())

    assert await journal.get("b" * 32) is None


@pytest.mark.parametrize("state", EVERY_STATE)
@pytest.mark.parametrize("origin", EVERY_STATE)
async def test_a_move_needs_its_origin(journal: Journal, state: State, origin: State) -> None:
    """Only from the state that the mover saw, and only along the ways of an intent's life."""
    intent = await at(journal, state)
    for target in EVERY_STATE:
        if target not in MOVES[origin]:
            with pytest.raises(IllegalMove):
                await journal.move(intent.id, origin, target, NOW)
        elif origin != state:
            assert not await journal.move(intent.id, origin, target, NOW)

    assert await journal.get(intent.id) == intent


async def test_of_many_movers_one_succeeds(journal: Journal, address: str) -> None:
    """Through two connections at once, a hundred tries make one move."""
    intent = await at(journal, "proposed")
    other = Journal(address)
    tries = [
        (journal, other)[number % 2].move(intent.id, "proposed", "approved", NOW)
        for number in range(100)
    ]
    made = await asyncio.gather(*tries)
    await other.close()

    assert made.count(True) == 1
    trail = await journal.trail()
    assert [entry.step for entry in trail.entries] == ["proposed", "approved"]


class TestDraft:
    """One draft an intent, for ever."""

    async def test_the_first_draft_is_bound_for_ever(self, journal: Journal) -> None:
        """No second one takes its place, nor the same one again."""
        intent = await at(journal, "sent")

        assert await journal.set_transaction(intent, "first", NOW)
        assert not await journal.set_transaction(intent, "second", NOW)
        assert not await journal.set_transaction(intent, "first", NOW)
        found = await journal.get(intent.id)
        assert found is not None
        assert found.transaction_id == "first"

    async def test_of_many_drafts_one_is_bound(self, journal: Journal, address: str) -> None:
        """Through two connections at once."""
        intent = await at(journal, "sent")
        other = Journal(address)
        tries = [
            (journal, other)[number % 2].set_transaction(intent, f"draft {number}", NOW)
            for number in range(50)
        ]
        bound = await asyncio.gather(*tries)
        await other.close()

        found = await journal.get(intent.id)
        assert found is not None
        assert [f"draft {bound.index(True)}"] == [found.transaction_id]
        assert bound.count(True) == 1

    @pytest.mark.parametrize("state", [state for state in EVERY_STATE if state != "sent"])
    async def test_a_draft_is_bound_only_while_it_is_sent(
        self, journal: Journal, state: State
    ) -> None:
        """Before that nothing may be made, and after it nothing may be completed."""
        intent = await at(journal, state)

        assert not await journal.set_transaction(intent, "late", NOW)

    async def test_its_maker_is_found(self, journal: Journal) -> None:
        """By the id of the draft, and by no other."""
        intent = await at(journal, "sent")
        await journal.set_transaction(intent, "made", NOW)

        maker = await journal.made_by("made")
        assert maker is not None
        assert maker.id == intent.id
        assert await journal.made_by("other") is None

    async def test_whoever_did_not_see_the_draft_concludes_nothing(self, journal: Journal) -> None:
        """A settlement that read before the draft was bound may not say that nothing was moved."""
        seen = await at(journal, "sent")
        await journal.set_transaction(seen, "bound meanwhile", NOW)

        assert not await journal.conclude(seen, "not_applied", NOW, reason="Nothing was moved.")
        now = await journal.get(seen.id)
        assert now is not None
        assert now.state == "sent"
        assert await journal.conclude(now, "applied", NOW)

    async def test_nothing_is_bound_after_a_conclusion(self, journal: Journal) -> None:
        """The other order: who wants to bind a draft then may not complete it."""
        seen = await at(journal, "sent")

        assert await journal.conclude(seen, "not_applied", NOW)
        assert not await journal.set_transaction(seen, "too late", NOW)


class TestCaps:
    """The policy is asked in the transaction that sends."""

    CAPS = Policy(caps=Caps(credit_per_member_per_day=12))

    @pytest.mark.parametrize("state", ["sent", "applied", "unknown"])
    async def test_what_may_have_happened_counts(self, journal: Journal, state: State) -> None:
        """Two of five fit under twelve, a third does not."""
        for number in range(2):
            await at(journal, state, id=str(number) * 32)
        third = await at(journal, "approved")

        with pytest.raises(Refused, match="2 is left today"):
            await journal.send(third, self.CAPS, NOW, deadline=DEADLINE)
        found = await journal.get(third.id)
        assert found is not None
        assert found.state == "approved"

    @pytest.mark.parametrize("state", ["proposed", "approved", "declined", "expired"])
    async def test_what_was_not_sent_does_not_count(self, journal: Journal, state: State) -> None:
        """Previews, refusals and lapses leave the cap as it is."""
        for number in range(5):
            await at(journal, state, id=str(number) * 32)
        another = await at(journal, "approved")

        assert await journal.send(another, self.CAPS, NOW, deadline=DEADLINE)

    async def test_a_day_is_a_day_of_utc(self, journal: Journal) -> None:
        """What was sent in its last second is of yesterday in the next."""
        midnight = datetime(2026, 3, 3, tzinfo=UTC)
        for number in range(2):
            intent = await at(journal, "approved", id=str(number) * 32)
            assert await journal.send(
                intent, self.CAPS, midnight - timedelta(microseconds=1), deadline=DEADLINE
            )
        third = await at(journal, "approved")

        with pytest.raises(Refused):
            await journal.send(
                third, self.CAPS, midnight - timedelta(microseconds=1), deadline=DEADLINE
            )
        assert await journal.send(third, self.CAPS, midnight, deadline=DEADLINE)

    async def test_others_do_not_count(self, journal: Journal) -> None:
        """Another member, or the other direction, has a cap of its own."""
        others = (Movement("credit", Decimal(12), 102), Movement("debit", Decimal(12), 101))
        for number, movement in enumerate(others):
            await at(journal, "sent", id=str(number) * 32, movement=movement)

        assert await journal.send(await at(journal, "approved"), self.CAPS, NOW, deadline=DEADLINE)

    async def test_a_fraction_never_makes_room(self, journal: Journal) -> None:
        """What is smaller than the journal can hold counts as the smallest it can."""
        tiny = Movement("credit", Decimal("0.0000001"), 101)
        for number in range(3):
            await at(journal, "sent", id=str(number) * 32, movement=tiny)

        usage = await journal.usage(ACCOUNT, "local", tiny, NOW)
        assert usage.moved_today == Decimal("0.000003")

    async def test_an_hour_slides(self, journal: Journal) -> None:
        """Calls carried out count for an hour, of this caller only."""
        policy = Policy(caps=Caps(changes_per_hour=1))
        await at(journal, "sent", id="1" * 32, movement=None)
        await at(journal, "sent", id="2" * 32, caller="another")
        mine = await at(journal, "approved", movement=None)

        with pytest.raises(Refused, match="1 changes an hour"):
            await journal.send(mine, policy, NOW + timedelta(minutes=59), deadline=DEADLINE)
        assert await journal.send(mine, policy, NOW + timedelta(hours=1), deadline=DEADLINE)


async def test_ended_and_forgotten_intents_are_pruned_by_age(journal: Journal) -> None:
    """What still may be settled stays, however old; the trail stays whole."""
    for number, state in enumerate(EVERY_STATE):
        await at(journal, state, id=str(number) * 32)
    young = NOW + timedelta(days=89)
    old = NOW + timedelta(days=91)

    assert await journal.prune(young) == 0
    assert await journal.prune(old) == 5
    left = {intent.state for intent in await journal.find()}
    assert left == {"approved", "sent", "unknown"}
    trail = await journal.trail()
    assert broken(trail) == []
    assert len({entry.intent for entry in trail.entries}) == len(EVERY_STATE)


async def test_what_waits_is_what_can_be_decided_on(journal: Journal) -> None:
    """An operator sees what is theirs and in time, the first to expire first."""
    for number, minutes in enumerate((30, 0, 20, 10)):
        end = NOW + timedelta(minutes=minutes)
        await at(journal, "proposed", id=str(number) * 32, route="operator", expires_at=end)
    await at(journal, "proposed", id="a" * 32, route="token", expires_at=NOW + timedelta(hours=1))
    await at(journal, "approved", id="b" * 32, route="operator")

    found = await journal.waiting(NOW, limit=2)

    assert [intent.id[0] for intent in found] == ["3", "2"]
    assert len(await journal.waiting(NOW, limit=10)) == 3


async def test_what_is_over_is_not_counted(journal: Journal) -> None:
    """Only what can still go on, or may have happened, is open."""
    for number, state in enumerate(EVERY_STATE):
        await at(journal, state, id=str(number) * 32)

    soon, late = NOW + timedelta(minutes=9), NOW + timedelta(minutes=10)
    lasting = {"sent": 1, "unknown": 1}
    assert await journal.counts(soon) == {"proposed": 1, "approved": 1, **lasting}
    assert await journal.counts(late) == lasting
    assert await journal.counts(soon, "somebody else") == {}


OPENS = """
import sys, anyio
from tests.intents.journal.test_journal import an_intent
from loyalty_mcp.intents.journal import Journal
async def main():
    journal = Journal(sys.argv[1])
    sys.stdin.readline()
    await journal.add(an_intent(id=sys.argv[2] * 32))
    await journal.close()
anyio.run(main)
"""


async def test_many_processes_open_a_fresh_journal_at_once(address: str) -> None:
    """Tables are made once, and everybody's intent is there."""
    started = [
        await anyio.open_process([sys.executable, "-c", OPENS, address, name]) for name in "abcdef"
    ]
    for process in started:
        assert process.stdin is not None
        await process.stdin.send(b"go\n")
    assert [await process.wait() for process in started] == [0] * 6
    for process in started:
        await process.aclose()
    journal = Journal(address)
    assert await journal.counts(NOW) == {"proposed": 6}
    versions = await tamper(journal, "SELECT version FROM schema_version")
    assert [tuple(row) for row in versions] == [(len(MIGRATIONS),)]
    await journal.close()


async def test_a_newer_journal_is_left_alone(journal: Journal, address: str) -> None:
    """A program that does not know its tables does not touch them."""
    await journal.add(an_intent())
    await tamper(journal, "UPDATE schema_version SET version = 99")
    older = Journal(address)

    with pytest.raises(JournalUnavailable, match="newer version"):
        await older.get(ONE)
    await older.close()


async def test_an_older_journal_is_brought_up_to_date(journal: Journal, address: str) -> None:
    """Its intents are still there."""
    await journal.add(an_intent())
    await tamper(journal, "UPDATE schema_version SET version = 1")
    await tamper(journal, "DROP TABLE tokens")
    newer = Journal(address)

    assert await newer.get(ONE) == an_intent()
    assert await newer.tokens.all() == []
    await newer.close()


class TestTrail:
    """The audit trail on disk: written with what it tells, and broken by any touch."""

    LENGTH = 24

    @pytest.fixture
    async def written(self, journal: Journal) -> Journal:
        """A journal with a trail of two dozen entries."""
        for number in range(6):
            await at(journal, "applied", id=f"{number:032}")
        trail = await journal.trail()
        assert broken(trail) == []
        assert len(trail.entries) == self.LENGTH
        return journal

    async def test_an_entry_is_written_with_its_move(self, journal: Journal) -> None:
        """Each step once, in order, with what it made known."""
        intent = await at(journal, "sent")
        await journal.set_transaction(intent, "draft", NOW)
        await journal.move(intent.id, "sent", "applied", NOW, result={"id": "draft", "email": "x"})

        trail = await journal.trail()
        assert [entry.step for entry in trail.entries] == [
            *("proposed", "approved", "sent", "drafted", "applied")
        ]
        assert json.loads(trail.entries[-1].details) == {"transaction_id": "draft", "id": "draft"}
        assert (trail.head.number, trail.head.fingerprint) == (5, trail.entries[-1].fingerprint)

    async def test_people_are_masked_in_it(self, journal: Journal) -> None:
        """An address is in the intent, and only its first letter in the trail."""
        await journal.add(an_intent())

        trail = await journal.trail()
        assert "anna@example.com" not in trail.entries[0].details
        assert json.loads(trail.entries[0].details)["arguments"]["member"] == "a***"

    async def test_without_its_entry_no_move_is_made(self, journal: Journal) -> None:
        """Both stand in one transaction: an entry that cannot be written undoes its move."""
        intent = await at(journal, "proposed")
        await tamper(journal, "INSERT INTO audit VALUES (2, '', '', '', '', '', '', '', '')")

        with pytest.raises(JournalUnavailable):
            await journal.move(intent.id, "proposed", "approved", NOW)
        assert await journal.get(intent.id) == intent

    @pytest.mark.parametrize("seed", range(12))
    async def test_one_altered_byte_is_named(self, written: Journal, seed: int) -> None:
        """In whatever column of whatever entry."""
        drawn = random.Random(seed)
        number = drawn.randint(1, self.LENGTH)
        columns = ("at", "intent", "step", "caller", "tool", "details", "previous", "fingerprint")
        column = drawn.choice(columns)
        found = await tamper(written, f"SELECT {column} FROM audit WHERE number = {number}")  # noqa: S608 - our own names
        (value,) = found[0]
        place = drawn.randrange(len(value))
        altered = value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
        change = f"UPDATE audit SET {column} = :altered WHERE number = {number}"  # noqa: S608 - same reason
        await tamper(written, change, altered=altered)

        problems = broken(await written.trail())
        assert f"entry {number} was altered" in problems

    @pytest.mark.parametrize("number", [1, 2, 11, LENGTH - 1, LENGTH])
    async def test_a_missing_entry_is_named(self, written: Journal, number: int) -> None:
        """The first, one in the middle, and the last."""
        await tamper(written, "DELETE FROM audit WHERE number = :number", number=number)

        assert f"entry {number} is missing" in broken(await written.trail())

    @pytest.mark.parametrize("seed", range(6))
    async def test_swapped_entries_are_named(self, written: Journal, seed: int) -> None:
        """Both of them, wherever they stand."""
        first, second = random.Random(seed).sample(range(1, self.LENGTH + 1), 2)
        for origin, target in ((first, 0), (second, first), (0, second)):
            change = "UPDATE audit SET number = :target WHERE number = :origin"
            await tamper(written, change, origin=origin, target=target)

        problems = broken(await written.trail())
        assert f"entry {first} was altered" in problems
        assert f"entry {second} was altered" in problems

    async def test_an_emptied_trail_is_seen(self, written: Journal) -> None:
        """Nothing left is not the same as nothing written."""
        await tamper(written, "DELETE FROM audit")

        assert [f"entry 1 to {self.LENGTH} is missing"] == broken(await written.trail())

    async def test_a_cut_end_with_a_new_entry_is_seen(self, written: Journal) -> None:
        """Going on after a cut does not hide it."""
        await tamper(written, "DELETE FROM audit WHERE number = :number", number=self.LENGTH)
        await written.add(an_intent())

        assert f"entry {self.LENGTH} is missing" in broken(await written.trail())
