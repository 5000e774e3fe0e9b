"""The update tools: what a call does not mention stays, and the preview shows what changes."""

from typing import Any, Final

import pytest
from starlette.applications import Starlette

from loyalty_mcp.tools.programs.limit_memory import LIMITS_KEY
from tests.tools.programs.conftest import RICH, CallerSession, client_on

CLUB: Final = {"program": "Rich Club"}
CASES: Final[dict[str, tuple[dict[str, Any], list[str]]]] = {
    "update_program": ({"description": "New."}, ['description: "All there is." → "New."']),
    "patch_program": ({"meta": {"colour": "red"}}, ['meta "colour": none → "red"']),
    "update_balance_definition": (
        {"balance": "Points", "max_amount": 6000},
        ["highest balance: 5,000 → 6,000 points"],
    ),
    "update_balance_limit": (
        {"balance": "Points", "value": 400},
        [
            (
                "at most 500 points credited per member each calendar day → at most 400 points "
                "credited per member each calendar day"
            )
        ],
    ),
    "update_tier_group": (
        {"tier_group": "Status", "upgrade_strategy": "tier_anniversary"},
        ["members move up: at once → on the anniversary of reaching the tier"],
    ),
    "update_tier": (
        {"tier": "Gold", "access_conditions": [{"balance": "Points", "minimum_value": 600}]},
        ['500 → 600 "Points"', 'keeps rewards "gift", "tea"'],
    ),
}
"""By tool: a change of one setting, and how it reads."""


async def arguments_of(session: CallerSession, tool: str) -> dict[str, Any]:
    """The arguments of a case; a limit is known by its id alone."""
    arguments = {**CLUB, **CASES[tool][0]}
    if tool == "update_balance_limit":
        path = f"/v3/loyalty/config/programs/{await session.control.program()}"
        meta = (await session.control.get(path))["meta"]
        arguments["limit_id"] = meta[LIMITS_KEY][0]["id"]
    return arguments


async def whole_draft(session: CallerSession) -> dict[str, Any]:
    """Every object of the draft as the engine shows it, without times, by id."""
    program = await session.control.program()
    found: dict[str, Any] = {}
    for path in (
        f"/v3/loyalty/balance/programs/{program}/balance-definitions",
        f"/v3/loyalty/tier/programs/{program}/tier-groups",
        f"/v3/loyalty/config/programs/{program}/tier-groups",
        f"/v3/loyalty/tier/programs/{program}/tiers",
    ):
        for item in (await session.control.get(path))["items"]:
            identity = item.get("tierId") or item["id"]
            found[f"{path.split('/')[3]} {identity}"] = without_times(item)
    program_texts = await session.control.get(f"/v3/loyalty/config/programs/{program}")
    found["program"] = without_times(program_texts)
    for limit in program_texts["meta"][LIMITS_KEY]:
        path = f"/v3/loyalty/balance/programs/{program}/balance-definitions/{limit['balance']}"
        found[limit["id"]] = without_times(
            await session.control.get(f"{path}/limits/{limit['id']}")
        )
    return found


def without_times(value: Any) -> Any:
    """A value of the engine without the moments of its edits."""
    if isinstance(value, dict):
        times = {"createdAt", "updatedAt"}
        return {name: without_times(each) for name, each in value.items() if name not in times}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def changed_paths(was: Any, will: Any, path: str = "") -> set[str]:
    """The paths of the plain values that differ."""
    if isinstance(was, dict) and isinstance(will, dict):
        return {
            found
            for name in {**was, **will}
            for found in changed_paths(was.get(name), will.get(name), f"{path}/{name}")
        }
    if isinstance(was, list) and isinstance(will, list) and len(was) == len(will):
        pairs = enumerate(zip(was, will, strict=True))
        return {found for place, pair in pairs for found in changed_paths(*pair, f"{path}/{place}")}
    return set() if was == will else {path.rsplit("/", 1)[-1]}


