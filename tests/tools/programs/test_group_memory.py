"""The `meta` of tier groups: sent, remembered, exported, and kept by every change."""

from copy import deepcopy

from loyalty_mcp.tools.programs.group_memory import GROUPS_KEY
from tests.tools.programs.conftest import RICH, CallerSession


async def test_the_meta_of_a_group_reaches_brevo(session: CallerSession) -> None:
    """Both keys are sent, and the program remembers them because no read shows them."""
    await session.call("apply_program", spec=RICH)
    program = await session.control.program()
    guide = await session.control.get(f"/v3/loyalty/config/programs/{program}/tier-groups")
    meta = (await session.control.get(f"/v3/loyalty/config/programs/{program}"))["meta"]

    assert [group["meta"] for group in guide["items"]] == [{"season": "summer", "isInternal": True}]
    assert list(meta[GROUPS_KEY].values()) == [{"season": "summer", "isInternal": True}]
    assert meta["team"] == "CRM"


async def test_a_change_of_the_group_keeps_its_meta(session: CallerSession) -> None:
    """The API replaces a group whole, so the `meta` is sent again."""
    await session.call("apply_program", spec=RICH)
    spec = deepcopy(RICH)
    group = spec["tier_groups"][0]
    group["upgrade"] = "membership_anniversary"
    described = {name: group[name] for name in group if name not in {"internal", "meta"}}
    answer = await session.call("apply_program", spec={**spec, "tier_groups": [described]})

    (change,) = answer["result"]["changes"]
    assert change["details"] == "members move up: at once → on the anniversary of enrolment"
    assert await session.exported("Rich Club") == spec


async def test_a_group_can_be_made_visible_again(session: CallerSession) -> None:
    """`internal: false` is sent and remembered."""
    await session.call("apply_program", spec=RICH)
    spec = deepcopy(RICH)
    spec["tier_groups"][0]["internal"] = False
    answer = await session.call("apply_program", spec=spec)
    exported = await session.exported("Rich Club")

    (change,) = answer["result"]["changes"]
    assert change["details"] == "hidden from members: yes → no"
    assert "internal" not in exported["tier_groups"][0]
