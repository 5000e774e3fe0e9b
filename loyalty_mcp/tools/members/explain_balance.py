"""Explain a member's balance: movements with their reasons, and what expired."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AwareDatetime, Field, WithJsonSchema

from loyalty_mcp.brevo.types import BalanceId, ContactId, Day, Instant, ProgramId
from loyalty_mcp.errors import InvalidArgument, JournalUnavailable, UnknownReference
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import read_member, together, unit_of
from loyalty_mcp.tools.members.balance_history import read_balance_history
from loyalty_mcp.tools.members.balance_replay import BalanceChange
from loyalty_mcp.tools.members.explained_period import explained_period
from loyalty_mcp.tools.members.explanation import BalanceExplanation, ExplanationLine, LineKind
from loyalty_mcp.tools.members.explanation_text import explanation_text
from loyalty_mcp.tools.task import reads

INTENTS_LOOKED_UP: Final = 50
"""The latest changes that are looked up in the journal to find who made them."""


Since = Annotated[Instant, Field(description="From this day or moment")]
Until = Annotated[
    AwareDatetime,
    Day("after"),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "description": "To this day or moment"}
    ),
]


@reads(text=explanation_text)
async def explain_balance(
    context: Context,
    program: ProgramId,
    member: ContactId,
    balance: BalanceId,
    since: Since | None = None,
    until: Until | None = None,
) -> BalanceExplanation:
    """Explain why a member has this balance: each change with its reason, and expired points."""
    if since is not None and until is not None and since >= until:
        raise InvalidArgument('Argument "since" must be before "until".')
    definitions = await context.references.balances(program)
    definition = next((item for item in definitions if item.id == balance), None)
    if definition is None:
        raise UnknownReference("That balance is not live, so nobody has it.")
    info, history = await together(
        read_member(context, program, member),
        read_balance_history(context, program, member, balance),
    )
    held = () if info.balance is None else info.balance.balances
    totals = {item.balance_definition_id: item.value or Decimal(0) for item in held}
    total = totals.get(balance, Decimal(0))
    now = context.brevo.upstream_now()
    period = explained_period(history, definition, total, now, since, until)
    return BalanceExplanation(
        member=member,
        own_id=info.membership.loyalty_subscription_id,
        balance=definition.name,
        unit=unit_of(definition),
        since=since,
        until=until,
        opening=period.opening,
        closing=period.closing,
        unexplained=period.unexplained,
        lines=_lines(period.changes, await _callers(context, period.changes)),
        read_back_to=None if history.complete else history.movements[0].at,
    )


async def _callers(context: Context, changes: Sequence[BalanceChange]) -> dict[str, str]:
    """Transaction id to its caller, for the latest that a named caller made through this server.

    Members do not see who made a change.
    """
    if context.role == "member":
        return {}
    made = [change.movement for change in changes if change.movement.intent and not change.expired]
    callers: dict[str, str] = {}
    try:
        for movement in made[-INTENTS_LOOKED_UP:]:
            intent = await context.journal.open().get(movement.intent or "")
            if intent is not None and intent.caller != LOCAL:
                callers[movement.transaction_id] = intent.caller
    except JournalUnavailable:
        return {}
    return callers


def _lines(
    changes: Sequence[BalanceChange], callers: Mapping[str, str]
) -> tuple[ExplanationLine, ...]:
    reversed_by = {
        change.movement.reverses: change.movement.transaction_id
        for change in changes
        if change.movement.reverses and not change.expired
    }
    return tuple(_line(change, reversed_by, callers) for change in changes)


def _line(
    change: BalanceChange, reversed_by: Mapping[str, str], callers: Mapping[str, str]
) -> ExplanationLine:
    movement = change.movement
    if change.expired:
        return ExplanationLine(
            at=change.at,
            kind="expired",
            amount=change.amount,
            transaction_id=movement.transaction_id,
            balance_after=change.balance_after,
            credited_at=movement.at,
        )
    return ExplanationLine(
        at=change.at,
        kind=_kind_of(change),
        amount=change.amount,
        reason=movement.reason,
        order_id=movement.order_id,
        transaction_id=movement.transaction_id,
        balance_after=change.balance_after,
        reverses=movement.reverses,
        reversed_by=reversed_by.get(movement.transaction_id),
        by=callers.get(movement.transaction_id),
    )


def _kind_of(change: BalanceChange) -> LineKind:
    if change.movement.reverses:
        return "reversal"
    return "credit" if change.amount > 0 else "debit"
