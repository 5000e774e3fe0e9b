"""Endpoints for rewards: create a shell, read the configuration, count codes."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Address,
    Body,
    Name,
    NoBody,
    NoQuery,
    Offset,
    ShortText,
    SmallLimit,
    VersionQuery,
)
from loyalty_mcp.sandbox.errors import NotAllowed, NotFound
from loyalty_mcp.sandbox.records import codes, configuration, programs
from loyalty_mcp.sandbox.records import rewards as reward_records
from loyalty_mcp.sandbox.rules.entities import Item
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.store import UnitOfWork


def _uri(text: str) -> str:
    scheme, colon, rest = text.partition(":")
    if not (colon and rest and scheme.isascii() and scheme.isalnum()):
        raise PydanticCustomError("unfit", "{words}", {"words": "must be a URI"})
    return text


Uri = Annotated[Address, AfterValidator(_uri)]


class RewardPage(VersionQuery):
    """Query for a page of rewards."""

    limit: SmallLimit = 25
    offset: Offset = 0
    state: str = "all"


class NewReward(Body):
    """A reward to create: its name and public texts."""

    name: Name
    public_name: ShortText | None = None
    public_description: ShortText | None = None
    public_image: Uri | None = None


def list_rewards(call: Call[RewardPage, NoBody]) -> Json:
    """List the rewards, one page at a time."""
    program, page = programs.load_program(call.unit, call.id("pid")), call.query
    items = configuration.all_items(call.unit, program.id, "reward", page.version)
    rows = [_reward_row(item, call.unit.now) for item in items]
    every_state = page.state == "all" or call.unit.settings.filters_ignored
    found = [row for row in rows if every_state or row["state"] == page.state]
    return {
        "items": found[page.offset : page.offset + page.limit],
        "totalCount": len(found),
    }


def create_reward(call: Call[NoQuery, NewReward]) -> Json:
    """Create a reward in the draft; its settings are made in Brevo's app."""
    program = programs.load_program(call.unit, call.id("pid"), absent=NotAllowed)
    body = call.body.model_dump(by_alias=True)
    item = configuration.add_item(call.unit, program.id, "reward", body)
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
    """Return the full configuration of a reward."""
    program = programs.load_program(call.unit, call.id("pid"))
    item = configuration.find_item(
        call.unit, program.id, "reward", call.id("rid"), call.query.version
    )
    if item is None:
        raise NotFound("There is no reward with that id.")
    return reward_reply(call.unit, item)


def get_code_count(call: Call[NoQuery, NoBody]) -> Json:
    """Return how many codes a pool still holds."""
    pool_id = call.id("cpid")
    program = programs.load_program(call.unit, call.id("pid"), absent=NotAllowed)
    known = codes.pool_exists(call.unit, program.id, pool_id) or any(
        item.body.get("codePoolId") == pool_id
        for item in configuration.all_items(call.unit, program.id, "reward")
    )
    if not known:
        raise NotAllowed("There is no code pool with that id.", code="document_not_found")
    return {"count": codes.codes_left(call.unit, pool_id)}


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


def reward_reply(unit: UnitOfWork, item: Item) -> Json:
    """Return a reward as the API shows it."""
    body = item.body
    pool_id = body.get("codePoolId")
    return {
        **{name: body.get(name) for name in _PLAIN},
        "codeCount": codes.codes_left(unit, pool_id) if pool_id else 0,
        "createdAt": stored_to_text(item.created_at),
        "id": item.id,
        "limits": body.get("limits") or [],
        "loyaltyProgramId": item.program_id,
        "meta": body.get("meta") or {},
        "products": body.get("products") or [],
        "redeemRules": body.get("redeemRules") or [],
        "updatedAt": stored_to_text(item.updated_at),
    }


def _reward_row(item: Item, now: datetime) -> Json:
    body = item.body
    return {
        "createdAt": stored_to_text(item.created_at),
        "endDate": body.get("endDate"),
        "id": item.id,
        "loyaltyProgramId": item.program_id,
        "name": body["name"],
        "publicImage": body.get("publicImage"),
        "startDate": body.get("startDate"),
        "state": _reward_state(item, now),
        "updatedAt": stored_to_text(item.updated_at),
    }


def _reward_state(item: Item, now: datetime) -> str:
    reward = reward_records.reward_from_item(item)
    if reward.disabled_at is not None and now >= reward.disabled_at:
        return "disabled"
    if reward.end_date is not None and now >= reward.end_date:
        return "ended"
    if reward.start_date is not None and now < reward.start_date:
        return "scheduled"
    return "active"
