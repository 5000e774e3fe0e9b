"""A whole program from one description: planned, applied, interrupted, gone on with, exported."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from loyalty_mcp.brevo.client import Brevo, open_exchange, utc_now
from loyalty_mcp.cli.catalog import priced, tokens
from loyalty_mcp.errors import OutcomeUnknown, Refused
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.programs import programs
from loyalty_mcp.tools.programs.described import LIMITS_KEY
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.upstream import carry_out
from loyalty_mcp.tools.registry import all_tools
from tests.conftest import YES, Connect, SandboxControl, text_of

ME = Caller("test", can_ask=False)
LIMIT = {
    "transaction_type": "credit",
    "constraint_type": "amount",
    "value": 500,
    "per": {"value": 1, "unit": "day"},
}
# What the API has words for, all of it.
RICH: dict[str, Any] = {
    "program": {"name": "Rich Club", "description": "All there is.", "meta": {"team": "CRM"}},
    "balances": [
        {"name": "Euros", "unit": "EUR", "expires_on": "31/12", "internal": True},
        {
            "name": "Points",
            "unit": "POINTS",
            "description": "One for each euro.",
            "minimum": -10,
            "maximum": 5000,
            "credit_maximum": 1000.5,
            "debit_maximum": 800,
            "over_maximum": "partial",
            "credit_rounding": "down",
            "debit_rounding": "up",
            "expires_after": {"value": 12, "unit": "month", "snap": "end"},
            "limits": [
                LIMIT,
                {
                    "transaction_type": "debit",
                    "constraint_type": "transaction",
                    "value": 3,
                    "per": {"value": 2, "unit": "week"},
                    "sliding": True,
                },
            ],
        },
    ],
    "rewards": [
        {
            "name": "gift",
            "public_name": "Gift",
            "public_description": "A gift.",
            "public_image": "https://img.example/gift.png",
        },
        {"name": "tea"},
    ],
    "tier_groups": [
        {
            "name": "Status",
            "upgrade": "real_time",
            "downgrade": "tier_anniversary",
            "tiers": [
                {"name": "Bronze", "minimum": {"Points": 0}},
                {
                    "name": "Gold",
                    "minimum": {"Points": 500},
                    "rewards": ["gift", "tea"],
                    "image": "https://img.example/gold.png",
                },
            ],
        }
    ],
}


@pytest.fixture
def empty() -> Iterator[Starlette]:
    """An engine without anything in it."""
    app = create_app(SandboxSettings(empty=True))
    yield app
    app.state.store.close()


class CallerSession:
    """The tools on one engine, nobody asked; what they answer, and the engine from outside."""

    def __init__(self, runtime: Runtime, app: Starlette) -> None:
        self.runtime = runtime
        self.control = SandboxControl(
            httpx2.AsyncClient(
                base_url="http://sandbox",
                headers={"api-key": "test"},
                transport=httpx2.ASGITransport(app=app),
            )
        )

    async def answer(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool."""
        found = await self.runtime.dispatcher.call(tool, arguments, ME)
        assert isinstance(found, Answer)
        return found

    async def call(self, tool: str, **arguments: Any) -> Any:
        """Call a tool, and give the structured content of its answer."""
        found = await self.answer(tool, **arguments)
        assert not found.failed, found.text
        assert found.structured is not None
        return found.structured

    async def exported(self, program: str) -> Any:
        """The description of a program."""
        return (await self.call("export_program", program=program))["spec"]

    async def faults(self, *faults: dict[str, Any]) -> None:
        """Make the engine fail as told."""
        await self.control.post("/sandbox/faults", {"faults": list(faults)})


@asynccontextmanager
async def client_on(app: Starlette, **flags: Any) -> AsyncIterator[CallerSession]:
    """The tools on an engine."""
    runtime = compose(read_settings(**{"confirm": "off", **flags}), app)
    session = CallerSession(runtime, app)
    try:
        yield session
    finally:
        await session.control.close()
        await runtime.exchange.aclose()
        await runtime.context.journal.close()


@pytest.fixture
async def session(empty: Starlette) -> AsyncIterator[CallerSession]:
    """The tools on an empty engine."""
    async with client_on(empty) as found:
        yield found


@pytest.fixture
async def seeded(sandbox: Starlette) -> AsyncIterator[CallerSession]:
    """The tools on the seeded engine."""
    async with client_on(sandbox) as found:
        yield found


