"""Explaining a balance with the sandbox's history: every point accounted for."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import httpx2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.members.balance_history import read_balance_history
from loyalty_mcp.tools.members.explain_balance import explain_balance
from loyalty_mcp.tools.members.explained_period import ExplainedPeriod, explained_period
from loyalty_mcp.tools.members.explanation import BalanceExplanation
from loyalty_mcp.tools.points.movements import REVERSES
from tests.conftest import SandboxControl
from tests.sandbox.conftest import Account, Sandbox, StillClock, open_account

DAY: Final = 86_400

LIVES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {
        "balanceAvailabilityDurationValue": 2,
        "balanceAvailabilityDurationUnit": "month",
        "balanceAvailabilityDurationModifier": "noModification",
    },
    {
        "balanceAvailabilityDurationValue": 1,
        "balanceAvailabilityDurationUnit": "week",
        "balanceAvailabilityDurationModifier": "endOfPeriod",
    },
    {
        "balanceAvailabilityDurationValue": 1,
        "balanceAvailabilityDurationUnit": "year",
        "balanceAvailabilityDurationModifier": "startOfPeriod",
    },
    {"balanceExpirationDate": "30/06"},
)
RULES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"minAmount": -100},
    {"maxAmount": 250, "balanceOptionAmountOvertakingStrategy": "partial"},
    {"balanceOptionCreditRounding": "lower", "balanceOptionDebitRounding": "upper"},
)

RENEWED: Final[tuple[dict[str, Any], ...]] = tuple(
    {"expiryPolicy": {"type": kind, "duration": duration, "unit": unit}, **more}
    for kind, duration, unit, more in (
        ("rolling", 2, "month", {}),
        ("inactivity", 2, "month", {"roundingPolicy": "floor"}),
        ("rolling", 3, "week", {"maxBalance": 250}),
        ("inactivity", 3, "week", {}),
    )
)
"""Lives that the set-up guide describes: activity renews the credits that are open."""

steps = st.one_of(
    st.tuples(st.just("move"), st.integers(-150, 150).filter(bool).map(lambda n: n / 2)),
    st.tuples(st.just("short credit"), st.sampled_from([1, 600, 60 * 24 * 40])),
    st.tuples(st.just("draft"), st.integers(-100, 100).filter(bool)),
    st.tuples(st.just("resolve"), st.sampled_from(["complete", "cancel"])),
    st.tuples(st.just("reverse"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1, 3600, DAY, 9 * DAY, 45 * DAY, 200 * DAY])),
)


class History:
    """A member whose balance goes through random changes, and what the balance was after each.

    Args:
        account: a member of an engine whose clock only moves when it is told to.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.completed: list[Any] = []
        self.drafts: list[Any] = []
        self.balances: list[tuple[datetime, Decimal]] = []

    async def take(self, step: str, value: Any) -> None:
        """Make one change, which the engine may refuse; then note the balance."""
        match step:
            case "move":
                await self._move(value)
            case "short credit":
                await self._move(40, balanceExpiryInMinutes=value)
            case "draft":
                self.drafts.append(await self.account.draft(value))
            case "resolve" if self.drafts:
                await self.account.resolve(self.drafts.pop(0), value)
            case "reverse" if self.completed:
                done = self.completed.pop()
                await self._move(-done["amount"], meta={REVERSES: done["id"]})
            case "wait":
                await self.account.sandbox.advance(seconds=value)
        self.balances.append((await self.now(), Decimal(str(await self.account.value()))))
        await self.account.sandbox.advance(seconds=1)

    async def now(self) -> datetime:
        """The engine's time."""
        answer = await self.account.sandbox.get("/sandbox/clock")
        return datetime.fromisoformat(answer["now"])

    async def _move(self, amount: float, **fields: Any) -> None:
        answer = await self.account.try_move(amount, **fields)
        if answer.status < 300:
            self.completed.append(answer.body)


def assert_adds_up(found: ExplainedPeriod) -> None:
    """Opening, changes and closing make one sum, line by line, and nothing is unexplained."""
    balance = found.opening
    for change in found.changes:
        balance += change.amount
        assert change.balance_after == balance
    assert found.unexplained == 0
    assert found.closing == balance


async def check_every_moment(fields: dict[str, Any], changes: Any) -> int:
    """Build a history on an engine, explain it at every moment of it; return what expired."""
    clock = StillClock()
    app = create_app(SandboxSettings(empty=True, rate_limit=0), clock=clock)
    runtime = compose(read_settings(), app)
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://sandbox",
        headers={"api-key": "any"},
    )
    account = await open_account(Sandbox(app, http, clock), **fields)
    lived = History(account)
    for step, value in changes:
        await lived.take(step, value)
    context, now = runtime.context, await lived.now()
    place = (context, account.program, account.contact, account.definition)

    history = await read_balance_history(*place)
    definition = (await context.references.balances(account.program))[0]
    total = Decimal(str(await account.value()))
    for at, balance in lived.balances:
        moment = at + timedelta(milliseconds=1)
        past = explained_period(history, definition, total, now, until=moment)
        rest = explained_period(history, definition, total, now, since=moment)
        assert_adds_up(past)
        assert_adds_up(rest)
        assert (past.opening, past.closing) == (Decimal(0), balance)
        assert (rest.opening, rest.closing) == (balance, total)
    whole = await explain_balance.run(*place)
    assert isinstance(whole, BalanceExplanation)
    assert (whole.opening, whole.closing, whole.unexplained) == (Decimal(0), total, Decimal(0))
    assert sum(line.amount for line in whole.lines) == total

    await http.aclose()
    await runtime.close()
    app.state.store.close()
    return sum(line.kind == "expired" for line in whole.lines)


