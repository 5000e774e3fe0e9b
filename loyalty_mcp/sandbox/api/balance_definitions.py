"""Endpoints for balance definitions: unit, caps, rounding and expiry."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal, get_args

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
from loyalty_mcp.sandbox.errors import Invalid, NotAllowed, NotFound
from loyalty_mcp.sandbox.records import configuration, programs
from loyalty_mcp.sandbox.rules.entities import Item
from loyalty_mcp.sandbox.rules.ledger import Rounding, Snap
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.rules.periods import LONGEST, PeriodUnit
from loyalty_mcp.sandbox.store import UnitOfWork

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
UNITS: Final[tuple[str, ...]] = get_args(BalanceUnit)


class DefinitionPage(VersionQuery):
    """A page of definitions."""

    limit: Limit = 200
    offset: Offset = 0
    sort_field: Literal["name", "created_at", "updated_at"] = "updated_at"
    sort: Sort = "desc"


class DefinitionFields(Body):
    """All settings of a definition; omitted ones are unset."""

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
    """List the balance definitions, one page at a time."""
    page = call.query
    program = programs.load_program(call.unit, call.id("pid"), absent=NotAllowed)
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
    """Create a balance definition in the draft."""
    program = programs.load_program(call.unit, call.id("pid"))
    body = _definition_body(call.body)
    return definition_reply(
        configuration.add_item(call.unit, program.id, "balance_definition", body)
    )


def get_balance_definition(call: Call[VersionQuery, NoBody]) -> Json:
    """Return one balance definition."""
    return definition_reply(
        definition_item(call.unit, call.id("pid"), call.id("bdid"), call.query.version)
    )


def update_balance_definition(call: Call[NoQuery, DefinitionFields]) -> Json:
    """Replace the settings of a balance definition in the draft."""
    item = definition_item(call.unit, call.id("pid"), call.id("bdid"))
    body = _with_guide_settings(_definition_body(call.body), item.body)
    return definition_reply(configuration.change_item(call.unit, item, body))


def delete_balance_definition(call: Call[NoQuery, NoBody]) -> None:
    """Delete a definition and its limits from the draft."""
    configuration.delete_item(
        call.unit, definition_item(call.unit, call.id("pid"), call.id("bdid"))
    )


def definition_reply(item: Item) -> Json:
    """Return a definition as the API shows it, with settings that only the setup guide has."""
    return {
        "id": item.id,
        **{name: item.body.get(name) for name in _NAMES},
        **_guide_additions(item.body),
        "meta": item.body.get("meta") or {},
        "createdAt": stored_to_text(item.created_at),
        "updatedAt": stored_to_text(item.updated_at),
        "deletedAt": None,
    }


def expiry_policy(body: Mapping[str, Any]) -> Json | None:
    """Return the guide's `expiryPolicy` of a stored definition.

    `None` for a lifetime counted from each credit, which the guide cannot express.
    """
    if day := body.get("balanceExpirationDate"):
        return {"type": "fixed", "date": day}
    if body.get("balanceAvailabilityDurationValue") is None:
        return {"type": "never"}
    renewed_by = body.get("renewedBy")
    if renewed_by is None:
        return None
    return {
        "type": "rolling" if renewed_by == "movement" else "inactivity",
        "duration": body["balanceAvailabilityDurationValue"],
        "unit": body["balanceAvailabilityDurationUnit"],
    }


def _guide_additions(body: Mapping[str, Any]) -> Json:
    additions = {} if "renewedBy" not in body else {"expiryPolicy": expiry_policy(body)}
    if "minBalance" in body:
        additions["minBalance"] = body["minBalance"]
    return additions


_NAMES = tuple(field.alias or name for name, field in DefinitionFields.model_fields.items())


def definition_item(
    unit: UnitOfWork, program_id: str, definition_id: str, version: configuration.Version = "draft"
) -> Item:
    """Return a definition of a program in one version.

    Raises:
        NotFound: There is no such program or definition.
    """
    program = programs.load_program(unit, program_id)
    item = configuration.find_item(unit, program.id, "balance_definition", definition_id, version)
    if item is None:
        raise NotFound("There is no balance definition with that id.")
    return item


def _definition_body(new: DefinitionFields) -> Json:
    _check_availability(new)
    check_amounts("minAmount", new.min_amount, "maxAmount", new.max_amount)
    check_internal(new.meta)
    body = new.model_dump(by_alias=True, exclude_none=True)
    if not new.balance_expiration_date:
        body.pop("balanceExpirationDate", None)
    if new.balance_availability_duration_value is not None:
        body.setdefault("balanceAvailabilityDurationModifier", "noModification")
    return body


def _with_guide_settings(body: Json, before: Mapping[str, Any]) -> Json:
    """Keep settings that the reference cannot express, unless its fields now contradict them."""
    kept = {
        "renewedBy": [
            "balanceAvailabilityDurationValue",
            "balanceAvailabilityDurationUnit",
            "balanceAvailabilityDurationModifier",
        ],
        "unitLabel": ["unit"],
    }
    for name, fields in kept.items():
        if name in before and all(body.get(field) == before.get(field) for field in fields):
            body[name] = before[name]
    if "minBalance" in before and "minAmount" not in body:
        body["minBalance"] = before["minBalance"]
    return body


def check_amounts(
    lowest_name: str, lowest: Decimal | None, highest_name: str, highest: Decimal | None
) -> None:
    """Check that the lowest balance allowed is not above the highest.

    Raises:
        Invalid: It is above it, or none is given and the highest is below 0.
    """
    if highest is None:
        return
    if lowest is not None and lowest > highest:
        raise Invalid(f"{lowest_name}: must not be above {highest_name}", code="out_of_range")
    if lowest is None and highest < 0:
        raise Invalid(
            f"{highest_name}: must not be below the floor, which is 0", code="out_of_range"
        )


def check_internal(meta: Meta | None) -> None:
    """Check that `meta.isInternal`, where given, is true or false.

    Raises:
        Invalid: It is neither.
    """
    if meta is not None and not isinstance(meta.get("isInternal", False), bool):
        raise Invalid("meta.isInternal: must be true or false")


def _check_availability(new: DefinitionFields) -> None:
    value = new.balance_availability_duration_value
    unit = new.balance_availability_duration_unit
    if (value is None) != (unit is None):
        raise Invalid(
            "balanceAvailabilityDurationValue and balanceAvailabilityDurationUnit:"
            " must be given together"
        )
    if value is None and new.balance_availability_duration_modifier is not None:
        raise Invalid("balanceAvailabilityDurationModifier: needs a duration")
    if value is not None and new.balance_expiration_date:
        raise Invalid("balanceExpirationDate: cannot be combined with a duration")
    if value is not None and unit is not None and value > LONGEST[unit]:
        raise Invalid(
            "balanceAvailabilityDurationValue: must not be above a hundred years",
            code="out_of_range",
        )