async def copy_of_the_seed(seeded: CallerSession) -> dict[str, Any]:
    """The description of the seeded program, under another name."""
    spec: dict[str, Any] = deepcopy(await seeded.exported("VIP Club"))
    spec["program"]["name"] = "Copy"
    return spec


# Plan and export


async def test_the_plan_of_an_export_is_empty(seeded: CallerSession) -> None:
    """What exists is as it is described."""
    spec = await seeded.exported("VIP Club")
    answer = await seeded.call("plan_program", spec=spec)

    assert answer["empty"] is True
    assert {change["action"] for change in answer["changes"]} == {"keep"}


async def test_a_plan_changes_nothing(seeded: CallerSession) -> None:
    """Neither a plan nor a rehearsal nor an export is seen in the ledger."""
    before = await seeded.control.state_hash()
    spec = await seeded.exported("VIP Club")
    await seeded.call("plan_program", spec=RICH)
    await seeded.call(
        "plan_program", spec=spec, rehearse=True, purchases=[{"member": "Ann", "amount": 5}]
    )

    assert await seeded.control.state_hash() == before


async def test_a_plan_has_a_line_for_each_change(session: CallerSession) -> None:
    """The text stands alone; what is said of several is said once."""
    answer = await session.answer("plan_program", spec=RICH)

    assert answer.text.splitlines()[:6] == [
        "[sandbox] The plan; nothing has changed yet:",
        'create program "Rich Club": description "All there is."; meta {"team": "CRM"}',
        'create balance "Euros": unit "EUR"; expires_on "31/12"; internal yes',
        (
            'create balance "Points": unit "POINTS"; description "One for each euro."; '
            "minimum -10; maximum 5000; credit_maximum 1000.5; debit_maximum 800; "
            'over_maximum "partial"; credit_rounding "down"; debit_rounding "up"; '
            "expires_after 12 month, to the end of the month"
        ),
        'create limit "Points: credit amount per 1 day": value 500',
        'create limit "Points: debit transaction per 2 week, sliding": value 3',
    ]
    manual = [line for line in answer.text.splitlines() if line.startswith("manual")]
    assert manual == [
        (
            'manual reward "gift", "tea": the API makes its texts only; value, codes, rules and '
            "dates need Brevo's app"
        )
    ]


async def test_a_plan_answers_in_the_words_of_the_contract(session: CallerSession) -> None:
    """Changes with action, kind, name and details, and whether there are any."""
    answer = await session.call("plan_program", spec=RICH)

    assert set(answer) == {"changes", "empty"}
    assert answer["empty"] is False
    assert {frozenset(change) for change in answer["changes"]} == {
        frozenset({"action", "kind", "name", "details"})
    }


async def test_an_unknown_program_cannot_be_exported(seeded: CallerSession) -> None:
    """The nearest name is told."""
    answer = await seeded.answer("export_program", program="VIP Clubb")

    assert answer.failed
    assert '"VIP Club"' in answer.text


async def test_a_program_with_twins_cannot_be_described(session: CallerSession) -> None:
    """Names are the keys of a description, so two of one name are refused with a sentence."""
    made = await session.call("create_program", name="Twins")
    program = made["result"]["id"]
    for _ in range(2):
        await session.call("create_balance_definition", program=program, name="P", unit="POINTS")

    answer = await session.answer("export_program", program="Twins")

    assert answer.failed
    assert 'balance "P" is there twice' in answer.text


# Apply


async def test_an_export_applied_elsewhere_exports_the_same(
    seeded: CallerSession, session: CallerSession
) -> None:
    """The seeded program copied to an empty account is described alike."""
    spec = await copy_of_the_seed(seeded)
    answer = await session.call("apply_program", spec=spec)

    assert answer["status"] == "applied"
    assert answer["result"]["published"] is False
    assert await session.exported("Copy") == spec
    assert (await session.call("plan_program", spec=spec))["empty"] is True


async def test_everything_the_api_has_words_for_comes_back(session: CallerSession) -> None:
    """Caps, rounding, expiry, limits, rewards, tiers: what is described is what is exported."""
    await session.call("apply_program", spec=RICH)

    assert await session.exported("Rich Club") == RICH


