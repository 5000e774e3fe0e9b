"""Rewards: their shells, their full configuration, their codes, and what Brevo's app sets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StringConstraints
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
    NoBody,
    NoQuery,
    Offset,
    PositiveCount,
    SmallLimit,
    Text,
    Uuid,
    VersionQuery,
)
from loyalty_mcp.sandbox.errors import Invalid, NotAllowed, NotFound
from loyalty_mcp.sandbox.records import codes, configuration, programs
from loyalty_mcp.sandbox.records import rewards as reward_records
from loyalty_mcp.sandbox.rules import reward_rules, rewards
from loyalty_mcp.sandbox.rules.entities import Item
from loyalty_mcp.sandbox.rules.ledger import Snap
from loyalty_mcp.sandbox.rules.moments import stored_to_text, to_text
from loyalty_mcp.sandbox.rules.periods import LONGEST, PeriodUnit
from loyalty_mcp.sandbox.store import Unit


def _uri(text: str) -> str:
    scheme, colon, rest = text.partition(":")
    if not (colon and rest and scheme.isascii() and scheme.isalnum()):
        raise PydanticCustomError("unfit", "{words}", {"words": "must be a URI"})
    return text


def _limit_type(text: str) -> str:
    if text not in rewards.LIMIT_TYPES:
        words = f"must be one of {', '.join(rewards.LIMIT_TYPES)}"
        raise PydanticCustomError("unfit", "{words}", {"words": words})
    return text


ShortText = Annotated[str, StringConstraints(strict=True, max_length=128)]
Code = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=128)]
Uri = Annotated[Address, AfterValidator(_uri)]
LimitType = Annotated[str, Field(strict=True), AfterValidator(_limit_type)]


class RewardPage(VersionQuery):
    """A page of rewards."""

    limit: SmallLimit = 25
    offset: Offset = 0
    state: str = "all"


class NewReward(Body):
    """The shell of a reward."""

    name: Name
    public_name: ShortText | None = None
    public_description: ShortText | None = None
    public_image: Uri | None = None


class GeneratorFields(Body):
    """What makes codes."""

    id: ShortText | None = None
    name: ShortText | None = None
    description: Text | None = None
    pattern: ShortText | None = None


class RewardLimitFields(Body):
    """A ceiling, for ever or in a window."""

    type: LimitType
    limit_value: Count
    duration_unit: PeriodUnit | None = None
    duration_value: PositiveCount | None = None
    sliding_schedule: Flag | None = None
    reward_limit_id: Uuid | None = None


class ProductFields(Body):
    """A product that the reward is about."""

    product_id: ShortText
    image_ref: Address | None = None
    value: ShortText | None = None


class ConfigFields(Body):
    """How value, code and attribution are chosen; kept as it is."""

    attribution: ShortText | None = None
    code: ShortText | None = None
    value: ShortText | None = None


class RewardSettings(Body):
    """What Brevo's app sets of a reward; what is left out stays, null takes it back."""

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
    code: Code | None = None
    codes: Annotated[list[Code], Field(max_length=10_000)] | None = None
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


def list_rewards(call: Call[RewardPage, NoBody]) -> Json:
    """Page through the rewards."""
    program, page = programs.get(call.unit, call.id("pid")), call.query
    items = configuration.every(call.unit, program.id, "reward", page.version)
    rows = [_row(item, call.unit.now) for item in items]
    found = [row for row in rows if page.state in ("all", row["state"])]
    return {
        "items": found[page.offset : page.offset + page.limit],
        "totalCount": len(found),
    }


def create_reward(call: Call[NoQuery, NewReward]) -> Json:
    """Make the shell of a reward, in the draft."""
    try:
        program = programs.get(call.unit, call.id("pid"))
    except NotFound as absent:
        # This operation declares no 404.
        raise NotAllowed(absent.message, code=absent.code) from None
    body = call.body.model_dump(by_alias=True)
    item = configuration.add(call.unit, program.id, "reward", body)
    return {
        "id": item.id,
        "loyaltyProgramId": program.id,
        "name": body["name"],
        "publicDescription": body["publicDescription"],
        "publicImage": body["publicImage"],
        "publicName": body["publicName"],
        "createdAt": stored_to_text(item.created_at),
        "updatedAt": stored_to_text(item.updated_at),
    }


def get_reward(call: Call[VersionQuery, NoBody]) -> Json:
    """Read the full configuration of a reward."""
    program = programs.get(call.unit, call.id("pid"))
    item = configuration.find(call.unit, program.id, "reward", call.id("rid"), call.query.version)
    if item is None:
        raise NotFound("There is no reward with that id.")
    return shown(call.unit, item)


def get_code_count(call: Call[NoQuery, NoBody]) -> Json:
    """Count the codes that a pool still holds."""
    pool_id = call.id("cpid")
    try:
        program = programs.get(call.unit, call.id("pid"))
    except NotFound as absent:
        # This operation declares no 404.
        raise NotAllowed(absent.message, code=absent.code) from None
    known = codes.exists(call.unit, program.id, pool_id) or any(
        item.body.get("codePoolId") == pool_id
        for item in configuration.every(call.unit, program.id, "reward")
    )
    if not known:
        raise NotAllowed("There is no code pool with that id.", code="document_not_found")
    return {"count": codes.left(call.unit, pool_id)}


