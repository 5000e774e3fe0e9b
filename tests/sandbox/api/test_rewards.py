from typing import Any

import pytest

from tests.sandbox.club import Club, open_club
from tests.sandbox.conftest import NO_ID, Sandbox

NOW = "2026-03-10T12:00:00.000Z"


@pytest.fixture
async def club(sandbox: Sandbox) -> Club:
    """A published program with one balance."""
    return await open_club(sandbox)


async def test_the_api_makes_the_shell_of_a_reward(club: Club) -> None:
    """Only the name and three public texts can be set through the API (documented)."""
    body = {
        "name": "coffee",
        "publicName": "Coffee",
        "publicDescription": "On us",
        "publicImage": "https://img.example/c.png",
    }
    made = await club.sandbox.post(f"{club.offer}/offers", body)
    read = await club.sandbox.get(f"{club.offer}/rewards/{made['id']}")

    assert body.items() <= made.items()
    assert body.items() <= read.items()
    assert (read["limits"], read["codeCount"], read["value"]) == ([], 0, None)


async def test_rewards_wait_for_publication(club: Club) -> None:
    """A draft reward is not live: no voucher of it can be issued (documented for edits)."""
    made = await club.sandbox.post(f"{club.offer}/offers", {"name": "coffee"})
    contact = await club.join()
    path = f"{club.offer}/rewards/{made['id']}"

    assert await club.sandbox.refused("GET", path, None, version="active") == 404
    assert (await club.sandbox.get(f"{club.offer}/offers"))["totalCount"] == 1
    assert (await club.sandbox.get(f"{club.offer}/offers", version="active"))["totalCount"] == 0
    assert (await club.try_issue(made["id"], contact)).status == 422

    await club.publish()

    assert (await club.try_issue(made["id"], contact)).status == 200


async def test_rewards_are_listed_in_pages(club: Club) -> None:
    """The list is paged, with `totalCount` as the grand total (documented)."""
    made = [await club.reward(f"reward-{number}") for number in range(5)]
    page = await club.sandbox.get(f"{club.offer}/offers", limit=2, offset=3)

    assert [each["id"] for each in page["items"]] == made[3:]
    assert page["totalCount"] == 5


async def test_the_control_api_sets_draft_and_live(club: Club) -> None:
    """What Brevo's app sets is set in the draft and in force at once (our choice)."""
    reward = await club.reward()
    settings = {
        "value": 12.5,
        "unit": "EUR",
        "valueType": "fixed",
        "startDate": NOW,
        "expirationValue": 2,
        "expirationUnit": "month",
        "expirationModifier": "endOfPeriod",
        "totalAttribution": 7,
        "redeemRules": ["once"],
        "rewardConfigs": {"value": "fixed"},
        "meta": {"a": 1},
    }
    draft = await club.configure(reward, **settings)
    live = await club.sandbox.get(f"{club.offer}/rewards/{reward}", version="active")

    assert settings.items() <= draft.items()
    assert settings.items() <= live.items()

    taken_back = await club.configure(reward, totalAttribution=None)

    assert taken_back["totalAttribution"] is None
    assert taken_back["value"] == 12.5


async def test_the_control_api_leaves_other_drafts_alone(club: Club) -> None:
    """Setting a reward publishes nothing else, and an unpublished reward stays a draft."""
    made = await club.sandbox.post(f"{club.offer}/offers", {"name": "coffee"})
    await club.configure(made["id"], value=1)

    assert (await club.sandbox.get(f"{club.offer}/offers", version="active"))["totalCount"] == 0


async def test_codes_fill_the_pool(club: Club) -> None:
    """Codes given to the control API fill the pool that vouchers take theirs from."""
    reward = await club.reward()
    shown = await club.configure(reward, codes=["ONE", "TWO", "ONE"])
    path = f"{club.offer}/code-pools/{shown['codePoolId']}/codes-count"

    assert shown["codeCount"] == 2
    assert await club.sandbox.get(path) == {"count": 2}

    contact = await club.join()
    codes = [(await club.issue(reward, contact))["code"] for _ in range(2)]

    assert codes == ["ONE", "TWO"]
    assert await club.sandbox.get(path) == {"count": 0}
    assert (await club.try_issue(reward, contact)).status == 422
    assert "voucher_attribution_failed" in await club.sandbox.events()

    await club.configure(reward, codes=["ONE", "THREE"])

    assert (await club.issue(reward, contact))["code"] == "THREE"


async def test_a_code_given_by_hand_leaves_the_pool(club: Club) -> None:
    """A code is used once, whichever way it was given."""
    reward = await club.reward(codes=["ONE", "TWO"])
    contact = await club.join()
    await club.issue(reward, contact, code="ONE")

    assert (await club.try_issue(reward, contact, code="ONE")).status == 422
    assert (await club.issue(reward, contact))["code"] == "TWO"


async def test_two_pools_may_hold_the_same_code(club: Club) -> None:
    """A code that another pool gave away is passed over."""
    one = await club.reward("one", codes=["SAME"])
    other = await club.reward("other", codes=["SAME", "OTHER"])
    contact = await club.join()
    await club.issue(one, contact)

    assert (await club.issue(other, contact))["code"] == "OTHER"
    assert (await club.try_issue(other, contact)).status == 422


async def test_a_generator_makes_codes(club: Club) -> None:
    """A pattern makes codes: # a digit, ? a letter (our choice)."""
    reward = await club.reward(generator={"name": "vip", "pattern": "VIP-##"})
    contact = await club.join()
    code = (await club.issue(reward, contact))["code"]

    assert code.startswith("VIP-")
    assert code[4:].isdigit()


