"""Redemptions: opened, kept in the journal, then completed, so that a voucher is used once."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field

from loyalty_mcp.brevo.operations.rewards import Reward, get_reward
from loyalty_mcp.brevo.operations.vouchers import (
    Code,
    HeldVoucher,
    OrderArgument,
    Redemption,
    validate_voucher,
)
from loyalty_mcp.brevo.operations.vouchers import complete_redemption as complete_operation
from loyalty_mcp.brevo.operations.vouchers import redeem_voucher as redeem_operation
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import ContactId, Id, Meta, ProgramId, Reply, RewardId, exact
from loyalty_mcp.errors import (
    JournalUnavailable,
    LoyaltyError,
    NotFound,
    OutcomeUnknown,
    Refused,
    Unavailable,
)
from loyalty_mcp.intents.lifecycle import MARKER, Intent, Movement, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import read_member, unit_of
from loyalty_mcp.tools.points.draft_transactions import (
    COMPLETION_TRIES,
    Place,
    find,
    in_todays_caps,
)
from loyalty_mcp.tools.points.points_movement import movement_of, owner_of, price_of, taken_at_issue
from loyalty_mcp.tools.render import amount_text
from loyalty_mcp.tools.rewards.member_vouchers import can_be_redeemed, consumed_at, held_voucher
from loyalty_mcp.tools.send_window import (
    DOUBTFUL,
    DidNotHappen,
    effect_after,
    in_time,
    require_time,
)
from loyalty_mcp.tools.task import guarded

OPEN_SECONDS: Final = 900
WHOSE: Final = "Give member, so that what it costs can be known."
Seconds = Annotated[int, Field(ge=0, le=1_000_000_000, description="Seconds")]


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
    if not reward.subtract_balance_definition_id or taken_at_issue(reward):
        return None
    info = await read_member(context, program, member)
    amount = price_of(reward, info)
    definitions = await context.references.balances(program)
    balance = next(
        (item for item in definitions if item.id == reward.subtract_balance_definition_id), None
    )
    return movement_of(balance, "debit", amount, owner_of(info, member)) if amount else None


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
    reward = await _terms(context, program, held.reward_id or "")
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


async def _terms(context: Context, program: str, reward_id: str) -> Reward:
    """The terms of a reward; those of one that takes points are read anew.

    Should one that took none take some by now, the opened redemption tells, and is left to lapse.

    Raises:
        LoyaltyError: they cannot be read.
    """
    request = get_reward(program, reward_id, version="active")
    reward = await context.brevo.configuration(request)
    return await context.brevo.send(request) if reward.subtract_balance_definition_id else reward


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
        Refused: it could not be opened, or takes more than was agreed to; nothing was used up.
        OutcomeUnknown: it may have been opened.
    """
    marked = {**(fields.get("meta") or {}), MARKER: intent.id}
    request = redeem_operation(program, **{**fields, "meta": marked, "auto_complete": None})
    require_time(context, intent)
    opened = await context.brevo.send(request)
    try:
        bound = await context.journal.open().set_transaction(intent, opened.id, context.now())
    except JournalUnavailable as error:
        raise OutcomeUnknown(str(error)) from None
    if not bound:
        raise Refused("This intent was settled elsewhere; its redemption was left to lapse.")
    await _require_agreed_cost(context, intent, program, opened)
    return opened


async def _require_agreed_cost(
    context: Context, intent: Intent, program: str, opened: Redemption
) -> None:
    """Compare what an open redemption is about to take with what was agreed to.

    A cost that is the whole balance, or a reward that was changed, may have grown meanwhile.

    Raises:
        Refused: it would take more.
        LoyaltyError: what it would take cannot be read.
    """
    debit, member = opened.debit_transaction_id, opened.contact_id
    if debit is None or member is None or "voucher" not in intent.facts:
        return
    cost = intent.facts.get("cost")
    agreed = Decimal(0) if cost is None else exact(cost)
    for definition in await context.references.balances(program):
        place = Place(program, member, definition.id)
        found = await find(context, place, lambda item: item.id == debit)
        if found is not None and abs(found.amount or Decimal(0)) <= agreed:
            return
    raise Refused(
        "It would take more points than was agreed to, so it was left to lapse; nothing was used "
        "up. Ask again for a new preview."
    )


