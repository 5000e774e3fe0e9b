"""Which tier groups are public: determined from an account, cached, and hidden in doubt."""

from collections.abc import Callable
from typing import Any

import pytest

from loyalty_mcp.brevo.tier_group_visibility import TierGroupVisibility
from loyalty_mcp.server.bootstrap import Runtime
from tests.conftest import SandboxControl

MakeRuntime = Callable[..., Runtime]


async def add_group(control: SandboxControl, name: str, minimum: int, **fields: Any) -> str:
    """Add a live tier group with one tier in the seeded balance; return its id."""
    program = await control.program()
    groups = f"/v3/loyalty/tier/programs/{program}/tier-groups"
    definitions = f"/v3/loyalty/balance/programs/{program}/balance-definitions"
    balance = (await control.get(definitions))["items"][0]["id"]
    group = (await control.post(groups, {"name": name, **fields}))["id"]
    condition = {"balanceDefinitionId": balance, "minimumValue": minimum}
    tier = {"name": f"{name} tier", "accessConditions": [condition]}
    await control.post(f"{groups}/{group}/tiers", tier)
    await control.post(f"/v3/loyalty/config/programs/{program}/publish", {})
    for member in (103, 101):
        body = {"contactId": member, "balanceDefinitionId": balance, "amount": 1}
        path = f"/v3/loyalty/balance/programs/{program}/transactions"
        await control.post(path, {**body, "autoComplete": True})
    return str(group)


@pytest.mark.parametrize(
    ("minimum", "fields", "public"),
    [
        pytest.param(0, {}, True, id="public"),
        pytest.param(0, {"meta": {"isInternal": True}}, False, id="internal"),
        pytest.param(600, {}, True, id="only the highest member is in it"),
        pytest.param(9000, {}, False, id="nobody is in it"),
    ],
)
async def test_a_group_is_public_if_a_likely_member_shows_it(
    control: SandboxControl,
    make_runtime: MakeRuntime,
    minimum: int,
    fields: dict[str, Any],
    public: bool,
) -> None:
    """A group is public if a checked account lists it; in doubt it is hidden."""
    group = await add_group(control, "Extra", minimum, **fields)
    program = await control.program()
    visibility = TierGroupVisibility(make_runtime().context.brevo)

    found = await visibility.public_groups(program)

    assert (group in found) == public
    assert len(found) == 1 + public


async def test_what_is_known_costs_no_request(
    control: SandboxControl, make_runtime: MakeRuntime
) -> None:
    """The first check takes the groups, the tiers, the likely members, and an account."""
    brevo = make_runtime().context.brevo
    visibility = TierGroupVisibility(brevo)
    program = await control.program()

    await visibility.public_groups(program)
    first = brevo.requests_sent
    await visibility.public_groups(program)

    assert first == 5
    assert brevo.requests_sent == first


async def test_a_group_is_hidden_while_it_cannot_be_looked_up(
    control: SandboxControl, make_runtime: MakeRuntime
) -> None:
    """A failed check hides the group for that call only."""
    program = await control.program()
    visibility = TierGroupVisibility(make_runtime(timeout=2).context.brevo)
    fault = {"path": f"/v3/loyalty/balance/programs/{program}/contact-balances", "times": 1}
    await control.post(
        "/sandbox/faults", {"faults": [{**fault, "kind": "refuse_before", "status": 403}]}
    )

    assert await visibility.public_groups(program) == frozenset()
    assert len(await visibility.public_groups(program)) == 1
