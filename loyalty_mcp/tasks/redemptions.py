"""Redemptions: opened, kept in the journal, then completed, so that a voucher is used once."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field

from loyalty_mcp.account import read_member, unit_of
from loyalty_mcp.context import Context
from loyalty_mcp.drafts import COMPLETION_TRIES, MARKER
from loyalty_mcp.errors import LoyaltyError, NotFound, OutcomeUnknown, Refused
from loyalty_mcp.held_vouchers import consumed_between, held_voucher
from loyalty_mcp.intents import Intent, Movement, Preparation, Preview
from loyalty_mcp.operations.rewards import Reward, get_reward
from loyalty_mcp.operations.vouchers import (
    Code,
    HeldVoucher,
    OrderArgument,
    Redemption,
    validate_voucher,
)
from loyalty_mcp.operations.vouchers import (
    complete_redemption as complete_operation,
)
from loyalty_mcp.operations.vouchers import (
    redeem_voucher as redeem_operation,
)
from loyalty_mcp.render import amount_text, quoted
from loyalty_mcp.task import guarded
from loyalty_mcp.wire import ContactId, Id, Meta, ProgramId, Reply, RewardId

OPEN_SECONDS: Final = 900
WHOSE: Final = "Give member, so that what it costs can be known."
Seconds = Annotated[int, Field(ge=0, le=1_000_000_000, description="Seconds it stays open")]


class Redeemed(Reply):
    """A voucher that was used up."""

    redemption_id: str
    member: int
    voucher_id: str
    reward: str
    debit_transaction_id: str | None = None


async def _held(
    context: Context,
    program: str,
    member: int,
    *,
    voucher_id: str | None,
    code: str | None,
    reward: str | None,
) -> HeldVoucher:
    """The member's voucher that is meant; of several of one reward, one that is not used yet.

    Raises:
        NotFound: the member has none like that.
    """

    def fits(item: HeldVoucher) -> bool:
        if voucher_id is not None:
            return item.id == voucher_id
        if code is not None:
            return item.code == code
        return item.reward_id == reward and item.consumed_at is None

    found = await held_voucher(context, program, member, fits)
    if found is None:
        raise NotFound(f"Member {member} holds no such voucher; list_vouchers shows theirs.")
    return found


async def _cost(context: Context, program: str, member: int, reward: Reward) -> Movement | None:
    """The points that redeeming takes, as far as the reward says.

    Raises:
        LoyaltyError: the member cannot be read.
    """
    balance = reward.subtract_balance_definition_id
    if not balance:
        return None
    if not reward.subtract_total_balance:
        amount = Decimal(reward.subtract_balance_value or 0)
        return Movement("debit", amount, member) if amount else None
    info = await read_member(context, program, member)
    held = info.balance.balances if info.balance is not None else ()
    total = next((b.value for b in held if b.balance_definition_id == balance), None)
    return Movement("debit", total, member) if total else None


async def _prepared(
    context: Context, program: str, member: int, held: HeldVoucher, what: str
) -> Preparation:
    """What redeeming a voucher does.

    Raises:
        Refused: it cannot be redeemed now; nobody need be asked.
    """
    if held.consumed_at is not None:
        raise Refused("That voucher was used already.")
    valid = await context.brevo.send(validate_voucher(program, voucher_id=held.id, member=member))
    if valid.authorize is not True:
        raise Refused("That voucher cannot be redeemed now; its dates, limits or rules forbid it.")
    reward = await context.brevo.send(get_reward(program, held.reward_id or "", version="active"))
    cost = await _cost(context, program, member, reward)
    summary = f"{what} voucher {held.id} of reward {quoted(reward.name)} for member {member}."
    if cost is not None:
        summary += f" It takes {await _cost_text(context, program, reward, cost)}."
    return Preparation(
        Preview(
            summary,
            before={"voucher": "usable"},
            after={"voucher": "used"},
            warnings=("A used voucher cannot be given back.",),
        ),
        facts={"voucher": held.id, "usable": True, "cost": None if cost is None else cost.amount},
        movement=cost,
    )


async def _cost_text(context: Context, program: str, reward: Reward, cost: Movement) -> str:
    definitions = await context.references.balances(program)
    balance = next(
        (item for item in definitions if item.id == reward.subtract_balance_definition_id), None
    )
    if balance is None:
        return amount_text(cost.amount, "points")
    return f"{amount_text(cost.amount, unit_of(balance))} of {quoted(balance.name)}"


async def _open(
    context: Context, intent: Intent, program: str, fields: Mapping[str, Any]
) -> Redemption:
    """Open a redemption and bind it to its intent; nobody else completes it, so it may lapse.

    Raises:
        Refused: it could not be opened; nothing was used up.
    """
    marked = {**(fields.get("meta") or {}), MARKER: intent.id}
    request = redeem_operation(program, **{**fields, "meta": marked, "auto_complete": None})
    try:
        opened = await context.brevo.send(request)
    except OutcomeUnknown as lost:
        raise Refused(
            f"{lost} It was only opened, and lapses by itself within "
            f"{(fields.get('ttl') or OPEN_SECONDS) // 60 + 1} minutes; nothing was used up."
        ) from None
    if not await context.journal.open().set_transaction(intent, opened.id, context.now()):
        raise Refused("This intent was settled elsewhere; its redemption was left to lapse.")
    return opened


async def _complete(
    context: Context, intent: Intent, program: str, opened: Redemption
) -> Redemption:
    """Complete a redemption; repeating is harmless, for a second completion is refused.

    Raises:
        Refused: it did not happen.
        OutcomeUnknown: its answer was lost, and the voucher cannot be read.
    """
    for attempt in range(COMPLETION_TRIES):
        try:
            return await context.brevo.send(complete_operation(program, opened.id))
        except OutcomeUnknown:
            continue
        except LoyaltyError:
            if attempt == 0:
                raise
            break
    used = await _used(context, intent, program, opened)
    if used is None:
        raise Refused("It was not completed; it lapses by itself, and nothing was used up.")
    return opened.model_copy(update={"status": "completed", "completed_at": used})


async def _used(
    context: Context, intent: Intent, program: str, opened: Redemption
) -> datetime | None:
    """When the voucher of a redemption of ours was used up; None if it was not.

    As long as a redemption is open it holds its voucher, so nobody else can use it up.

    Raises:
        OutcomeUnknown: the voucher cannot be read.
    """
    if opened.contact_id is None or intent.sent_at is None:
        raise OutcomeUnknown("Whether the voucher was used up cannot be read.")
    try:
        held = await held_voucher(
            context,
            program,
            opened.contact_id,
            lambda item: item.id == opened.reward_attribution_id,
        )
    except LoyaltyError as error:
        raise OutcomeUnknown(f"{error} Whether the voucher was used up is not known.") from None
    until = context.now() + timedelta(minutes=1)
    if held is None or not consumed_between(held, intent.sent_at, until):
        return None
    return datetime.fromisoformat(held.consumed_at or "")


async def prepare_for_member(
    context: Context,
    *,
    program: str,
    member: int,
    voucher_id: str | None = None,
    code: str | None = None,
    reward: str | None = None,
) -> Preparation:
    """What a person agrees to before a member's voucher is used up."""
    held = await _held(context, program, member, voucher_id=voucher_id, code=code, reward=reward)
    return await _prepared(context, program, member, held, "Redeem")