async def _complete(
    context: Context, intent: Intent, program: str, opened: Redemption
) -> Redemption:
    """Complete a redemption; repeating is harmless, for a second completion is refused.

    Raises:
        Refused: it did not happen.
        OutcomeUnknown: it may have happened, or may still.
    """
    lost: OutcomeUnknown | None = None
    for _ in range(COMPLETION_TRIES):
        if not in_time(context, intent):
            break
        try:
            return await context.brevo.send(complete_operation(program, opened.id))
        except OutcomeUnknown as error:
            lost = error
        except DOUBTFUL as refusal:
            failure = lost or refusal
            if opened.contact_id is None:
                raise failure from None
            used = await effect_after(failure, lambda: _used(context, intent, program, opened))
            return _completed(opened, used)
    if lost is None:
        raise Unavailable("The server was held up too long; what it opened lapses by itself.")
    failure = lost
    return _completed(
        opened, await effect_after(failure, lambda: _used(context, intent, program, opened))
    )


def _completed(opened: Redemption, used: datetime) -> Redemption:
    return opened.model_copy(update={"status": "completed", "completed_at": used})


async def _used(
    context: Context, intent: Intent, program: str, opened: Redemption
) -> datetime | None:
    """When the voucher of a redemption of ours was used up; None if it was not.

    It was usable when the redemption was opened, and as long as that is open it holds its
    voucher: nobody else can use it up before it lapses.

    Raises:
        OutcomeUnknown: whose voucher it is is not known.
        LoyaltyError: the voucher cannot be read.
    """
    if opened.contact_id is None or intent.sent_at is None:
        raise OutcomeUnknown("Whether the voucher was used up cannot be read.")
    held = await held_voucher(
        context,
        program,
        opened.contact_id,
        lambda item: item.id == opened.reward_attribution_id,
    )
    used = consumed_at(held)
    lapses = intent.sent_at + timedelta(seconds=_open_for(intent) + 60)
    ours = used is not None and (context.now() < lapses or used < lapses)
    return used if ours else None


def _open_for(intent: Intent) -> int:
    """How long the redemption of an intent stays open, in seconds."""
    return int(intent.arguments.get("ttl") or OPEN_SECONDS)


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
    may_come: bool,
    program: str,
    member: int,
    **_rest: Any,
) -> Redeemed:
    """Find out by reading whether the voucher was used up by this intent.

    Without a redemption in the journal nothing was completed. With one, only this intent could
    use the voucher up as long as it was open.

    Raises:
        DidNotHappen: it was not, and what is open lapses by itself.
        OutcomeUnknown: its completion may still arrive.
        LoyaltyError: the voucher cannot be read.
    """
    if intent.transaction_id is None:
        raise DidNotHappen("The redemption was never completed; nothing was used up.")
    opened = _of(intent, intent.transaction_id, member)
    used = await _used(context, intent, program, opened)
    if used is not None:
        voucher_id = opened.reward_attribution_id
        held = await held_voucher(context, program, member, lambda item: item.id == voucher_id)
        if held is not None:
            return await _redeemed(context, program, member, held, intent.transaction_id)
    if may_come:
        raise OutcomeUnknown("The voucher is not used up, and the completion may still arrive.")
    raise DidNotHappen("The redemption was not completed; it lapses, and nothing was used up.")


def _of(intent: Intent, redemption_id: str, member: int | None) -> Redemption:
    """A redemption as the journal knows it."""
    return Redemption(
        id=redemption_id, contact_id=member, reward_attribution_id=intent.facts.get("voucher")
    )


async def _redeemed(
    context: Context,
    program: str,
    member: int,
    held: HeldVoucher,
    redemption_id: str,
    debit: str | None = None,
) -> Redeemed:
    reward_id = held.reward_id or ""
    try:
        terms = get_reward(program, reward_id, version="active")
        name = (await context.brevo.configuration(terms)).name
    except LoyaltyError:
        name = reward_id
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


@guarded(
    "moves_value",
    prepare=prepare_for_member,
    reconcile=settle_for_member,
    requests=9,
    text=redeemed_text,
)
async def redeem_for_member(
    context: Context,
    intent: Intent,
    program: ProgramId,
    member: ContactId,
    voucher_id: Id | None = None,
    code: Code | None = None,
    reward: RewardId | None = None,
) -> Redeemed:
    """Use a member's voucher up, by voucher_id, code or reward."""
    agreed = intent.facts.get("voucher", voucher_id)
    held = await _held(context, program, member, voucher_id=agreed, code=code, reward=reward)
    fields = {"voucher_id": held.id, "member": member, "ttl": OPEN_SECONDS}
    try:
        opened = await _open(context, intent, program, fields)
    except OutcomeUnknown as lost:
        minutes = OPEN_SECONDS // 60
        raise Refused(
            f"{lost} It was only the opening, which lapses within {minutes} minutes; nothing was "
            "used up."
        ) from None
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
    may_come: bool,
    program: str,
    member: int | None = None,
    auto_complete: bool | None = None,
    **_rest: Any,
) -> Redemption:
    """Find out by reading what became of a redemption.

    One whose id was lost cannot be read; that it is open shows in a voucher that could be
    redeemed and no longer can.

    Raises:
        DidNotHappen: it was not opened or not completed; what is open lapses by itself.
        OutcomeUnknown: it may be open, or may still come, or whose voucher it is is not known.
        LoyaltyError: the voucher cannot be read.
    """
    if intent.transaction_id is None:
        raise await _unopened(context, intent, program, may_come, auto_complete)
    opened = _of(intent, intent.transaction_id, member)
    if not auto_complete:
        return opened
    used = await _used(context, intent, program, opened)
    if used is not None:
        return _completed(opened, used)
    if may_come:
        raise OutcomeUnknown("The voucher is not used up, and the completion may still arrive.")
    raise DidNotHappen("The redemption was not completed; it lapses by itself.")


