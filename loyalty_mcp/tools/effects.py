"""How to recognise the effect of an operation: by mark, by id, or by the state of its object.

A change of value is recognised only by our mark or our id. An operation that is not listed and has
no readable object ends `unknown` if its answer is lost.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from loyalty_mcp.brevo.operations.rewards import get_reward
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo, Subscription, get_account_info
from loyalty_mcp.brevo.operations.tiers import TierAssignment
from loyalty_mcp.brevo.operations.transactions import BalanceOrder, Transaction
from loyalty_mcp.brevo.operations.vouchers import Voucher
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.brevo.types import Done, Reply
from loyalty_mcp.errors import NotFound, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import MARKER, Intent, Movement
from loyalty_mcp.tools.answers.reward_texts import worth_text
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.created_objects import created_object, require_no_namesake
from loyalty_mcp.tools.points.draft_transactions import require_effective
from loyalty_mcp.tools.points.history import (
    Place,
    find_of_intent,
    require_no_unmarked_transaction,
)
from loyalty_mcp.tools.points.movement_amounts import (
    MovementKind,
    movement_of,
    owner_of,
    price_of,
    taken_at_issue,
)
from loyalty_mcp.tools.rewards.member_vouchers import HELD, can_be_redeemed, find_voucher
from loyalty_mcp.tools.send_window import NoReadCanTell, earliest_effect

Arguments = Mapping[str, Any]
Found = Callable[[Context, Intent, Arguments], Awaitable[Reply | None]]
Moves = Callable[[Context, Arguments, AccountInfo], Awaitable["MovedValue"]]
Absent = Callable[[Context, Intent, Arguments], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class MovedValue:
    """What a change takes from a member or gives to them.

    Args:
        movement: the points it moves, for the caps; None if it moves none.
        worth: the worth of the reward that it gives, in words; empty if it has no value.
    """

    movement: Movement | None
    worth: str = ""


@dataclass(frozen=True, slots=True)
class EffectCheck:
    """How to recognise the effect of an operation.

    Args:
        found: reads the effect; None if there is none.
        moves: what it takes or gives, from the arguments and the account.
        draft: the transaction that it created, from its reply.
        require_absence: used if a missing effect proves nothing by itself: raises OutcomeUnknown
            unless absence is proven.
        require_effect: used if the API can answer 200 although nothing was done: then raises
            Refused.
    """

    found: Found
    moves: Moves | None = None
    draft: Callable[[Any], str] | None = None
    require_absence: Absent | None = None
    require_effect: Callable[[Reply, Arguments], None] | None = None


async def movement_of_transaction(
    context: Context, arguments: Arguments, info: AccountInfo
) -> MovedValue:
    """What a transaction moves once it is completed; a draft counts as if completed."""
    definitions = await context.references.balances(arguments["program"])
    definition = next((item for item in definitions if item.id == arguments["balance"]), None)
    amount = arguments["amount"]
    kind: MovementKind = "credit" if amount > 0 else "debit"
    owner = owner_of(info, arguments["member"])
    return MovedValue(movement_of(definition, kind, abs(amount), owner))


async def price_and_worth_of_voucher(
    context: Context, arguments: Arguments, info: AccountInfo
) -> MovedValue:
    """The worth of a voucher, and its price if it is charged when it is given.

    Raises:
        Refused: a cap applies, and the amount is known only after it was charged.
    """
    request = get_reward(arguments["program"], arguments["reward"], version="active")
    try:
        reward = await context.brevo.send(request)
    except NotFound:
        return MovedValue(None)  # not live yet, so the API will refuse it
    value = arguments["value"]
    worth = worth_text(reward.value if value is None else value, reward.unit)
    if not taken_at_issue(reward):
        return MovedValue(None, worth)
    policy = context.policy
    bounded = policy.caps.bind_points or policy.approval.operator_above is not None
    if reward.subtract_total_balance and bounded:
        raise Refused(
            "That reward takes a whole balance, and the operator's policy bounds amounts."
        )
    amount = price_of(reward, info)
    owner = owner_of(info, arguments["member"])
    return MovedValue(Movement("debit", amount, owner) if amount else None, worth)


async def marked_transaction(
    context: Context, intent: Intent, arguments: Arguments
) -> Reply | None:
    """The transaction with the intent's id in its `meta`."""
    found = await find_of_intent(context, _place(arguments), intent, pages=EFFECT_PAGES)
    return None if found is None else Transaction.model_validate(found.model_dump())


def require_movement(reply: Reply, arguments: Arguments) -> None:
    """Check that a movement to be completed immediately was not rejected.

    Raises:
        Refused: it was rejected, so nothing was moved. Brevo can report that with status 200.
    """
    if isinstance(reply, Transaction) and arguments.get("auto_complete"):
        require_effective(reply)


EFFECT_PAGES: Final = 5
"""The pages of newest transactions that are searched for the intent's."""


async def marked_order(context: Context, intent: Intent, arguments: Arguments) -> Reply | None:
    """The order whose transaction has the intent's mark; the order itself cannot be read."""
    found = await find_of_intent(context, _place(arguments), intent, pages=EFFECT_PAGES)
    if found is None:
        return None
    return BalanceOrder(
        id=None,
        transaction_id=found.id,
        amount=found.amount,
        contact_id=arguments["member"],
        balance_definition_id=arguments["balance"],
        loyalty_program_id=arguments["program"],
    )