async def settle_for_member(
    context: Context,
    intent: Intent,
    *,
    program: str,
    member: int,
    **_rest: Any,
) -> Redeemed:
    """Find out by reading whether the voucher was used up by this intent.

    Without a redemption in the journal nothing was completed. With one, only this intent could
    use the voucher up as long as it was open.

    Raises:
        Refused: it was not, and what is open lapses by itself.
        OutcomeUnknown: the voucher cannot be read, or the redemption is still open.
    """
    if intent.transaction_id is None or intent.sent_at is None:
        raise Refused("The redemption was never completed; nothing was used up.")
    voucher_id = str(intent.facts.get("voucher"))
    held = await held_voucher(context, program, member, lambda item: item.id == voucher_id)
    lapses = intent.sent_at + timedelta(seconds=OPEN_SECONDS + 60)
    if held is not None and consumed_between(held, intent.sent_at, lapses):
        return await _redeemed(context, program, member, held, intent.transaction_id)
    raise Refused("The redemption was not completed; it lapses by itself, nothing was used up.")


async def _redeemed(
    context: Context,
    program: str,
    member: int,
    held: HeldVoucher,
    redemption_id: str,
    debit: str | None = None,
) -> Redeemed:
    try:
        rewards = await context.references.rewards(program)
    except LoyaltyError:
        rewards = ()
    name = next((item.name for item in rewards if item.id == held.reward_id), held.reward_id or "")
    return Redeemed(
        redemption_id=redemption_id,
        member=member,
        voucher_id=held.id,
        reward=name,
        debit_transaction_id=debit,
    )