FIELDS: Final = {
    "update_program": "description",
    "patch_program": "colour",
    "update_balance_definition": "maxAmount",
    "update_balance_limit": "value",
    "update_tier_group": "upgradeStrategy",
    "update_tier": "minimumValue",
}
"""By tool: the one field of the API that its case changes."""


@pytest.mark.parametrize("tool", CASES)
async def test_what_is_not_mentioned_stays(session: CallerSession, tool: str) -> None:
    """One setting is given, and one setting changes; the program remembers its limits still."""
    await session.call("apply_program", spec=RICH)
    before = await whole_draft(session)
    answer = await session.call(tool, **await arguments_of(session, tool))
    after = await whole_draft(session)

    assert answer["result"]["changes"] == CASES[tool][1]
    assert changed_paths(before, after) - {"upgradeEvaluationTrigger", "threshold"} == {
        FIELDS[tool]
    }


@pytest.mark.parametrize("tool", CASES)
async def test_the_preview_lists_what_changes_and_nothing_else(empty: Starlette, tool: str) -> None:
    """Old → new for each changed setting, in one sentence."""
    async with client_on(empty) as session:
        await session.call("apply_program", spec=RICH)
    async with client_on(empty, confirm="token") as session:
        answer = await session.call(tool, **await arguments_of(session, tool))

    summary = answer["preview"]["summary"]
    assert summary.endswith(f": {'; '.join(CASES[tool][1])}.")
    assert "{" not in summary


@pytest.mark.parametrize("tool", CASES)
async def test_an_edit_of_others_after_the_preview_needs_a_new_agreement(
    empty: Starlette, tool: str
) -> None:
    """The whole object is sent, so an edit of any of its settings must be seen."""
    async with client_on(empty) as session:
        await session.call("apply_program", spec=RICH)
        arguments = await arguments_of(session, tool)
    async with client_on(empty, confirm="token") as session:
        first = await session.call(tool, **arguments)
        await edit_elsewhere(session, tool, arguments)
        again = await session.call(tool, **arguments, confirmation=first["confirmation"])

    assert again["status"] == "confirmation_required"


OTHERS: Final[dict[str, dict[str, Any]]] = {
    "update_program": {"name": "Rich Club!"},
    "patch_program": {"description": "Other."},
    "update_balance_definition": {"balance_option_credit_rounding": "natural"},
    "update_balance_limit": {"duration_value": 3},
    "update_tier_group": {"downgrade_strategy": "real_time"},
    "update_tier": {"image_ref": "https://img.example/other.png"},
}
"""By tool: another setting of the same object."""


async def edit_elsewhere(session: CallerSession, tool: str, arguments: dict[str, Any]) -> None:
    """Change another setting of the object that a call is about, through another server."""
    named = {
        name: value
        for name, value in arguments.items()
        if name in {"balance", "tier", "tier_group", "limit_id"}
    }
    program = await session.control.program()
    async with client_on(session.app) as other:
        await other.call(tool, program=program, **named, **OTHERS[tool])


async def test_nothing_to_change_is_refused(session: CallerSession) -> None:
    """Nobody is asked to agree to a change that changes nothing."""
    await session.call("apply_program", spec=RICH)
    answer = await session.answer("update_tier", **CLUB, tier="Gold", tier_rewards=["tea", "gift"])

    assert answer.failed
    assert 'Tier "Gold" is like that already' in answer.text


