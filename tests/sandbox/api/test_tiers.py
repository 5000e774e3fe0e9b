from typing import Any

import pytest

from tests.sandbox.club import Club, open_club
from tests.sandbox.conftest import NO_ID, Sandbox

YEAR = 365


@pytest.fixture
async def club(sandbox: Sandbox) -> Club:
    """A published program with one balance."""
    return await open_club(sandbox)


async def test_a_group_reads_back_what_was_written(club: Club) -> None:
    """Both strategies are real_time unless said otherwise; schedules come back (documented)."""
    schedule = {
        "durationValue": 6,
        "durationUnit": "month",
        "durationModifier": "end_of_period",
        "scheduledDate": "31/12",
    }
    path = f"{club.tier}/tier-groups"
    plain = await club.sandbox.post(path, {"name": "Plain"})
    planned = await club.sandbox.post(
        path,
        {
            "name": "Planned",
            "upgradeStrategy": "membership_anniversary",
            "downgradeStrategy": "tier_anniversary",
            "upgradeSchedule": schedule,
            "downgradeSchedule": schedule,
        },
    )

    assert (plain["upgradeStrategy"], plain["downgradeStrategy"]) == ("real_time", "real_time")
    assert planned["upgradeSchedule"] == {"strategy": "membership_anniversary", **schedule}
    assert await club.sandbox.get(f"{path}/{planned['id']}") == planned
    assert (await club.sandbox.get(path))["items"] == [plain, planned]


async def test_a_replaced_group_keeps_its_schedules(club: Club) -> None:
    """Updating sets name, order and strategies; schedules are set at creation only (row 10)."""
    group = await club.group(upgradeSchedule={"durationValue": 6, "durationUnit": "month"})
    low, high = await club.add_tier(group, "Low", 0), await club.add_tier(group, "High", 10)
    path = f"{club.tier}/tier-groups/{group}"

    assert (await club.sandbox.get(path))["tierOrder"] == [low, high]

    body = {
        "name": "Levels",
        "tierOrder": [high, low],
        "upgradeStrategy": "tier_anniversary",
        "downgradeStrategy": "real_time",
    }
    status, changed = await club.sandbox.call("PUT", path, body)

    assert status == 200
    assert body.items() <= changed.items()
    assert changed["upgradeSchedule"]["durationValue"] == 6


async def test_groups_and_tiers_wait_for_publication(club: Club) -> None:
    """Draft reads show everything not deleted, active reads what is live (documented)."""
    group = await club.group()
    tier = await club.add_tier(group, "Bronze", 0)
    contact = await club.join()

    assert (await club.sandbox.get(f"{club.tier}/tiers"))["items"][0]["tierId"] == tier
    assert (await club.sandbox.get(f"{club.tier}/tiers", version="active"))["items"] == []
    assert (await club.sandbox.get(f"{club.tier}/tier-groups", version="active"))["items"] == []
    assert await club.tier_of(contact) is None
    assert (await club.assign(contact, tier)).status == 424

    await club.publish()

    assert (await club.sandbox.get(f"{club.tier}/tiers", version="active"))["items"] != []
    assert (await club.assign(contact, tier)).status == 200


async def test_a_tier_is_replaced_and_deleted(club: Club) -> None:
    """Update replaces all of a tier, and needs tierRewards (documented)."""
    reward = await club.reward()
    group = await club.group()
    tier = await club.add_tier(group, "Bronze", 0, reward)
    path = f"{club.tier}/tiers/{tier}"
    body: dict[str, Any] = {
        "name": "Copper",
        "accessConditions": [{"balanceDefinitionId": club.points, "minimumValue": 5}],
    }

    assert await club.sandbox.refused("PUT", path, body) == 422

    status, changed = await club.sandbox.call("PUT", path, {**body, "tierRewards": []})

    assert status == 200
    assert (changed["tierId"], changed["name"], changed["tierRewards"]) == (tier, "Copper", [])
    assert changed["accessConditions"][0]["minimumValue"] == 5
    assert (await club.sandbox.call("DELETE", path)).status == 204
    assert (await club.sandbox.get(f"{club.tier}/tiers"))["items"] == []


async def test_thresholds_of_a_group_differ(club: Club) -> None:
    """Two tiers of one group may not have the same threshold; of two groups they may."""
    group, other = await club.group(), await club.group(name="Other")
    await club.add_tier(group, "Bronze", 0)
    silver = await club.add_tier(group, "Silver", 10)
    await club.add_tier(other, "Start", 0)
    body: dict[str, Any] = {
        "name": "Copy",
        "accessConditions": [{"balanceDefinitionId": club.points, "minimumValue": 0}],
        "tierRewards": [],
    }

    assert await club.sandbox.refused("POST", f"{club.tier}/tier-groups/{group}/tiers", body) == 422
    assert await club.sandbox.refused("PUT", f"{club.tier}/tiers/{silver}", body) == 422