async def require_no_transaction(context: Context, intent: Intent, arguments: Arguments) -> None:
    """Check that no transaction without a visible mark was made.

    Raises:
        OutcomeUnknown: a transaction without a mark could be it.
    """
    await require_no_unmarked_transaction(context, intent, _place(arguments))


def _place(arguments: Arguments) -> Place:
    return Place(arguments["program"], arguments["member"], arguments["balance"])


async def marked_voucher(context: Context, intent: Intent, arguments: Arguments) -> Reply | None:
    """The voucher with the intent's id in its `meta`, among the member's vouchers."""
    found = await find_voucher(
        context,
        arguments["program"],
        arguments["member"],
        lambda item: (item.meta or {}).get(MARKER) == intent.id,
    )
    return None if found is None else Voucher.model_validate(found.model_dump(exclude_none=True))


async def require_no_voucher(context: Context, intent: Intent, arguments: Arguments) -> None:
    """Check that no voucher without a visible mark was given.

    Raises:
        OutcomeUnknown: a new voucher of that reward without a mark could be it.
    """
    since, known = earliest_effect(intent), set(intent.facts.get(HELD, ()))
    found = await find_voucher(
        context,
        arguments["program"],
        arguments["member"],
        lambda item: (
            item.reward_id == arguments["reward"]
            and item.id not in known
            and MARKER not in (item.meta or {})
            and (read_moment(item.created_at) or since) >= since
        ),
    )
    if found is not None:
        raise OutcomeUnknown(
            f"Voucher {found.id} could be it: it does not show who gave it. Compare it with the "
            "shop; then an operator closes the intent."
        )


async def membership(context: Context, _intent: Intent, arguments: Arguments) -> Reply | None:
    """The membership; a contact can be a member only once."""
    member = arguments["contact"]
    try:
        info = await context.brevo.send(get_account_info(arguments["program"], member))
    except (NotFound, Refused):
        return None
    if info.membership is None:
        return None
    own_id, wanted = info.membership.loyalty_subscription_id, arguments.get("own_id")
    if wanted is not None and wanted != own_id:
        return None
    return Subscription(
        contact_id=member,
        loyalty_program_id=arguments["program"],
        loyalty_subscription_id=own_id,
        created_at=info.membership.created_at,
    )


async def assigned_tier(context: Context, _intent: Intent, arguments: Arguments) -> Reply | None:
    """The assigned tier. A group has one tier per member, so assigning it twice has no effect."""
    info = await context.brevo.send(get_account_info(arguments["program"], arguments["member"]))
    held = next((item for item in info.tier if item.tier_id == arguments["tier"]), None)
    if held is None:
        return None
    return TierAssignment.model_validate(
        {
            "id": held.tier_id,
            "contactId": arguments["member"],
            "groupId": held.group_id,
            "loyaltyProgramId": arguments["program"],
        }
    )


async def attached_members(context: Context, _intent: Intent, arguments: Arguments) -> Reply | None:
    """The contacts that share a membership; attaching one twice has no effect."""
    info = await context.brevo.send(get_account_info(arguments["program"], arguments["member"]))
    attached = {item.member_contact_id for item in info.members}
    return Done(id=str(arguments["member"])) if set(arguments["members"]) <= attached else None


async def revocation(context: Context, intent: Intent, arguments: Arguments) -> Reply | None:
    """None while all vouchers that could be redeemed still can be, so none was revoked.

    Raises:
        OutcomeUnknown: one no longer can, and no read shows whether it was revoked or redeemed.
    """
    redeemable = intent.facts.get("redeemable", [])
    if not redeemable:
        raise NoReadCanTell(
            "These vouchers could not be redeemed before either, so no read can tell whether they "
            "were revoked."
        )
    gone = [
        voucher_id
        for voucher_id in redeemable
        if not await can_be_redeemed(context, arguments["program"], voucher_id)
    ]
    if gone:
        raise OutcomeUnknown(
            f"{len(gone)} of the vouchers can no longer be redeemed. Whether they were revoked, or "
            "redeemed by the shop, no read can tell; an operator closes the intent."
        )
    return None


def _creation(kind: str) -> EffectCheck:
    """The check of a creation: recognised by mark, ruled out if nothing has its name."""
    return EffectCheck(
        partial(created_object, kind), require_absence=partial(require_no_namesake, kind)
    )


EFFECT_CHECKS: Final[Mapping[str, EffectCheck]] = {
    "create_transaction": EffectCheck(
        marked_transaction,
        movement_of_transaction,
        lambda reply: str(reply.id),
        require_no_transaction,
        require_movement,
    ),
    "create_balance_order": EffectCheck(
        marked_order,
        movement_of_transaction,
        lambda reply: str(reply.transaction_id),
        require_no_transaction,
    ),
    "create_voucher": EffectCheck(
        marked_voucher, price_and_worth_of_voucher, require_absence=require_no_voucher
    ),
    "create_subscription": EffectCheck(membership),
    "assign_tier": EffectCheck(assigned_tier),
    "add_subscription_members": EffectCheck(attached_members),
    "revoke_vouchers": EffectCheck(revocation),
    "create_program": _creation("program"),
    "create_balance_definition": _creation("balance"),
    "create_tier_group": _creation("tier_group"),
    "create_tier": _creation("tier"),
    "create_reward": _creation("reward"),
}
"""By operation. Deletions and replacements need no entry, because their object shows the effect."""
