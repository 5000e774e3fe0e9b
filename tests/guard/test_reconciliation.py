"""Settlement: whatever happens to an answer, what is said agrees with the ledger."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from loyalty_mcp.brevo.client import Brevo, utc_now
from loyalty_mcp.errors import JournalUnavailable
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.journal import Journal, database
from loyalty_mcp.intents.lifecycle import Intent, Preview, Route, State, confirmation_digest
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.send_window import new_deadline
from tests.conftest import SandboxControl
from tests.intents.journal.test_journal import ONE, an_intent
from tests.world import GOOD, World, fill

ME: Final = Caller("local", can_ask=False)
CHANGES: Final = (
    *(("PUT", "*"), ("PATCH", "*"), ("DELETE", "*")),
    *(("POST", "*/programs"), ("POST", "*/publish"), ("POST", "*/subscriptions")),
    *(("POST", "*/subscription-members"), ("POST", "*/balance-definitions")),
    *(("POST", "*/limits"), ("POST", "*/balances"), ("POST", "*/transactions")),
    *(("POST", "*/complete"), ("POST", "*/cancel"), ("POST", "*/create-order")),
    *(("POST", "*/tier-groups"), ("POST", "*/tiers"), ("POST", "*/tiers/*")),
    *(("POST", "*/offers"), ("POST", "*/attribute"), ("POST", "*/redeem")),
)
"""Every request that changes something; a validation is a read."""

READS: Final = ("/validate",)

BLIND_FOREVER: Final = {
    "create_balance_limit",
    "create_subscription_balance",
    "remove_subscription_members",
    "complete_redemption",
}
"""No read of the API tells whether these took effect: after a lost answer they stay unknown.