async def test_a_group_with_tiers_is_not_deleted(club: Club) -> None:
    """Deleting a group that still has tiers is a 409 (our choice)."""
    group = await club.group()
    tier = await club.add_tier(group, "Bronze", 0)
    path = f"{club.tier}/tier-groups/{group}"

    assert await club.sandbox.refused("DELETE", path) == 409

    await club.sandbox.call("DELETE", f"{club.tier}/tiers/{tier}")

    assert (await club.sandbox.call("DELETE", path)).status == 204
    assert await club.sandbox.refused("GET", path) == 404


async def test_a_member_enters_on_the_entry_tier(club: Club) -> None:
    """On enrolment the member sits on the default entry tier (documented)."""
    await club.ladder()

    assert await club.tier_of(await club.join()) == "Bronze"
    assert "tier_association_updated" in await club.sandbox.events()


async def test_completion_evaluates_real_time_groups(club: Club) -> None:
    """A completed movement that crosses a threshold moves the member at once (documented)."""
    await club.ladder()
    contact = await club.join()
    draft = await club.move(contact, 500, autoComplete=False)

    assert await club.tier_of(contact) == "Bronze"

    await club.sandbox.post(f"{club.balance}/transactions/{draft['id']}/complete")

    assert await club.tier_of(contact) == "Gold"

    await club.move(contact, -150)

    assert await club.tier_of(contact) == "Silver"


async def test_expiry_of_points_lowers_in_real_time(club: Club) -> None:
    """real_time evaluates on every change of a balance, an expiry included."""
    await club.ladder()
    contact = await club.join()
    await club.move(contact, 400, balanceExpiryInMinutes=60)

    assert await club.tier_of(contact) == "Silver"

    await club.sandbox.advance(minutes=60)

    assert await club.tier_of(contact) == "Bronze"


async def test_membership_anniversary_downgrades_yearly(club: Club) -> None:
    """Upgrade real_time, downgrade membership_anniversary: what Brevo recommends (documented)."""
    await club.ladder(downgradeStrategy="membership_anniversary")
    contact = await club.join()
    await club.sandbox.advance(days=100)
    await club.move(contact, 500)
    await club.move(contact, -500)

    assert await club.tier_of(contact) == "Gold"

    await club.sandbox.advance(days=YEAR - 101)

    assert await club.tier_of(contact) == "Gold"

    await club.sandbox.advance(days=1)

    assert await club.tier_of(contact) == "Bronze"


async def test_membership_anniversary_upgrades_yearly(club: Club) -> None:
    """With an anniversary strategy for upgrades points alone do not raise (documented)."""
    await club.ladder(upgradeStrategy="membership_anniversary")
    contact = await club.join()
    await club.move(contact, 350)

    assert await club.tier_of(contact) == "Bronze"

    await club.sandbox.advance(days=YEAR)

    assert await club.tier_of(contact) == "Silver"


async def test_tier_anniversary_counts_from_the_entry(club: Club) -> None:
    """`tier_anniversary` is yearly on the day the tier was entered (documented)."""
    await club.ladder(downgradeStrategy="tier_anniversary")
    contact = await club.join()
    await club.sandbox.advance(days=200)
    await club.move(contact, 500)
    await club.move(contact, -500)
    await club.sandbox.advance(days=YEAR - 1)

    assert await club.tier_of(contact) == "Gold"

    await club.sandbox.advance(days=1)

    assert await club.tier_of(contact) == "Bronze"


async def test_a_schedule_replaces_the_year(club: Club) -> None:
    """A schedule of three months evaluates each quarter of the membership (our choice)."""
    group = await club.group(
        downgradeStrategy="membership_anniversary",
        downgradeSchedule={"durationValue": 3, "durationUnit": "month"},
    )
    await club.add_tier(group, "Bronze", 0)
    await club.add_tier(group, "Silver", 300)
    await club.publish()
    contact = await club.join()
    await club.move(contact, 300)
    await club.move(contact, -300)
    await club.sandbox.advance(days=91)

    assert await club.tier_of(contact) == "Silver"

    await club.sandbox.advance(days=1)

    assert await club.tier_of(contact) == "Bronze"


