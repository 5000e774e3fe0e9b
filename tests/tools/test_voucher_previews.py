"""What the preview and the outcome of a new voucher say that it is worth."""

from tests.conftest import Connect, text_of

BRUNO = {"member": "102", "reward": "ten-euro-voucher"}


async def test_preview_and_outcome_tell_what_a_voucher_is_worth(connect: Connect) -> None:
    """A person agrees to ten euros, not only to the name of a reward."""
    async with connect(confirm="token") as client:
        preview = await client.call_tool("create_voucher", BRUNO)
        confirmation = (preview.structured_content or {})["confirmation"]
        done = await client.call_tool("create_voucher", {**BRUNO, "confirmation": confirmation})

        assert 'reward "ten-euro-voucher" (10 EUR) to member 102' in text_of(preview)
        assert 'voucher of "ten-euro-voucher" (10 EUR) to member 102' in text_of(done)


async def test_preview_tells_a_value_of_its_own_once_and_with_its_unit(connect: Connect) -> None:
    """A value given in place of the reward's is what the person is shown."""
    async with connect(confirm="token") as client:
        text = text_of(await client.call_tool("create_voucher", {**BRUNO, "value": 15}))
        sentences = text.splitlines()[0]

        assert '"ten-euro-voucher" (15 EUR)' in sentences
        assert sentences.count("15") == 1


async def test_preview_of_a_reward_without_value_has_no_worth(connect: Connect) -> None:
    """A coffee is worth no sum, so none is told."""
    async with connect(confirm="token") as client:
        coffee = {"member": "102", "reward": "free-coffee"}
        text = text_of(await client.call_tool("create_voucher", coffee))

        assert 'reward "free-coffee" to member 102' in text
