"""Control endpoint for the settings of a reward that only Brevo's app can set."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from loyalty_mcp.sandbox.api.balance_definitions import BalanceUnit
from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Address,
    Amount,
    Body,
    Count,
    Flag,
    Meta,
    Moment,
    Name,
    NoQuery,
    PositiveCount,
    ShortText,
    Text,
    Uuid,
    VoucherCode,
)
from loyalty_mcp.sandbox.api.rewards import Uri, reward_reply
from loyalty_mcp.sandbox.errors import Invalid, NotFound
from loyalty_mcp.sandbox.records import codes, configuration
from loyalty_mcp.sandbox.rules import reward_rules, rewards
from loyalty_mcp.sandbox.rules.ledger import Snap
from loyalty_mcp.sandbox.rules.moments import stored_to_text, to_text
from loyalty_mcp.sandbox.rules.periods import LONGEST, PeriodUnit
from loyalty_mcp.sandbox.store import UnitOfWork


def _limit_type(text: str) -> str:
    if text not in rewards.LIMIT_TYPES:
        words = f"must be one of {', '.join(rewards.LIMIT_TYPES)}"
        raise PydanticCustomError("unfit", "{words}", {"words": words})
    return text


LimitType = Annotated[str, Field(strict=True), AfterValidator(_limit_type)]


class GeneratorFields(Body):
    """A generator of codes."""

    id: ShortText | None = None
    name: ShortText | None = None
    description: Text | None = None
    pattern: ShortText | None = None


class RewardLimitFields(Body):
    """A limit on issuing or redeeming, for ever or in a period."""

    type: LimitType
    limit_value: Count
    duration_unit: PeriodUnit | None = None
    duration_value: PositiveCount | None = None
    sliding_schedule: Flag | None = None
    reward_limit_id: Uuid | None = None


class ProductFields(Body):
    """A product that the reward applies to."""

    product_id: ShortText
    image_ref: Address | None = None
    value: ShortText | None = None


class ConfigFields(Body):
    """How value, code and attribution are chosen; stored as sent."""

    attribution: ShortText | None = None
    code: ShortText | None = None
    value: ShortText | None = None


class RewardSettings(Body):
    """Settings of a reward that Brevo's app sets; omitted ones stay, null clears one."""

    name: Name | None = None
    public_name: ShortText | None = None
    public_description: ShortText | None = None
    public_image: Uri | None = None
    attribution_per_consumer: Count | None = None
    redeem_per_consumer: Count | None = None
    total_attribution: Count | None = None
    total_redeem: Count | None = None
    limits: Annotated[list[RewardLimitFields], Field(max_length=50)] | None = None
    balance_definition_id: Uuid | None = None
    subtract_balance_definition_id: Uuid | None = None
    subtract_balance_strategy: ShortText | None = None
    subtract_balance_value: Count | None = None
    subtract_total_balance: Flag | None = None
    code: VoucherCode | None = None
    codes: Annotated[list[VoucherCode], Field(max_length=10_000)] | None = None
    code_generator_id: ShortText | None = None
    code_pool_id: Uuid | None = None
    generator: GeneratorFields | None = None
    config: ShortText | None = None
    reward_configs: ConfigFields | None = None
    disabled_at: Moment | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    expiration_date: Moment | None = None
    expiration_modifier: Snap | None = None
    expiration_unit: PeriodUnit | None = None
    expiration_value: PositiveCount | None = None
    products: Annotated[list[ProductFields], Field(max_length=100)] | None = None
    redeem_rules: Annotated[list[Text], Field(max_length=50)] | None = None
    rule: Meta | None = None
    trigger_id: ShortText | None = None
    unit: BalanceUnit | None = None
    value: Amount | None = None
    value_type: ShortText | None = None
    meta: Meta | None = None


def patch_reward(call: Call[NoQuery, RewardSettings]) -> Json:
    """Change settings that only Brevo's app can set, in the draft and the active version."""
    reward_id = call.id("rid")
    row = call.unit.one(
        "SELECT c.program FROM configuration c JOIN programs p ON p.id = c.program"
        " WHERE c.id = ? AND c.kind = 'reward' AND p.deleted_at IS NULL",
        reward_id,
    )
    if row is None:
        raise NotFound("There is no reward with that id.")
    changes = _changed_settings(call.unit, row["program"], reward_id, call.body)
    for version in ("active", "draft"):
        item = configuration.find_item(call.unit, row["program"], "reward", reward_id, version)
        if item is not None:
            body = _merged(item.body, changes)
            item = configuration.change_item(call.unit, item, body, version)
            _check_expiration(body)
    draft = configuration.find_item(call.unit, row["program"], "reward", reward_id)
    if draft is None:
        raise NotFound("There is no reward with that id.")
    return reward_reply(call.unit, draft)


def _changed_settings(
    unit: UnitOfWork, program_id: str, reward_id: str, new: RewardSettings
) -> Json:
    changes: Json = {
        name: to_text(value) if isinstance(value, datetime) else value
        for name, value in new.model_dump(by_alias=True, exclude_unset=True).items()
    }
    if changes.get("name", "") is None:
        raise Invalid("name: must not be null")
    if new.rule is not None:
        reward_rules.check_rule(new.rule)
    if new.limits is not None:
        changes["limits"] = [_stamped_limit(unit, each) for each in new.limits]
    if new.generator is not None:
        changes["generator"] = _stamped(unit, changes["generator"], {"id": unit.new_id()})
    if new.products is not None:
        changes["products"] = [
            {**each, "createdAt": stored_to_text(unit.now_stored)} for each in changes["products"]
        ]
    new_codes = changes.pop("codes", None)
    if new_codes:
        pool_id = changes.get("codePoolId") or _pool_of(unit, program_id, reward_id)
        codes.fill_pool(unit, program_id, pool_id, new_codes)
        changes["codePoolId"] = pool_id
    return changes


def _pool_of(unit: UnitOfWork, program_id: str, reward_id: str) -> str:
    item = configuration.find_item(unit, program_id, "reward", reward_id)
    known = None if item is None else item.body.get("codePoolId")
    return known or unit.new_id()


def _stamped_limit(unit: UnitOfWork, new: RewardLimitFields) -> Json:
    if (new.duration_value is None) != (new.duration_unit is None):
        raise Invalid("limits: durationValue and durationUnit must be given together")
    value, span = new.duration_value, new.duration_unit
    if value is not None and span is not None and value > LONGEST[span]:
        raise Invalid("limits: durationValue must not be above a hundred years")
    body = new.model_dump(by_alias=True)
    return _stamped(
        unit,
        {**body, "slidingSchedule": new.sliding_schedule is True},
        {"rewardLimitId": unit.new_id()},
    )


def _stamped(unit: UnitOfWork, body: Mapping[str, Any], defaults: Mapping[str, Any]) -> Json:
    now = stored_to_text(unit.now_stored)
    missing = {key: value for key, value in defaults.items() if body.get(key) is None}
    return {**body, **missing, "createdAt": now, "updatedAt": now}


def _merged(body: Mapping[str, Any], changes: Mapping[str, Any]) -> Json:
    merged = {**body, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _check_expiration(body: Mapping[str, Any]) -> None:
    value, span = body.get("expirationValue"), body.get("expirationUnit")
    if (value is None) != (span is None):
        raise Invalid("expirationValue and expirationUnit: must be given together")
    if value is not None and value > LONGEST[str(span)]:
        raise Invalid("expirationValue: must not be above a hundred years", code="out_of_range")