(A redemption tells if it was opened here; the one of this world was opened elsewhere.)
"""

BLIND_IF_DONE: Final = {
    "create_tier_group",
    "create_tier",
    "create_reward",
    "redeem_voucher",
    "revoke_vouchers",
}
"""These leave something behind that anybody could have made: done, they stay unknown."""

GUARDED: Final = sorted(
    {
        *("enroll_member", "credit_points", "debit_points", "reverse_transaction"),
        *("redeem_for_member", "expiring credit", "redeem and complete", "draft completed at once"),
        *("create_program", "update_program", "patch_program", "delete_program"),
        *("publish_program", "create_subscription", "delete_subscription"),
        *("add_subscription_members", "remove_subscription_members"),
        *("create_balance_definition", "update_balance_definition", "delete_balance_definition"),
        *("create_balance_limit", "update_balance_limit", "delete_balance_limit"),
        *("create_transaction", "complete_transaction", "cancel_transaction"),
        *("create_balance_order", "create_tier_group", "update_tier_group", "delete_tier_group"),
        *("create_tier", "update_tier", "delete_tier", "assign_tier", "create_reward"),
        *("create_voucher", "redeem_voucher", "complete_redemption", "revoke_vouchers"),
    }
)

VARIANTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "expiring credit": ("credit_points", {"expires_in_minutes": 60}),
    "redeem and complete": ("redeem_voucher", {"auto_complete": True}),
    "draft completed at once": ("create_transaction", {"auto_complete": True, "ttl": None}),
}
"""Cases that are an ordinary tool with something added."""

TTL: Final = timedelta(minutes=10)
HELD: Final = {"redeem_voucher"}
"""An open redemption whose id was lost holds its voucher, and is settled once it has lapsed."""

TWO_PHASES: Final = {
    *("credit_points", "debit_points", "reverse_transaction"),
    *("redeem_for_member", "redeem and complete"),
}
"""What these leave open is no effect: it lapses, and moved nothing."""

LASTING: Final = """
SELECT 'moved', t.id, r.applied FROM transactions t JOIN resolutions r
ON r.transaction_seq = t.seq AND r.status = 'completed'
UNION ALL SELECT 'ended', voucher_seq, at FROM voucher_ends
UNION ALL SELECT 'redeemed', redemption_seq, at FROM redemption_ends WHERE status = 'completed'
"""


class Wire:
    """The sandbox as a server reaches it: counts changes, and can fail reads after one.

    Args:
        app: the sandbox.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.state = app.state
        self.changes: list[str] = []
        self.blind = False
        self.on_change: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or fail it."""
        path = str(scope["path"])
        reads = scope["method"] == "GET" or path.endswith(READS)
        if reads and self.blind and self.changes:
            start = {"type": "http.response.start", "status": 503, "headers": []}
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        if not reads:
            self.changes.append(f"{scope['method']} {path}")
            self.on_change()

        async def without_date(message: Message) -> None:
            """The engine's clock does not move with the server's, so its time is not told."""
            if message["type"] == "http.response.start":
                kept = [header for header in message["headers"] if header[0] != b"date"]
                message = {**message, "headers": kept}
            await send(message)

        await self._app(scope, receive, without_date)


class Clock:
    """The real time, and what was slept over."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """What the server takes for now."""
        return utc_now() + self.ahead


@dataclass
class Bench:
    """A server without its protocol, on a world with something of everything.

    Args:
        runtime: the server.
        wire: between it and the sandbox.
        control: the sandbox from outside.
        world: ids of what has no name.
        clock: the server's.
    """

    runtime: Runtime
    wire: Wire
    control: SandboxControl
    world: World
    clock: Clock

    def call_of(self, case: str) -> tuple[str, dict[str, Any]]:
        """The tool and the arguments of a case."""
        tool, more = VARIANTS.get(case, (case, {}))
        given = {**GOOD[tool](self.world), **more}
        return tool, {name: value for name, value in given.items() if value is not None}

    async def call(self, tool: str, arguments: dict[str, Any]) -> Answer:
        """One call of a tool."""
        answer = await self.runtime.dispatcher.call(tool, arguments, ME)
        assert isinstance(answer, Answer)
        return answer

    async def confirmed(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The answer to a preview: the arguments with its confirmation."""
        preview = await self.call(tool, arguments)
        assert preview.structured is not None, preview.text
        return {**arguments, "confirmation": preview.structured["confirmation"]}

    async def faults(self, kind: str, *, status: int = 503, times: int = 1) -> None:
        """Let the next changes fail, each kind of request so many times."""
        faults = [
            {"method": method, "path": path, "kind": kind, "status": status, "times": times}
            for method, path in CHANGES
        ]
        await self.control.post("/sandbox/faults", {"faults": faults})

    async def calm(self) -> None:
        """Nothing fails any more."""
        self.wire.blind = False
        await self.control.post("/sandbox/faults", {"faults": []})

    async def trace(self, case: str) -> str:
        """What the ledger says of a case, so that an effect shows."""
        if case not in TWO_PHASES:
            return await self.control.state_hash()
        store = self.wire.state.store
        with store.unit() as unit:
            return repr([tuple(row) for row in unit.all(LASTING)])

    async def intent(self, confirmation: str) -> Intent:
        """The intent that a confirmation confirms."""
        journal = self.runtime.context.journal.open()
        found = await journal.by_confirmation(confirmation_digest(confirmation))
        assert found is not None
        return found

    async def reconciled(self, confirmation: str, later: timedelta = timedelta(hours=1)) -> Intent:
        """The intent once the operator reconciled, when nothing can be on its way any more."""
        self.clock.ahead += later
        context = self.runtime.context
        await context.reconciler.reconcile_all(context)
        return await self.intent(confirmation)