async def test_applying_again_changes_nothing(session: CallerSession) -> None:
    """A description that is so already sends nothing."""
    await session.call("apply_program", spec=RICH)
    before = await session.control.state_hash()
    answer = await session.call("apply_program", spec=RICH)

    assert answer["status"] == "applied"
    assert answer["result"].get("changes", []) == []
    assert await session.control.state_hash() == before


async def test_a_changed_description_changes_only_that(session: CallerSession) -> None:
    """Objects keep their ids; what is not described stays."""
    await session.call("apply_program", spec=RICH)
    program = await session.control.program()
    path = f"/v3/loyalty/balance/programs/{program}/balance-definitions"
    before = {item["name"]: item["id"] for item in (await session.control.get(path))["items"]}
    changed = deepcopy(RICH)
    changed["balances"][1]["maximum"] = 6000
    changed["balances"][1]["limits"][0]["value"] = 400
    changed["tier_groups"][0]["tiers"].insert(1, {"name": "Silver", "minimum": {"Points": 200}})
    part = deepcopy(changed)
    del part["rewards"][0]["public_name"], part["balances"][0]
    answer = await session.call("apply_program", spec=part)

    assert [
        (change["action"], change["kind"], change["name"]) for change in answer["result"]["changes"]
    ] == [
        ("change", "balance", "Points"),
        ("change", "limit", "Points: credit amount per 1 day"),
        ("create", "tier", "Silver"),
        ("change", "tier_order", "Status"),
    ]
    after = {item["name"]: item["id"] for item in (await session.control.get(path))["items"]}
    assert before == after
    assert await session.exported("Rich Club") == changed


async def test_it_is_published_only_when_asked(session: CallerSession) -> None:
    """A draft stays a draft until publish is true; then members see it."""
    await session.call("apply_program", spec=RICH)
    path = f"/v3/loyalty/config/programs/{await session.control.program()}"
    draft = (await session.control.get(path))["state"]
    answer = await session.call("apply_program", spec=RICH, publish=True)

    assert draft == "inactive"
    assert answer["result"]["published"] is True
    assert (await session.control.get(path))["state"] == "active"


async def test_a_preview_shows_the_whole_plan(connect: Connect, control: SandboxControl) -> None:
    """One agreement for all: the person sees each change, and what is left to do by hand."""
    before = await control.state_hash()
    async with connect() as client:
        result = await client.call_tool("apply_program", {"spec": RICH, "publish": True})

    preview = result.structured_content["preview"]
    assert result.structured_content["status"] == "confirmation_required"
    assert preview["summary"].startswith(
        'Set up program "Rich Club": 11 to create, 0 to change, 0 kept, then publish.\n'
    )
    assert 'create tier "Gold": in "Status"; minimum {"Points": 500}' in text_of(result)
    assert len(preview["after"]["changes"]) == 11
    assert "By hand: reward" in preview["warnings"][0]
    assert "goes live" in preview["warnings"][-1]
    assert await control.state_hash() == before


async def test_one_agreement_carries_it_all_out(connect: Connect) -> None:
    """A dialog that is agreed to sets the program up; the answer tells each change."""
    async with connect(lambda _params: YES) as client:
        result = await client.call_tool("apply_program", {"spec": RICH})
        exported = await client.call_tool("export_program", {"program": "rich club"})

    assert result.structured_content["status"] == "applied"
    assert 'create tier order "Status": "Bronze" < "Gold"' in text_of(result)
    assert exported.structured_content == {"spec": RICH}


async def test_a_declined_dialog_changes_nothing(connect: Connect, control: SandboxControl) -> None:
    """Nothing is made before a person agrees."""
    before = await control.state_hash()
    no = types.ElicitResult(action="decline")
    async with connect(lambda _params: no) as client:
        result = await client.call_tool("apply_program", {"spec": RICH})

    assert result.structured_content["status"] == "declined"
    assert await control.state_hash() == before


async def test_what_moved_since_the_preview_brings_a_new_one(
    connect: Connect, control: SandboxControl
) -> None:
    """A plan rests on what exists; when that moves, the person looks again."""
    async with connect() as client:
        first = await client.call_tool("apply_program", {"spec": RICH})
        await control.post("/v3/loyalty/config/programs", {"name": "Rich Club"})
        token = first.structured_content["confirmation"]
        again = await client.call_tool("apply_program", {"spec": RICH, "confirmation": token})

    assert again.structured_content["status"] == "confirmation_required"
    assert "program" in again.structured_content["reason"]
    assert "10 to create, 1 to change" in again.structured_content["preview"]["summary"]


