"""The overview of a member: short, few requests, no personal data."""

from collections.abc import Callable
from typing import Any

import pytest

from loyalty_mcp.cli.menu_size import count_tokens
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer
from tests.conftest import Connect, SandboxControl, text_of

MEMBER = "102"
BALANCES = 2
CONFIGURATION = 4
"""What a cold start reads more: the programs, the balances, the tiers and their groups."""


@pytest.fixture
async def wealthy(control: SandboxControl) -> None:
    """A member with two balances, a tier, three vouchers and ten movements."""
    program = await control.program()
    balances = f"/v3/loyalty/balance/programs/{program}"
    offers = f"/v3/loyalty/offer/programs/{program}"
    tea = await control.post(
        f"{balances}/balance-definitions",
        {
            "name": "Tea Points",
            "unit": "POINTS",
            "balanceAvailabilityDurationValue": 20,
            "balanceAvailabilityDurationUnit": "day",
            "balanceAvailabilityDurationModifier": "noModification",
        },
    )
    await control.post(f"/v3/loyalty/config/programs/{program}/publish", {})
    await control.post(
        f"{balances}/subscriptions/{MEMBER}/balances", {"balanceDefinitionId": tea["id"]}
    )
    for amount in range(10, 18):
        await control.post(
            f"{balances}/transactions",
            {
                "contactId": int(MEMBER),
                "balanceDefinitionId": tea["id"],
                "amount": amount,
                "autoComplete": True,
            },
        )
    rewards = await control.get(f"{offers}/offers?version=active")
    for reward in rewards["items"][:3]:
        given = {"contactId": int(MEMBER), "rewardId": reward["id"]}
        await control.post(f"{offers}/rewards/attribute", given)


@pytest.mark.usefixtures("wealthy")
async def test_the_overview_is_short(connect: Connect) -> None:
    """All of a member, ten movements included, is said in at most 400 tokens."""
    arguments = {"member": MEMBER, "include": ["movements"]}
    async with connect() as client:
        result = await client.call_tool("get_member_overview", arguments)
    found = result.structured_content or {}
    text = text_of(result)

    assert count_tokens(text) <= 400
    assert (len(found["balances"]), len(found["tiers"])) == (2, 1)
    assert (len(found["vouchers"]), len(found["movements"])) == (3, 10)
    assert '"Tea Points": 108 points. 108 points expire ' in text
    assert "in 20 days" in text
    assert text.count(', code "') == 3
    assert '+60 points of "Purchase Points", "Autumn bonus"' in text


Count = Callable[..., Any]


@pytest.fixture
def count(make_runtime: Callable[..., Runtime]) -> Count:
    """Counts the requests of a call of the overview, on one server that stays."""
    made = make_runtime()

    async def requests(**arguments: Any) -> int:
        before = made.context.brevo.requests_sent
        caller = Caller(LOCAL, can_ask=False)
        answer = await made.dispatcher.call("get_member_overview", arguments, caller)
        assert isinstance(answer, Answer)
        assert not answer.failed
        return made.context.brevo.requests_sent - before

    return requests


@pytest.mark.usefixtures("wealthy")
async def test_the_overview_is_cheap(count: Count) -> None:
    """One request for the account and one a balance; movements, one more a balance, if asked."""
    cold = await count(member=MEMBER)
    warm = await count(member=MEMBER)
    whole = await count(member=MEMBER, include=["movements"])

    assert warm == 1 + BALANCES
    assert cold == warm + CONFIGURATION + 1  # whether the digits are somebody's own id
    assert whole == warm + BALANCES


@pytest.mark.usefixtures("wealthy")
async def test_naming_a_member_costs_one_request(count: Count) -> None:
    """An email is one request to Contacts, which has a budget of its own; an own id is one too."""
    warm = await count(member=MEMBER) and await count(member=MEMBER)

    assert await count(member="bruno.marchetti@example.com") == warm + 1
    assert await count(member="own:VIP-102") == warm + 1


async def test_the_overview_has_no_addresses(connect: Connect) -> None:
    """The overview of a member holds neither email nor phone."""
    async with connect(role="support") as client:
        result = await client.call_tool("get_member_overview", {"member": MEMBER})
    whole = f"{text_of(result)}{result.structured_content}"

    assert "@" not in whole
    assert "393331000102" not in whole


@pytest.mark.parametrize("tool", ["get_member_overview", "list_transaction_history"])
@pytest.mark.parametrize("member", ["102", "VIP-102", "bruno.marchetti@example.com"])
async def test_a_second_program_that_is_not_published_is_no_question(
    connect: Connect, control: SandboxControl, tool: str, member: str
) -> None:
    """A member of the one active program need not name it, whoever prepares another."""
    await control.post("/v3/loyalty/config/programs", {"name": "Next Year"})
    async with connect() as client:
        answer = await client.call_tool(tool, {"member": member})

    assert not answer.is_error, text_of(answer)
    assert "ember 102" in text_of(answer)