def patch_reward(call: Call[NoQuery, RewardSettings]) -> Json:
    """Set what Brevo's app sets and its API does not, in the draft and in force."""
    reward_id = call.id("rid")
    row = call.unit.one(
        "SELECT c.program FROM configuration c JOIN programs p ON p.id = c.program"
        " WHERE c.id = ? AND c.kind = 'reward' AND p.deleted_at IS NULL",
        reward_id,
    )
    if row is None:
        raise NotFound("There is no reward with that id.")
    changes = _changes(call.unit, row["program"], reward_id, call.body)
    for version in ("active", "draft"):
        item = configuration.find(call.unit, row["program"], "reward", reward_id, version)
        if item is not None:
            body = _merged(item.body, changes)
            item = configuration.change(call.unit, item, body, version)
            _check_life(body)
    draft = configuration.find(call.unit, row["program"], "reward", reward_id)
    if draft is None:
        raise NotFound("There is no reward with that id.")
    return shown(call.unit, draft)


_PLAIN: Final = (
    "attributionPerConsumer",
    "balanceDefinitionId",
    "code",
    "codeGeneratorId",
    "codePoolId",
    "config",
    "disabledAt",
    "endDate",
    "expirationDate",
    "expirationModifier",
    "expirationUnit",
    "expirationValue",
    "generator",
    "name",
    "publicDescription",
    "publicImage",
    "publicName",
    "redeemPerConsumer",
    "rewardConfigs",
    "rule",
    "startDate",
    "subtractBalanceDefinitionId",
    "subtractBalanceStrategy",
    "subtractBalanceValue",
    "subtractTotalBalance",
    "totalAttribution",
    "totalRedeem",
    "triggerId",
    "unit",
    "value",
    "valueType",
)


def shown(unit: Unit, item: Item) -> Json:
    """Show a reward as the API does."""
    body = item.body
    pool_id = body.get("codePoolId")
    return {
        **{name: body.get(name) for name in _PLAIN},
        "codeCount": codes.left(unit, pool_id) if pool_id else 0,
        "createdAt": stored_to_text(item.created_at),
        "id": item.id,
        "limits": body.get("limits") or [],
        "loyaltyProgramId": item.program_id,
        "meta": body.get("meta") or {},
        "products": body.get("products") or [],
        "redeemRules": body.get("redeemRules") or [],
        "updatedAt": stored_to_text(item.updated_at),
    }


def _row(item: Item, now: datetime) -> Json:
    body = item.body
    return {
        "createdAt": stored_to_text(item.created_at),
        "endDate": body.get("endDate"),
        "id": item.id,
        "loyaltyProgramId": item.program_id,
        "name": body["name"],
        "publicImage": body.get("publicImage"),
        "startDate": body.get("startDate"),
        "state": _state(item, now),
        "updatedAt": stored_to_text(item.updated_at),
    }


def _state(item: Item, now: datetime) -> str:
    reward = reward_records.of(item)
    if reward.disabled_at is not None and now >= reward.disabled_at:
        return "disabled"
    if reward.end_date is not None and now >= reward.end_date:
        return "ended"
    if reward.start_date is not None and now < reward.start_date:
        return "scheduled"
    return "active"


def _changes(unit: Unit, program_id: str, reward_id: str, new: RewardSettings) -> Json:
    changes: Json = {
        name: to_text(value) if isinstance(value, datetime) else value
        for name, value in new.model_dump(by_alias=True, exclude_unset=True).items()
    }
    if changes.get("name", "") is None:
        raise Invalid("name: must not be taken back")
    if new.rule is not None:
        reward_rules.checked(new.rule)
    if new.limits is not None:
        changes["limits"] = [_limit(unit, each) for each in new.limits]
    if new.generator is not None:
        changes["generator"] = _stamped(unit, changes["generator"], {"id": unit.new_id()})
    if new.products is not None:
        changes["products"] = [
            {**each, "createdAt": stored_to_text(unit.now_stored)} for each in changes["products"]
        ]
    new_codes = changes.pop("codes", None)
    if new_codes:
        pool_id = changes.get("codePoolId") or _pool_of(unit, program_id, reward_id)
        codes.fill(unit, program_id, pool_id, new_codes)
        changes["codePoolId"] = pool_id
    return changes


def _pool_of(unit: Unit, program_id: str, reward_id: str) -> str:
    item = configuration.find(unit, program_id, "reward", reward_id)
    known = None if item is None else item.body.get("codePoolId")
    return known or unit.new_id()


def _limit(unit: Unit, new: RewardLimitFields) -> Json:
    if (new.duration_value is None) != (new.duration_unit is None):
        raise Invalid("limits: durationValue and durationUnit are given together")
    value, span = new.duration_value, new.duration_unit
    if value is not None and span is not None and value > LONGEST[span]:
        raise Invalid("limits: durationValue must not be above a hundred years")
    body = new.model_dump(by_alias=True)
    return _stamped(
        unit,
        {**body, "slidingSchedule": new.sliding_schedule is True},
        {"rewardLimitId": unit.new_id()},
    )


def _stamped(unit: Unit, body: Mapping[str, Any], defaults: Mapping[str, Any]) -> Json:
    now = stored_to_text(unit.now_stored)
    missing = {key: value for key, value in defaults.items() if body.get(key) is None}
    return {**body, **missing, "createdAt": now, "updatedAt": now}


def _merged(body: Mapping[str, Any], changes: Mapping[str, Any]) -> Json:
    merged = {**body, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _check_life(body: Mapping[str, Any]) -> None:
    value, span = body.get("expirationValue"), body.get("expirationUnit")
    if (value is None) != (span is None):
        raise Invalid("expirationValue and expirationUnit: are given together")
    if value is not None and value > LONGEST[str(span)]:
        raise Invalid("expirationValue: must not be above a hundred years", code="out_of_range")
