from typing import Any

import pytest

from tests.sandbox.club import Club, open_club
from tests.sandbox.conftest import CONFIG, NO_ID, Json, Sandbox


@pytest.fixture
async def club(sandbox: Sandbox) -> Club:
    """A published program with one balance."""
    return await open_club(sandbox)


async def statuses(club: Club, contact: int) -> list[str]:
    """The states of a member's movements, newest first."""
    history = await club.sandbox.get(
        f"{club.balance}/transaction-history", contactId=contact, balanceDefinitionId=club.points
    )
    return [each["status"] for each in history["transactionHistory"]]


async def test_a_voucher_is_issued_and_listed(club: Club) -> None:
    """A voucher takes value and unit from its reward, and its own fields win (documented)."""
    reward = await club.reward(value=10, unit="EUR")
    contact = await club.join()
    plain = await club.issue(reward, contact, meta={"a": 1})
    own = await club.issue(reward, contact, code="MINE", value=2.5)
    listed = await club.vouchers(contact)

    assert (plain["value"], plain["meta"], plain["consumedAt"]) == (10, {"a": 1}, None)
    assert (own["value"], own["code"]) == (2.5, "MINE")
    assert [each["id"] for each in listed] == [own["id"], plain["id"]]
    assert listed[0]["unit"] == "EUR"
    assert "voucher_created" in await club.sandbox.events()


async def test_vouchers_are_listed_in_pages(club: Club) -> None:
    """The list is paged, newest update first, and filtered by reward and meta (documented)."""
    coffee, cake = await club.reward(), await club.reward("cake")
    contact = await club.join()
    made = [await club.issue(coffee, contact, meta={"n": str(number)}) for number in range(3)]
    await club.issue(cake, contact)
    path = f"{club.offer}/vouchers"
    page = await club.sandbox.get(
        path, contactId=contact, rewardId=coffee, limit=2, sort="asc", sortField="createdAt"
    )
    by_meta = await club.vouchers(contact, metadata_key_value="n:1")

    assert [each["id"] for each in page["contactRewards"]] == [made[0]["id"], made[1]["id"]]
    assert page["count"] == 3
    assert [each["id"] for each in by_meta] == [made[1]["id"]]


async def test_account_info_shows_what_can_be_used(club: Club) -> None:
    """account-info holds the vouchers that can be used now or later, with their names."""
    reward = await club.reward(publicDescription="On us")
    contact = await club.join()
    used = await club.issue(reward, contact)
    later = await club.issue(reward, contact, validFrom="2026-04-01T00:00:00Z")
    await club.redeem(used, autoComplete=True)
    shown = (await club.account(contact))["reward"]

    assert [each["id"] for each in shown] == [later["id"]]
    assert (shown[0]["rewardName"], shown[0]["publicDescription"]) == ("coffee", "On us")


async def test_redemption_has_two_phases(club: Club) -> None:
    """Redeeming opens, completing consumes; autoComplete does both (documented)."""
    reward = await club.reward()
    contact = await club.join()
    voucher, other = await club.issue(reward, contact), await club.issue(reward, contact)
    status, opened = await club.redeem(voucher, meta={"till": 3})

    assert (status, opened["status"], opened["completedAt"]) == (200, "draft", None)
    assert opened["rewardAttributionId"] == voucher["id"]
    assert (await club.vouchers(contact))[1]["consumedAt"] is None

    status, done = await club.complete(opened)

    assert (status, done["status"]) == (200, "completed")
    assert done["completedAt"] is not None
    assert (await club.redeem(other, autoComplete=True)).body["status"] == "completed"
    assert all(each["consumedAt"] for each in await club.vouchers(contact))
    assert (await club.sandbox.events()).count("voucher_redeemed") == 2


async def test_a_voucher_is_used_once(club: Club) -> None:
    """A consumed voucher is a 412, and so is a second completion (our choice)."""
    reward = await club.reward()
    voucher = await club.issue(reward, await club.join())
    opened = (await club.redeem(voucher)).body
    await club.complete(opened)

    assert (await club.complete(opened)).status == 412
    assert (await club.redeem(voucher)).status == 412
    assert not await club.authorized(voucher)
    assert "voucher_redeem_unauthorized" in await club.sandbox.events()


