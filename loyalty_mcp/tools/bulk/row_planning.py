"""Planning of the rows of a bulk change, in the order in which they will be carried out."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.name_matching import Candidate, choose
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.types import plain
from loyalty_mcp.errors import CallerError, LoyaltyError, Refused
from loyalty_mcp.intents.lifecycle import Movement, Preparation
from loyalty_mcp.intents.policy import Usage, check
from loyalty_mcp.tools.bulk.bulk_request import BulkRequest, BulkRow
from loyalty_mcp.tools.bulk.member_state import MemberState, state_of_account
from loyalty_mcp.tools.bulk.planned_row import PlannedRow
from loyalty_mcp.tools.bulk.row_members import (
    MEMBERS_READ,
    lookups_in_budget,
    read_each,
    read_states,
)
from loyalty_mcp.tools.bulk.row_preparation import (
    ASSIGN,
    ENROL,
    BalanceRules,
    assignment_preparation,
    enrolment_preparation,
    is_enrolled,
    movement_preparation,
    read_tier_rules,
)
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.impossible_changes import refuse_unpublished_program
from loyalty_mcp.tools.members.account import read_member
from loyalty_mcp.tools.points.movement_amounts import MovementKind
from loyalty_mcp.tools.render import plain_amount_text

MEMBERS_LOOKED_UP: Final = "Looking the members up"

Looked = Mapping[Any, Any]


class RowCaps:
    """The caps of the policy, counted over the rows of a batch and earlier movements.

    Args:
        context: of the caller.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._planned: dict[tuple[str, int], Decimal] = {}

    async def require(self, tool: str, movement: Movement) -> None:
        """Count one more movement.

        Raises:
            Refused: a cap forbids it.
        """
        context, key = self._context, (movement.kind, movement.member)
        before = self._planned.get(key, Decimal(0))
        if context.policy.caps.bind_points:
            usage = await context.journal.open().usage(
                context.account, context.caller, movement, context.now()
            )
            moved = usage.moved_today + before
            check(context.policy, tool, movement, Usage(moved_today=moved))
            self._require_per_call(movement, before)
        self._planned[key] = before + movement.amount

    def _require_per_call(self, movement: Movement, before: Decimal) -> None:
        """Refuse a row that passes the cap of one call with what other rows move for its member.

        One person agrees to all rows at once, so that splitting an amount gets around nothing.

        Raises:
            Refused: they pass it together.
        """
        most = self._context.policy.caps.per_call(movement.kind)
        if most is not None and before + movement.amount > most:
            cap, moved = plain_amount_text(most), plain_amount_text(before)
            raise Refused(
                f"The operator's policy allows at most {cap} in one {movement.kind}, and earlier "
                f"rows move {moved} for the same member."
            )


async def plan_rows(
    context: Context, request: BulkRequest, rules: BalanceRules | None
) -> list[PlannedRow]:
    """The rows of a request, each with its effect, or the reason why it cannot be carried out.

    Args:
        context: of the caller.
        request: already checked.
        rules: of the balance; None if no points move.

    Raises:
        LoyaltyError: the current data cannot be read.
    """
    if request.action == "enroll":
        return await _plan_enrolments(context, request)
    if request.action == "assign_tier" or rules is None:
        return await _plan_assignments(context, request)
    return await _plan_movements(context, request, request.action, rules)


async def _look_up_members(context: Context, request: BulkRequest) -> Looked:
    words = [row.member for row in request.rows]
    context.brevo.require(lookups_in_budget(words))
    return await read_each(
        words, lambda said: context.references.member(request.program, said), MEMBERS_LOOKED_UP
    )


def _refused(number: int, row: BulkRow, error: Exception) -> PlannedRow:
    return PlannedRow(number, row.member, refused=str(error))


def planned(
    number: int,
    row: BulkRow,
    tool: str,
    arguments: Mapping[str, Any],
    resolved: tuple[Any, ...],
    preparation: Preparation,
) -> PlannedRow:
    """A row that can be carried out."""
    preview = preparation.preview
    return PlannedRow(
        number,
        row.member,
        tool=tool,
        arguments={name: plain(value) for name, value in arguments.items() if value is not None},
        resolved=resolved,
        summary=preview.summary,
        before=preview.before,
        after=preview.after,
        subject=preparation.subject or "",
        movement=preparation.movement,
    )


