"""Endpoints for balance limits: how often or how much may be credited or debited in a period."""

from typing import Literal

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Body,
    Count,
    Flag,
    NoBody,
    NoQuery,
    PositiveCount,
    VersionQuery,
)
from loyalty_mcp.sandbox.errors import DependencyFailed, Invalid, NotFound
from loyalty_mcp.sandbox.records import configuration, programs
from loyalty_mcp.sandbox.records.configuration import Version
from loyalty_mcp.sandbox.rules.entities import Item
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.rules.periods import LONGEST, PeriodUnit
from loyalty_mcp.sandbox.store import UnitOfWork


class LimitFields(Body):
    """All settings of a limit."""

    constraint_type: Literal["transaction", "amount"]
    transaction_type: Literal["credit", "debit"]
    duration_value: PositiveCount
    duration_unit: PeriodUnit
    value: Count
    sliding_schedule: Flag | None = None


def create_balance_limit(call: Call[NoQuery, LimitFields]) -> Json:
    """Create a limit of a balance definition in the draft."""
    body = _limit_body(call.body)
    program = programs.load_program(call.unit, call.id("pid"), absent=DependencyFailed)
    definition_id = call.id("bdid")
    if configuration.find_item(call.unit, program.id, "balance_definition", definition_id) is None:
        raise DependencyFailed("There is no balance definition with that id.")
    return limit_reply(
        configuration.add_item(call.unit, program.id, "limit", body, parent=definition_id)
    )


def get_balance_limit(call: Call[VersionQuery, NoBody]) -> Json:
    """Return one limit."""
    return limit_reply(_limit_item(call.unit, call, call.query.version))


def update_balance_limit(call: Call[NoQuery, LimitFields]) -> Json:
    """Replace a limit in the draft."""
    body = _limit_body(call.body)
    return limit_reply(configuration.change_item(call.unit, _limit_item(call.unit, call), body))


def delete_balance_limit(call: Call[NoQuery, NoBody]) -> None:
    """Delete a limit from the draft."""
    configuration.delete_item(call.unit, _limit_item(call.unit, call))


def limit_reply(item: Item) -> Json:
    """Return a limit as the API shows it."""
    return {
        "id": item.id,
        "balanceDefinitionId": item.parent,
        "transactionType": item.body["transactionType"],
        "constraintType": item.body["constraintType"],
        "durationValue": item.body["durationValue"],
        "durationUnit": item.body["durationUnit"],
        "value": item.body["value"],
        "slidingSchedule": item.body["slidingSchedule"],
        "createdAt": stored_to_text(item.created_at),
        "updatedAt": stored_to_text(item.updated_at),
    }


def _limit_body(new: LimitFields) -> Json:
    if new.duration_value > LONGEST[new.duration_unit]:
        raise Invalid("durationValue: must not be above a hundred years", code="out_of_range")
    return {
        **new.model_dump(by_alias=True),
        "slidingSchedule": new.sliding_schedule is True,
    }


def _limit_item(
    unit: UnitOfWork,
    call: Call[VersionQuery, NoBody] | Call[NoQuery, NoBody] | Call[NoQuery, LimitFields],
    version: Version = "draft",
) -> Item:
    program = programs.load_program(unit, call.id("pid"))
    definition_id, limit_id = call.id("bdid"), call.id("blid")
    item = configuration.find_item(unit, program.id, "limit", limit_id, version)
    if item is None or item.parent != definition_id:
        raise NotFound("There is no limit with that id.")
    return item