async def test_an_open_redemption_holds_its_voucher(club: Club) -> None:
    """While a redemption is open the voucher is a 412 for others; its ttl sets it free."""
    reward = await club.reward()
    voucher = await club.issue(reward, await club.join())
    opened = (await club.redeem(voucher, ttl=60)).body

    assert (await club.redeem(voucher)).status == 412
    assert not await club.authorized(voucher)

    await club.sandbox.advance(seconds=60)

    assert (await club.complete(opened)).status == 412
    assert await club.authorized(voucher)
    assert (await club.redeem(voucher, autoComplete=True)).status == 200


async def test_validity_begins_and_ends(club: Club) -> None:
    """Before validFrom and from its expiry on a voucher is a 412 (our choice)."""
    reward = await club.reward()
    contact = await club.join()
    voucher = await club.issue(
        reward, contact, validFrom="11/03/2026 12:00 PM", expirationDate="12/03/2026"
    )

    assert voucher["validFrom"] == "2026-03-11T12:00:00.000Z"
    assert voucher["expirationDate"] == "2026-03-13T00:00:00.000Z"
    assert (await club.redeem(voucher)).status == 412

    await club.sandbox.advance(days=1)

    assert await club.authorized(voucher)

    await club.sandbox.advance(days=1, hours=12)

    assert (await club.redeem(voucher)).status == 412
    assert "voucher_expired" in await club.sandbox.events()


async def test_the_reward_sets_the_expiry(club: Club) -> None:
    """expirationValue, unit and modifier, or a date, end a voucher (documented fields)."""
    reward = await club.reward(
        expirationValue=1, expirationUnit="month", expirationModifier="endOfPeriod"
    )
    contact = await club.join()

    assert (await club.issue(reward, contact))["expirationDate"] == "2026-05-01T00:00:00.000Z"

    await club.configure(reward, expirationDate="2026-03-20T00:00:00Z")

    assert (await club.issue(reward, contact))["expirationDate"] == "2026-03-20T00:00:00.000Z"


async def test_a_voucher_cannot_end_before_it_begins(club: Club) -> None:
    """A voucher that would expire before it is valid is a 422."""
    reward = await club.reward()
    contact = await club.join()

    assert (await club.try_issue(reward, contact, expirationDate="2026-03-09")).status == 422


async def test_closed_rewards_refuse(club: Club) -> None:
    """Outside its dates, or disabled, a reward is a 422 to issue and a 417 to redeem."""
    reward = await club.reward()
    contact = await club.join()
    voucher = await club.issue(reward, contact)
    for closed in (
        {"startDate": "2026-03-11T00:00:00Z"},
        {"endDate": "2026-03-10T12:00:00Z"},
        {"disabledAt": "2026-03-10T12:00:00Z"},
    ):
        await club.configure(reward, **closed)

        assert (await club.try_issue(reward, contact)).status == 422
        assert (await club.redeem(voucher)).status == 417
        assert not await club.authorized(voucher)

        await club.configure(reward, **dict.fromkeys(closed))

    assert (await club.redeem(voucher)).status == 200


async def test_attribution_ceilings(club: Club) -> None:
    """Both totalAttribution and attributionPerConsumer bound what is issued (documented fields)."""
    reward = await club.reward(totalAttribution=3, attributionPerConsumer=2)
    one, other = await club.join("one"), await club.join("other")
    await club.issue(reward, one)
    last = await club.issue(reward, one)

    assert (await club.try_issue(reward, one)).status == 422

    await club.issue(reward, other)

    assert (await club.try_issue(reward, other)).status == 422

    await club.revoke(last)

    assert (await club.try_issue(reward, other)).status == 200


async def test_redemption_ceilings(club: Club) -> None:
    """Both totalRedeem and redeemPerConsumer bound what is redeemed: 417 (our choice)."""
    reward = await club.reward(totalRedeem=2, redeemPerConsumer=1)
    one, other = await club.join("one"), await club.join("other")
    vouchers = [await club.issue(reward, one) for _ in range(2)]
    third = await club.issue(reward, other)

    assert (await club.redeem(vouchers[0])).status == 200
    assert (await club.redeem(vouchers[1], autoComplete=True)).status == 417
    assert (await club.redeem(third, autoComplete=True)).status == 200


async def test_limits_of_a_reward_have_windows(club: Club) -> None:
    """`limits` bound issuing and redeeming in windows (documented fields)."""
    daily = {"limitValue": 1, "durationValue": 1, "durationUnit": "day"}
    reward = await club.reward(
        limits=[
            {"type": "attributionPerConsumer", **daily},
            {"type": "redeem", "slidingSchedule": True, **daily},
        ]
    )
    contact = await club.join()
    first = await club.issue(reward, contact)

    assert (await club.try_issue(reward, contact)).status == 422

    await club.sandbox.advance(hours=12)
    second = await club.issue(reward, contact)
    await club.redeem(first, autoComplete=True)
    await club.sandbox.advance(hours=23)

    assert (await club.redeem(second)).status == 417

    await club.sandbox.advance(hours=1)

    assert (await club.redeem(second)).status == 200


