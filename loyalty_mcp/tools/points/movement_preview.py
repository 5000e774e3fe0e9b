"""The preview of a credit or debit: the balance and the tiers before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.operations.transactions import PastTransaction
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import InvalidArgument, UnknownReference
from loyalty_mcp.intents.lifecycle import Movement, Preparation, Preview
from loyalty_mcp.tools.account_behaviour import known_facts
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import (
    balance_name_text,
    read_member,
    together,
    unit_of,
)
from loyalty_mcp.tools.members.people import WHO, member_words
from loyalty_mcp.tools.points.history import NEWEST, Place, history_page, newest_of
from loyalty_mcp.tools.points.limits_in_force import refuse_beyond_limits
from loyalty_mcp.tools.points.movement_amounts import (
    MovementKind,
    effect_on,
    owner_of,
    rounded_amount,
)
from loyalty_mcp.tools.points.repeated_orders import repeated_order
from loyalty_mcp.tools.points.tier_effect import TierEffect, tier_effect
from loyalty_mcp.tools.render import amount_text, is_or_are, moment_text

LISTED: Final = 3


@dataclass(frozen=True, slots=True)
class WantedMovement:
    """A requested movement with resolved references.

    Args:
        kind: credit or debit.
        program: its id.
        member: contact id.
        amount: positive, in the unit of the balance.
        reason: why, in the caller's words.
        balance: the id of its definition.
        order_id: the order it belongs to.
        expires_in_minutes: the expiry of a credit, if it differs from that of its balance.
        expires_on: the last day of a credit, until its end in UTC, if it differs from its balance.
        reverses: the transaction that it reverses.
        draft: the existing draft that it completes, if any.
    """

    kind: MovementKind
    program: str
    member: int
    amount: Decimal
    reason: str
    balance: str
    order_id: str | None = None
    expires_in_minutes: int | None = None
    expires_on: date | None = None
    reverses: str | None = None
    draft: str | None = None

    @property
    def place(self) -> Place:
        """The member and the balance."""
        return Place(self.program, self.member, self.balance)

    @property
    def has_own_life(self) -> bool:
        """Whether the points have an expiry that differs from that of the balance."""
        return self.expires_in_minutes is not None or self.expires_on is not None

    def life_in_minutes(self, now: datetime) -> int | None:
        """How long the points last from now on; None for the balance's own expiry.

        Raises:
            InvalidArgument: the day is over, or both a day and minutes are given.
        """
        if self.expires_on is None:
            return self.expires_in_minutes
        if self.expires_in_minutes is not None:
            raise InvalidArgument("Give expires_on or expires_in_minutes, not both.")
        end = datetime.combine(self.expires_on, datetime.min.time(), now.tzinfo) + timedelta(days=1)
        minutes = int((end - now).total_seconds() // 60)
        if minutes < 1:
            raise InvalidArgument(
                f"expires_on: {self.expires_on} is over; give {now:%Y-%m-%d} or a later day."
            )
        return minutes


@dataclass(frozen=True, slots=True)
class _Found:
    """What the preview of a movement reads."""

    definition: BalanceDefinition
    info: AccountInfo
    who: str
    tiers: TierEffect
    movement: Movement
    total: Decimal
    after: Decimal
    lost: Decimal


async def preview_movement(
    context: Context,
    wanted: WantedMovement,
    history: Sequence[PastTransaction] | None = None,
    more: Sequence[str] = (),
) -> Preparation:
    """The preview of a movement of points.

    The second preview does not read the history again, because anything completed in the meantime
    shows in the balance.

    Args:
        context: the clients, the journal and the settings that tools use.
        wanted: the movement.
        history: the newest transactions of the balance, if just read.
        more: additional warnings.

    Raises:
        Refused: the balance cannot accept the movement, so nobody needs to be asked.
        NotFound: the contact is not a member of the program.
        UnknownReference: the balance is not live.
    """
    wanted.life_in_minutes(context.now())
    found, kept = await together(_read(context, wanted), _history_facts(context, wanted, history))
    unit = unit_of(found.definition)
    limits = await refuse_beyond_limits(context, wanted.place, found.movement, found.definition)
    warnings = [
        *_rounding_warning(wanted, found),
        *_life_warning(wanted, found.definition),
        *_loss_warning(found),
        *found.tiers.warnings,
        *limits,
        *kept["warnings"],
        *more,
    ]
    before = {"balance": found.total, "unit": unit, "tiers": found.tiers.before}
    after = {"balance": found.after, "unit": unit, "tiers": found.tiers.after}
    return Preparation(
        Preview(
            _summary(context, wanted, found),
            before,
            after,
            tuple(warnings),
            done=_done(wanted, found),
        ),
        facts={"balance": found.total, "tiers": found.tiers.before, "rules": _rules(found)},
        movement=found.movement,
        subject=f"{wanted.program} member {found.movement.member}",
        kept={**kept, "limits": limits, WHO: found.who},
    )


async def _read(context: Context, wanted: WantedMovement) -> _Found:
    definitions, info, tiers = await together(
        context.references.balances(wanted.program),
        read_member(context, wanted.program, wanted.member),
        context.references.tiers(wanted.program),
    )
    definition = next((item for item in definitions if item.id == wanted.balance), None)
    if definition is None:
        raise UnknownReference("That balance is not live yet; publish_program makes it so.")
    held = info.balance.balances if info.balance is not None else ()
    balances = {item.balance_definition_id: item.value or Decimal(0) for item in held}
    total = balances.get(definition.id, Decimal(0))
    amount = rounded_amount(definition, wanted.kind, wanted.amount)
    effect = effect_on(definition, wanted.kind, amount, total)
    effects = await tier_effect(
        context, wanted.program, info, tiers, balances, {**balances, definition.id: effect.balance}
    )
    movement = Movement(wanted.kind, amount, owner_of(info, wanted.member))
    who = await member_words(context, info, wanted.member)
    return _Found(definition, info, who, effects, movement, total, effect.balance, effect.lost)


async def _history_facts(
    context: Context, wanted: WantedMovement, history: Sequence[PastTransaction] | None
) -> Mapping[str, Any]:
    """Warnings from the newest transactions; read once for both previews."""
    if "warnings" in context.kept:
        return context.kept
    if history is None:
        history = await history_page(context, wanted.place)
    drafts = [item for item in history if item.status == "draft" and item.id != wanted.draft]
    warnings = []
    if drafts:
        are = "1 draft is" if len(drafts) == 1 else f"{len(drafts)} drafts are"
        warnings.append(f"{are} still open in this balance.")
        if (await known_facts(context)).drafts_counted:
            warnings.append("Brevo counts open drafts in the balance that it shows.")
    if wanted.order_id is not None:
        warnings += await repeated_order(
            context, wanted.place, wanted.order_id, wanted.kind, history
        )
    return {"warnings": warnings, NEWEST: newest_of(history)}


def _rules(found: _Found) -> dict[str, Any]:
    """The settings of a balance that determine how it moves, in full."""
    names = (
        *("unit", "min_amount", "max_amount", "max_credit_amount_limit"),
        *("max_debit_amount_limit", "balance_option_amount_overtaking_strategy"),
        *("balance_option_credit_rounding", "balance_option_debit_rounding"),
        *("balance_availability_duration_value", "balance_availability_duration_unit"),
        *("balance_availability_duration_modifier", "balance_expiration_date"),
    )
    return {name: getattr(found.definition, name) for name in names}


def _summary(context: Context, wanted: WantedMovement, found: _Found) -> str:
    unit, name = unit_of(found.definition), balance_name_text(found.definition)
    place = f"to {name}" if wanted.kind == "credit" else f"from {name}"
    amount = amount_text(found.movement.amount, unit)
    if found.movement.amount != wanted.amount:
        amount += f" ({amount_text(wanted.amount, unit)} as the balance rounds it)"
    moves = f"{amount_text(found.total, unit)} → {amount_text(found.after, unit)}"
    parts = [f"{wanted.kind.capitalize()} {amount} {place} of member {found.who}: {moves}."]
    if wanted.draft is None:
        parts.append(f"Reason given: {quoted(wanted.reason)}.")
    if wanted.order_id is not None:
        parts.append(f"Order: {quoted(wanted.order_id)}.")
    if wanted.expires_on is not None:
        parts.append(f"{_they_expire(found)} at the end of {wanted.expires_on} (UTC).")
    elif wanted.expires_in_minutes is not None:
        now = context.now()
        moment = now + timedelta(minutes=wanted.expires_in_minutes)
        parts.append(f"{_they_expire(found)} on {moment_text(moment, now)}.")
    return " ".join(parts)


def _they_expire(found: _Found) -> str:
    return "It expires" if found.movement.amount == 1 else "They expire"


def _done(wanted: WantedMovement, found: _Found) -> str:
    """The sentence after the points have moved."""
    verb, place = ("Credited", "to") if wanted.kind == "credit" else ("Debited", "from")
    amount = amount_text(found.movement.amount, unit_of(found.definition))
    return f"{verb} {amount} {place} {balance_name_text(found.definition)} of member {found.who}."


def _rounding_warning(wanted: WantedMovement, found: _Found) -> list[str]:
    if found.movement.amount == wanted.amount:
        return []
    unit = unit_of(found.definition)
    asked, moved = amount_text(wanted.amount, unit), amount_text(found.movement.amount, unit)
    return [f"The balance rounds {asked} to {moved}."]


def _life_warning(wanted: WantedMovement, definition: BalanceDefinition) -> list[str]:
    if wanted.reverses is None or wanted.kind == "debit":
        return []
    span = definition.balance_availability_duration_value
    if span is None and not definition.balance_expiration_date:
        return []
    return ["The returned points expire as if they were credited today."]


def _loss_warning(found: _Found) -> list[str]:
    if not found.lost:
        return []
    unit = unit_of(found.definition)
    fits = found.movement.amount - found.lost
    lost = amount_text(found.lost, unit)
    fit = "fits" if fits == 1 else "fit"
    room = f"Only {amount_text(fits, unit)} {fit} under the highest balance"
    return [f"{room}; {lost} {is_or_are(found.lost)} lost."]
