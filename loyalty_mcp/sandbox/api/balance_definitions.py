"""Balance definitions: what is collected, its caps, its rounding and its life."""

from typing import Literal

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Address,
    Amount,
    Body,
    Day,
    Limit,
    Meta,
    Name,
    NoBody,
    NoQuery,
    Offset,
    PositiveAmount,
    PositiveCount,
    Sort,
    Text,
    VersionQuery,
)
from loyalty_mcp.sandbox.errors import Invalid, NotFound
from loyalty_mcp.sandbox.records import configuration, programs
from loyalty_mcp.sandbox.rules.entities import Item
from loyalty_mcp.sandbox.rules.ledger import Rounding, Snap
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.rules.periods import LONGEST, PeriodUnit
from loyalty_mcp.sandbox.store import Unit

BalanceUnit = Literal[
    "POINTS",
    "EUR",
    "USD",
    "MXN",
    "GBP",
    "INR",
    "CAD",
    "SGD",
    "RON",
    "JPY",
    "MYR",
    "CLP",
    "PEN",
    "MAD",
    "AUD",
    "CHF",
    "BRL",
]


class DefinitionPage(VersionQuery):
    """A page of definitions."""

    limit: Limit = 200
    offset: Offset = 0
    sort_field: Literal["name", "created_at", "updated_at"] = "updated_at"
    sort: Sort = "desc"


class DefinitionFields(Body):
    """All settings of a definition; what is left out is not set."""

    name: Name
    unit: BalanceUnit
    description: Text | None = None
    image_ref: Address | None = None
    min_amount: Amount | None = None
    max_amount: Amount | None = None
    max_credit_amount_limit: PositiveAmount | None = None
    max_debit_amount_limit: PositiveAmount | None = None
    balance_option_amount_overtaking_strategy: Literal["strict", "partial"] | None = None
    balance_option_credit_rounding: Rounding | None = None
    balance_option_debit_rounding: Rounding | None = None
    balance_availability_duration_value: PositiveCount | None = None
    balance_availability_duration_unit: PeriodUnit | None = None
    balance_availability_duration_modifier: Snap | None = None
    balance_expiration_date: Day | None = None
    meta: Meta | None = None


def list_balance_definitions(call: Call[DefinitionPage, NoBody]) -> Json:
    """Page through the definitions."""
    program, page = programs.load_program(call.unit, call.id("pid")), call.query
    items = configuration.all_items(call.unit, program.id, "balance_definition", page.version)
    keys = {
        "name": lambda item: item.body["name"],
        "created_at": lambda item: item.created_at,
        "updated_at": lambda item: item.updated_at,
    }
    items.sort(key=keys[page.sort_field])
    if page.sort == "desc":
        items.reverse()
    return {
        "items": [definition_reply(item) for item in items[page.offset : page.offset + page.limit]]
    }


def create_balance_definition(call: Call[NoQuery, DefinitionFields]) -> Json:
    """Define a balance, in the draft."""
    program = programs.load_program(call.unit, call.id("pid"))
    body = _definition_body(call.body)
    return definition_reply(
        configuration.add_item(call.unit, program.id, "balance_definition", body)
    )


def get_balance_definition(call: Call[VersionQuery, NoBody]) -> Json:
    """Read one definition."""
    return definition_reply(
        _definition_item(call.unit, call.id("pid"), call.id("bdid"), call.query.version)
    )


def update_balance_definition(call: Call[NoQuery, DefinitionFields]) -> Json:
    """Replace the settings of a definition, in the draft."""
    item = _definition_item(call.unit, call.id("pid"), call.id("bdid"))
    return definition_reply(configuration.change_item(call.unit, item, _definition_body(call.body)))


def delete_balance_definition(call: Call[NoQuery, NoBody]) -> None:
    """Take a definition, and its limits, out of the draft."""
    configuration.delete_item(
        call.unit, _definition_item(call.unit, call.id("pid"), call.id("bdid"))
    )


def definition_reply(item: Item) -> Json:
    """Show a definition as the API does."""
    return {
        "id": item.id,
        **{name: item.body.get(name) for name in _NAMES},
        "meta": item.body.get("meta") or {},
        "createdAt": stored_to_text(item.created_at),
        "updatedAt": stored_to_text(item.updated_at),
        "deletedAt": None,
    }


_NAMES = tuple(field.alias or name for name, field in DefinitionFields.model_fields.items())


def _definition_item(
    unit: Unit, program_id: str, definition_id: str, version: configuration.Version = "draft"
) -> Item:
    program = programs.load_program(unit, program_id)
    item = configuration.find_item(unit, program.id, "balance_definition", definition_id, version)
    if item is None:
        raise NotFound("There is no balance definition with that id.")
    return item


def _definition_body(new: DefinitionFields) -> Json:
    _check_availability(new)
    if new.min_amount is not None and new.max_amount is not None:
        if new.min_amount > new.max_amount:
            raise Invalid("minAmount: must not be above maxAmount", code="out_of_range")
    elif new.max_amount is not None and new.max_amount < 0:
        raise Invalid("maxAmount: must not be below the floor, which is 0", code="out_of_range")
    if new.meta is not None and not isinstance(new.meta.get("isInternal", False), bool):
        raise Invalid("meta.isInternal: must be true or false")
    body = new.model_dump(by_alias=True, exclude_none=True)
    if not new.balance_expiration_date:
        body.pop("balanceExpirationDate", None)
    if new.balance_availability_duration_value is not None:
        body.setdefault("balanceAvailabilityDurationModifier", "noModification")
    return body


def _check_availability(new: DefinitionFields) -> None:
    value = new.balance_availability_duration_value
    unit = new.balance_availability_duration_unit
    if (value is None) != (unit is None):
        raise Invalid(
            "balanceAvailabilityDurationValue and balanceAvailabilityDurationUnit:"
            " are given together"
        )
    if value is None and new.balance_availability_duration_modifier is not None:
        raise Invalid("balanceAvailabilityDurationModifier: is given with a duration only")
    if value is not None and new.balance_expiration_date:
        raise Invalid("balanceExpirationDate: excludes a duration")
    if value is not None and unit is not None and value > LONGEST[unit]:
        raise Invalid(
            "balanceAvailabilityDurationValue: must not be above a hundred years",
            code="out_of_range",
        )