async def test_a_lowered_ceiling_rejects_an_open_redemption(club: Club) -> None:
    """A completion that a rule refuses is a 417 and leaves the redemption rejected for good."""
    reward = await club.reward()
    contact = await club.join()
    voucher = await club.issue(reward, contact)
    opened = (await club.redeem(voucher)).body
    await club.configure(reward, totalRedeem=0)

    assert (await club.complete(opened)).status == 417

    await club.configure(reward, totalRedeem=None)

    assert (await club.complete(opened)).status == 412
    assert (await club.redeem(voucher, autoComplete=True)).status == 200


async def paid_reward(club: Club, **settings: Any) -> str:
    """A reward that costs 100 points."""
    return await club.reward(
        **{
            "subtractBalanceDefinitionId": club.points,
            "subtractBalanceValue": 100,
            **settings,
        }
    )


async def test_a_redemption_takes_its_price(club: Club) -> None:
    """The debit is open with the redemption and applied with its completion (documented)."""
    reward = await paid_reward(club)
    contact = await club.join()
    await club.move(contact, 250)
    voucher = await club.issue(reward, contact)
    opened = (await club.redeem(voucher)).body

    assert opened["debitTransactionId"] is not None
    assert await club.value(contact) == 250
    assert await statuses(club, contact) == ["draft", "completed"]

    await club.complete(opened)

    assert await club.value(contact) == 150
    assert await statuses(club, contact) == ["completed", "completed"]


async def test_a_lapsed_redemption_takes_nothing(club: Club) -> None:
    """The debit of a redemption lapses with it."""
    reward = await paid_reward(club)
    contact = await club.join()
    await club.move(contact, 250)
    await club.redeem(await club.issue(reward, contact), ttl=30)
    await club.sandbox.advance(seconds=30)

    assert await statuses(club, contact) == ["expired", "completed"]
    assert await club.value(contact) == 250


async def test_a_price_beyond_the_balance_is_refused(club: Club) -> None:
    """Without the points a redemption is a 417 and takes nothing."""
    reward = await paid_reward(club)
    contact = await club.join()
    await club.move(contact, 99)
    voucher = await club.issue(reward, contact)

    assert not await club.authorized(voucher)
    assert (await club.redeem(voucher)).status == 417
    assert await club.value(contact) == 99


async def test_points_spent_meanwhile_reject_the_redemption(club: Club) -> None:
    """Nothing is set aside: who spends the points before the completion is refused then."""
    reward = await paid_reward(club)
    contact = await club.join()
    await club.move(contact, 100)
    voucher = await club.issue(reward, contact)
    opened = (await club.redeem(voucher)).body
    await club.move(contact, -50)

    assert (await club.complete(opened)).status == 417
    assert await club.value(contact) == 50
    assert await statuses(club, contact) == ["completed", "rejected", "completed"]
    assert (await club.vouchers(contact))[0]["consumedAt"] is None


async def test_a_debit_completed_by_hand_is_not_taken_twice(club: Club) -> None:
    """Who completed the debit through the transaction has paid for the redemption."""
    reward = await paid_reward(club)
    contact = await club.join()
    await club.move(contact, 250)
    opened = (await club.redeem(await club.issue(reward, contact))).body
    await club.sandbox.post(f"{club.balance}/transactions/{opened['debitTransactionId']}/complete")

    assert (await club.complete(opened)).status == 200
    assert await club.value(contact) == 150


async def test_a_debit_cancelled_by_hand_rejects_the_redemption(club: Club) -> None:
    """Without its debit a redemption cannot be completed."""
    reward = await paid_reward(club)
    contact = await club.join()
    await club.move(contact, 250)
    opened = (await club.redeem(await club.issue(reward, contact))).body
    await club.sandbox.post(f"{club.balance}/transactions/{opened['debitTransactionId']}/cancel")

    assert (await club.complete(opened)).status == 417
    assert await club.value(contact) == 250