async def test_a_new_strategy_is_planned_for_those_enrolled(club: Club) -> None:
    """Publishing other strategies plans the evaluations of the members there are."""
    group, *tiers = await club.ladder(upgradeStrategy="membership_anniversary")
    contact = await club.join()
    await club.move(contact, 500)
    body = {
        "name": "Status",
        "tierOrder": tiers,
        "upgradeStrategy": "tier_anniversary",
        "downgradeStrategy": "membership_anniversary",
    }
    await club.sandbox.advance(days=10)
    await club.assign(contact, tiers[1])
    await club.sandbox.call("PUT", f"{club.tier}/tier-groups/{group}", body)
    await club.publish()
    await club.sandbox.advance(days=YEAR - 10)

    assert await club.tier_of(contact) == "Silver"

    await club.sandbox.advance(days=10)

    assert await club.tier_of(contact) == "Gold"


async def test_a_tier_given_by_hand_stays_until_a_downgrade_is_due(club: Club) -> None:
    """A tier given by hand outlives changes that are no downgrade evaluation (our choice)."""
    _, bronze, _, gold = await club.ladder(downgradeStrategy="membership_anniversary")
    contact = await club.join()
    status, placed = await club.assign(contact, gold)

    assert (status, placed["id"], placed["contactId"]) == (200, gold, contact)

    await club.move(contact, 10)

    assert await club.tier_of(contact) == "Gold"
    assert (await club.assign(contact, gold)).status == 409

    await club.sandbox.advance(days=YEAR)

    assert await club.tier_of(contact) == "Bronze"
    assert (await club.assign(contact, bronze)).status == 409


async def test_a_tier_given_by_hand_is_raised(club: Club) -> None:
    """An evaluation that would raise the member ends a tier given by hand (our choice)."""
    _, _, silver, _ = await club.ladder(downgradeStrategy="membership_anniversary")
    contact = await club.join()
    await club.assign(contact, silver)
    await club.move(contact, 600)

    assert await club.tier_of(contact) == "Gold"


async def test_reaching_a_tier_issues_its_rewards(club: Club) -> None:
    """The rewards of a tier are issued to who climbs to it, not to who falls to it."""
    reward = await club.reward()
    group = await club.group()
    await club.add_tier(group, "Bronze", 0)
    await club.add_tier(group, "Silver", 300, reward)
    await club.add_tier(group, "Gold", 500)
    await club.publish()
    contact = await club.join()
    await club.move(contact, 600)
    await club.move(contact, -200)

    assert await club.tier_of(contact) == "Silver"
    assert await club.vouchers(contact) == []

    await club.move(contact, -200)
    await club.move(contact, 100)

    assert [each["rewardId"] for each in await club.vouchers(contact)] == [reward]


async def test_a_tier_given_by_hand_issues_its_rewards(club: Club) -> None:
    """Being put on a higher tier by hand hands out its rewards."""
    reward = await club.reward()
    *_, gold = await club.ladder(reward)
    contact = await club.join()
    await club.assign(contact, gold)

    assert len(await club.vouchers(contact)) == 1


async def test_a_tier_given_by_hand_is_lost_by_what_its_reward_costs(club: Club) -> None:
    """The assignment is answered as made, though the price of its reward ends it at once."""
    reward = await club.reward(
        subtractBalanceDefinitionId=club.points,
        subtractBalanceValue=100,
        subtractBalanceStrategy="attribution",
    )
    gold = await club.add_tier(await club.group(), "Gold", 500, reward)
    await club.publish()
    contact = await club.join()
    await club.move(contact, 100)

    status, placed = await club.assign(contact, gold)

    assert (status, placed["id"]) == (200, gold)
    assert await club.value(contact) == 0
    assert await club.tier_of(contact) is None
    assert len(await club.vouchers(contact)) == 1


async def test_a_tier_reward_that_cannot_be_issued_is_announced(club: Club) -> None:
    """A tier is reached even when its reward is refused, which is announced."""
    reward = await club.reward(totalAttribution=0)
    *_, gold = await club.ladder(reward)
    contact = await club.join()
    await club.assign(contact, gold)

    assert await club.tier_of(contact) == "Gold"
    assert await club.vouchers(contact) == []
    assert "voucher_attribution_failed" in await club.sandbox.events()


async def test_who_stood_on_a_deleted_tier_is_placed_anew(club: Club) -> None:
    """Publishing without a tier moves those who stood on it to what they earn (our choice)."""
    _, _, _, gold = await club.ladder()
    contact = await club.join()
    await club.move(contact, 550)
    await club.sandbox.call("DELETE", f"{club.tier}/tiers/{gold}")

    assert await club.tier_of(contact) == "Gold"

    await club.publish()

    assert await club.tier_of(contact) == "Silver"


