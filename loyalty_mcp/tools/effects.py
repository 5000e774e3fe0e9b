"""Evidence: for each changing operation, the read that tells whether it took effect.

What makes a repetition harmless, or that it cannot be known, is said with each function. An
operation that is not listed and has no object to look at ends `unknown` after a lost answer.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from loyalty_mcp.brevo.operations.rewards import get_reward
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo, Subscription, get_account_info
from loyalty_mcp.brevo.operations.tiers import TierAssignment
from loyalty_mcp.brevo.operations.transactions import BalanceOrder, Transaction
from loyalty_mcp.brevo.operations.vouchers import Voucher
from loyalty_mcp.brevo.types import Done, Reply
from loyalty_mcp.errors import NotFound, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import MARKER, Intent, Movement
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.draft_transactions import Place, find_of
from loyalty_mcp.tools.points.points_movement import movement_of, owner_of, price_of, taken_at_issue
from loyalty_mcp.tools.rewards.member_vouchers import can_be_redeemed, held_voucher

Arguments = Mapping[str, Any]
Found = Callable[[Context, Intent, Arguments], Awaitable[Reply | None]]
Moves = Callable[[Context, Arguments, AccountInfo], Awaitable[Movement | None]]


@dataclass(frozen=True, slots=True)
class EffectCheck:
    """How an operation is known by its effect.

    Args:
        found: the effect, read; None where it is not there.
        movement: the points it moves, for the caps; out of the arguments and the account.
        draft: the transaction that it made, out of its reply.
        marked: whether the effect carries the intent, so that it cannot be anybody else's.
    """

    found: Found
    movement: Moves | None = None
    draft: Callable[[Any], str] | None = None
    marked: bool = False


async def signed(context: Context, arguments: Arguments, info: AccountInfo) -> Movement:
    """What a transaction moves, once it is completed; a draft counts as if it were."""
    definitions = await context.references.balances(arguments["program"])
    definition = next((item for item in definitions if item.id == arguments["balance"]), None)
    amount = arguments["amount"]
    kind: Literal["credit", "debit"] = "credit" if amount > 0 else "debit"
    return movement_of(definition, kind, abs(amount), owner_of(info, arguments["member"]))


async def price(context: Context, arguments: Arguments, info: AccountInfo) -> Movement | None:
    """What a voucher takes as it is given, where its reward does so.

    Raises:
        Refused: a cap binds, and how much it takes is known only once it is taken.
    """
    request = get_reward(arguments["program"], arguments["reward"], version="active")
    try:
        reward = await context.brevo.send(request)
    except NotFound:
        return None  # not live yet: the API will refuse to give it
    if not taken_at_issue(reward):
        return None
    policy = context.policy
    bounded = policy.caps.bind_points or policy.approval.operator_above is not None
    if reward.subtract_total_balance and bounded:
        raise Refused(
            "That reward takes a whole balance, and the operator's policy bounds amounts."
        )
    amount = price_of(reward, info)
    return Movement("debit", amount, owner_of(info, arguments["member"])) if amount else None


async def transaction(context: Context, intent: Intent, arguments: Arguments) -> Reply | None:
    """A transaction carries its intent in `meta`: in the history it is found by that."""
    found = await find_of(context, _place(arguments), intent)
    return None if found is None else Transaction.model_validate(found.model_dump())


async def order(context: Context, intent: Intent, arguments: Arguments) -> Reply | None:
    """The transaction of an order carries the order's `meta`; the order itself cannot be read."""
    found = await find_of(context, _place(arguments), intent)
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


def _place(arguments: Arguments) -> Place:
    return Place(arguments["program"], arguments["member"], arguments["balance"])


async def voucher(context: Context, intent: Intent, arguments: Arguments) -> Reply | None:
    """A voucher carries its intent in `meta`: among the member's vouchers it is found by that."""
    found = await held_voucher(
        context,
        arguments["program"],
        arguments["member"],
        lambda item: (item.meta or {}).get(MARKER) == intent.id,
    )
    return None if found is None else Voucher.model_validate(found.model_dump(exclude_none=True))


async def subscription(context: Context, _intent: Intent, arguments: Arguments) -> Reply | None:
    """A contact is a member once or not at all: a second enrolment is refused."""
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


async def tier(context: Context, _intent: Intent, arguments: Arguments) -> Reply | None:
    """A member has one tier in a group: putting them on it twice is the same as once."""
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


async def sharing(context: Context, _intent: Intent, arguments: Arguments) -> Reply | None:
    """A contact shares a membership or not: attaching it twice is the same as once."""
    info = await context.brevo.send(get_account_info(arguments["program"], arguments["member"]))
    attached = {item.member_contact_id for item in info.members}
    return Done(id=str(arguments["member"])) if set(arguments["members"]) <= attached else None


async def revocation(context: Context, intent: Intent, arguments: Arguments) -> Reply | None:
    """A revoked voucher can never be redeemed: that those which could, no longer can, tells."""
    redeemable = intent.facts.get("redeemable", [])
    if not redeemable:
        raise OutcomeUnknown("These vouchers could not be redeemed before either; nothing tells.")
    for voucher_id in redeemable:
        if await can_be_redeemed(context, arguments["program"], voucher_id):
            return None
    return Done(id=",".join(arguments["voucher_ids"]))


EFFECT_CHECKS: Final[Mapping[str, EffectCheck]] = {
    "create_transaction": EffectCheck(
        transaction, signed, lambda reply: str(reply.id), marked=True
    ),
    "create_balance_order": EffectCheck(
        order, signed, lambda reply: str(reply.transaction_id), marked=True
    ),
    "create_voucher": EffectCheck(voucher, price, marked=True),
    "create_subscription": EffectCheck(subscription),
    "assign_tier": EffectCheck(tier),
    "add_subscription_members": EffectCheck(sharing),
    "revoke_vouchers": EffectCheck(revocation),
}
"""By operation. Deletions and replacements need no entry: their object itself tells."""