async def test_too_small_a_budget_is_refused_before_the_start() -> None:
    """What cannot be finished this hour is not begun, and it is said when to come back."""
    app = create_app(SandboxSettings(empty=True, rate_limit=20))
    async with client_on(app) as session:
        before = await session.control.state_hash()
        answer = await session.answer("apply_program", spec=RICH)

        assert answer.failed
        assert "Come back after" in answer.text
        assert await session.control.state_hash() == before
    app.state.store.close()


async def test_a_pinned_server_takes_no_other_description(sandbox: Starlette) -> None:
    """A server that is set to one program plans and applies for that one alone."""
    async with client_on(sandbox, program="VIP Club") as session:
        for tool in ("plan_program", "apply_program"):
            answer = await session.answer(tool, spec=RICH)
            assert answer.failed
            assert 'This server is set to program "VIP Club"' in answer.text
        own = (await session.call("export_program"))["spec"]
        assert (await session.call("plan_program", spec=own))["empty"] is True


# Interrupted


class Writes:
    """An engine behind a count of the requests that change something.

    Args:
        app: the engine.
        meet: called with the number of each, from 0, once before and once after it is done.
    """

    def __init__(
        self, app: Starlette, meet: Callable[[int, str], None] = lambda _number, _when: None
    ) -> None:
        self._app = app
        self._meet = meet
        self.count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        number, self.count = self.count, self.count + 1
        self._meet(number, "before")
        await anyio.lowlevel.checkpoint()
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        self._meet(number, "after")
        await anyio.lowlevel.checkpoint()
        for message in messages:
            await send(message)


@asynccontextmanager
async def brevo_on(app: Any) -> AsyncIterator[Brevo]:
    """An upstream client of an engine."""
    transport = httpx2.ASGITransport(app=app)
    exchange = open_exchange("http://sandbox/v3", "key", timeout=20, transport=transport)
    yield Brevo(exchange, timeout=20)
    await exchange.aclose()


def fresh() -> Starlette:
    """An empty engine without a budget."""
    return create_app(SandboxSettings(empty=True, rate_limit=0))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_each_step_and_gone_on_with_it_is_the_same(
    seeded: CallerSession, when: str
) -> None:
    """Wherever the process ends, the next one makes what is missing, and nothing twice."""
    spec = ProgramSpec.model_validate(await copy_of_the_seed(seeded))
    clean = Writes(app := fresh())
    async with brevo_on(clean) as brevo:
        await carry_out(brevo, spec)
    app.state.store.close()
    assert clean.count == 10

    for victim in range(clean.count):
        app = fresh()
        with anyio.CancelScope() as life:

            def meet(number: int, moment: str, victim: int = victim) -> None:
                if (number, moment) == (victim, when):
                    life.cancel()

            async with brevo_on(Writes(app, meet)) as brevo:
                await carry_out(brevo, spec)
        assert life.cancelled_caught
        rest = Writes(app)
        async with brevo_on(rest) as brevo:
            await carry_out(brevo, spec)
        async with client_on(app) as session:
            assert await session.exported("Copy") == spec.model_dump(
                mode="json", exclude_defaults=True
            )
        left = clean.count - victim - (when == "after")
        # The engine orders tiers by their thresholds; an order that is right is not sent.
        assert rest.count == (0 if left == 1 else left), "nothing is made twice"
        app.state.store.close()


METHODS = ["POST", "POST", "POST", "POST", "POST", "POST", "POST", "POST", "POST", "PUT"]
"""Of the requests that set the copy of the seeded program up, in their order."""


def nth(number: int, **fault: Any) -> list[dict[str, Any]]:
    """A fault for that one of the requests that change something."""
    method = METHODS[number]
    earlier = METHODS[:number].count(method)
    here = {"method": method, "path": "*"}
    wait = [{**here, "kind": "delay", "times": earlier}] if earlier else []
    return [*wait, {**here, **fault}]