async def _plan_movements(
    context: Context, request: BulkRequest, kind: MovementKind, rules: BalanceRules
) -> list[PlannedRow]:
    tool = "credit_points" if kind == "credit" else "debit_points"
    found = await _look_up_members(context, request)
    contacts = [contact for contact in found.values() if isinstance(contact, int)]
    states = await read_states(context, rules, contacts)
    owners = {state.owner: state for state in states.values() if isinstance(state, MemberState)}
    caps, rows = RowCaps(context), []
    for number, row in enumerate(request.rows, 1):
        try:
            contact = value_or_error(found[row.member])
            state = owners[value_or_error(states[contact]).owner]
            amount = row.amount
            if amount is None:
                raise AssertionError("the request was checked")
            preparation, moved = movement_preparation(
                row.member, contact, state, rules, kind, amount
            )
            if preparation.movement is not None:
                await caps.require(tool, preparation.movement)
        except CallerError as error:
            rows.append(_refused(number, row, error))
            continue
        owners[state.owner] = moved
        arguments = {
            "program": request.program,
            "member": str(contact),
            "amount": amount,
            "reason": row.reason or request.reason,
            "balance": rules.definition.id,
            "order_id": row.order_id,
        }
        resolved = (request.program, contact, rules.definition.id)
        rows.append(planned(number, row, tool, arguments, resolved, preparation))
    return rows


def value_or_error(found: Any) -> Any:
    """A successful result.

    Raises:
        LoyaltyError: the stored error.
    """
    if isinstance(found, LoyaltyError):
        raise found
    return found


async def _plan_enrolments(context: Context, request: BulkRequest) -> list[PlannedRow]:
    await refuse_unpublished_program(context, request.program)
    found = await read_each(
        [row.member for row in request.rows], context.references.contact, MEMBERS_LOOKED_UP
    )
    contacts = {words: getattr(contact, "id", contact) for words, contact in found.items()}
    wanted = [contact for contact in contacts.values() if isinstance(contact, int)]
    context.brevo.require(len(set(wanted)))
    enrolled = await read_each(
        wanted, lambda contact: is_enrolled(context, request.program, contact), MEMBERS_READ
    )
    rows, seen = [], set()
    for number, row in enumerate(request.rows, 1):
        try:
            contact = value_or_error(contacts[row.member])
            if value_or_error(enrolled[contact]):
                raise Refused(f"Contact {contact} is a member already.")
            if contact in seen:
                raise Refused("The same contact is in an earlier row.")
        except CallerError as error:
            rows.append(_refused(number, row, error))
            continue
        seen.add(contact)
        preparation = enrolment_preparation(row.member, request.program, contact)
        arguments = {"program": request.program, "contact": str(contact)}
        resolved = (request.program, contact)
        rows.append(planned(number, row, ENROL, arguments, resolved, preparation))
    return rows


async def _plan_assignments(context: Context, request: BulkRequest) -> list[PlannedRow]:
    rules = await read_tier_rules(context, request.program)
    candidates = [Candidate(tier.tier_id, tier.name) for tier in rules.tiers]
    tiers = {tier.tier_id: tier for tier in rules.tiers}
    found = await _look_up_members(context, request)
    contacts = [contact for contact in dict.fromkeys(found.values()) if isinstance(contact, int)]
    context.brevo.require(len(contacts))
    infos = await read_each(
        contacts, lambda contact: read_member(context, request.program, contact), MEMBERS_READ
    )
    states = {
        contact: state_of_account(info, contact, rules)
        for contact, info in infos.items()
        if isinstance(info, AccountInfo)
    }
    rows = []
    for number, row in enumerate(request.rows, 1):
        try:
            tier = tiers[choose("tier", row.tier, candidates, " that is live").id]
            contact = value_or_error(found[row.member])
            value_or_error(infos[contact])
            state = states[contact]
            preparation = assignment_preparation(
                row.member, request.program, contact, state, tier, rules
            )
        except CallerError as error:
            rows.append(_refused(number, row, error))
            continue
        states[contact] = replace(state, tiers={**state.tiers, tier.group_id or "": tier.tier_id})
        arguments = {"program": request.program, "member": str(contact), "tier": tier.tier_id}
        resolved = (request.program, contact, tier.tier_id)
        rows.append(planned(number, row, ASSIGN, arguments, resolved, preparation))
    return rows
