"""The object of a partial update: its state, the arguments of its replacement, and words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    list_balance_definitions,
)
from loyalty_mcp.brevo.operations.limits import BalanceLimit
from loyalty_mcp.brevo.operations.programs import Program
from loyalty_mcp.brevo.operations.rewards import list_rewards
from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import AccessCondition, Tier, Tiers, list_tiers
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Reply
from loyalty_mcp.errors import NotFound
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.operation_request import current_object
from loyalty_mcp.tools.programs.change_words import changed_details, changed_rewards
from loyalty_mcp.tools.programs.group_memory import group_meta
from loyalty_mcp.tools.programs.program_reading import PAGE
from loyalty_mcp.tools.programs.setting_words import (
    Settings,
    balance_words,
    group_words,
    limit_words,
    program_words,
    reward_names,
    tier_words,
    unit_word,
)
from loyalty_mcp.tools.programs.version_differences import object_id, settings_of

META_UNSEEN: Final = (
    "Brevo does not show the meta of a tier group: if it was set elsewhere, give it too, or it may "
    "be cleared."
)
GOES_LIVE: Final = "publish_program makes it live."


@dataclass(frozen=True, slots=True)
class UpdatedObject:
    """An object that a partial update changes.

    Args:
        item: as read.
        id: its id.
        kind: the kind of object, in words.
        title: kind and name, for the start of a sentence.
        place: kind, name and program, for a preview.
        program: the program that it belongs to, or that it is.
        settings: all settings, in the spelling of the API.
        arguments: the same as the arguments of its replacement.
        names: by id, the balances, rewards and tiers that it can refer to.
        unit: of its balance, or of the program's only one; empty if there are several.
        warnings: what is easy to overlook.
    """

    item: Reply
    id: str
    kind: str
    title: str
    place: str
    program: Program
    settings: dict[str, Any]
    arguments: dict[str, Any]
    names: Mapping[str, str]
    unit: str = ""
    warnings: tuple[str, ...] = ()


async def read_updated_object(
    operation: Operation[..., Any], context: Context, arguments: Mapping[str, Any]
) -> UpdatedObject:
    """Read the object that an operation replaces, and the names it refers to.

    Raises:
        NotFound: there is none.
        LoyaltyError: it cannot be read.
    """
    item = await current_object(operation, context, arguments)
    if isinstance(item, Tiers):
        item = next((tier for tier in item.items if tier.tier_id == arguments["tier"]), None)
    program = await context.references.program_now(arguments["program"])
    match item:
        case Program():
            return _program(item)
        case BalanceDefinition():
            return _balance(item, program)
        case BalanceLimit():
            return await _limit(context, item, program, arguments["balance"])
        case TierGroup():
            return await _group(context, item, program)
        case Tier():
            return await _tier(context, item, program)
        case _:
            raise NotFound("There is no such object in the draft.")


def _program(item: Program) -> UpdatedObject:
    return UpdatedObject(
        item=item,
        id=item.id,
        kind="program",
        title=f"Program {quoted(item.name)}",
        place=f"program {quoted(item.name)}, at once",
        program=item,
        settings=settings_of(item),
        arguments={"name": item.name, "description": item.description, "meta": item.meta},
        names={},
    )


def _balance(item: BalanceDefinition, program: Program) -> UpdatedObject:
    settings = settings_of(item)
    return UpdatedObject(
        item=item,
        id=item.id,
        kind="balance",
        title=f"Balance {quoted(item.name)}",
        place=f"balance {quoted(item.name)} in the draft of program {quoted(program.name)}",
        program=program,
        settings=settings,
        arguments={name: getattr(item, name) for name in BalanceDefinition.model_fields},
        names={},
        unit=unit_word(item.unit),
    )


async def _limit(
    context: Context, item: BalanceLimit, program: Program, balance: str
) -> UpdatedObject:
    balances = await _balances(context, program.id)
    owner = next((each for each in balances if each.id == balance), None)
    name = quoted(owner.name if owner else balance)
    return UpdatedObject(
        item=item,
        id=item.id,
        kind="limit",
        title=f"Limit of balance {name}",
        place=f"limit of balance {name} in the draft of program {quoted(program.name)}",
        program=program,
        settings=settings_of(item),
        arguments={name: getattr(item, name) for name in BalanceLimit.model_fields},
        names={},
        unit=unit_word(owner.unit if owner else None),
    )


async def _group(context: Context, item: TierGroup, program: Program) -> UpdatedObject:
    meta = group_meta(item, program)
    tiers = (await context.brevo.send(list_tiers(program.id, version="draft"))).items
    arguments = {
        "name": item.name,
        "tier_order": item.tier_order,
        "upgrade_strategy": item.upgrade_strategy or "real_time",
        "downgrade_strategy": item.downgrade_strategy or "real_time",
        "meta": meta or None,
    }
    return UpdatedObject(
        item=item,
        id=item.id,
        kind="tier group",
        title=f"Tier group {quoted(item.name)}",
        place=f"tier group {quoted(item.name)} in the draft of program {quoted(program.name)}",
        program=program,
        settings={**settings_of(item), **({"meta": meta} if meta else {})},
        arguments=arguments,
        names={tier.tier_id: tier.name for tier in tiers},
        warnings=() if meta else (META_UNSEEN,),
    )


async def _tier(context: Context, item: Tier, program: Program) -> UpdatedObject:
    balances = await _balances(context, program.id)
    request = list_rewards(program.id, limit=PAGE, offset=0, version="draft")
    rewards = (await context.brevo.send(request)).items
    names = {each.id: each.name for each in balances} | {each.id: each.name for each in rewards}
    conditions = [
        AccessCondition(
            balance=each.balance_definition_id, minimum_value=int(each.minimum_value or 0)
        )
        for each in item.access_conditions
        if each.balance_definition_id is not None
    ]
    issued = [each.reward_id for each in item.tier_rewards if each.reward_id is not None]
    arguments = {
        "name": item.name,
        "access_conditions": tuple(conditions),
        "tier_rewards": tuple(issued),
        "image_ref": item.image_ref,
    }
    return UpdatedObject(
        item=item,
        id=object_id(item),
        kind="tier",
        title=f"Tier {quoted(item.name)}",
        place=f"tier {quoted(item.name)} in the draft of program {quoted(program.name)}",
        program=program,
        settings=settings_of(item),
        arguments=arguments,
        names=names,
        unit=unit_word(balances[0].unit) if len(balances) == 1 else "",
    )


async def _balances(context: Context, program: str) -> tuple[BalanceDefinition, ...]:
    request = list_balance_definitions(program, limit=500, offset=0, version="draft")
    page = await context.brevo.send(request)
    return tuple(item for item in page.items if item.deleted_at is None)


def object_words(found: UpdatedObject, settings: Settings) -> dict[str, str]:
    """Return label and value of each setting of an object."""
    match found.kind:
        case "program":
            return program_words(settings)
        case "balance":
            return balance_words(settings)
        case "limit":
            return limit_words(settings, found.unit)
        case "tier group":
            return group_words(settings, found.names)
        case _:
            rewards = ", ".join(sorted(reward_names(settings, found.names)))
            return {**tier_words(settings, found.names, found.unit), "rewards": rewards or "none"}


def object_details(found: UpdatedObject, after: Settings) -> list[str]:
    """Write each setting that changes, old → new; for a tier also which rewards it keeps."""
    old, new = object_words(found, found.settings), object_words(found, after)
    if found.kind != "tier":
        return changed_details(old, new)
    if old == new:
        return []
    rewards = changed_rewards(
        reward_names(found.settings, found.names), reward_names(after, found.names)
    )
    return [*changed_details({**old, "rewards": ""}, {**new, "rewards": ""}), *rewards]


def updated_text(reply: Any, _now: datetime) -> str:
    """Write what was changed."""
    what = f"{reply.summary}: {'; '.join(reply.changes)}."
    return what if reply.summary.startswith("Program ") else f"{what} {GOES_LIVE}"