@pytest.fixture
async def bench(
    sandbox: Starlette, control: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    """A server that asks by token, on a full world."""
    world = await fill(control)
    wire, clock = Wire(sandbox), Clock()
    monkeypatch.setattr("loyalty_mcp.server.bootstrap.utc_now", clock)
    monkeypatch.setattr(Brevo, "_pause", lambda *_: 0.0)
    runtime = compose(read_settings(confirm="token"), wire)
    yield Bench(runtime, wire, control, world, clock)
    await runtime.http.aclose()
    await runtime.context.journal.close()


def test_every_guarded_tool_is_tried() -> None:
    """But for plans and batches, which go on where they stopped and have tests of their own."""
    from loyalty_mcp.tools.registry import TOOLS  # noqa: PLC0415 - the menu, once

    guarded = {name for name, tool in TOOLS.items() if tool.guarded}
    tried = {VARIANTS.get(case, (case, {}))[0] for case in GUARDED}
    elsewhere = {"apply_program", "bulk_change", "create_contact", "create_subscription_balance"}
    assert guarded - tried == elsewhere & guarded


async def intent_of(journal: Journal, confirmed: dict[str, Any]) -> Intent | None:
    """The intent that the confirmation of a call confirms."""
    return await journal.by_confirmation(confirmation_digest(confirmed["confirmation"]))


async def sent_by(bench: Bench, intent: Intent) -> None:
    """Move an approved intent to `sent`, as the guard does before it sends anything."""
    context, journal = bench.runtime.context, bench.runtime.context.journal.open()
    deadline = new_deadline(context)
    now = bench.clock()
    assert await journal.claim_subject(intent, now=now, until=deadline) is None
    assert await journal.send(intent, context.policy, now, deadline=deadline)


LOST: Final = [
    pytest.param("drop_after_commit", 503, 1, False, id="answer lost"),
    pytest.param("drop_after_commit", 503, 9, False, id="every answer lost"),
    pytest.param("status_after_commit", 500, 1, False, id="done, then 500"),
    pytest.param("status_after_commit", 504, 9, False, id="always done, then 504"),
    pytest.param("malformed", 503, 1, False, id="malformed"),
    pytest.param("malformed", 503, 9, False, id="always malformed"),
    pytest.param("refuse_before", 503, 1, False, id="not done, 503"),
    pytest.param("refuse_before", 500, 9, False, id="never done, 500"),
    pytest.param("refuse_before", 422, 9, False, id="refused"),
    pytest.param("refuse_before", 429, 9, False, id="budget spent"),
    pytest.param("drop_after_commit", 503, 9, True, id="lost, and nothing to read"),
    pytest.param("refuse_before", 503, 9, True, id="not done, and nothing to read"),
]


@pytest.mark.parametrize("case", GUARDED)
@pytest.mark.parametrize(("kind", "status", "times", "blind"), LOST)
async def test_what_is_said_agrees_with_the_ledger(
    bench: Bench, case: str, kind: str, status: int, times: int, blind: bool
) -> None:
    """Applied means that it happened, not applied that it did not; at once, and when settled."""
    tool, arguments = bench.call_of(case)
    confirmed = await bench.confirmed(tool, arguments)
    before = await bench.trace(case)
    bench.wire.changes.clear()
    bench.wire.blind = blind
    await bench.faults(kind, status=status, times=times)

    answer = await bench.call(tool, confirmed)

    await bench.calm()
    happened = await bench.trace(case) != before
    assert answer.structured is not None, answer.text
    first = answer.structured["status"]
    assert first in {"applied", "not_applied", "unknown"}
    assert first == "unknown" or (first == "applied") == happened
    assert answer.failed == (first != "applied")
    reconciled = await bench.reconciled(confirmed["confirmation"])
    happened = await bench.trace(case) != before
    assert reconciled.state == "unknown" or (reconciled.state == "applied") == happened
    if reconciled.state == "unknown":
        assert tool in BLIND_FOREVER or case in BLIND_IF_DONE | HELD
        assert happened or case not in BLIND_IF_DONE | HELD
    again = await bench.call(tool, confirmed)
    assert again.structured is not None
    assert again.structured["status"] == reconciled.state
    assert (await bench.trace(case) != before) == happened


@pytest.mark.parametrize("case", GUARDED)
@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429])
async def test_a_refusal_of_what_was_done_is_checked_by_a_read(
    bench: Bench, case: str, status: int
) -> None:
    """A gateway that refuses what was done behind it hides nothing that a read can tell."""
    tool, arguments = bench.call_of(case)
    confirmed = await bench.confirmed(tool, arguments)
    before = await bench.trace(case)
    await bench.faults("status_after_commit", status=status, times=9)

    answer = await bench.call(tool, confirmed)

    happened = await bench.trace(case) != before
    assert answer.structured is not None, answer.text
    outcome = answer.structured["status"]
    if tool in BLIND_FOREVER:
        return
    blind = case in BLIND_IF_DONE and happened
    assert outcome == "unknown" if blind else (outcome == "applied") == happened