@pytest.mark.parametrize("number", range(len(METHODS)))
async def test_a_lost_answer_is_looked_up(
    seeded: CallerSession, session: CallerSession, number: int
) -> None:
    """What was done although its answer was lost is found by its name, and not made again."""
    spec = await copy_of_the_seed(seeded)
    await session.faults(*nth(number, kind="drop_after_commit"))
    answer = await session.call("apply_program", spec=spec)

    assert answer["status"] == "applied"
    assert (await session.control.get("/sandbox/faults"))["faults"] == []
    assert await session.exported("Copy") == spec


@pytest.mark.parametrize("number", range(len(METHODS) - 1))
@pytest.mark.parametrize(
    ("status", "outcome"), [(422, "not_applied"), (503, "unknown")], ids=["refused", "failed"]
)
async def test_a_refused_step_is_gone_on_with(
    seeded: CallerSession, session: CallerSession, number: int, status: int, outcome: str
) -> None:
    """What was done before it stays, it is said how to go on, and the next call does."""
    spec = await copy_of_the_seed(seeded)
    await session.faults(*nth(number, kind="refuse_before", status=status))
    stopped = await session.answer("apply_program", spec=spec)
    assert stopped.structured is not None
    assert stopped.structured["status"] == outcome
    assert number == 0 or f"{number} step(s) before it were done" in stopped.text
    answer = await session.call("apply_program", spec=spec)
    reconciled = await session.call("check_intent", intent=stopped.structured["intent"])

    assert answer["status"] == "applied"
    kinds = [change["kind"] for change in answer["result"]["changes"]]
    assert len(kinds) - ("tier_order" in kinds) == len(METHODS) - 1 - number
    assert await session.exported("Copy") == spec
    assert reconciled["status"] == ("applied" if outcome == "unknown" else outcome)


async def test_what_is_left_is_told_once_nothing_can_arrive_any_more(
    session: CallerSession,
) -> None:
    """It is unknown while something may arrive, or somebody may be at it; then it is told."""
    await session.faults(*nth(3, kind="refuse_before", status=503))
    stopped = await session.answer("apply_program", spec=RICH)
    assert stopped.structured is not None
    context = session.runtime.context
    intent = await context.journal.open().get(stopped.structured["intent"])
    assert intent is not None
    arguments: dict[str, Any] = {
        "close": True,
        "may_come": False,
        "spec": ProgramSpec.model_validate(RICH),
    }
    soon = await session.call("check_intent", intent=intent.id)
    with pytest.raises(OutcomeUnknown, match="Not all of it is there yet; left: "):
        await programs.reconcile(context, intent, **arguments)
    later = replace(context, now=lambda: utc_now() + timedelta(minutes=2))
    with pytest.raises(Refused, match=r"It stopped on the way; left: .*call apply_program again"):
        await programs.reconcile(later, intent, **arguments)

    assert soon["status"] == "unknown"


@pytest.mark.parametrize("number", range(len(METHODS) - 1))
async def test_what_was_refused_and_done_all_the_same_is_seen(
    seeded: CallerSession, session: CallerSession, number: int
) -> None:
    """A gateway may refuse what was done behind it; what is there is not made again."""
    spec = await copy_of_the_seed(seeded)
    await session.faults(*nth(number, kind="status_after_commit", status=422))
    answer = await session.call("apply_program", spec=spec)

    assert answer["status"] == "applied"
    assert await session.exported("Copy") == spec


async def test_a_lost_publish_is_looked_up(session: CallerSession) -> None:
    """It is published once, and known to be although the answer was lost."""
    await session.faults({"method": "POST", "path": "*/publish", "kind": "drop_after_commit"})
    answer = await session.call("apply_program", spec=RICH, publish=True)

    assert answer["status"] == "applied"
    assert answer["result"]["published"] is True


async def test_a_refused_publish_leaves_the_draft(session: CallerSession) -> None:
    """The draft is as described, and it is said that it is not live."""
    fault = {"method": "POST", "path": "*/publish", "kind": "refuse_before", "status": 422}
    await session.faults(fault)
    answer = await session.answer("apply_program", spec=RICH, publish=True)

    assert answer.structured is not None
    assert answer.structured["status"] == "not_applied"
    assert "not published" in answer.text
    assert await session.exported("Rich Club") == RICH


