"""The arguments of an operation in words, as its sentences need them, and what a member has."""

import string
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations.limits import BalanceLimit
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import LIVE_FIRST, Version
from loyalty_mcp.intents.lifecycle import Movement
from loyalty_mcp.tools.answers.change_sentences import SENTENCES
from loyalty_mcp.tools.argument_model import reference_in
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.members.people import contact_words, member_words
from loyalty_mcp.tools.programs.setting_words import limit_word, unit_word
from loyalty_mcp.tools.render import amount_text, moment_text, plain_amount_text, signed_amount_text

DRAFT: Final[tuple[Version, ...]] = ("draft",)
HELD_TIER: Final = "held_tier"
"""Not an argument: the tier that a member has before the assignment."""


async def words_of_arguments(
    operation: Operation[..., Any],
    context: Context,
    arguments: Mapping[str, Any],
    current: BaseModel | None,
) -> dict[str, str]:
    """The values for the sentences of an operation, in words; outside text is quoted.

    Args:
        operation: a change.
        context: the clients, the journal and the settings that tools use.
        arguments: with ids instead of names.
        current: the object before the change, if a read shows it.

    Raises:
        LoyaltyError: names cannot be read.
    """
    hints = typing.get_type_hints(operation.describe, include_extras=True)
    program = arguments.get("program")
    versions = DRAFT if operation.versioned else LIVE_FIRST
    words: dict[str, str] = {}
    for name in _named_in(operation.preview) | _named_in(SENTENCES.get(operation.name, "")):
        if name == HELD_TIER:
            words[name] = await _held_tier(context, arguments, current)
            continue
        value, reference = arguments[name], reference_in(hints[name])
        if name == "member" and isinstance(current, AccountInfo):
            words[name] = await member_words(context, current, value)
        elif name == "contact":
            words[name] = await contact_words(context, value)
        elif name == "members":
            words[name] = await _contacts_words(context, value)
        elif name == "amount" and "balance" in arguments:
            unit = await _unit_of_balance(context, arguments)
            words[name] = signed_amount_text(value, unit)
        elif name == "limit_id" and isinstance(current, BalanceLimit):
            unit = await _unit_of_balance(context, arguments, DRAFT[0])
            words[name] = limit_word(current.model_dump(mode="json", exclude_none=True), unit)
        elif reference is not None and value is not None and not isinstance(value, tuple):
            named = await context.references.name_of(reference.kind, value, program, versions)
            words[name] = quoted(named) if named else str(value)
        else:
            words[name] = _value_words(name, value, context.now())
    return words


def _named_in(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


async def _contacts_words(context: Context, contacts: Sequence[int]) -> str:
    """`contact 109 ("n***@e***.com")`, or several."""
    named = [await contact_words(context, each) for each in dict.fromkeys(contacts)]
    return f"contact{'' if len(named) == 1 else 's'} {', '.join(named)}"


def _value_words(name: str, value: Any, now: datetime) -> str:
    if name == "unit":
        return unit_word(value)
    if name == "voucher_ids":
        return f"voucher{'' if len(value) == 1 else 's'} {', '.join(value)}"
    if isinstance(value, datetime):
        return moment_text(value, now)
    if isinstance(value, Decimal):
        return plain_amount_text(value)
    return quoted(value) if isinstance(value, str) else str(value)


async def _unit_of_balance(
    context: Context, arguments: Mapping[str, Any], version: Version = "active"
) -> str:
    definitions = await context.references.balances(arguments["program"], version)
    found = next((item for item in definitions if item.id == arguments["balance"]), None)
    return unit_word(None if found is None else found.unit)


async def _held_tier(
    context: Context, arguments: Mapping[str, Any], current: BaseModel | None
) -> str:
    """The member's current tier in the group of the assigned tier."""
    tiers = await context.references.tiers(arguments["program"])
    group = next((tier.group_id for tier in tiers if tier.tier_id == arguments["tier"]), None)
    held = current.tier if isinstance(current, AccountInfo) else ()
    found = next((item for item in held if item.group_id == group), None)
    return "none" if found is None else quoted(found.tier_name or "a tier without a name")


async def held_text(context: Context, program: str, info: AccountInfo) -> str:
    """What a member would lose: `275 points of "Purchase Points", tier "Silver" and 2 vouchers`.

    Raises:
        LoyaltyError: the balances of the program cannot be read.
    """
    units = {item.id: unit_of(item) for item in await context.references.balances(program)}
    held = info.balance.balances if info.balance is not None else ()
    parts = [
        f"{amount_text(each.value or Decimal(0), units.get(each.balance_definition_id, 'points'))}"
        f" of {quoted(each.balance_definition_name or 'a balance without a name')}"
        for each in held
        if each.value
    ]
    parts += [f"tier {quoted(tier.tier_name or 'without a name')}" for tier in info.tier]
    vouchers = len(info.reward)
    if vouchers:
        parts.append(f"{vouchers} voucher{'' if vouchers == 1 else 's'}")
    if not parts:
        return "nothing"
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if parts[1:] else parts[0]


async def price_text(context: Context, program: str, movement: Movement) -> str:
    """The price of a change, in the unit of the program's only balance.

    Raises:
        LoyaltyError: the balances of the program cannot be read.
    """
    definitions = await context.references.balances(program)
    units = {unit_of(item) for item in definitions}
    return amount_text(movement.amount, units.pop() if len(units) == 1 else "points")