DEBT_THEN_EXPIRY: Final = [
    ("move", -60.0),
    ("short credit", 600),
    ("move", 45.0),
    ("short credit", 1),
    ("wait", DAY),
    ("move", -5.0),
    ("wait", 200 * DAY),
]
SOONEST_FIRST: Final = [
    ("move", 30.0),
    ("short credit", 600),
    ("move", -50.0),
    ("wait", DAY),
    ("wait", 200 * DAY),
]


SPENT_BEFORE_A_RENEWAL: Final = [
    ("move", 100.0),
    ("short credit", 60 * 24 * 40),
    ("move", -50.0),
    ("wait", 9 * DAY),
    ("move", 10.0),
    ("wait", 9 * DAY),
    ("move", 10.0),
    ("wait", 9 * DAY),
    ("move", 10.0),
    ("wait", 45 * DAY),
]
"""A debit takes from the credit that then expires soonest, and would outlive the other later."""


@settings(max_examples=60)
@given(st.sampled_from(LIVES), st.sampled_from(RULES), st.lists(steps, min_size=1, max_size=14))
@example(LIVES[1], RULES[1], DEBT_THEN_EXPIRY)
@example(LIVES[1], RULES[0], SOONEST_FIRST)
def test_every_point_is_explained(
    life: dict[str, Any], rules: dict[str, Any], changes: Any
) -> None:
    """Whatever happened to a balance, its lines sum to it at every moment."""
    asyncio.run(check_every_moment({**life, **rules}, changes))


@settings(max_examples=30)
@given(st.sampled_from(RENEWED), st.lists(steps, min_size=1, max_size=14))
@example(RENEWED[3], SPENT_BEFORE_A_RENEWAL)
def test_every_point_is_explained_where_activity_renews_credits(
    life: dict[str, Any], changes: Any
) -> None:
    """An expiry that moves with every movement, or with every credit, adds up as well."""
    asyncio.run(check_every_moment(life, changes))


@pytest.mark.parametrize("changes", [DEBT_THEN_EXPIRY, SOONEST_FIRST])
async def test_the_examples_expire_more_than_once(changes: Any) -> None:
    """The chosen histories lose points at two moments, so that the order of use matters."""
    assert await check_every_moment({**LIVES[1], **RULES[1]}, changes) >= 1


@pytest.fixture
async def mixed(control: SandboxControl) -> dict[str, str]:
    """Member 108 with a credit that expired, one that was reversed, and one that counts."""
    program = await control.program()
    base = f"/v3/loyalty/balance/programs/{program}"
    definitions = await control.get(f"{base}/balance-definitions")
    known = {"contactId": 108, "balanceDefinitionId": definitions["items"][0]["id"]}
    made = {}
    for name, amount, fields in (
        ("short", 60, {"balanceExpiryInMinutes": 60 * 24 * 30}),
        ("mistake", 25, {"meta": {"reason": "Double scan", "orderId": "7001"}}),
        ("kept", 40, {"meta": {"reason": "Welcome"}}),
    ):
        body = {**known, "amount": amount, "autoComplete": True, **fields}
        made[name] = (await control.post(f"{base}/transactions", body))["id"]
    undo = {"amount": -25, "autoComplete": True, "meta": {REVERSES: made["mistake"]}}
    made["undo"] = (await control.post(f"{base}/transactions", {**known, **undo}))["id"]
    await control.post("/sandbox/clock", {"advance_seconds": 31 * DAY})
    return made


async def test_the_tool_links_what_belongs_together(
    make_runtime: Callable[..., Runtime], mixed: dict[str, str]
) -> None:
    """An expiry names its credit, a reversal what it undid, and what was undone its reversal."""
    context = make_runtime().context
    program = await context.references.program(None)
    balance = (await context.references.balances(program))[0].id

    found = await explain_balance.run(context, program, 108, balance)

    assert isinstance(found, BalanceExplanation)
    lines = {line.transaction_id: line for line in found.lines if line.kind != "expired"}
    (expired,) = [line for line in found.lines if line.kind == "expired"]
    # The reversal took 25 of the points that expired soonest.
    assert expired.amount == -35
    assert expired.transaction_id == mixed["short"]
    assert expired.credited_at == lines[mixed["short"]].at
    assert lines[mixed["mistake"]].reversed_by == mixed["undo"]
    assert (lines[mixed["undo"]].kind, lines[mixed["undo"]].reverses) == (
        "reversal",
        mixed["mistake"],
    )
    assert (lines[mixed["mistake"]].reason, lines[mixed["mistake"]].order_id) == (
        "Double scan",
        "7001",
    )
    assert found.unexplained == 0
