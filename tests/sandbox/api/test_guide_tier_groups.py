"""Tier groups through the door of the setup guide."""

from typing import Any

import pytest

from tests.sandbox.club import Club, open_club
from tests.sandbox.conftest import CONFIG, NO_ID, Json, Sandbox

TIERS = [
    {"name": "Bronze", "threshold": 0},
    {"name": "Silver", "threshold": 300},
    {"name": "Gold", "threshold": 500},
]


def path(program: str) -> str:
    """Where the guide puts tier groups."""
    return f"{CONFIG}/{program}/tier-groups"


def body(points: str, **fields: Any) -> Json:
    """The tier group of the guide."""
    return {
        "name": "VIP Levels",
        "balanceDefinitionId": points,
        "upgradeEvaluationTrigger": "real_time",
        "downgradeEvaluationTrigger": "membership_anniversary",
        "tiers": TIERS,
        **fields,
    }


@pytest.fixture
async def club(sandbox: Sandbox) -> Club:
    """A published program with one balance."""
    return await open_club(sandbox)


async def test_a_group_is_answered_in_the_words_of_the_guide(club: Club) -> None:
    """The tiers come back with their ids, from low to high."""
    meta = {"isInternal": True}

    made = await club.sandbox.post(path(club.program), body(club.points, meta=meta))

    assert [{name: tier[name] for name in ("name", "threshold")} for tier in made["tiers"]] == TIERS
    assert len({tier["id"] for tier in made["tiers"]}) == 3
    assert (made["balanceDefinitionId"], made["meta"]) == (club.points, meta)
    assert made["upgradeEvaluationTrigger"] == "real_time"
    assert made["downgradeEvaluationTrigger"] == "membership_anniversary"
    assert await club.sandbox.get(path(club.program)) == {"items": [made]}


async def test_the_reference_shows_the_group_and_its_tiers(club: Club) -> None:
    """Strategies, order and access conditions are those of the guide."""
    made = await club.sandbox.post(path(club.program), body(club.points))
    (group,) = (await club.sandbox.get(f"{club.tier}/tier-groups"))["items"]
    tiers = (await club.sandbox.get(f"{club.tier}/tiers"))["items"]

    assert group["id"] == made["id"]
    assert group["tierOrder"] == [tier["tierId"] for tier in tiers]
    assert (group["upgradeStrategy"], group["downgradeStrategy"]) == (
        "real_time",
        "membership_anniversary",
    )
    assert [(tier["name"], tier["accessConditions"][0]["minimumValue"]) for tier in tiers] == [
        ("Bronze", 0),
        ("Silver", 300),
        ("Gold", 500),
    ]


async def test_the_guide_shows_a_group_of_the_reference(club: Club) -> None:
    """A tier without a condition begins at 0; several conditions have no one threshold."""
    group = await club.group()
    tiers = f"{club.tier}/tier-groups/{group}/tiers"
    cash = await club.sandbox.define(club.program, name="Cash", unit="EUR")
    both = [
        {"balanceDefinitionId": club.points, "minimumValue": 10},
        {"balanceDefinitionId": cash, "minimumValue": 5},
    ]
    await club.sandbox.post(tiers, {"name": "Open", "accessConditions": []})
    await club.sandbox.post(tiers, {"name": "Both", "accessConditions": both})

    (shown,) = (await club.sandbox.get(path(club.program)))["items"]

    assert [(tier["name"], tier["threshold"]) for tier in shown["tiers"]] == [
        ("Open", 0),
        ("Both", None),
    ]
    assert shown["balanceDefinitionId"] is None


@pytest.mark.parametrize(
    ("wrong", "part", "status"),
    [
        (
            {"tiers": [*TIERS, {"name": "Platinum", "threshold": 300}]},
            "tiers.3.threshold: another tier of this group has it",
            422,
        ),
        ({"tiers": []}, "tiers: has fewer than 1 items", 422),
        ({"tiers": None}, "tiers: must be a list", 422),
        ({"tiers": [{"name": "Bronze"}]}, "tiers.0.threshold: is required", 422),
        ({"tiers": [{"name": "B", "threshold": -1}]}, "tiers.0.threshold: must be 0 or more", 422),
        (
            {"tiers": [{"name": "B", "minimumValue": 1}]},
            "tiers.0.threshold: is required",
            422,
        ),
        (
            {"balanceDefinitionId": NO_ID},
            "balanceDefinitionId: there is no balance definition",
            422,
        ),
        ({"upgradeEvaluationTrigger": "REAL_TIME"}, "use 'real_time'", 422),
        ({"upgradeStrategy": "real_time"}, "use upgradeEvaluationTrigger", 422),
        ({"tierOrder": []}, "the order of tiers is that of their thresholds", 422),
        ({"meta": {"isInternal": 1}}, "meta.isInternal: must be true or false", 422),
        ({"colour": 1}, "colour: is not a field here", 422),
    ],
)
async def test_a_group_that_does_not_fit_leaves_nothing_behind(
    club: Club, wrong: Json, part: str, status: int
) -> None:
    """Neither the group nor one of its tiers is made."""
    before = await club.sandbox.state()

    answer = await club.sandbox.call("POST", path(club.program), body(club.points, **wrong))

    assert (answer.status, part in answer.body["message"]) == (status, True), answer
    assert await club.sandbox.state() == before


@pytest.mark.parametrize(
    "missing",
    [
        "name",
        "balanceDefinitionId",
        "upgradeEvaluationTrigger",
        "downgradeEvaluationTrigger",
        "tiers",
    ],
)
async def test_what_the_guide_requires_is_required(club: Club, missing: str) -> None:
    """All but `meta`."""
    whole = body(club.points)
    del whole[missing]

    answer = await club.sandbox.call("POST", path(club.program), whole)

    assert answer == (422, {"code": "missing_parameter", "message": f"{missing}: is required"})


async def test_two_groups_have_two_names(club: Club) -> None:
    """The name is compared with groups of either door."""
    await club.group(name="VIP Levels")

    refused = await club.sandbox.refused("POST", path(club.program), body(club.points))
    assert refused == 409


async def test_a_threshold_change_waits_for_publication(club: Club) -> None:
    """Tiers of the guide's door rule members from the next publication on."""
    await club.sandbox.post(path(club.program), body(club.points))
    contact = await club.join()
    await club.move(contact, 300)
    assert await club.tier_of(contact) is None

    await club.publish()
    await club.move(contact, 1)
    assert await club.tier_of(contact) == "Silver"
