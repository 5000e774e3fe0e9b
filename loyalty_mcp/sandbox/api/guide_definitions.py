"""Endpoints for balance definitions in the terms of Brevo's setup guide."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from loyalty_mcp.sandbox.api.balance_definitions import (
    UNITS,
    check_amounts,
    check_internal,
    definition_item,
    expiry_policy,
)
from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Amount,
    Body,
    Count,
    Day,
    Meta,
    Name,
    NoBody,
    NoQuery,
    PositiveAmount,
    PositiveCount,
    VersionQuery,
)
from loyalty_mcp.sandbox.errors import Invalid
from loyalty_mcp.sandbox.records import configuration, programs
from loyalty_mcp.sandbox.records.configuration import Version
from loyalty_mcp.sandbox.rules.entities import Item
from loyalty_mcp.sandbox.rules.ledger import Renewal, Rounding, TransactionType
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.rules.periods import LONGEST, PeriodUnit
from loyalty_mcp.sandbox.store import UnitOfWork

ExpiryType = Literal["never", "rolling", "fixed", "inactivity", "inactivity-based"]
RoundingPolicy = Literal["none", "round_half_up", "floor", "ceiling"]

LABELS: Final = {
    "point": "POINTS",
    "pts": "POINTS",
    "€": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "£": "GBP",
    "₹": "INR",
    "¥": "JPY",
    "r$": "BRL",
    "us$": "USD",
}
"""Labels that stand for exactly one unit; the units themselves are accepted in any case."""

_RENEWED_BY: Final[dict[ExpiryType, Renewal]] = {
    "rolling": "movement",
    "inactivity": "credit",
    "inactivity-based": "credit",
}
_ROUNDING: Final[dict[RoundingPolicy, Rounding | None]] = {
    "none": None,
    "round_half_up": "natural",
    "floor": "lower",
    "ceiling": "upper",
}
_CAPS: Final = {
    "maxBalance": "maxAmount",
    "minBalance": "minBalance",
    "maxCreditPerOperation": "maxCreditAmountLimit",
    "maxDebitPerOperation": "maxDebitAmountLimit",
}
_FREQUENCY_LIMITS: Final[dict[TransactionType, str]] = {
    "credit": "creditFrequencyLimit",
    "debit": "debitFrequencyLimit",
}


def unit_of_label(label: str) -> str | None:
    """Return the unit that a label stands for, or `None` if it is unknown or ambiguous."""
    plain = label.strip()
    return plain.upper() if plain.upper() in UNITS else LABELS.get(plain.casefold())


def _label(value: object) -> str:
    if not isinstance(value, str) or unit_of_label(value) is None:
        words = f"must be one of {', '.join(UNITS)}, in any case, or a label such as points or €"
        raise PydanticCustomError("unfit", "{words}", {"words": words})
    return value


UnitLabel = Annotated[
    str, BeforeValidator(_label), WithJsonSchema({"type": "string", "examples": ["points", "€"]})
]


class ExpiryPolicyFields(Body):
    """When points expire."""

    type: ExpiryType
    duration: PositiveCount | None = None
    unit: PeriodUnit | None = None
    date: Day | None = None


class FrequencyLimitFields(Body):
    """The largest number of operations in a period."""

    value: Count
    duration: PositiveCount
    unit: PeriodUnit


class GuideDefinition(Body):
    """A balance definition in the guide's terms."""

    name: Name
    unit: UnitLabel
    expiry_policy: ExpiryPolicyFields | None = None
    rounding_policy: RoundingPolicy | None = None
    max_balance: Amount | None = None
    min_balance: Amount | None = None
    max_credit_per_operation: PositiveAmount | None = None
    max_debit_per_operation: PositiveAmount | None = None
    credit_frequency_limit: FrequencyLimitFields | None = None
    debit_frequency_limit: FrequencyLimitFields | None = None
    meta: Meta | None = None


def create_guide_definition(call: Call[NoQuery, GuideDefinition]) -> Json:
    """Create a balance definition in the draft from the guide's body."""
    program = programs.load_program(call.unit, call.id("pid"))
    body = _stored_definition(call.body)
    item = configuration.add_item(call.unit, program.id, "balance_definition", body)
    _replace_frequency_limits(call.unit, item, call.body)
    return guide_definition_reply(call.unit, item)


def list_guide_definitions(call: Call[VersionQuery, NoBody]) -> Json:
    """List the balance definitions in the guide's terms."""
    program, version = programs.load_program(call.unit, call.id("pid")), call.query.version
    items = configuration.all_items(call.unit, program.id, "balance_definition", version)
    return {"items": [guide_definition_reply(call.unit, item, version) for item in items]}


def update_guide_definition(call: Call[NoQuery, GuideDefinition]) -> Json:
    """Replace a definition and its frequency limits in the draft from the guide's body."""
    item = definition_item(call.unit, call.id("pid"), call.id("bdid"))
    item = configuration.change_item(call.unit, item, _stored_definition(call.body))
    _replace_frequency_limits(call.unit, item, call.body)
    return guide_definition_reply(call.unit, item)


