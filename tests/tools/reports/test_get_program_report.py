"""The report of a program: equal to a direct count, whatever the thresholds."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import SandboxControl
from tests.tools.reports.conftest import Call

NAMES = ("Bronze", "Silver", "Gold")


def tier_of(balance: Decimal, silver: int = 300, gold: int = 500) -> str:
    """The tier of the seeded program that a balance earns."""
    return NAMES[(balance >= silver) + (balance >= gold)]


async def test_the_report_equals_a_direct_count(call: Call, crowd: list[Decimal]) -> None:
    """Members, points, tiers and ranges are those of the engine's own rows."""
    tiers = Counter(map(tier_of, crowd))

    found = (await call("get_program_report")).structured

    assert (found["members"], found["points_outstanding"]) == (len(crowd), float(sum(crowd)))
    assert {each["name"]: each["members"] for each in found["tiers"]} == dict(tiers)
    for part in found["distribution"]:
        inside = [each for each in crowd if part["minimum"] <= each < part["below"]]
        assert (part["members"], part["points"]) == (len(inside), float(sum(inside)))
    assert sum(part["members"] for part in found["distribution"]) == len(crowd)


async def test_the_report_takes_a_request_a_page(call: Call, crowd: list[Decimal]) -> None:
    """1,138 members are three pages of 500, and three requests."""
    assert len(crowd) == 1138

    assert (await call("get_program_report")).structured["requests"] == 3


@pytest.mark.parametrize(
    "thresholds", [{"Gold": 600}, {"gold": 300, "Silver": 100}, {"Silver": 2000, "Gold": 2001}]
)
async def test_who_would_move(call: Call, crowd: list[Decimal], thresholds: dict[str, int]) -> None:
    """Other thresholds move whom a direct comparison of both tiers moves."""
    given = {name.casefold(): value for name, value in thresholds.items()}
    later = {"silver": given.get("silver", 300), "gold": given.get("gold", 500)}
    expected = Counter(
        (tier_of(balance), tier_of(balance, **later))
        for balance in crowd
        if tier_of(balance) != tier_of(balance, **later)
    )

    found = (await call("get_program_report", if_thresholds=thresholds)).structured

    moves = {(each["from"], each["to"]): each["members"] for each in found["would_move"]}
    assert moves == dict(expected)


async def test_the_text_stands_alone(call: Call) -> None:
    """The text has the figures with their units, and who would move."""
    answer = await call("get_program_report", if_thresholds={"Gold": 600, "Silver": 100})

    assert answer.text.split("\n") == [
        '[sandbox] "VIP Club": 8 members with "Purchase Points", 2,075 points outstanding.',
        'Tiers by threshold ("Status"): "Bronze" 5, "Silver" 1, "Gold" 2.',
        (
            "Members by balance: 0 to below 1: 1; 1 to below 50: 1; 100 to below 250: 2; "
            "250 to below 500: 2; 500 to below 1,000: 2."
        ),
        'Would move: 3 members from "Bronze" to "Silver"; 1 member from "Gold" to "Silver".',
        "This took 1 request.",
    ]


async def test_thresholds_that_change_nothing_move_nobody(call: Call) -> None:
    """The thresholds of today move nobody, and the text says so."""
    answer = await call("get_program_report", if_thresholds={"Gold": 500})

    assert answer.structured["would_move"] == []
    assert "Nobody would move." in answer.text


async def test_a_group_of_several_balances_is_named_and_not_counted(
    call: Call, control: SandboxControl
) -> None:
    """A tier that needs another balance too does not follow from this one; the report says so."""
    program = await control.program()
    tiers = f"/v3/loyalty/tier/programs/{program}/tier-groups"
    balances = f"/v3/loyalty/balance/programs/{program}/balance-definitions"
    points = (await control.get(balances))["items"][0]["id"]
    nights = (await control.post(balances, {"name": "Nights", "unit": "POINTS"}))["id"]
    group = (await control.post(tiers, {"name": "Travel"}))["id"]
    conditions = [{"balanceDefinitionId": each, "minimumValue": 5} for each in (points, nights)]
    body = {"name": "Traveller", "accessConditions": conditions}
    await control.post(f"{tiers}/{group}/tiers", body)
    await control.post(f"/v3/loyalty/config/programs/{program}/publish", {})

    report = await call("get_program_report", balance="Purchase Points")
    refused = await call(
        "get_program_report", balance="Purchase Points", if_thresholds={"Traveller": 9}
    )
    by_tier = await call("find_members", balance="Purchase Points", tier="Traveller")

    assert report.structured["not_counted"] == ["Travel"]
    assert '"Travel"' in report.text
    assert {each["group"] for each in report.structured["tiers"]} == {"Status"}
    assert "do not depend on this balance alone" in refused.text
    assert "does not depend on this balance alone" in by_tier.text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"if_thresholds": {"Platinum": 5}}, 'No tier is called "Platinum".'),
        ({"if_thresholds": {"gold": 5, "Gold": 6}}, "names one tier twice"),
        ({"if_thresholds": {"Gold": -5}}, "if_thresholds.Gold"),
    ],
)
async def test_bad_thresholds_are_refused(
    call: Call, arguments: dict[str, Any], sentence: str
) -> None:
    """An unknown tier, one named twice, and no number at all are one clear sentence."""
    answer = await call("get_program_report", **arguments)

    assert answer.failed
    assert sentence in answer.text
