"""Expiry counted from activity: held by the sandbox, a manual step for the live API."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.programs.activity_expiry import without_activity_expiry
from loyalty_mcp.tools.programs.apply_program import preview_plan
from loyalty_mcp.tools.programs.spec import ProgramSpec
from tests.tools.programs.conftest import RICH, CallerSession

ROLLING: dict[str, Any] = {"kind": "rolling", "value": 6, "unit": "month"}
INACTIVITY: dict[str, Any] = {"kind": "inactivity", "value": 1, "unit": "year"}
AFTER: dict[str, Any] = {"kind": "after", "value": 6, "unit": "month"}


def with_expiry(expiry: dict[str, Any]) -> dict[str, Any]:
    """The rich spec with another expiry of its points."""
    spec = deepcopy(RICH)
    spec["balances"][1]["expiry"] = expiry
    return spec


@pytest.mark.parametrize("expiry", [ROLLING, INACTIVITY])
async def test_the_sandbox_holds_it_with_all_other_settings(
    session: CallerSession, expiry: dict[str, Any]
) -> None:
    """It is carried out, and exported as it was described."""
    spec = with_expiry(expiry)
    await session.call("apply_program", spec=spec)

    assert await session.exported("Rich Club") == spec
    assert (await session.call("plan_program", spec=spec))["empty"] is True


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (AFTER, ROLLING),
        (ROLLING, INACTIVITY),
        (ROLLING, AFTER),
        (INACTIVITY, {"kind": "fixed", "day": "31/12"}),
        ({"kind": "fixed", "day": "31/12"}, ROLLING),
        (ROLLING, {"kind": "never"}),
        (AFTER, {"kind": "never"}),
    ],
)
async def test_any_kind_of_expiry_takes_the_place_of_any_other(
    session: CallerSession, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Only the expiry changes; the other settings of the balance stay."""
    await session.call("apply_program", spec=with_expiry(first))
    answer = await session.call("apply_program", spec=with_expiry(second))
    expected = with_expiry(second)
    if second["kind"] == "never":
        del expected["balances"][1]["expiry"]

    assert [change["details"].split(":")[0] for change in answer["result"]["changes"]] == ["expiry"]
    assert await session.exported("Rich Club") == expected


async def test_points_live_from_the_last_movement(session: CallerSession) -> None:
    """What is described is what the ledger does: a movement keeps all points alive."""
    spec = {
        "program": {"name": "Club"},
        "balances": [{"name": "Points", "unit": "POINTS", "expiry": ROLLING}],
    }
    await session.call("apply_program", spec=spec, publish=True)
    await session.control.post("/v3/contacts", {"email": "ann@example.com"})
    await session.call("enroll_member", program="Club", contact="ann@example.com")
    points = {"member": "ann@example.com", "amount": 10, "reason": "Test", "program": "Club"}
    await session.call("credit_points", **points)
    await session.control.post("/sandbox/clock", {"advance_seconds": 150 * 86_400})
    await session.call("credit_points", **points)
    await session.control.post("/sandbox/clock", {"advance_seconds": 150 * 86_400})
    overview = await session.call("get_member_overview", program="Club", member="ann@example.com")

    assert overview["balances"][0]["value"] == 20


async def test_the_live_api_gets_a_manual_step_and_the_nearest_span(
    session: CallerSession,
) -> None:
    """The plan says plainly what the API cannot hold, and what it can."""
    live = read_settings(api_key="xkeysib-0123456789abcdef0123456789abcdef-abcdefgh")
    context = replace(session.runtime.context, settings=live)
    spec = ProgramSpec.model_validate(with_expiry(ROLLING))
    preparation = await preview_plan(context, spec)

    assert preparation.preview.warnings[1] == (
        '- By hand: balance "Points": the API has no expiry counted from the last movement, so set '
        "6 months in Brevo's app; the nearest it can hold is 6 months after each credit: expiry "
        '{"kind": "after", "value": 6, "unit": "month"}'
    )
    assert "6 months after the last movement" not in preparation.preview.summary


def test_a_spec_for_the_live_api_leaves_the_expiry_alone() -> None:
    """What the API cannot hold is not replaced by something else unasked."""
    spec, (step,) = without_activity_expiry(ProgramSpec.model_validate(with_expiry(INACTIVITY)))

    assert spec.balances[1].described_expiry is None
    assert step.action == "manual"
    assert '"value": 1, "unit": "year"' in step.details
