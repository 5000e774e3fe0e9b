"""The preview of redeeming a voucher: which one, whether it can be used, and its cost."""

from dataclasses import dataclass
from typing import Final

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.rewards import Reward, get_reward
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import NotFound, Refused
from loyalty_mcp.intents.lifecycle import Movement, Preparation, Preview
from loyalty_mcp.tools.answers.reward_texts import worth_text
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import (
    balance_name_text,
    read_member,
    unit_of,
)
from loyalty_mcp.tools.members.people import member_words
from loyalty_mcp.tools.points.movement_amounts import (
    movement_of,
    owner_of,
    price_of,
    taken_at_issue,
)
from loyalty_mcp.tools.render import amount_text
from loyalty_mcp.tools.rewards.member_vouchers import (
    can_be_redeemed,
    find_voucher,
    is_voucher_meant,
    member_vouchers,
)

HELD_UNTIL_COMPLETED: Final = (
    "This only holds the voucher; complete_redemption uses it up, and it cannot be given back then."
)

MOST_TRIED: Final = 3
"""Vouchers of a reward that are checked, if the call names the reward instead of a voucher."""

REDEEM: Final = "Redeem"
"""The verb of a preview that ends with a used voucher."""

USED_FOR_GOOD: Final = "A used voucher cannot be given back."


@dataclass(frozen=True, slots=True)
class MeantVoucher:
    """The voucher of a redemption.

    Args:
        id: its id.
        reward: the id of its reward.
        code: its code, if it has one.
    """

    id: str
    reward: str
    code: str | None = None


async def preview_redemption_of(
    context: Context,
    program: str,
    member: int,
    *,
    what: str,
    voucher_id: str | None,
    code: str | None,
    reward: str | None,
) -> Preparation:
    """The preview of redeeming a member's voucher.

    Args:
        context: the clients, the journal and the settings that tools use.
        program: its id.
        member: contact id.
        what: the verb.
        voucher_id: names the voucher.
        code: the same; spaces, dashes and case are ignored.
        reward: the same: the newest redeemable voucher of this reward.

    Raises:
        NotFound: the member has no such voucher.
        Refused: it cannot be redeemed now, so nobody needs to be asked.
    """
    meant = await _meant(context, program, member, voucher_id, code, reward)
    request = get_reward(program, meant.reward, version="active")
    terms = await context.brevo.send(request)
    info = await read_member(context, program, member)
    cost, balance = await _cost(context, program, info, member, terms)
    voucher = quoted(meant.code) if meant.code else meant.id
    who = f"member {await member_words(context, info, member)}"
    worth = worth_text(terms.value, terms.unit)
    value = f" ({worth})" if worth else ""
    summary = f"{what} voucher {voucher} of {who}: reward {quoted(terms.name)}{value}."
    if cost is not None:
        unit = "points" if balance is None else unit_of(balance)
        where = "" if balance is None else f" of {balance_name_text(balance)}"
        summary += f" It takes {amount_text(cost.amount, unit)}{where}."
    owner = member if cost is None else cost.member
    return Preparation(
        Preview(
            summary,
            before={"voucher": "usable"},
            after={"voucher": "used"},
            warnings=(USED_FOR_GOOD if what == REDEEM else HELD_UNTIL_COMPLETED,),
            done=redeemed_sentence(voucher, who, terms.name, worth) if what == REDEEM else "",
        ),
        facts={"voucher": meant.id, "cost": None if cost is None else cost.amount},
        movement=cost,
        subject=f"{program} member {owner}",
        kept={
            "voucher": meant.id,
            "reward": meant.reward,
            "code": meant.code,
            "reward_name": terms.name,
            "who": who,
            "worth": worth,
            "balance": terms.subtract_balance_definition_id,
        },
    )


def redeemed_sentence(voucher: str, who: str, reward: str, worth: str) -> str:
    """The sentence after a voucher was used.

    Args:
        voucher: its quoted code, or its id.
        who: the member.
        reward: the name of its reward.
        worth: its worth with the unit; empty if it has none.
    """
    gives = f"take {worth} off" if worth else f"reward {quoted(reward)}"
    return f"Redeemed {voucher} of {who}: {gives}."


async def _meant(
    context: Context,
    program: str,
    member: int,
    voucher_id: str | None,
    code: str | None,
    reward: str | None,
) -> MeantVoucher:
    """The voucher, if it can be redeemed now.

    Raises:
        NotFound: the member has no such voucher.
        Refused: it cannot be redeemed.
    """
    if "voucher" in context.kept:
        kept = context.kept
        meant = MeantVoucher(kept["voucher"], kept["reward"], kept["code"])
    elif voucher_id is None and code is None and reward is not None:
        return await _usable_of_reward(context, program, member, reward)
    else:
        held = await find_voucher(
            context, program, member, lambda item: is_voucher_meant(item, voucher_id, code)
        )
        if held is None:
            raise NotFound(f"Member {member} holds no such voucher; list_vouchers shows theirs.")
        if held.consumed_at:
            raise Refused(
                f"That voucher cannot be redeemed: {quoted(held.code or held.id)} was used on "
                f"{held.consumed_at[:10]}."
            )
        meant = MeantVoucher(held.id, held.reward_id or "", held.code)
    if not await can_be_redeemed(context, program, meant.id, member):
        raise Refused(
            "That voucher cannot be redeemed now: its dates, its limits or its rules forbid it, or "
            "another redemption holds it."
        )
    return meant


async def _usable_of_reward(
    context: Context, program: str, member: int, reward: str
) -> MeantVoucher:
    """The newest redeemable voucher of a reward; an open redemption may reserve others.

    Raises:
        NotFound: the member has no unused voucher of it.
        Refused: none of the newest can be redeemed.
    """
    tried = 0
    async for item in member_vouchers(context, program, member):
        if item.reward_id != reward or item.consumed_at or tried == MOST_TRIED:
            continue
        tried += 1
        if await can_be_redeemed(context, program, item.id, member):
            return MeantVoucher(item.id, reward, item.code)
    if tried:
        raise Refused(
            "No voucher of that reward can be redeemed now: their dates, limits or rules forbid "
            "it, or other redemptions hold them."
        )
    raise NotFound(f"Member {member} holds no usable voucher of that reward.")


async def _cost(
    context: Context, program: str, info: AccountInfo, member: int, reward: Reward
) -> tuple[Movement | None, BalanceDefinition | None]:
    """The points that redeeming costs, as far as the reward says, and their balance.

    Raises:
        LoyaltyError: the balances cannot be read.
    """
    if not reward.subtract_balance_definition_id or taken_at_issue(reward):
        return None, None
    amount = price_of(reward, info)
    definitions = await context.references.balances(program)
    balance = next(
        (item for item in definitions if item.id == reward.subtract_balance_definition_id), None
    )
    if not amount:
        return None, balance
    return movement_of(balance, "debit", amount, owner_of(info, member)), balance