async def _unopened(
    context: Context, intent: Intent, program: str, may_come: bool, auto_complete: bool | None
) -> LoyaltyError:
    """What is known of a redemption whose id never reached the journal."""
    if auto_complete:
        return DidNotHappen("The redemption was never completed; nothing was used up.")
    voucher = intent.facts.get("voucher")
    if voucher is None:
        return OutcomeUnknown(f"It may be open, which no read can tell. {WHOSE}")
    if not await can_be_redeemed(context, program, str(voucher)):
        return OutcomeUnknown(
            "It seems to be open: it holds the voucher until it lapses, and its id is lost. "
            "validate_voucher tells when the voucher is free again."
        )
    if may_come:
        return OutcomeUnknown("It is not open yet, and may still come.")
    return DidNotHappen("The redemption is not open; nothing was used up.")


@guarded("moves_value", prepare=prepare_redemption, reconcile=settle_redemption, requests=8)
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
    # Of several vouchers of a reward, the one that was agreed to.
    agreed = intent.facts.get("voucher")
    named = {"voucher_id": voucher_id, "code": code, "reward": reward}
    # Completing in a second request is what makes a lost answer to the first one harmless.
    fields = {
        **(named if agreed is None else {"voucher_id": agreed}),
        "member": member,
        "ttl": OPEN_SECONDS if ttl is None else ttl,
        "meta": meta,
        "order": order,
    }
    try:
        opened = await _open(context, intent, program, fields)
    except OutcomeUnknown as lost:
        if auto_complete:
            raise Refused(f"{lost} It was only the opening; nothing was used up.") from None
        raise
    return await _complete(context, intent, program, opened) if auto_complete else opened


async def prepare_completion(context: Context, *, program: str, redemption_id: str) -> Preparation:
    """What completing a redemption does, as far as the journal knows it.

    Raises:
        Refused: a cap needs a cost that is not known.
    """
    maker = await context.journal.open().made_by(redemption_id)
    movement = None if maker is None or in_todays_caps(context, maker) else maker.movement
    bounded = context.policy.caps.bind_points or context.policy.approval.operator_above is not None
    if maker is None and bounded:
        raise Refused("The operator's policy bounds amounts; use redeem_for_member instead.")
    voucher = "" if maker is None else f" of voucher {maker.facts.get('voucher')}"
    return Preparation(
        Preview(
            f"Complete redemption {quoted(redemption_id)}{voucher} in program {program}.",
            warnings=("A used voucher cannot be given back.",),
        ),
        movement=movement,
    )


async def settle_completion(
    context: Context,
    intent: Intent,
    *,
    may_come: bool,
    program: str,
    redemption_id: str,
    **_rest: Any,
) -> Redemption:
    """Find out by reading whether a redemption was completed; only one made here is known.

    Raises:
        DidNotHappen: it was not.
        OutcomeUnknown: it may still be, or whose voucher it is is not known.
        LoyaltyError: the voucher cannot be read.
    """
    opened = await _opened_here(context, program, redemption_id)
    used = await _used(context, intent, program, opened)
    if used is not None:
        return _completed(opened, used)
    if may_come:
        raise OutcomeUnknown("The voucher is not used up, and the completion may still arrive.")
    raise DidNotHappen("It was not completed.")


async def _opened_here(context: Context, program: str, redemption_id: str) -> Redemption:
    """A redemption as the journal knows it; without a member if it was opened elsewhere."""
    maker = await context.journal.open().made_by(redemption_id)
    if maker is None:
        return Redemption(id=redemption_id)
    member = maker.arguments.get("member")
    contact = None if member is None else await context.references.member(program, str(member))
    return _of(maker, redemption_id, contact)


@guarded("moves_value", prepare=prepare_completion, reconcile=settle_completion, requests=4)
async def complete_redemption(
    context: Context, intent: Intent, program: ProgramId, redemption_id: Id
) -> Redemption:
    """Complete an open redemption; linked points are debited."""
    opened = await _opened_here(context, program, redemption_id)
    return await _complete(context, intent, program, opened)