class TestRedemption:
    """What is opened lapses; what is completed is used up, once."""

    async def test_one_that_was_opened_here_is_settled_when_completed(self, bench: Bench) -> None:
        """Its member is known from the journal, and the voucher tells."""
        tool, arguments = bench.call_of("redeem_voucher")
        opened = await bench.call(tool, await bench.confirmed(tool, arguments))
        assert opened.structured is not None
        call = {"redemption_id": opened.structured["result"]["id"]}
        confirmed = await bench.confirmed("complete_redemption", call)
        await bench.faults("drop_after_commit", times=9)

        answer = await bench.call("complete_redemption", confirmed)

        assert answer.structured is not None
        assert answer.structured["status"] == "applied"
        assert answer.structured["result"]["status"] == "completed"

    async def test_one_whose_id_was_lost_is_not_applied_once_it_lapsed(self, bench: Bench) -> None:
        """As long as it holds the voucher it is unknown, and then it did nothing."""
        tool, arguments = bench.call_of("redeem_voucher")
        confirmed = await bench.confirmed(tool, arguments)
        await bench.faults("drop_after_commit")
        lost = await bench.call(tool, confirmed)
        assert lost.structured is not None
        assert lost.structured["status"] == "unknown"
        assert (await bench.reconciled(confirmed["confirmation"])).state == "unknown"
        await bench.control.post("/sandbox/clock", {"advance_seconds": 3600})

        reconciled = await bench.reconciled(confirmed["confirmation"])

        assert reconciled.state == "not_applied"
        again = await bench.call(tool, await bench.confirmed(tool, arguments))
        assert again.structured is not None
        assert again.structured["status"] == "applied"

    async def test_its_completion_may_be_on_its_way(self, bench: Bench) -> None:
        """Until nothing can arrive any more, an unused voucher proves nothing."""
        tool, arguments = bench.call_of("redeem_for_member")
        confirmed = await bench.confirmed(tool, arguments)
        lost = {"method": "POST", "path": "*/complete", "kind": "refuse_before", "status": 504}
        await bench.control.post("/sandbox/faults", {"faults": [{**lost, "times": 9}]})
        await bench.call(tool, confirmed)
        await bench.calm()
        context = bench.runtime.context
        stored = await bench.intent(confirmed["confirmation"])
        soon = await context.reconciler.reconcile(context, stored, close=True)

        assert soon.state == "unknown"
        assert (await bench.reconciled(confirmed["confirmation"])).state == "not_applied"

    async def test_of_several_vouchers_the_agreed_one_is_used(self, bench: Bench) -> None:
        """One that is given between agreement and execution is not taken in its place."""
        wanted = {"member": "101", "reward": "free-coffee"}
        preview = await bench.call("redeem_for_member", wanted)
        assert preview.structured is not None
        confirmed = {**wanted, "confirmation": preview.structured["confirmation"]}
        intent = await bench.intent(confirmed["confirmation"])

        answer = await bench.call("redeem_for_member", confirmed)

        assert answer.structured is not None
        assert answer.structured["result"]["voucher_id"] == intent.facts["voucher"]


