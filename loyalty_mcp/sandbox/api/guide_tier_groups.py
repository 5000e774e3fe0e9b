"""Endpoints for tier groups with inline tiers, in the terms of Brevo's setup guide."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from loyalty_mcp.sandbox.api.balance_definitions import check_internal
from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import Body, Meta, Name, NoBody, NoQuery, Uuid, VersionQuery
from loyalty_mcp.sandbox.api.tier_groups import require_free_group_name
from loyalty_mcp.sandbox.api.tiers import Threshold
from loyalty_mcp.sandbox.errors import Invalid
from loyalty_mcp.sandbox.records import configuration, member_tiers, programs
from loyalty_mcp.sandbox.records.configuration import Version
from loyalty_mcp.sandbox.rules.entities import Item
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.rules.tiers import Strategy, Tier
from loyalty_mcp.sandbox.store import UnitOfWork


class GuideTier(Body):
    """A tier and the balance that a member needs for it."""

    name: Name
    threshold: Threshold


class GuideTierGroup(Body):
    """A tier group in the guide's terms."""

    name: Name
    balance_definition_id: Uuid
    upgrade_evaluation_trigger: Strategy
    downgrade_evaluation_trigger: Strategy
    tiers: Annotated[list[GuideTier], Field(min_length=1, max_length=100)]
    meta: Meta | None = None


def create_guide_tier_group(call: Call[NoQuery, GuideTierGroup]) -> Json:
    """Create a tier group and its tiers in the draft from the guide's body."""
    program, new = programs.load_program(call.unit, call.id("pid")), call.body
    check_internal(new.meta)
    require_free_group_name(call.unit, program, new.name)
    known = configuration.find_item(
        call.unit, program.id, "balance_definition", new.balance_definition_id
    )
    if known is None:
        raise Invalid(
            "balanceDefinitionId: there is no balance definition with that id in this program"
        )
    _require_unique_thresholds(new.tiers)
    group = configuration.add_item(
        call.unit,
        program.id,
        "tier_group",
        {
            "name": new.name,
            "upgradeStrategy": new.upgrade_evaluation_trigger,
            "downgradeStrategy": new.downgrade_evaluation_trigger,
            "tierOrder": [],
            "meta": new.meta or {},
        },
    )
    made = [
        configuration.add_item(
            call.unit,
            program.id,
            "tier",
            {
                "name": tier.name,
                "accessConditions": [
                    {
                        "balanceDefinitionId": new.balance_definition_id,
                        "minimumValue": tier.threshold,
                    }
                ],
                "tierRewards": [],
            },
            parent=group.id,
        )
        for tier in sorted(new.tiers, key=lambda tier: tier.threshold)
    ]
    order = [tier.id for tier in made]
    group = configuration.change_item(call.unit, group, {**group.body, "tierOrder": order})
    return guide_tier_group_reply(call.unit, group)


def list_guide_tier_groups(call: Call[VersionQuery, NoBody]) -> Json:
    """List the tier groups with their tiers in the guide's terms."""
    program, version = programs.load_program(call.unit, call.id("pid")), call.query.version
    groups = configuration.all_items(call.unit, program.id, "tier_group", version)
    return {"items": [guide_tier_group_reply(call.unit, group, version) for group in groups]}


def guide_tier_group_reply(unit: UnitOfWork, group: Item, version: Version = "draft") -> Json:
    """Return a tier group in the guide's terms; what they cannot express is null."""
    ladder = member_tiers.ladder_of(
        group, configuration.all_items(unit, group.program_id, "tier", version, parent=group.id)
    )
    balances = {
        condition.balance_definition_id for tier in ladder.tiers for condition in tier.conditions
    }
    return {
        "id": group.id,
        "name": group.body["name"],
        "balanceDefinitionId": balances.pop() if len(balances) == 1 else None,
        "upgradeEvaluationTrigger": group.body["upgradeStrategy"],
        "downgradeEvaluationTrigger": group.body["downgradeStrategy"],
        "tiers": [
            {"id": tier.id, "name": tier.name, "threshold": _shown_threshold(tier)}
            for tier in ladder.tiers
        ],
        "meta": group.body.get("meta") or {},
        "createdAt": stored_to_text(group.created_at),
        "updatedAt": stored_to_text(group.updated_at),
    }


def _shown_threshold(tier: Tier) -> Decimal | None:
    if not tier.conditions:
        return Decimal(0)
    return tier.conditions[0].minimum_value if len(tier.conditions) == 1 else None


def _require_unique_thresholds(tiers: list[GuideTier]) -> None:
    seen: set[int] = set()
    for place, tier in enumerate(tiers):
        if tier.threshold in seen:
            raise Invalid(f"tiers.{place}.threshold: another tier of this group has it")
        seen.add(tier.threshold)
