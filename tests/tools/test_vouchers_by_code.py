"""A voucher is found by its code also where its id is asked for."""

import pytest

from tests.conftest import Connect, text_of

CODE = "TEN-4714D2"


@pytest.mark.parametrize("given", [CODE, " ten-4714d2 ", "TEN4714D2"])
async def test_redemption_takes_a_code_as_voucher_id(connect: Connect, given: str) -> None:
    """What is printed on the voucher names it, whichever argument it is given in."""
    async with connect(confirm="token") as client:
        member = {"member": "105", "voucher_id": given}
        text = text_of(await client.call_tool("redeem_for_member", member))

        assert f'Redeem voucher "{CODE}" of member 105' in text


async def test_validation_takes_a_code_as_voucher_id_of_a_known_member(connect: Connect) -> None:
    """Without the member, it says where a code goes."""
    async with connect() as client:
        given = {"voucher_id": CODE}
        known = await client.call_tool("validate_voucher", {**given, "member": "105"})
        unknown = await client.call_tool("validate_voucher", given)

        assert text_of(known).startswith(f'[sandbox] Can be redeemed: "{CODE}"')
        assert unknown.is_error
        assert "If that is a code, give it as code" in text_of(unknown)


async def test_code_of_another_member_is_not_found(connect: Connect) -> None:
    """A code counts only among the member's own vouchers."""
    async with connect(confirm="token") as client:
        given = {"member": "103", "voucher_id": CODE}

        assert "holds no such voucher" in text_of(
            await client.call_tool("redeem_for_member", given)
        )
