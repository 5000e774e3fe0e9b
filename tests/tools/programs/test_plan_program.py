"""plan_program: what a spec would change, and its rehearsal."""

from typing import Any

import pytest

from loyalty_mcp.cli.menu_size import charged_text, count_tokens
from loyalty_mcp.tools.registry import TOOLS
from tests.tools.programs.conftest import RICH, CallerSession


async def test_a_plan_changes_nothing(seeded: CallerSession) -> None:
    """Neither a plan nor a rehearsal changes the state of the engine."""
    before = await seeded.control.state_hash()
    spec = await seeded.exported("VIP Club")
    await seeded.call("plan_program", spec=RICH)
    await seeded.call(
        "plan_program", spec=spec, rehearse=True, purchases=[{"member": "Ann", "amount": 5}]
    )

    assert await seeded.control.state_hash() == before


async def test_a_plan_has_a_line_for_each_change(session: CallerSession) -> None:
    """The text stands alone; manual steps with the same details share a line."""
    answer = await session.answer("plan_program", spec=RICH)

    assert answer.text.splitlines()[:6] == [
        "[sandbox] The plan; nothing has changed yet:",
        (
            '- Create program "Rich Club": description: "All there is."; meta "team": "CRM"; '
            'document id: "crm-42"'
        ),
        (
            '- Create balance "Euros": unit: EUR; expiry: on 31/12 (dd/mm) of each year; hidden '
            'from members: yes; meta "team": "Finance"'
        ),
        (
            '- Create balance "Points": unit: points; description: "One for each euro."; lowest '
            "balance: -10 points; highest balance: 5,000 points; most in one credit: 1,000.5 "
            "points; most in one debit: 800 points; credits above the highest balance: cut to what "
            "fits; credits are rounded down; debits are rounded up; expiry: 12 months after the "
            "credit, moved to the end of that month"
        ),
        (
            '- Create limit "Points: credit amount per 1 day": at most 500 points credited per '
            "member each calendar day"
        ),
        (
            '- Create limit "Points: debit transaction per 2 week, sliding": at most 3 debits per '
            "member in any period of 2 weeks"
        ),
    ]
    manual = [line for line in answer.text.splitlines() if line.startswith("- By hand")]
    assert manual == [
        (
            '- By hand: reward "gift", "tea": the API sets only its texts; set value, codes, '
            "rules and dates in Brevo's app"
        )
    ]


async def test_a_plan_has_the_fields_of_the_contract(session: CallerSession) -> None:
    """Changes with action, kind, name and details, and whether there are any."""
    answer = await session.call("plan_program", spec=RICH)

    assert set(answer) == {"changes", "empty"}
    assert answer["empty"] is False
    assert {frozenset(change) for change in answer["changes"]} == {
        frozenset({"action", "kind", "name", "details"})
    }


async def test_a_rehearsal_reports_balances_and_tiers(session: CallerSession) -> None:
    """Sample purchases run through a private copy, in which caps and tiers take effect."""
    answer = await session.call(
        "plan_program",
        spec=RICH,
        rehearse=True,
        purchases=[
            {"member": "Ann", "balance": "points", "amount": 450},
            {"member": "Bob", "balance": "Points", "amount": 600},
            {"member": "Ann", "balance": "Points", "amount": -20},
        ],
    )
    ann, bob = answer["rehearsal"]["members"]

    assert ann["balances"] == {"Euros": 0, "Points": 430}
    assert ann["tiers"] == {"Status": "Bronze"}
    assert bob["balances"]["Points"] == 0
    assert "limit" in bob["refused"][0]
    assert answer["empty"] is False


async def test_a_rehearsal_starts_from_what_exists(seeded: CallerSession) -> None:
    """A partial spec is tried together with the parts that exist and stay."""
    spec = {"program": {"name": "VIP Club"}}
    text = (
        await seeded.answer(
            "plan_program", spec=spec, rehearse=True, purchases=[{"member": "Ann", "amount": 310}]
        )
    ).text

    assert '- "Ann": "Purchase Points" 310; "Status" "Silver"' in text.splitlines()


@pytest.mark.parametrize(
    ("purchases", "said"),
    [
        ([{"member": "Ann", "amount": 5}], "has to name its balance"),
        ([{"member": "Ann", "amount": 5, "balance": "Gems"}], '"Gems"; there are: '),
        ([{"member": "Ann", "amount": 0, "balance": "Points"}], "must not be 0"),
        (
            [{"member": "Ann", "amount": 5, "shop": 1}],
            '"purchases.0.shop" is unknown; a purchase takes',
        ),
        ([{"amount": 5}], "missing"),
    ],
)
async def test_a_wrong_purchase_is_refused(
    session: CallerSession, purchases: Any, said: str
) -> None:
    """The error names the mistake and what would be right."""
    answer = await session.answer("plan_program", spec=RICH, rehearse=True, purchases=purchases)

    assert answer.failed
    assert said in answer.text


async def test_purchases_need_a_rehearsal(session: CallerSession) -> None:
    """They are refused without a rehearsal, not ignored."""
    answer = await session.answer(
        "plan_program", spec=RICH, purchases=[{"member": "Ann", "amount": 5}]
    )

    assert answer.failed
    assert "rehearse" in answer.text


def test_the_three_tools_are_cheap() -> None:
    """The three tools cost a model at most 950 tokens a turn."""
    names = ("plan_program", "apply_program", "export_program")
    assert sum(count_tokens(charged_text(TOOLS[name])) for name in names) <= 950
