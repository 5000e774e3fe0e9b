"""The arguments of a change in words, unless its sentence states them already."""

import string
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.types import plain
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.programs.change_words import new_details
from loyalty_mcp.tools.programs.setting_words import (
    NONE,
    balance_words,
    group_words,
    meta_words,
    other_words,
    program_words,
    reward_names,
    tier_words,
)
from loyalty_mcp.tools.render import moment_text, plain_amount_text, value_text

LABELS: Final[Mapping[str, str]] = {
    "public_name": "shown to members as",
    "public_description": "described to members as",
    "public_image": "image",
    "ttl": "lapses unless completed within",
    "balance_expiry_in_minutes": "the points expire on",
    "event_time": "happened on",
    "expires_at": "lapses on",
    "expiration_date": "valid until",
    "valid_from": "valid from",
    "creation_date": "member since",
    "source": "created by",
    "auto_complete": "completed at once",
    "transaction_type": "kind",
}
"""Labels of arguments; other arguments are shown by their name."""


async def setting_details(
    operation: Operation[..., Any], context: Context, arguments: Mapping[str, Any]
) -> dict[str, str]:
    """Label and value of each setting that the sentence does not state.

    Raises:
        LoyaltyError: the names of referenced tiers or groups cannot be read.
    """
    said = {name for _, name, _, _ in string.Formatter().parse(operation.preview)}
    given = {
        name: value
        for name, value in arguments.items()
        if value is not None and name not in said and name != "program"
    }
    settings = plain(given)
    match operation.name:
        case "create_program":
            words = program_words(settings)
        case "create_balance_definition":
            words = balance_words({**settings, "unit": arguments["unit"]})
            del words["unit"]
        case "create_tier_group":
            words = group_words(settings, await _tier_names(context, arguments))
        case "create_tier":
            words = await _tier_words(context, arguments)
        case _:
            words = _argument_words(given, context.now())
    return {label: word for label, word in words.items() if _is_worth_saying(label, word)}


def details_text(words: Mapping[str, str]) -> str:
    """Settings as the end of a preview's sentence; empty if there are none."""
    text = new_details(words)
    return f" {text[0].upper()}{text[1:]}." if text else ""


def _is_worth_saying(label: str, word: str) -> bool:
    return word != NONE and label != "name" and (label, word) != ("hidden from members", "no")


def _argument_words(given: Mapping[str, Any], now: datetime) -> dict[str, str]:
    words: dict[str, str] = {}
    for name, value in given.items():
        label = LABELS.get(name, name.replace("_", " "))
        if name == "meta":
            words |= meta_words(value)
        elif name == "ttl":
            words[label] = span_text(value)
        elif name == "balance_expiry_in_minutes":
            words[label] = moment_text(now + timedelta(minutes=value), now)
        elif isinstance(value, datetime):
            words[label] = moment_text(value, now)
        elif isinstance(value, Decimal):
            words[label] = plain_amount_text(value)
        elif isinstance(value, bool):
            words[label] = "yes" if value else "no"
        elif name in {"source", "transaction_type"}:
            words[label] = str(value)
        elif isinstance(value, str):
            words[label] = value_text(value)
        else:
            words |= other_words({name: plain(value)})
    return words


def span_text(seconds: int) -> str:
    """A number of seconds in the largest exact unit: `15 minutes`, `90 seconds`."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count, rest = divmod(seconds, length)
        if count and not rest:
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:,} second{'' if seconds == 1 else 's'}"


async def _tier_names(context: Context, arguments: Mapping[str, Any]) -> dict[str, str]:
    if not arguments.get("tier_order"):
        return {}
    tiers = await context.references.tiers(arguments["program"], "draft")
    return {tier.tier_id: tier.name for tier in tiers}


async def _tier_words(context: Context, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The thresholds and rewards of a new tier."""
    balances = await context.references.balances(arguments["program"], "draft")
    names = {item.id: item.name for item in balances}
    issued = arguments.get("tier_rewards") or ()
    if issued:
        rewards = await context.references.rewards(arguments["program"], "draft")
        names |= {item.id: item.name for item in rewards}
    settings = {
        "access_conditions": [
            {"balance_definition_id": each.balance, "minimum_value": each.minimum_value}
            for each in arguments["access_conditions"]
        ],
        "tier_rewards": [{"reward_id": each} for each in issued],
        "image_ref": arguments.get("image_ref"),
    }
    unit = unit_of(balances[0]) if len(balances) == 1 else ""
    words = tier_words(settings, names, unit)
    return {**words, "rewards": ", ".join(reward_names(settings, names)) or NONE}