def redeemed_text(redeemed: Redeemed, _now: datetime) -> str:
    """A used voucher in words."""
    debit = redeemed.debit_transaction_id
    took = f" Points were taken by transaction {debit}." if debit else ""
    return (
        f"Voucher {redeemed.voucher_id} of reward {quoted(redeemed.reward)} of member "
        f"{redeemed.member} is used up.{took}"
    )


@guarded("moves_value", prepare=prepare_for_member, settle=settle_for_member, text=redeemed_text)
async def redeem_for_member(
    context: Context,
    intent: Intent,
    program: ProgramId,
    member: ContactId,
    voucher_id: Id | None = None,
    code: Code | None = None,
    reward: RewardId | None = None,
) -> Redeemed:
    """Use a member's voucher, by voucher_id, code or reward: check, redeem, complete in one."""
    held = await _held(context, program, member, voucher_id=voucher_id, code=code, reward=reward)
    fields = {"voucher_id": held.id, "member": member, "ttl": OPEN_SECONDS}
    opened = await _open(context, intent, program, fields)
    done = await _complete(context, intent, program, opened)
    return await _redeemed(context, program, member, held, done.id, done.debit_transaction_id)


async def prepare_redemption(
    context: Context,
    *,
    program: str,
    voucher_id: str | None = None,
    code: str | None = None,
    member: int | None = None,
    reward: str | None = None,
    auto_complete: bool | None = None,
    **_rest: Any,
) -> Preparation:
    """What opening a redemption does.

    Raises:
        Refused: nothing says which voucher, or a cap needs a cost that is not known.
    """
    if not (voucher_id or code or (reward and member)):
        raise Refused("Name the voucher by voucher_id or code, or by reward and member.")
    what = "Redeem" if auto_complete else "Open the redemption of"
    if member is not None:
        held = await _held(
            context, program, member, voucher_id=voucher_id, code=code, reward=reward
        )
        return await _prepared(context, program, member, held, what)
    if context.policy.caps.bind_points or context.policy.approval.operator_above is not None:
        raise Refused(f"The operator's policy bounds amounts. {WHOSE}")
    named = f"voucher {voucher_id}" if voucher_id else f"the voucher with code {quoted(code or '')}"
    return Preparation(
        Preview(f"{what} {named}.", warnings=(f"Whose it is is not known. {WHOSE}",))
    )