@pytest.mark.parametrize(
    ("tool", "named", "clear", "changes"),
    [
        ("update_tier", {"tier": "Gold"}, ["tier_rewards"], ['loses rewards "gift", "tea"']),
        (
            "update_tier",
            {"tier": "Gold"},
            ["image_ref"],
            ['image: "https://img.example/gold.png" → none', 'keeps rewards "gift", "tea"'],
        ),
        (
            "update_balance_definition",
            {"balance": "Points"},
            ["max_amount", "balance_option_debit_rounding"],
            ["highest balance: 5,000 points → none", "debits are rounded: up → none"],
        ),
        (
            "update_balance_definition",
            {"balance": "Points"},
            ["balance_availability_duration_value"],
            ["expiry: 12 months after the credit, moved to the end of that month → never"],
        ),
        (
            "update_balance_definition",
            {"balance": "Euros"},
            ["balance_expiration_date"],
            ["expiry: on 31/12 (dd/mm) of each year → never"],
        ),
        ("patch_program", {}, ["description"], ['description: "All there is." → none']),
        ("patch_program", {}, ["meta"], ['meta "team": "CRM" → none']),
        ("update_program", {}, ["description"], ['description: "All there is." → none']),
        (
            "update_tier_group",
            {"tier_group": "Status"},
            ["meta"],
            ["hidden from members: yes → no", 'meta "season": "summer" → none'],
        ),
    ],
)
async def test_clear_empties_settings(
    session: CallerSession,
    tool: str,
    named: dict[str, Any],
    clear: list[str],
    changes: list[str],
) -> None:
    """The named settings are emptied, all others stay."""
    await session.call("apply_program", spec=RICH)
    answer = await session.call(tool, **CLUB, **named, clear=clear)
    again = await session.answer(tool, **CLUB, **named, clear=clear)

    assert answer["result"]["changes"] == changes
    assert "is like that already" in again.text
    assert len((await session.exported("Rich Club"))["balances"][1]["limits"]) == 2


async def test_a_setting_that_is_given_and_cleared_is_refused(session: CallerSession) -> None:
    """Both at once contradict each other."""
    await session.call("apply_program", spec=RICH)
    answer = await session.answer(
        "update_tier", **CLUB, tier="Gold", tier_rewards=["tea"], clear=["tier_rewards"]
    )

    assert answer.failed
    assert "tier_rewards is both given and cleared" in answer.text


async def test_one_kind_of_expiry_takes_the_place_of_the_other(session: CallerSession) -> None:
    """They exclude each other, so the one that is given replaces the one that is there."""
    await session.call("apply_program", spec=RICH)
    day = await session.call(
        "update_balance_definition", **CLUB, balance="Points", balance_expiration_date="01/07"
    )
    span = await session.call(
        "update_balance_definition",
        **CLUB,
        balance="Euros",
        balance_availability_duration_value=2,
        balance_availability_duration_unit="year",
    )

    assert day["result"]["changes"] == [
        (
            "expiry: 12 months after the credit, moved to the end of that month → on 01/07 "
            "(dd/mm) of each year"
        )
    ]
    assert span["result"]["changes"] == [
        "expiry: on 31/12 (dd/mm) of each year → 2 years after the credit"
    ]


async def test_a_key_of_meta_that_is_null_goes_away(session: CallerSession) -> None:
    """Keys of `meta` that are not mentioned stay, what we remember in it included."""
    await session.call("apply_program", spec=RICH)
    answer = await session.call(
        "update_program", **CLUB, meta={"team": None, "colour": "red", LIMITS_KEY: []}
    )

    assert answer["result"]["changes"] == [
        'meta "team": "CRM" → none',
        'meta "colour": none → "red"',
    ]
    assert len((await session.exported("Rich Club"))["balances"][1]["limits"]) == 2


async def test_an_update_is_answered_in_a_sentence(session: CallerSession) -> None:
    """The answer says what was changed, and how it becomes live."""
    await session.call("apply_program", spec=RICH)
    condition = {"balance": "Points", "minimum_value": 600}
    answer = await session.answer("update_tier", **CLUB, tier="Gold", access_conditions=[condition])

    assert answer.text.endswith(
        'Tier "Gold": 500 → 600 "Points"; keeps rewards "gift", "tea". publish_program makes it '
        "live."
    )
