"""publish_program: every difference is previewed before it is agreed to."""

from tests.conftest import Connect, SandboxControl, text_of

GOLD = {
    "tier": "gold",
    "name": "Gold",
    "access_conditions": [{"balance": "purchase points", "minimum_value": 600}],
}


async def test_publishing_previews_what_differs(connect: Connect, control: SandboxControl) -> None:
    """The preview lists every difference between the draft and what is live, by name."""
    async with connect(confirm="off") as client:
        await client.call_tool("update_tier", GOLD)
        await client.call_tool("create_balance_definition", {"name": "Stars", "unit": "POINTS"})
    before = await control.state_hash()
    async with connect(confirm="token") as client:
        result = await client.call_tool("publish_program", {})

    text = text_of(result)
    assert result.structured_content["status"] == "confirmation_required"
    assert "2 differences for its members" in text
    assert 'Balance "Stars" is new.' in text
    assert 'Tier "Gold" changes' in text
    assert '"balance_definition_id": "Purchase Points", "minimum_value": 600' in text
    assert before == await control.state_hash()


async def test_the_preview_says_that_there_is_nothing_to_publish(connect: Connect) -> None:
    """If draft and live version are the same, the preview says so."""
    async with connect(confirm="token") as client:
        result = await client.call_tool("publish_program", {})

    assert "no difference to what is live" in text_of(result)


async def test_an_edit_after_the_preview_needs_a_new_agreement(connect: Connect) -> None:
    """Only what was agreed to is published."""
    async with connect(confirm="token") as client:
        first = await client.call_tool("publish_program", {})
    async with connect(confirm="off") as client:
        await client.call_tool("update_tier", GOLD)
    async with connect(confirm="token") as client:
        confirmation = first.structured_content["confirmation"]
        again = await client.call_tool("publish_program", {"confirmation": confirmation})

    assert again.structured_content["status"] == "confirmation_required"
    assert "differences" in again.structured_content["reason"]
