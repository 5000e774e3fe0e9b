"""The official Python SDK runs all fifty operations against the sandbox, as a program lives."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import brevo
import httpx
import pytest
from brevo.core.api_error import ApiError
from brevo.tier import (
    CreateTierForTierGroupRequestAccessConditionsItem as NewCondition,
)
from brevo.tier import (
    CreateTierForTierGroupRequestTierRewardsItem as NewTierReward,
)
from brevo.tier import (
    CreateTierGroupRequestUpgradeSchedule as UpgradeSchedule,
)
from brevo.tier import UpdateTierRequestAccessConditionsItem as Condition
from brevo.tier import UpdateTierRequestTierRewardsItem as TierReward

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings

OPERATIONS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "contract" / "operations.json").read_text("utf-8")
)


class Witness(httpx.AsyncBaseTransport):
    """The sandbox in process, and which operations succeeded on it."""

    def __init__(self) -> None:
        self.app = create_app(SandboxSettings(empty=True))
        self._inner = httpx.ASGITransport(app=self.app)
        self.succeeded: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, and note it."""
        answer = await self._inner.handle_async_request(request)
        path = request.url.path.removeprefix("/v3")
        for operation in OPERATIONS:
            pattern = re.sub(r"{\w+}", "[^/]+", operation["path"])
            if (
                request.method == operation["method"]
                and re.fullmatch(pattern, path)
                and answer.status_code == operation["status"]
            ):
                self.succeeded.add(operation["id"])
        return answer


@pytest.fixture
async def witness() -> AsyncIterator[Witness]:
    """A sandbox that keeps count."""
    made = Witness()
    yield made
    made.app.state.store.close()


@pytest.fixture
async def http(witness: Witness) -> AsyncIterator[httpx.AsyncClient]:
    """A client on it."""
    async with httpx.AsyncClient(transport=witness, base_url="http://sandbox") as client:
        yield client


def known(value: str | None) -> str:
    """An id that the answer carries."""
    assert value
    return value


