"""Active balance definitions, as rules."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from loyalty_mcp.sandbox.errors import NotAllowed, NotFound
from loyalty_mcp.sandbox.records import configuration
from loyalty_mcp.sandbox.rules.entities import Definition, Item, Program
from loyalty_mcp.sandbox.rules.ledger import BalanceRules, Span
from loyalty_mcp.sandbox.rules.periods import DayOfYear
from loyalty_mcp.sandbox.store import UnitOfWork


def definitions_in_force(unit: UnitOfWork, program: Program) -> list[Definition]:
    """Return the definitions in force, in the order of their creation."""
    version = configuration.version_in_force(unit, program)
    items = configuration.all_items(unit, program.id, "balance_definition", version)
    return [definition_from_item(item) for item in items]


def definition_in_force(unit: UnitOfWork, program: Program, definition_id: str) -> Definition:
    """Return a definition that is in force.

    Raises:
        NotFound: There is none with that id.
        NotAllowed: It is a draft that was not published yet.
    """
    version = configuration.version_in_force(unit, program)
    item = configuration.find_item(unit, program.id, "balance_definition", definition_id, version)
    if item is not None:
        return definition_from_item(item)
    if configuration.find_item(unit, program.id, "balance_definition", definition_id) is not None:
        raise NotAllowed("The balance definition is not published yet: publish the program first.")
    raise NotFound("There is no balance definition with that id.")


def definition_from_item(item: Item) -> Definition:
    """Read an item of configuration as a definition."""
    body = item.body
    return Definition(
        id=item.id,
        name=body["name"],
        unit=body["unit"],
        meta=body.get("meta") or {},
        internal=(body.get("meta") or {}).get("isInternal") is True,
        rules=rules_of(body),
    )


def rules_of(body: Mapping[str, Any]) -> BalanceRules:
    """Return the rules of a stored definition."""
    return BalanceRules(
        unit=body["unit"],
        floor=_optional_decimal(body.get("minAmount")) or Decimal(0),
        ceiling=_optional_decimal(body.get("maxAmount")),
        credit_ceiling=_optional_decimal(body.get("maxCreditAmountLimit")),
        debit_ceiling=_optional_decimal(body.get("maxDebitAmountLimit")),
        partial=body.get("balanceOptionAmountOvertakingStrategy") == "partial",
        credit_rounding=body.get("balanceOptionCreditRounding"),
        debit_rounding=body.get("balanceOptionDebitRounding"),
        life=_life_of_lots(body),
        renewed_by=body.get("renewedBy"),
        minimum=_optional_decimal(body.get("minBalance", body.get("minAmount"))),
    )


def _life_of_lots(body: Mapping[str, Any]) -> Span | DayOfYear | None:
    if day := body.get("balanceExpirationDate"):
        return DayOfYear.parse(day)
    if value := body.get("balanceAvailabilityDurationValue"):
        return Span(
            value,
            body["balanceAvailabilityDurationUnit"],
            body.get("balanceAvailabilityDurationModifier") or "noModification",
        )
    return None


def _optional_decimal(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)