async def test_a_reward_may_take_all_or_what_is_there(club: Club) -> None:
    """All of it with subtractTotalBalance; with the strategy partial what is there of the value."""
    everything = await paid_reward(club, subtractTotalBalance=True)
    contact = await club.join()
    await club.move(contact, 37)
    await club.redeem(await club.issue(everything, contact), autoComplete=True)

    assert await club.value(contact) == 0
    assert (await club.redeem(await club.issue(everything, contact))).status == 417

    await club.configure(everything, subtractTotalBalance=None, subtractBalanceStrategy="partial")
    await club.move(contact, 60)
    await club.redeem(await club.issue(everything, contact), autoComplete=True)

    assert await club.value(contact) == 0


async def test_a_reward_may_take_its_price_when_issued(club: Club) -> None:
    """With the strategy attribution the price is taken at the issue, and only then."""
    reward = await paid_reward(club, subtractBalanceStrategy="attribution")
    contact = await club.join()

    assert (await club.try_issue(reward, contact)).status == 422

    await club.move(contact, 100)
    voucher = await club.issue(reward, contact)

    assert await club.value(contact) == 0

    redeemed = (await club.redeem(voucher, autoComplete=True)).body

    assert (redeemed["status"], redeemed["debitTransactionId"]) == ("completed", None)


async def test_a_price_in_a_balance_that_is_not_there(club: Club) -> None:
    """A reward that takes from an unknown balance is a 417 to redeem and a 422 to issue."""
    reward = await paid_reward(club, subtractBalanceDefinitionId=NO_ID)
    contact = await club.join()
    voucher = await club.issue(reward, contact)

    assert (await club.redeem(voucher)).status == 417

    await club.configure(reward, subtractBalanceStrategy="attribution")

    assert (await club.try_issue(reward, contact)).status == 422


async def test_revoking_is_all_or_nothing(club: Club) -> None:
    """Vouchers are revoked together; a consumed or unknown one stops the whole call."""
    reward = await club.reward()
    contact = await club.join()
    first, second, used = [await club.issue(reward, contact) for _ in range(3)]
    await club.redeem(used, autoComplete=True)
    before = await club.sandbox.state()

    assert (await club.revoke(first, used)).status == 422
    assert (await club.revoke(first, {"id": NO_ID})).status == 404
    assert await club.sandbox.state() == before
    assert (await club.revoke(first, second)).status == 204
    assert [each["id"] for each in await club.vouchers(contact)] == [used["id"]]
    assert (await club.redeem(first)).status == 412
    assert (await club.revoke(first)).status == 404
    assert (await club.sandbox.events()).count("voucher_revoked") == 2


async def test_revoking_cancels_an_open_redemption(club: Club) -> None:
    """The redemption of a revoked voucher cannot be completed, and its debit is cancelled."""
    reward = await paid_reward(club)
    contact = await club.join()
    await club.move(contact, 250)
    voucher = await club.issue(reward, contact)
    opened = (await club.redeem(voucher)).body
    await club.revoke(voucher)

    assert (await club.complete(opened)).status == 412
    assert await statuses(club, contact) == ["cancelled", "completed"]


async def test_a_voucher_is_named_in_three_ways(club: Club) -> None:
    """By its id, by its code, or by a reward and a member: then the soonest to expire."""
    reward = await club.reward()
    contact = await club.join(loyaltySubscriptionId="OWN-1")
    late = await club.issue(reward, contact, code="LATE")
    soon = await club.issue(reward, contact, expirationDate="2026-03-20")
    path = f"{club.offer}/rewards/redeem"
    by_member = await club.sandbox.post(
        path, {"rewardId": reward, "loyaltySubscriptionId": "OWN-1"}
    )
    by_code = await club.sandbox.post(path, {"code": "LATE", "contactId": contact})

    assert by_member["rewardAttributionId"] == soon["id"]
    assert by_code["rewardAttributionId"] == late["id"]


async def test_one_code_for_all_needs_a_member(club: Club) -> None:
    """A code that several members hold is a 422 until the member is named."""
    reward = await club.reward(code="SUMMER")
    one, other = await club.join("one"), await club.join("other")
    await club.issue(reward, one)
    theirs = await club.issue(reward, other)
    path = f"{club.offer}/rewards/redeem"

    assert await club.sandbox.refused("POST", path, {"code": "SUMMER"}) == 422

    opened = await club.sandbox.post(path, {"code": "SUMMER", "contactId": other})

    assert opened["rewardAttributionId"] == theirs["id"]