async def test_all_fifty_operations(witness: Witness, http: httpx.AsyncClient) -> None:
    """Set up, publish, enrol, earn, climb, redeem, correct, clean up: 50 of 50."""
    sdk = brevo.AsyncBrevo(api_key="any", base_url="http://sandbox/v3", httpx_client=http)
    pid = known((await sdk.program.create_new_lp(name="VIP", meta={"a": 1})).id)
    await sdk.program.update_loyalty_program(pid, name="VIP Club")
    await sdk.program.partially_update_loyalty_program(pid, description="For all")
    points = known((await sdk.balance.create_balance_definition(pid, name="P", unit="POINTS")).id)
    await sdk.balance.update_balance_definition(pid, points, name="Points", unit="POINTS")
    spare = known((await sdk.balance.create_balance_definition(pid, name="S", unit="EUR")).id)
    await sdk.balance.delete_balance_definition(pid, spare)

    limit = await sdk.balance.create_balance_limit(
        pid,
        points,
        constraint_type="amount",
        transaction_type="credit",
        duration_unit="day",
        duration_value=1,
        value=500,
    )
    limit = await sdk.balance.update_balance_limit(
        pid,
        points,
        known(limit.id),
        constraint_type="amount",
        transaction_type="credit",
        duration_unit="week",
        duration_value=1,
        value=1000,
        sliding_schedule=True,
    )
    assert await sdk.balance.get_balance_limit(pid, points, known(limit.id)) == limit

    reward = await sdk.reward.create_reward(
        pid, name="gift", public_name="Gift", public_image="https://img.example/g.png"
    )
    rid = known(reward.id)
    settings = {
        "value": 5,
        "unit": "EUR",
        "codes": ["G-1", "G-2", "G-3", "G-4"],
        "subtractBalanceDefinitionId": points,
        "subtractBalanceValue": 20,
    }
    assert (await http.patch(f"/sandbox/rewards/{rid}", json=settings)).status_code == 200
    full = await sdk.reward.get_reward_information(pid, rid)
    assert (full.name, full.code_count, full.subtract_balance_value) == ("gift", 4, 20)
    pool = known(full.code_pool_id)

    group = await sdk.tier.create_tier_group(
        pid,
        name="Levels",
        downgrade_strategy="membership_anniversary",
        upgrade_schedule=UpgradeSchedule(duration_value=1, duration_unit="month"),
    )
    gid = known(group.id)
    bronze = await sdk.tier.create_tier_for_tier_group(
        pid,
        gid,
        name="Bronze",
        access_conditions=[NewCondition(balance_definition_id=points, minimum_value=0)],
    )
    silver = await sdk.tier.create_tier_for_tier_group(
        pid,
        gid,
        name="Silver",
        access_conditions=[NewCondition(balance_definition_id=points, minimum_value=150)],
        tier_rewards=[NewTierReward(reward_id=rid)],
    )
    silver = await sdk.tier.update_tier(
        pid,
        known(silver.tier_id),
        name="Silver",
        access_conditions=[Condition(balance_definition_id=points, minimum_value=100)],
        tier_rewards=[TierReward(reward_id=rid)],
    )
    ids = [known(bronze.tier_id), known(silver.tier_id)]
    await sdk.tier.update_tier_group(
        pid,
        gid,
        name="Status",
        tier_order=ids,
        upgrade_strategy="real_time",
        downgrade_strategy="membership_anniversary",
    )
    assert (await sdk.tier.get_tier_group(pid, gid)).tier_order == ids
    await sdk.program.publish_loyalty_program(pid)
    assert (await sdk.program.get_loyalty_program_info(pid)).state == "active"
    assert len((await sdk.program.get_lp_list()).items or []) == 1
    live = await sdk.balance.get_balance_definition_list(pid, version="active")
    assert [each.name for each in live.items or []] == ["Points"]
    assert (await sdk.balance.get_balance_definition(pid, points)).name == "Points"
    groups = await sdk.tier.get_list_of_tier_groups(pid, version="active")
    assert [each.name for each in groups.items or []] == ["Status"]
    tiers = await sdk.tier.get_loyalty_program_tier(pid, version="active")
    assert [each.name for each in tiers.items or []] == ["Bronze", "Silver"]
    page = await sdk.reward.get_reward_page_api(pid, version="active")
    assert page.total_count == 1

    anna = (await sdk.contacts.create_contact(email="anna@example.com")).id or 0
    bob = (await sdk.contacts.create_contact(email="bob@example.com")).id or 0
    await sdk.program.subscribe_to_loyalty_program(
        pid, contact_id=anna, loyalty_subscription_id="OWN-1"
    )
    await sdk.program.subscribe_member_to_a_subscription(
        pid, contact_id=anna, member_contact_ids=[bob]
    )
    await sdk.balance.create_subscription_balances(pid, str(anna), balance_definition_id=points)
    draft = await sdk.balance.begin_transaction(
        pid, amount=120, balance_definition_id=points, loyalty_subscription_id="OWN-1"
    )
    done = await sdk.balance.complete_transaction(pid, known(draft.id))
    assert (done.status, done.balance) == ("completed", 120)
    open_ = await sdk.balance.begin_transaction(
        pid, amount=-5, balance_definition_id=points, contact_id=anna
    )
    assert (await sdk.balance.cancel_transaction(pid, known(open_.id))).status == "cancelled"
    order = await sdk.balance.create_balance_order(
        pid,
        amount=10,
        balance_definition_id=points,
        contact_id=anna,
        source="user",
        due_at=(datetime.now(UTC) + timedelta(days=1)).isoformat(),
    )
    await sdk.balance.complete_transaction(pid, known(order.transactionid))

    info = await sdk.program.get_parameter_subscription_info(pid, contact_id=str(anna))
    assert [each.tier_name for each in info.tier or []] == ["Silver"]
    assert [each.reward_name for each in info.reward or []] == ["gift"]
    assert (info.loyalty_program_name, len(info.members or [])) == ("VIP Club", 1)
    with pytest.raises(ApiError) as conflict:
        await sdk.tier.add_subscription_to_tier(pid, str(anna), ids[1])
    assert conflict.value.status_code == 409
    placed = await sdk.tier.add_subscription_to_tier(pid, str(anna), ids[0])
    assert placed.group_id == gid

    issued = await sdk.reward.create_voucher(pid, reward_id=rid, contact_id=anna, meta={"a": 1})
    held = await sdk.reward.get_voucher_for_a_contact(pid, contact_id=anna, sort="asc")
    assert [each.code for each in held.contact_rewards or []] == ["G-1", "G-2"]
    assert (await sdk.reward.validate_reward(pid, code="G-1")).authorize is True
    opened = await sdk.reward.redeem_voucher(pid, code="G-1", ttl=600, meta={"till": 1})
    redeemed = await sdk.reward.complete_redeem_transaction(pid, known(opened.id))
    assert (redeemed.status, redeemed.contact_id) == ("completed", anna)
    await sdk.reward.revoke_vouchers(pid, attributed_reward_ids=known(issued.id))
    # The price of the redemption changed the balance, so Silver was reached again: one more gift.
    assert (await sdk.reward.get_code_count(pid, pool)).count == 1

    totals = await sdk.balance.get_subscription_balances(pid, str(anna))
    assert [each.value for each in totals.balance or []] == [110]
    lots = await sdk.balance.get_active_balances_api(
        pid, contact_id=anna, balance_definition_id=points
    )
    assert sum(each.amount or 0 for each in lots.active_balances or []) == 110
    holders = await sdk.balance.get_contact_balances(pid, balance_definition_id=points)
    assert [each.contact_id for each in holders.balances or []] == [anna]
    history = await sdk.balance.get_transaction_history_api(
        pid, contact_id=anna, balance_definition_id=points, status="completed"
    )
    assert history.count == 3

    await sdk.program.delete_contact_members(pid, member_contact_ids=str(bob))
    await sdk.balance.delete_balance_limit(pid, points, known(limit.id))
    for tier in ids:
        await sdk.tier.delete_tier(pid, tier)
    await sdk.tier.delete_tier_group(pid, gid)
    await sdk.program.publish_loyalty_program(pid)
    await sdk.program.delete_contact_subscription(pid, anna)
    await sdk.program.delete_loyalty_program(pid)

    assert witness.succeeded == {each["id"] for each in OPERATIONS}
    assert len(witness.succeeded) == 50
