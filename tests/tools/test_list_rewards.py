"""What a list of rewards says of price and worth, and to whom."""

import pytest

from tests.conftest import Connect, text_of

COFFEE = 'Costs 40 points of "Purchase Points". "A coffee of your choice for 40 points."'


@pytest.mark.parametrize("flags", [{"role": "member", "member": "103"}, {"role": "support"}])
async def test_list_tells_prices_where_no_other_tool_does(
    connect: Connect, flags: dict[str, str]
) -> None:
    """A role without get_reward gets what a reward costs, is worth, and how members see it."""
    async with connect(**flags) as client:
        answer = await client.call_tool("list_rewards", {})

        assert f'"free-coffee", shown as "Free coffee". {COFFEE}' in text_of(answer)
        assert '"ten-euro-voucher", shown as "10 euro voucher" (10 EUR).' in text_of(answer)
        assert "get_reward" not in text_of(answer)
        coffee = (answer.structured_content or {})["items"][0]
        assert coffee["price"] == 'Costs 40 points of "Purchase Points"'
        assert coffee["public_name"] == "Free coffee"


async def test_list_stays_one_request_where_a_reward_can_be_read_alone(connect: Connect) -> None:
    """A manager is told which tool has price and terms, and the hour's budget is spared."""
    async with connect(role="manager") as client:
        answer = await client.call_tool("list_rewards", {"version": "active"})

        assert "get_reward has price and terms" in text_of(answer)
        assert "Costs" not in text_of(answer)
        assert "price" not in (answer.structured_content or {})["items"][0]


async def test_empty_list_says_what_it_was_narrowed_to(connect: Connect) -> None:
    """None in one state is not told as none at all."""
    async with connect(role="support") as client:
        rewards = await client.call_tool("list_rewards", {"state": "available"})
        drafts = await client.call_tool(
            "list_transaction_history", {"member": "102", "status": "draft"}
        )
        coffees = await client.call_tool(
            "list_vouchers", {"member": "103", "reward": "free-coffee"}
        )

        assert text_of(rewards) == '[sandbox] Draft rewards with state "available": none.'
        assert text_of(drafts).endswith('in "Purchase Points" with status "draft": none.')
        assert text_of(coffees).endswith('(own id "VIP-103") of reward "free-coffee": none.')