def guide_definition_reply(unit: UnitOfWork, item: Item, version: Version = "draft") -> Json:
    """Return a definition in the guide's terms; what they cannot express is null."""
    body = item.body
    limits = {
        name: _shown_limit(_frequency_limit(unit, item, kind, version))
        for kind, name in _FREQUENCY_LIMITS.items()
    }
    return {
        "id": item.id,
        "name": body["name"],
        "unit": body.get("unitLabel") or body["unit"],
        "expiryPolicy": expiry_policy(body),
        "roundingPolicy": _rounding_policy(body),
        **{name: body.get(stored) for name, stored in _CAPS.items()},
        "minBalance": body.get("minBalance", body.get("minAmount")),
        **limits,
        "meta": body.get("meta") or {},
        "createdAt": stored_to_text(item.created_at),
        "updatedAt": stored_to_text(item.updated_at),
    }


def _stored_definition(new: GuideDefinition) -> Json:
    check_internal(new.meta)
    if new.min_balance is not None and new.min_balance < 0:
        raise Invalid("minBalance: must be 0 or more")
    check_amounts("minBalance", new.min_balance, "maxBalance", new.max_balance)
    sent = new.model_dump(by_alias=True, exclude_none=True)
    body: Json = {
        "name": new.name,
        "unit": unit_of_label(new.unit),
        "unitLabel": new.unit,
        "meta": new.meta or {},
        **_stored_expiry(new.expiry_policy),
        **{stored: sent[name] for name, stored in _CAPS.items() if name in sent},
    }
    rounding = _ROUNDING[new.rounding_policy or "none"]
    if rounding is not None:
        body["balanceOptionCreditRounding"] = rounding
        body["balanceOptionDebitRounding"] = rounding
    return body


def _stored_expiry(policy: ExpiryPolicyFields | None) -> Json:
    kind: ExpiryType = "never" if policy is None else policy.type
    if policy is None or kind == "never":
        _refuse_given(kind, duration=policy and policy.duration, unit=policy and policy.unit)
        _refuse_given(kind, date=policy and policy.date)
        return {}
    if kind == "fixed":
        _refuse_given(kind, duration=policy.duration, unit=policy.unit)
        if not policy.date:
            raise Invalid(
                "expiryPolicy.date: is required for fixed, written dd/mm", code="missing_parameter"
            )
        return {"balanceExpirationDate": policy.date}
    _refuse_given(kind, date=policy.date)
    if policy.duration is None or policy.unit is None:
        raise Invalid(
            f"expiryPolicy.duration and unit: are required for {kind}", code="missing_parameter"
        )
    _check_longest("expiryPolicy.duration", policy.duration, policy.unit)
    return {
        "balanceAvailabilityDurationValue": policy.duration,
        "balanceAvailabilityDurationUnit": policy.unit,
        "balanceAvailabilityDurationModifier": "noModification",
        "renewedBy": _RENEWED_BY[kind],
    }


def _refuse_given(kind: ExpiryType, **values: object) -> None:
    for name, value in values.items():
        if value is not None:
            raise Invalid(f"expiryPolicy.{name}: is not given with the type {kind}")


def _check_longest(name: str, value: int, unit: PeriodUnit) -> None:
    if value > LONGEST[unit]:
        raise Invalid(f"{name}: must not be above a hundred years", code="out_of_range")


def _rounding_policy(body: Mapping[str, Any]) -> RoundingPolicy | None:
    credit = body.get("balanceOptionCreditRounding")
    if credit != body.get("balanceOptionDebitRounding"):
        return None
    return next(policy for policy, rounding in _ROUNDING.items() if rounding == credit)


def _replace_frequency_limits(unit: UnitOfWork, definition: Item, new: GuideDefinition) -> None:
    for kind, name in _FREQUENCY_LIMITS.items():
        wanted = new.credit_frequency_limit if kind == "credit" else new.debit_frequency_limit
        present = _frequency_limit(unit, definition, kind)
        if wanted is None:
            if present is not None:
                configuration.delete_item(unit, present)
            continue
        _check_longest(f"{name}.duration", wanted.duration, wanted.unit)
        body = {
            "constraintType": "transaction",
            "transactionType": kind,
            "durationValue": wanted.duration,
            "durationUnit": wanted.unit,
            "value": wanted.value,
            "slidingSchedule": False,
        }
        if present is None:
            configuration.add_item(unit, definition.program_id, "limit", body, parent=definition.id)
        else:
            configuration.change_item(unit, present, body)


def _frequency_limit(
    unit: UnitOfWork, definition: Item, kind: TransactionType, version: Version = "draft"
) -> Item | None:
    """Return the limit that the guide can express: a number of operations per calendar period."""
    limits = configuration.all_items(
        unit, definition.program_id, "limit", version, parent=definition.id
    )
    return next(
        (
            limit
            for limit in limits
            if limit.body["constraintType"] == "transaction"
            and limit.body["transactionType"] == kind
            and not limit.body.get("slidingSchedule")
        ),
        None,
    )


def _shown_limit(limit: Item | None) -> Json | None:
    if limit is None:
        return None
    return {
        "id": limit.id,
        "value": limit.body["value"],
        "duration": limit.body["durationValue"],
        "unit": limit.body["durationUnit"],
    }
