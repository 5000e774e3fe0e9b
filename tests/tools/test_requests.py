"""What the tasks ask of Brevo: each request is there for a reason, and none is there twice."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.tools.registry import TOOLS
from tests.conftest import Connect, SandboxControl, text_of
from tests.world import BALANCE, GOOD, fill

BALANCE_ONLY: dict[str, Any] = {
    "program": {"name": "Cash Back"},
    "balances": [{"name": "Credit", "unit": "EUR"}],
}
REWARDS: dict[str, Any] = {
    "program": {"name": "Gifts"},
    "rewards": [{"name": "mug"}, {"name": "tea", "public_name": "A cup of tea"}],
}


class Watched:
    """An engine that keeps what it is asked."""

    def __init__(self, app: Any) -> None:
        self.behind = app
        self.state = app.state
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the request down: its method and the last word of its path."""
        words = scope["path"].split("/")
        self.asked.append(f"{scope['method']} {words[-1]}")
        await self.behind(scope, receive, send)


@pytest.fixture
def sandbox() -> Iterator[Watched]:
    """The seeded engine, watched."""
    app = create_app(SandboxSettings(rate_limit=0))
    yield Watched(app)
    app.state.store.close()


class Server:
    """A server that stays, on a watched engine; each change is confirmed in a second call."""

    def __init__(self, made: Runtime, engine: Watched) -> None:
        self._made = made
        self._engine = engine

    async def call(self, tool: str, **arguments: Any) -> Any:
        """Call a tool, agree to it where that is asked, and give what it answers."""
        found = await self.once(tool, arguments)
        if found.get("status") != "confirmation_required":
            return found
        return await self.once(tool, {**arguments, "confirmation": found["confirmation"]})

    async def once(self, tool: str, arguments: dict[str, Any]) -> Any:
        """Call a tool, and give what it answers: of a change, its preview."""
        answer = await self._made.dispatcher.call(tool, arguments, Caller(LOCAL, can_ask=False))
        assert isinstance(answer, Answer)
        assert not answer.failed, answer.text
        return answer.structured

    async def tier(self, name: str) -> str:
        """The id of the tier that members know by that name."""
        listed = await self.call("list_tiers", version="active")
        return next(str(tier["tier_id"]) for tier in listed["items"] if tier["name"] == name)

    async def asks(self, tool: str, **arguments: Any) -> list[str]:
        """What a call asks of Brevo, from the preview to the end."""
        self._engine.asked.clear()
        await self.call(tool, **arguments)
        return list(self._engine.asked)


@pytest.fixture
def server(make_runtime: Callable[..., Runtime], sandbox: Watched) -> Server:
    """One server that stays."""
    return Server(make_runtime(confirm="token"), sandbox)


async def test_a_reversal_reads_the_newest_history_twice(
    server: Server, control: SandboxControl
) -> None:
    """Once for what is reversed, and once beside its draft for one that began at the same time."""
    done = (await fill(control)).done
    await server.call("credit_points", member="101", amount=1, reason="Warm")
    arguments = {"member": "101", "transaction_id": done, "reason": "Mistake"}

    asked = await server.asks("reverse_transaction", **arguments)

    assert asked.count("GET transaction-history") == 2
    assert asked.count("GET account-info") == 3  # once for whose own id the digits are
    assert [line for line in asked if line.startswith("POST")] == [
        "POST transactions",
        "POST complete",
    ]
    assert len(asked) <= TOOLS["reverse_transaction"].requests


@pytest.mark.parametrize("tool", ["create_tier", "create_voucher"])
async def test_a_change_takes_no_more_than_it_declares(
    server: Server, control: SandboxControl, tool: str
) -> None:
    """These two look at most things: from the preview to the end, with nothing known before."""
    asked = await server.asks(tool, **GOOD[tool](await fill(control)))

    assert len(asked) <= TOOLS[tool].requests


async def test_a_reversal_warns_of_open_drafts(server: Server, control: SandboxControl) -> None:
    """Its preview counts them, as that of a debit does."""
    world = await fill(control)
    arguments = {"member": "101", "transaction_id": world.done, "reason": "Mistake"}
    first = await server.once("reverse_transaction", arguments)

    assert "1 draft is still open in this balance." in first["preview"]["warnings"]