async def test_an_exhausted_generator_refuses(club: Club) -> None:
    """A pattern without anything to vary gives one code and no more."""
    reward = await club.reward(generator={"pattern": "SAME"})
    contact = await club.join()

    assert (await club.issue(reward, contact))["code"] == "SAME"
    assert (await club.try_issue(reward, contact)).status == 422


async def test_states_follow_the_dates(club: Club) -> None:
    """A reward is listed as scheduled, active, ended or disabled, by its dates (our choice)."""
    reward = await club.reward()

    async def states() -> list[str]:
        items = (await club.sandbox.get(f"{club.offer}/offers"))["items"]
        return [each["state"] for each in items]

    assert await states() == ["active"]
    await club.configure(reward, startDate="2027-01-01T00:00:00Z")
    assert await states() == ["scheduled"]
    await club.configure(reward, startDate=None, endDate=NOW)
    assert await states() == ["ended"]
    await club.configure(reward, disabledAt=NOW)
    assert await states() == ["disabled"]
    gone = await club.sandbox.get(f"{club.offer}/offers", state="active")
    assert gone == {"items": [], "totalCount": 0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": NO_ID},
        {"codeCount": 3},
        {"name": None},
        {"value": "ten"},
        {"value": 1e13},
        {"unit": "points"},
        {"totalRedeem": -1},
        {"startDate": "tomorrow"},
        {"expirationValue": 3},
        {"expirationValue": 10**6, "expirationUnit": "day"},
        {"expirationUnit": "hour", "expirationValue": 3},
        {"codes": "ONE"},
        {"codes": [""]},
        {"limits": [{"type": "never", "limitValue": 1}]},
        {"limits": [{"type": "redeem", "limitValue": 1, "durationValue": 1}]},
        {
            "limits": [
                {"type": "redeem", "limitValue": 1, "durationValue": 999, "durationUnit": "year"}
            ]
        },
        {"rule": {"condition": {"op": "like", "lhs": {}, "rhs": {}}}},
        {"publicImage": "not a uri"},
    ],
    ids=str,
)
async def test_wrong_settings_are_refused(club: Club, wrong: dict[str, Any]) -> None:
    """A setting that does not fit is a 422 and changes nothing."""
    reward = await club.reward()

    assert await club.sandbox.refused("PATCH", f"/sandbox/rewards/{reward}", wrong) == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "n" * 129},
        {"name": "n", "publicName": "p" * 129},
        {"name": "n", "publicImage": "picture"},
        {"name": "n", "value": 10},
    ],
    ids=lambda body: str(body)[:40],
)
async def test_wrong_shells_are_refused(club: Club, body: dict[str, Any]) -> None:
    """A shell with a field that does not fit, or that only the app sets, is a 422."""
    assert await club.sandbox.refused("POST", f"{club.offer}/offers", body) == 422


async def test_unknown_rewards_and_pools(club: Club) -> None:
    """Unknown ids are refused with the statuses that the operations declare."""
    nowhere = f"/v3/loyalty/offer/programs/{NO_ID}"
    refused = club.sandbox.refused

    assert await refused("GET", f"{club.offer}/rewards/{NO_ID}") == 404
    assert await refused("PATCH", f"/sandbox/rewards/{NO_ID}", {"value": 1}) == 404
    assert await refused("GET", f"{club.offer}/code-pools/{NO_ID}/codes-count") == 422
    assert await refused("GET", f"{nowhere}/offers") == 404
    assert await refused("POST", f"{nowhere}/offers", {"name": "n"}) == 422
    assert await refused("GET", f"{club.offer}/offers", None, limit=101) == 422


async def test_a_matching_rule_issues_the_reward(club: Club) -> None:
    """A completed movement that matches a reward's rule issues a voucher (documented)."""
    condition = {
        "lhs": {"eventProperty": "amount"},
        "op": "gte",
        "rhs": {"number": 100},
    }
    reward = await club.reward(
        rule={"condition": condition, "event": {"name": "transaction_completed"}}
    )
    contact = await club.join()
    await club.move(contact, 99)

    assert await club.vouchers(contact) == []

    await club.move(contact, 100)

    assert [each["rewardId"] for each in await club.vouchers(contact)] == [reward]


async def test_a_rule_reads_the_contact_and_the_meta(club: Club) -> None:
    """A rule may look at the contact's attributes and at the movement's meta."""
    condition = {
        "and": [
            {"lhs": {"contactProperty": "COUNTRY"}, "op": "eq", "rhs": {"string": "FR"}},
            {"lhs": {"eventProperty": "shop"}, "op": "eq", "rhs": {"string": "Paris"}},
        ]
    }
    await club.reward(rule={"condition": condition})
    contact = await club.join()
    await club.move(contact, 1, meta={"shop": "Paris"})

    assert await club.vouchers(contact) == []

    body = {"email": "a@example.com", "attributes": {"COUNTRY": "FR"}, "updateEnabled": True}
    await club.sandbox.call("POST", "/v3/contacts", body)
    await club.move(contact, 1, meta={"shop": "Paris"})

    assert len(await club.vouchers(contact)) == 1


async def test_what_a_voucher_takes_issues_no_voucher(club: Club) -> None:
    """The debit of a voucher matches no rule: a reward would issue itself for ever."""
    debits = {"lhs": {"eventProperty": "transactionType"}, "op": "eq", "rhs": {"string": "debit"}}
    await club.reward(
        rule={"condition": debits},
        subtractBalanceDefinitionId=club.points,
        subtractBalanceStrategy="attribution",
        subtractBalanceValue=1,
    )
    contact = await club.join()
    await club.move(contact, 100)
    await club.move(contact, -10)

    assert len(await club.vouchers(contact)) == 1
    assert await club.value(contact) == 89