async def settle_redemption(
    context: Context,
    intent: Intent,
    *,
    program: str,
    member: int | None = None,
    auto_complete: bool | None = None,
    **_rest: Any,
) -> Redemption:
    """Find out by reading what became of a redemption.

    Raises:
        Refused: it was not opened or not completed; what is open lapses by itself.
        OutcomeUnknown: whose voucher it is is not known.
    """
    if intent.transaction_id is None:
        raise Refused("The redemption was not opened, or lapses by itself; nothing was used up.")
    opened = Redemption(
        id=intent.transaction_id,
        contact_id=member,
        reward_attribution_id=intent.facts.get("voucher"),
    )
    if not auto_complete:
        return opened
    used = await _used(context, intent, program, opened)
    if used is None:
        raise Refused("The redemption was not completed; it lapses by itself.")
    return opened.model_copy(update={"status": "completed", "completed_at": used})


@guarded("moves_value", prepare=prepare_redemption, settle=settle_redemption)
async def redeem_voucher(
    context: Context,
    intent: Intent,
    program: ProgramId,
    *,
    voucher_id: Id | None = None,
    code: Code | None = None,
    member: ContactId | None = None,
    reward: RewardId | None = None,
    ttl: Seconds | None = None,
    auto_complete: bool | None = None,
    meta: Meta | None = None,
    order: OrderArgument | None = None,
) -> Redemption:
    """Open a redemption, which may debit points; prefer redeem_for_member."""
    # Completing in a second request is what makes a lost answer to the first one harmless.
    fields = {
        "voucher_id": voucher_id,
        "code": code,
        "member": member,
        "reward": reward,
        "ttl": OPEN_SECONDS if ttl is None else ttl,
        "meta": meta,
        "order": order,
    }
    opened = await _open(context, intent, program, fields)
    return await _complete(context, intent, program, opened) if auto_complete else opened


async def prepare_completion(context: Context, *, program: str, redemption_id: str) -> Preparation:
    """What completing a redemption does, as far as the journal knows it.

    Raises:
        Refused: a cap needs a cost that is not known.
    """
    maker = await context.journal.open().made_by(redemption_id)
    bounded = context.policy.caps.bind_points or context.policy.approval.operator_above is not None
    if maker is None and bounded:
        raise Refused("The operator's policy bounds amounts; use redeem_for_member instead.")
    voucher = "" if maker is None else f" of voucher {maker.facts.get('voucher')}"
    return Preparation(
        Preview(
            f"Complete redemption {quoted(redemption_id)}{voucher} in program {program}.",
            warnings=("A used voucher cannot be given back.",),
        )
    )


async def settle_completion(
    context: Context, intent: Intent, *, program: str, redemption_id: str, **_rest: Any
) -> Redemption:
    """Find out by reading whether a redemption was completed; only one made here is known.

    Raises:
        Refused: it was not.
        OutcomeUnknown: whose voucher it is is not known.
    """
    maker = await context.journal.open().made_by(redemption_id)
    member = None if maker is None else maker.arguments.get("member")
    voucher = None if maker is None else maker.facts.get("voucher")
    if member is None or voucher is None:
        raise OutcomeUnknown("Whose voucher it is is not known; list_vouchers of its member tells.")
    contact = await context.references.member(program, str(member))
    opened = Redemption(id=redemption_id, contact_id=contact, reward_attribution_id=voucher)
    used = await _used(context, intent, program, opened)
    if used is None:
        raise Refused("It was not completed.")
    return opened.model_copy(update={"status": "completed", "completed_at": used})


@guarded("moves_value", prepare=prepare_completion, settle=settle_completion)
async def complete_redemption(
    context: Context, intent: Intent, program: ProgramId, redemption_id: Id
) -> Redemption:
    """Use up an open redemption's voucher; linked points are debited."""
    for attempt in range(COMPLETION_TRIES):
        # Repeating is harmless: a second completion of the same id is refused.
        try:
            return await context.brevo.send(complete_operation(program, redemption_id))
        except OutcomeUnknown:
            continue
        except LoyaltyError:
            if attempt == 0:
                raise
            break
    return await settle_completion(context, intent, program=program, redemption_id=redemption_id)