async def test_redeeming_finds_the_voucher_once(server: Server, control: SandboxControl) -> None:
    """Which one is meant stays as previewed; whether it can be redeemed is asked again."""
    voucher = (await fill(control)).voucher
    asked = await server.asks("redeem_for_member", member="105", voucher_id=voucher)

    assert asked.count("GET vouchers") == 1
    assert asked.count("POST validate") == 2
    assert asked[-2:] == ["POST redeem", "POST complete"]
    assert len(asked) <= TOOLS["redeem_for_member"].requests


async def test_a_new_member_is_looked_up_twice(server: Server) -> None:
    """Nobody has the email, twice; the contact, the membership, and the account."""
    await server.call("get_member_overview", member="101")
    arguments = {"contact": "nora.lind@example.com", "create_contact": True}

    asked = await server.asks("enroll_member", **arguments)

    assert asked.count("GET nora.lind@example.com") == 2
    assert [line for line in asked if line.startswith("POST")] == [
        *("POST contacts", "POST subscriptions")
    ]
    assert len(asked) <= TOOLS["enroll_member"].requests


async def test_a_program_is_read_with_the_list_that_names_it(server: Server) -> None:
    """The list of programs has all of each."""
    asked = await server.asks("patch_program", program="VIP Club", description="New.")

    assert asked[:2] == ["GET programs", "GET programs"]
    assert len(asked) == 3


async def test_a_tier_is_named_and_shown_by_one_reading_of_the_draft(server: Server) -> None:
    """The lists of the draft that names are looked up in also show the tier; what is live, none.

    All of it is read again after the agreement, and nothing twice within a call.
    """
    condition = {"balance": "Purchase Points", "minimum_value": 310}
    arguments = {"tier": "Silver", "access_conditions": [condition]}
    reads = ("GET programs", "GET tiers", "GET balance-definitions", "GET offers")

    asked = await server.asks("update_tier", **arguments)
    assert sorted(asked[:4]) == sorted(asked[4:8]) == sorted(reads)
    assert asked[8:] == [f"PUT {await server.tier('Silver')}"]


async def test_an_export_reads_the_programs_once(server: Server) -> None:
    """The list of programs by which one is named has all of it."""
    asked = await server.asks("export_program")

    assert sorted(asked[:5]) == [
        *("GET balance-definitions", "GET offers", "GET programs"),
        *("GET tier-groups", "GET tiers"),
    ]
    assert len(asked) == 5 + len((await server.call("list_rewards"))["items"])


async def test_a_read_answers_nothing_that_an_earlier_call_read(
    server: Server, control: SandboxControl
) -> None:
    """What others change between two calls is in the answer of the second."""
    await server.call("export_program")
    await control.post(
        f"{BALANCE}/{await control.program()}/balance-definitions",
        {"name": "Tea Points", "unit": "POINTS"},
    )
    balances = (await server.call("export_program"))["spec"]["balances"]

    assert "Tea Points" in [balance["name"] for balance in balances]


async def test_only_what_is_described_is_read_back(server: Server) -> None:
    """Of a program with nothing but a balance, the program and its balances are read back."""
    assert await server.asks("apply_program", spec=BALANCE_ONLY) == [
        *("GET programs", "GET programs", "POST programs", "POST balance-definitions"),
        *("GET programs", "GET balance-definitions"),
    ]


async def test_a_new_reward_is_read_whole_where_it_has_texts(server: Server) -> None:
    """A list of rewards tells no texts; one that has only its name is in the list whole."""
    asked = await server.asks("apply_program", spec=REWARDS)

    assert asked[:5] == [*["GET programs"] * 2, "POST programs", *["POST offers"] * 2]
    assert asked[5:7] == ["GET programs", "GET offers"]
    assert len(asked) == 8


class Deaf:
    """An engine that hears the public name of a reward wrongly."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is heard."""

        async def heard() -> Any:
            message = await receive()
            return {**message, "body": message["body"].replace(b"A cup", b"A mug")}

        await self._app(scope, heard, send)


async def test_a_new_reward_that_is_otherwise_is_told(connect: Connect, sandbox: Watched) -> None:
    """What was made is compared with the description, texts of rewards included."""
    sandbox.behind = Deaf(sandbox.behind)
    async with connect(confirm="off") as client:
        result = await client.call_tool("apply_program", {"spec": REWARDS})

    assert result.is_error
    sentence = (
        'read back differs: change reward "tea": public name: "A mug of tea" → "A cup of tea"'
    )
    assert sentence in text_of(result)
