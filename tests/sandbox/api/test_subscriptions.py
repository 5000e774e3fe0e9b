from datetime import timedelta

import pytest

from tests.sandbox.conftest import CONFIG, Account, MakeSandbox, open_account

pytestmark = pytest.mark.anyio


async def test_enrolment_starts_every_balance_at_zero(account: Account) -> None:
    """On enrolment every balance starts at 0 (GUIDE-ENROL)."""
    answer = await account.sandbox.get(f"{account.path}/subscriptions/{account.contact}/balances")

    assert answer == {
        "loyaltyProgramId": account.program,
        "contactId": account.contact,
        "balance": [{"balanceDefinitionId": account.definition, "value": 0}],
    }


async def test_an_own_id_is_kept_or_made(account: Account) -> None:
    """Left out, an id is made; given, it names the member."""
    sandbox = account.sandbox
    info = await sandbox.get(f"{CONFIG}/{account.program}/account-info", contactId=account.contact)
    made = info["membership"]["loyaltySubscriptionId"]
    assert len(made) == 36

    other = await sandbox.contact("b")
    enrolled = await sandbox.enrol(account.program, other, loyaltySubscriptionId="own-7")
    assert enrolled["loyaltySubscriptionId"] == "own-7"
    info = await sandbox.get(
        f"{CONFIG}/{account.program}/account-info", loyaltySubscriptionId="own-7"
    )
    assert info["balance"]["contactId"] == other


async def test_enrolment_is_refused_when_it_does_not_fit(account: Account) -> None:
    """Unknown contact 404, own id of another 400 (OAS), twice 409, future date 422."""
    sandbox, path = account.sandbox, f"{CONFIG}/{account.program}/subscriptions"
    other = await sandbox.contact("b")
    await sandbox.enrol(account.program, other, loyaltySubscriptionId="own-7")
    third = await sandbox.contact("c")
    future = (sandbox.clock.now + timedelta(days=1)).isoformat()

    assert await sandbox.refused("POST", path, {"contactId": 999}) == 404
    taken = {"contactId": third, "loyaltySubscriptionId": "own-7"}
    assert await sandbox.refused("POST", path, taken) == 400
    assert await sandbox.refused("POST", path, {"contactId": other}) == 409
    late = {"contactId": third, "creationDate": future}
    assert await sandbox.refused("POST", path, late) == 422


async def test_a_second_enrolment_may_be_answered_with_400(make_sandbox: MakeSandbox) -> None:
    """That is a choice of the settings."""
    account = await open_account(await make_sandbox(duplicate_enrolment_status=400))
    path = f"{CONFIG}/{account.program}/subscriptions"

    assert await account.sandbox.refused("POST", path, {"contactId": account.contact}) == 400


async def test_ending_a_subscription_ends_what_the_member_held(account: Account) -> None:
    """Enrolling again begins at 0, and what was open can no longer be completed."""
    sandbox = account.sandbox
    await account.move(50)
    draft = await account.draft(5)
    path = f"{CONFIG}/{account.program}/contact/{account.contact}"

    assert await sandbox.call("DELETE", path) == (204, None)
    assert await sandbox.refused("DELETE", path) == 404
    assert await sandbox.refused("DELETE", f"{CONFIG}/{account.program}/contact/x") == 400
    assert (await account.try_move(1)).status == 422

    await sandbox.enrol(account.program, account.contact)
    assert await account.value() == 0
    assert (await account.resolve(draft)).status == 404
    assert await account.history() == []


async def test_further_contacts_share_a_subscription(account: Account) -> None:
    """They read and move the owner's balance; the owner cannot be its own member (OAS)."""
    sandbox, path = account.sandbox, f"{CONFIG}/{account.program}/subscription-members"
    child = await sandbox.contact("child")

    attached = await sandbox.post(path, {"contactId": account.contact, "memberContactIds": [child]})
    assert (attached["ownerContactId"], attached["memberContactIds"]) == (account.contact, [child])

    shared = Account(sandbox, account.program, account.definition, child)
    assert (await shared.move(10))["contactId"] == account.contact
    assert await account.value() == 10
    info = await sandbox.get(f"{CONFIG}/{account.program}/account-info", contactId=child)
    assert [each["memberContactId"] for each in info["members"]] == [child]

    own = {"contactId": account.contact, "memberContactIds": [account.contact]}
    assert await sandbox.refused("POST", path, own) == 409
    assert (await sandbox.call("DELETE", path, memberContactIds=child)).status == 204
    assert (await shared.try_move(1)).status == 422
    assert await sandbox.refused("DELETE", path) == 400
    assert await sandbox.refused("DELETE", path, memberContactIds=child) == 404
    assert await sandbox.refused("DELETE", path, memberContactIds="x") == 422


async def test_account_info_needs_a_member(account: Account) -> None:
    """Neither id 422; an id of nobody, or none at all, 400."""
    sandbox, path = account.sandbox, f"{CONFIG}/{account.program}/account-info"

    assert await sandbox.refused("GET", path) == 422
    assert await sandbox.refused("GET", path, contactId="x") == 400
    assert await sandbox.refused("GET", path, contactId=999) == 400
    assert await sandbox.refused("GET", path, loyaltySubscriptionId="nobody") == 400
    assert await sandbox.refused("GET", path, contactId=account.contact, params="wishes") == 422


async def test_account_info_shows_the_parts_that_are_asked_for(account: Account) -> None:
    """`params` is a list of parts, divided by commas."""
    answer = await account.sandbox.get(
        f"{CONFIG}/{account.program}/account-info",
        contactId=account.contact,
        params="balance,members",
    )

    assert answer.keys() == {"loyaltyProgramName", "balance", "members"}
    assert answer["balance"]["balances"][0]["balanceDefinitionName"] == "Points"


async def test_enrolment_and_its_end_are_announced(account: Account) -> None:
    """Brevo's names of the events."""
    sandbox = account.sandbox
    await sandbox.call("DELETE", f"{CONFIG}/{account.program}/contact/{account.contact}")

    assert {"subscription_created", "subscription_revoked"} <= set(await sandbox.events())