async def test_a_limit_is_written_down_before_it_is_made(session: CallerSession) -> None:
    """A lost answer to a limit is known of for ever: it is not made again unseen."""
    await session.faults({"method": "POST", "path": "*/limits", "kind": "drop_after_commit"})
    stopped = await session.answer("apply_program", spec=RICH)
    plan = await session.call("plan_program", spec=RICH)

    assert stopped.structured is not None
    assert stopped.structured["status"] == "unknown"
    notes = [c for c in plan["changes"] if c["action"] == "manual" and c["kind"] == "limit"]
    assert [note["name"] for note in notes] == ["Points: credit amount per 1 day"]
    assert "look in Brevo's app first" in notes[0]["details"]


async def test_limits_are_remembered_in_the_meta_of_the_program(session: CallerSession) -> None:
    """No call lists them, so their ids are kept beside what else is there."""
    await session.call("apply_program", spec=RICH)
    path = f"/v3/loyalty/config/programs/{await session.control.program()}"
    meta = (await session.control.get(path))["meta"]

    assert meta["team"] == "CRM"
    assert [set(entry) for entry in meta[LIMITS_KEY]] == [{"balance", "id"}] * 2


async def test_a_limit_that_is_refused_is_not_remembered(session: CallerSession) -> None:
    """What surely was not made leaves no mark."""
    fault = {"method": "POST", "path": "*/limits", "kind": "refuse_before", "status": 422}
    await session.faults(fault)
    await session.answer("apply_program", spec=RICH)
    path = f"/v3/loyalty/config/programs/{await session.control.program()}"

    assert (await session.control.get(path))["meta"][LIMITS_KEY] == []
    await session.call("apply_program", spec=RICH)
    assert await session.exported("Rich Club") == RICH


# Rehearsed


async def test_a_rehearsal_tells_balances_and_tiers(session: CallerSession) -> None:
    """Sample purchases run through a private copy: caps and tiers act as they would."""
    answer = await session.call(
        "plan_program",
        spec=RICH,
        rehearse=True,
        purchases=[
            {"member": "Ann", "balance": "points", "amount": 450},
            {"member": "Bob", "balance": "Points", "amount": 600},
            {"member": "Ann", "balance": "Points", "amount": -20},
        ],
    )
    ann, bob = answer["rehearsal"]["members"]

    assert ann["balances"] == {"Euros": 0, "Points": 430}
    assert ann["tiers"] == {"Status": "Bronze"}
    assert bob["balances"]["Points"] == 0
    assert "limit" in bob["refused"][0]
    assert answer["empty"] is False


async def test_a_rehearsal_begins_with_what_exists(seeded: CallerSession) -> None:
    """A part of a description is tried together with what is there and stays."""
    spec = {"program": {"name": "VIP Club"}}
    text = (
        await seeded.answer(
            "plan_program", spec=spec, rehearse=True, purchases=[{"member": "Ann", "amount": 310}]
        )
    ).text

    assert '- "Ann": "Purchase Points" 310; "Status" "Silver"' in text.splitlines()


@pytest.mark.parametrize(
    ("purchases", "said"),
    [
        ([{"member": "Ann", "amount": 5}], "has to name its balance"),
        ([{"member": "Ann", "amount": 5, "balance": "Gems"}], '"Gems"; there are: '),
        ([{"member": "Ann", "amount": 0, "balance": "Points"}], "must not be 0"),
        ([{"member": "Ann", "amount": 5, "shop": 1}], 'key "shop" is unknown'),
        ([{"amount": 5}], "missing"),
        ([], "purchases"),
    ],
)
async def test_a_wrong_purchase_is_refused(
    session: CallerSession, purchases: Any, said: str
) -> None:
    """One sentence says which, and what would be right."""
    answer = await session.answer("plan_program", spec=RICH, rehearse=True, purchases=purchases)

    assert answer.failed
    assert said in answer.text


async def test_purchases_need_a_rehearsal(session: CallerSession) -> None:
    """They are never silently left out."""
    answer = await session.answer(
        "plan_program", spec=RICH, purchases=[{"member": "Ann", "amount": 5}]
    )

    assert answer.failed
    assert "rehearse" in answer.text


# The menu


def test_the_three_tools_are_cheap() -> None:
    """What a model is charged for them on each turn stays within 700 tokens."""
    tools = all_tools()
    names = ("plan_program", "apply_program", "export_program")
    assert sum(tokens(priced(tools[name])) for name in names) <= 700