async def test_a_new_threshold_counts_from_the_next_change(club: Club) -> None:
    """Publishing is no evaluation: a lower threshold raises at the next movement (our choice)."""
    _, _, silver, _ = await club.ladder()
    contact = await club.join()
    await club.move(contact, 100)
    body = {
        "name": "Silver",
        "accessConditions": [{"balanceDefinitionId": club.points, "minimumValue": 50}],
        "tierRewards": [],
    }
    await club.sandbox.call("PUT", f"{club.tier}/tiers/{silver}", body)
    await club.publish()

    assert await club.tier_of(contact) == "Bronze"

    await club.move(contact, 1)

    assert await club.tier_of(contact) == "Silver"


async def test_a_member_has_a_tier_in_each_group(club: Club) -> None:
    """account-info lists one tier for each group; internal groups only on request."""
    await club.ladder()
    hidden = await club.group(name="Hidden", meta={"isInternal": True})
    await club.add_tier(hidden, "Secret", 0)
    await club.publish()
    contact = await club.join()
    shown = await club.account(contact, params="tier")
    everything = await club.account(contact, includeInternal="true")

    assert [each["groupName"] for each in shown["tier"]] == ["Status"]
    assert [each["tierName"] for each in everything["tier"]] == ["Bronze", "Secret"]


async def test_names_of_groups_are_unique(club: Club) -> None:
    """A second group of that name is a 409."""
    await club.group()

    assert await club.sandbox.refused("POST", f"{club.tier}/tier-groups", {"name": "Status"}) == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 10_000},
        {"name": "A", "upgradeStrategy": "daily"},
        {"name": "A", "tierOrder": [NO_ID]},
        {"name": "A", "tierOrder": ["../x"]},
        {"name": "A", "upgradeSchedule": {"durationValue": 1}},
        {"name": "A", "upgradeSchedule": {"durationModifier": "end_of_period"}},
        {"name": "A", "downgradeSchedule": {"durationValue": 900, "durationUnit": "year"}},
        {"name": "A", "downgradeSchedule": {"scheduledDate": "31/02"}},
        {"name": "A", "meta": {"isInternal": "yes"}},
        {"name": "A", "tiers": []},
    ],
    ids=str,
)
async def test_wrong_groups_are_refused(club: Club, body: dict[str, Any]) -> None:
    """A group with a field that does not fit is a 422 and changes nothing."""
    assert await club.sandbox.refused("POST", f"{club.tier}/tier-groups", body) == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"accessConditions": None},
        {"accessConditions": [{"minimumValue": 1}]},
        {"accessConditions": [{"balanceDefinitionId": NO_ID, "minimumValue": 1}]},
        {"accessConditions": "POINTS_TWICE"},
        {"accessConditions": "NEGATIVE"},
        {"tierRewards": [{"rewardId": NO_ID}]},
        {"imageRef": 7},
        {"threshold": 7},
    ],
    ids=str,
)
async def test_wrong_tiers_are_refused(club: Club, wrong: dict[str, Any]) -> None:
    """A tier with a field that does not fit, or naming what is not there, is a 422."""
    group = await club.group()
    condition = {"balanceDefinitionId": club.points, "minimumValue": 1}
    if wrong.get("accessConditions") == "POINTS_TWICE":
        wrong = {"accessConditions": [condition, {**condition, "minimumValue": 2}]}
    if wrong.get("accessConditions") == "NEGATIVE":
        wrong = {"accessConditions": [{**condition, "minimumValue": -1}]}
    body = {"name": "A", "accessConditions": [condition], **wrong}

    assert await club.sandbox.refused("POST", f"{club.tier}/tier-groups/{group}/tiers", body) == 422


async def test_an_order_names_tiers_of_the_group(club: Club) -> None:
    """An order with a stranger, or with a tier twice, is a 422."""
    group, other = await club.group(), await club.group(name="Other")
    own, foreign = await club.add_tier(group, "A", 0), await club.add_tier(other, "B", 0)
    body: dict[str, Any] = {
        "name": "Status",
        "upgradeStrategy": "real_time",
        "downgradeStrategy": "real_time",
    }
    for order in ([own, foreign], [own, own], [NO_ID]):
        path = f"{club.tier}/tier-groups/{group}"

        assert await club.sandbox.refused("PUT", path, {**body, "tierOrder": order}) == 422


async def test_unknown_members_and_tiers_are_not_found(club: Club) -> None:
    """Assigning an unknown tier, or to a contact who is no member, is a 404."""
    _, bronze, _, _ = await club.ladder()
    contact = await club.join()
    stranger = await club.sandbox.contact("stranger")

    assert (await club.assign(contact, NO_ID)).status == 404
    assert (await club.assign(stranger, bronze)).status == 404
    assert (await club.sandbox.call("DELETE", f"{club.tier}/tiers/{NO_ID}")).status == 404
    assert (await club.sandbox.call("GET", f"{club.tier}/tier-groups/{NO_ID}")).status == 404