async def test_a_purchase_may_come_along(club: Club) -> None:
    """Redeeming takes a snapshot of the order, in its mixed spelling (documented)."""
    reward = await club.reward()
    voucher = await club.issue(reward, await club.join())
    order = {
        "id": "1",
        "contact_id": 5,
        "amount": 12.5,
        "identifiers": {"loyalty_subscription_id": "OWN-1", "ext_id": "x"},
        "products": [{"productId": "p", "price": 12.5, "quantity": 1, "category": ["c"]}],
        "billing": {"city": "Paris", "postCode": 75001, "phone": 331},
        "createdAt": "2026-03-10T12:00:00Z",
    }

    assert (await club.redeem(voucher, order=order)).status == 200
    assert (await club.redeem(voucher, order={"contactId": 5})).status == 422


async def test_what_a_member_held_goes_with_the_membership(club: Club) -> None:
    """After the subscription ends its vouchers can no longer be found."""
    reward = await club.reward()
    contact = await club.join()
    voucher = await club.issue(reward, contact)
    await club.sandbox.call("DELETE", f"{CONFIG}/{club.program}/contact/{contact}")

    assert (await club.redeem(voucher)).status == 404
    await club.sandbox.enrol(club.program, contact)
    assert await club.vouchers(contact) == []


async def test_validating_changes_nothing(club: Club) -> None:
    """Validation answers `authorize` and leaves no trace, not even an event (documented)."""
    reward = await club.reward(totalRedeem=0)
    voucher = await club.issue(reward, await club.join())
    state, events = await club.sandbox.state(), await club.sandbox.events()

    assert not await club.authorized(voucher)
    assert (await club.sandbox.state(), await club.sandbox.events()) == (state, events)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"rewardId": NO_ID}, 422),
        ({"contactId": 1}, 404),
        ({"code": "UNKNOWN"}, 404),
        ({"attributedRewardId": NO_ID}, 404),
        ({"attributedRewardId": "../x"}, 422),
        ({"code": "x" * 10_000}, 422),
        ({"code": 5}, 422),
        ({"voucher": NO_ID}, 422),
        ([], 422),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_names_no_voucher_is_refused(club: Club, body: Json, status: int) -> None:
    """Validating and redeeming refuse what names no voucher in the same way."""
    for verb in ("validate", "redeem"):
        path = f"{club.offer}/rewards/{verb}"

        assert await club.sandbox.refused("POST", path, body) == status


@pytest.mark.parametrize(
    "wrong",
    [
        {"rewardId": "x"},
        {"contactId": "101"},
        {"contactId": -1},
        {"contactId": 10**30},
        {"value": -1},
        {"value": 1e13},
        {"code": ""},
        {"code": "c" * 129},
        {"validFrom": "soon"},
        {"validFrom": "2026-03-10"},
        {"expirationDate": "99/99/2026"},
        {"expirationDate": "31/12/9999"},
        {"meta": []},
        {"reward": NO_ID},
    ],
    ids=lambda value: str(value)[:40],
)
async def test_wrong_vouchers_are_refused(club: Club, wrong: Json) -> None:
    """A voucher with a field that does not fit is a 422 and changes nothing."""
    reward = await club.reward()
    contact = await club.join()
    body = {"rewardId": reward, "contactId": contact, **wrong}

    assert await club.sandbox.refused("POST", f"{club.offer}/rewards/attribute", body) == 422


async def test_unknown_rewards_members_and_redemptions(club: Club) -> None:
    """An unknown reward, member or redemption is a 404, and no member at all a 422."""
    reward = await club.reward()
    stranger = await club.sandbox.contact("stranger")
    attribute = f"{club.offer}/rewards/attribute"
    refused = club.sandbox.refused

    assert await refused("POST", attribute, {"rewardId": NO_ID, "contactId": stranger}) == 404
    assert await refused("POST", attribute, {"rewardId": reward, "contactId": stranger}) == 404
    assert await refused("POST", attribute, {"rewardId": reward}) == 422
    assert await refused("POST", f"{club.offer}/rewards/redeem/{NO_ID}/complete") == 404
    assert await refused("POST", f"{club.offer}/rewards/redeem/x/complete") == 422
    assert await refused("GET", f"{club.offer}/vouchers", None, contactId=stranger) == 404
    assert await refused("GET", f"{club.offer}/vouchers") == 422
    revoke = f"{club.offer}/rewards/revoke"
    assert await refused("DELETE", revoke) == 422
    assert await refused("DELETE", revoke, None, attributedRewardIds="a,b") == 422
    listed = f"{club.offer}/vouchers"
    assert await refused("GET", listed, None, contactId=stranger, metadata_key_value="x") == 404