class TestWorkUnderWay:
    """Settling never ends what somebody still works on against them."""

    async def test_of_two_reversals_at_once_one_is_made(self, bench: Bench) -> None:
        """Each was agreed to; the transaction is undone once."""
        tool, arguments = bench.call_of("reverse_transaction")
        both = [
            await bench.confirmed(tool, {**arguments, "reason": reason}) for reason in ("a", "b")
        ]
        before = await bench.control.balance(101)
        statuses: list[str] = []

        async def use(confirmed: dict[str, Any]) -> None:
            answer = await bench.call(tool, confirmed)
            statuses.append((answer.structured or {}).get("status", "refused"))

        async with anyio.create_task_group() as group:
            for confirmed in both:
                group.start_soon(use, confirmed)

        assert statuses.count("applied") == 1
        assert await bench.control.balance(101) == before + 5

    async def test_a_draft_is_not_settled_away_from_its_owner(self, bench: Bench) -> None:
        """An operator reconciles in the very moment in which a draft is made, at each step."""
        tool, arguments = bench.call_of("credit_points")
        confirmed = await bench.confirmed(tool, arguments)
        before = await bench.control.balance(101)
        context = bench.runtime.context

        async with anyio.create_task_group() as group:

            async def reconcile() -> None:
                await context.reconciler.reconcile_all(context)

            def at_each_change() -> None:
                group.start_soon(reconcile)

            bench.wire.on_change = at_each_change
            answer = await bench.call(tool, confirmed)
            bench.wire.on_change = lambda: None

        reconciled = await bench.reconciled(confirmed["confirmation"])
        moved = await bench.control.balance(101) - before
        assert answer.structured is not None
        assert reconciled.state == answer.structured["status"]
        assert (moved, reconciled.state) in {(5, "applied"), (0, "not_applied")}

    async def test_whoever_woke_up_too_late_sends_nothing(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A machine that slept between journal and network finds its intent out of time."""
        tool, arguments = bench.call_of("create_voucher")
        confirmed = await bench.confirmed(tool, arguments)
        before = await bench.control.state_hash()
        bench.wire.changes.clear()
        send = Journal.send

        async def then_asleep(*given: Any, **named: Any) -> bool:
            sent = await send(*given, **named)
            bench.clock.ahead += timedelta(hours=1)
            return sent

        monkeypatch.setattr(Journal, "send", then_asleep)

        answer = await bench.call(tool, confirmed)

        assert answer.structured is not None
        assert answer.structured["status"] == "not_applied"
        assert bench.wire.changes == []
        assert before == await bench.control.state_hash()

    @pytest.mark.parametrize("drafted", [False, True])
    async def test_what_a_dead_server_left_is_settled_by_the_next_use(
        self, bench: Bench, drafted: bool
    ) -> None:
        """Once nobody can be working on it, the confirmation is answered without a wait."""
        tool, arguments = bench.call_of("debit_points")
        confirmed = await bench.confirmed(tool, arguments)
        before = await bench.control.balance(101)
        journal = bench.runtime.context.journal.open()
        intent = await intent_of(journal, confirmed)
        assert intent is not None
        now = bench.clock()
        await journal.move(intent.id, "proposed", "approved", now, agreed_by="confirmation")
        await sent_by(bench, intent)
        if drafted:
            await journal.set_transaction(intent, bench.world.done, now)
        bench.clock.ahead += timedelta(hours=1)

        answer = await bench.call(tool, confirmed)

        assert answer.structured is not None
        assert answer.structured["status"] == ("applied" if drafted else "not_applied")
        assert await bench.control.balance(101) == before

    @pytest.mark.parametrize(
        ("route", "state", "end", "why"),
        [
            ("token", "proposed", "expired", "time ran out"),
            ("operator", "proposed", "expired", "time ran out"),
            ("operator", "approved", "expired", "time ran out"),
            ("token", "approved", "not_applied", "Nothing was sent in time"),
        ],
    )
    async def test_what_nothing_was_sent_of_in_time_is_over(
        self, bench: Bench, route: Route, state: State, end: str, why: str
    ) -> None:
        """It is told as over and written down as over, so nobody can carry it out any more."""
        context, now = bench.runtime.context, bench.clock()
        journal = context.journal.open()
        await journal.add(
            an_intent(caller="local", route=route, created_at=now, expires_at=now + TTL)
        )
        if state == "approved":
            await journal.move(ONE, "proposed", "approved", now)
        assert await journal.counts(bench.clock()) == {state: 1}
        bench.clock.ahead += TTL

        assert await journal.counts(bench.clock()) == {}
        answers = await bench.call("check_intent", {"intent": ONE})
        stored = await journal.get(ONE)

        assert answers.structured is not None
        assert answers.structured["status"] == end
        assert why in answers.structured["reason"]
        assert stored is not None
        assert stored.state == end

    async def test_what_still_may_be_worked_on_is_left_to_its_worker(self, bench: Bench) -> None:
        """An operator's reconciliation waits for it; the caller is told that it is under way."""
        tool, arguments = bench.call_of("create_voucher")
        confirmed = await bench.confirmed(tool, arguments)
        context = bench.runtime.context
        journal = context.journal.open()
        intent = await intent_of(journal, confirmed)
        assert intent is not None
        await journal.move(intent.id, "proposed", "approved", bench.clock())
        await sent_by(bench, intent)
        stored = await journal.get(intent.id)
        assert stored is not None

        seen = await context.reconciler.reconcile(context, stored)

        assert seen.state == "unknown"
        assert not context.reconciler.is_orphaned(context, stored)


class Broken:
    """Ways in which a journal's file can fail.

    Args:
        file: the journal.
        patch: undoes what it changes.
    """

    def __init__(self, file: Path, patch: pytest.MonkeyPatch) -> None:
        self._file = file
        self._patch = patch
        self._held: sqlite3.Connection | None = None
        patch.setattr(database, "LOCK_SECONDS", 0.02)
        self.address = f"sqlite+aiosqlite:///{file}"

    async def apply(self, how: str) -> None:
        """Break it."""
        match how:
            case "read-only":
                self.address = f"sqlite+aiosqlite:///file:{self._file}?mode=ro&uri=true"
            case "full":
                await self._full()
            case "locked":
                self.lock()
            case "no folder":
                self._file.parent.joinpath("no folder").write_text("a file")
                self.address = f"sqlite+aiosqlite:///{self._file.parent}/no folder/journal.db"
            case "no journal":
                self._file.write_bytes(b"This is no database, and it was none. " * 500)

    async def _full(self) -> None:
        durable = database._durable

        def without_room(connection: Any, record: Any) -> None:
            durable(connection, record)
            cursor = connection.cursor()
            cursor.execute("PRAGMA max_page_count = 1")  # no fewer than there are
            cursor.close()

        self._patch.setattr(database, "_durable", without_room)
        filler = Journal(self.address)
        small = an_intent(digest="", arguments={}, facts={}, resolved=[], preview=Preview(""))
        with suppress(JournalUnavailable):
            for number in range(10_000):
                await filler.add(replace(small, id=str(number)))
        await filler.close()

    def lock(self) -> None:
        """Hold the journal as another writer would."""
        self._held = sqlite3.connect(self._file, isolation_level=None)
        self._held.execute("BEGIN IMMEDIATE")

    def free(self) -> None:
        """Let it go."""
        if self._held is not None:
            self._held.close()


@pytest.fixture
def broken_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broken]:
    """A journal that works until it is broken."""
    found = Broken(tmp_path / "journal.db", monkeypatch)
    yield found
    found.free()


