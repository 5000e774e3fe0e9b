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
from tests.conftest import Connect, SandboxControl, text_of
from tests.world import BALANCE, fill

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


async def test_a_reversal_reads_the_history_once_a_look(
    server: Server, control: SandboxControl
) -> None:
    """One reading tells what is reversed, whether it is already, and which drafts are open."""
    done = (await fill(control)).done
    await server.call("credit_points", member="101", amount=1, reason="Warm")
    arguments = {"member": "101", "transaction_id": done, "reason": "Mistake"}

    assert sorted(await server.asks("reverse_transaction", **arguments)) == sorted(
        [
            "GET account-info",  # whether the digits are somebody's own id
            *("GET transaction-history", "GET account-info"),
            *("GET transaction-history", "GET account-info"),
            # Of two reversals that began at once, the drafts tell which is the first.
            *("POST transactions", "GET transaction-history", "POST complete"),
        ]
    )


async def test_a_reversal_counts_drafts_as_a_debit_does(
    server: Server, control: SandboxControl
) -> None:
    """Its preview warns of open drafts, and one made meanwhile brings a new preview."""
    world = await fill(control)
    program = await control.program()
    definitions = await control.get(f"{BALANCE}/{program}/balance-definitions")
    arguments = {"member": "101", "transaction_id": world.done, "reason": "Mistake"}
    first = await server.once("reverse_transaction", arguments)
    await control.post(
        f"{BALANCE}/{program}/transactions",
        {"contactId": 101, "balanceDefinitionId": definitions["items"][0]["id"], "amount": 7},
    )
    confirmed = {**arguments, "confirmation": first["confirmation"]}
    second = await server.once("reverse_transaction", confirmed)

    assert "1 other open draft(s) wait on this balance." in first["preview"]["warnings"]
    assert "open drafts" in second["reason"]


async def test_redeeming_reads_the_terms_once(server: Server, control: SandboxControl) -> None:
    """The terms of a reward that takes no points are kept for a minute, its name with them."""
    voucher = (await fill(control)).voucher
    await server.call("list_rewards")
    asked = await server.asks("redeem_for_member", member="105", voucher_id=voucher)
    terms = next(line for line in asked if len(line) == len("GET ") + 36)

    assert asked == [
        "GET account-info",  # whether the digits are somebody's own id
        *("GET vouchers", "POST validate", terms, "GET vouchers", "POST validate"),
        *("POST redeem", "POST complete"),
    ]


async def test_a_new_member_costs_five_requests(server: Server) -> None:
    """Nobody has the email, twice; the contact, the membership, and the account: nothing else."""
    await server.call("get_member_overview", member="101")
    arguments = {"contact": "nora.lind@example.com", "create_contact": True}

    assert await server.asks("enroll_member", **arguments) == [
        *("GET nora.lind@example.com", "GET nora.lind@example.com"),
        *("POST contacts", "POST subscriptions", "GET account-info"),
    ]


async def test_a_program_is_read_with_the_list_that_names_it(server: Server) -> None:
    """The list of programs has all of each."""
    asked = await server.asks("patch_program", program="VIP Club", description="New.")

    assert asked[:2] == ["GET programs", "GET programs"]
    assert len(asked) == 3


async def test_a_tier_is_named_and_shown_by_one_reading_of_the_draft(server: Server) -> None:
    """The list of draft tiers by which one is named also tells what it was; what is live, none."""
    condition = {"balance": "Purchase Points", "minimum_value": 310}
    arguments = {"tier": "Silver", "name": "Silver", "access_conditions": [condition]}

    assert await server.asks("update_tier", **arguments) == [
        *("GET programs", "GET tiers", "GET balance-definitions"),
        *("GET tiers", f"PUT {await server.tier('Silver')}"),
    ]


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