class TestJournal:
    """Without a journal nothing is sent."""

    @pytest.fixture
    async def wire(self, sandbox: Starlette) -> Wire:
        """The way to a sandbox."""
        return Wire(sandbox)

    @pytest.mark.parametrize("how", ["read-only", "full", "locked", "no folder", "no journal"])
    @pytest.mark.parametrize("confirm", ["token", "off", "operator"])
    async def test_nothing_is_sent_and_the_answer_says_why(
        self, broken_journal: Broken, wire: Wire, control: SandboxControl, how: str, confirm: str
    ) -> None:
        """By no guarded tool, whatever is wrong with the file."""
        world = await fill(control)
        first = Journal(broken_journal.address)
        await first.find()
        await first.close()
        await broken_journal.apply(how)
        before = await control.state_hash()
        flags = {"confirm": confirm, "database_url": broken_journal.address}
        runtime = compose(read_settings(**flags), wire)
        answers = set()
        for case in GUARDED:
            tool, more = VARIANTS.get(case, (case, {}))
            given = {**GOOD[tool](world), **more}
            arguments = {name: value for name, value in given.items() if value is not None}
            answer = await runtime.dispatcher.call(tool, arguments, ME)
            assert isinstance(answer, Answer)
            assert answer.failed, case
            assert answer.structured is None, case
            answers.add(answer.text)
        await runtime.http.aclose()
        await runtime.context.journal.close()

        assert {"[sandbox] " + database.UNAVAILABLE} == answers
        assert wire.changes == []
        assert before == await control.state_hash()

    async def test_a_preview_is_not_carried_out_without_it(
        self, broken_journal: Broken, wire: Wire, control: SandboxControl
    ) -> None:
        """Lost between preview and confirmation; once it is back, the confirmation works."""
        arguments = GOOD["credit_points"](await fill(control))
        runtime = compose(read_settings(confirm="token", database_url=broken_journal.address), wire)
        preview = await runtime.dispatcher.call("credit_points", arguments, ME)
        assert isinstance(preview, Answer)
        assert preview.structured is not None
        confirmed = {**arguments, "confirmation": preview.structured["confirmation"]}
        await runtime.context.journal.close()
        broken_journal.lock()
        refused = await runtime.dispatcher.call("credit_points", confirmed, ME)
        broken_journal.free()
        done = await runtime.dispatcher.call("credit_points", confirmed, ME)
        await runtime.http.aclose()
        await runtime.context.journal.close()

        assert isinstance(refused, Answer)
        assert isinstance(done, Answer)
        assert database.UNAVAILABLE in refused.text
        assert done.structured is not None
        assert done.structured["status"] == "applied"

    @pytest.mark.parametrize("case", ["credit_points", "expiring credit", "create_voucher"])
    async def test_what_happened_is_said_though_it_cannot_be_written(
        self,
        broken_journal: Broken,
        wire: Wire,
        control: SandboxControl,
        case: str,
    ) -> None:
        """The journal fails after the change was sent: the answer is true, and written later."""
        bench_world = await fill(control)
        runtime = compose(read_settings(confirm="token", database_url=broken_journal.address), wire)
        bench = Bench(runtime, wire, control, bench_world, Clock())
        tool, arguments = bench.call_of(case)
        confirmed = await bench.confirmed(tool, arguments)
        before = await bench.trace(case)
        await runtime.context.journal.close()
        wire.on_change = broken_journal.lock

        answer = await bench.call(tool, confirmed)

        broken_journal.free()
        wire.on_change = lambda: None
        happened = await bench.trace(case) != before
        assert happened == (case != "credit_points")  # a draft that is not in the journal lapses
        assert answer.structured is not None
        assert (answer.structured["status"] == "applied") == happened
        later = replace(runtime.context, now=lambda: runtime.context.now() + timedelta(hours=1))
        (reconciled,) = await later.reconciler.reconcile_all(later)
        assert (reconciled.state == "applied") == happened
        await runtime.http.aclose()
        await runtime.context.journal.close()
