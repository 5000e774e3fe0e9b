"""The reversal of a batch: the opposite movement for each row that took effect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import CallerError, Refused, UnknownReference
from loyalty_mcp.intents.lifecycle import (
    COUNTS_TOWARD_CAPS,
    Intent,
    Preparation,
    is_batch,
    reversal_reference,
    row_intent_id,
)
from loyalty_mcp.tools.account_behaviour import known_facts
from loyalty_mcp.tools.bulk.batch_preview import batch_preparation, limit_warnings
from loyalty_mcp.tools.bulk.member_state import MemberState
from loyalty_mcp.tools.bulk.planned_row import PlannedRow, planned_rows
from loyalty_mcp.tools.bulk.row_members import read_states
from loyalty_mcp.tools.bulk.row_planning import RowCaps, value_or_error
from loyalty_mcp.tools.bulk.row_preparation import (
    ASSIGN,
    ENROL,
    REVERSE,
    BalanceRules,
    movement_preparation,
    read_balance_rules,
)
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.members.expiry_rules import expiry_of_credit
from loyalty_mcp.tools.points.earlier_reversals import second_reversal
from loyalty_mcp.tools.points.movement_amounts import MovementKind

ONLY_POINTS: Final[Mapping[str, str]] = {
    ENROL: "That batch enrolled contacts; only points can be reversed.",
    ASSIGN: "That batch put members on tiers; only points can be reversed.",
}
NO_SUCH_BATCH: Final = (
    "There is no such batch of yours. Its id is the intent in the answer to bulk_change."
)
NOT_A_BATCH: Final = "That intent is no batch; give member and transaction_id to undo one change."
NOTHING_DONE: Final = "No row of that batch took effect, so there is nothing to reverse."


@dataclass(frozen=True, slots=True)
class _AppliedRow:
    """A row of the batch that took effect, or may have.

    Args:
        row: as it was planned.
        intent: carried out the row.
    """

    row: PlannedRow
    intent: Intent

    @property
    def contact(self) -> int:
        """The contact id of its member."""
        return int(self.row.resolved[1])


async def preview_batch_reversal(
    context: Context, *, program: str, batch_id: str, reason: str
) -> Preparation:
    """The preview of reversing every applied row of a batch.

    The journal says what a row moved. Whether another installation has reversed it is read from the
    history before the row is carried out.

    Raises:
        UnknownReference: the caller has no such batch.
        Refused: it moved no points, or none of its rows can be reversed.
        RateLimited: the rest of the hourly budget is not enough for the preview.
        LoyaltyError: the current data cannot be read.
    """
    batch = await _batch_of(context, program, batch_id)
    found = {row.id: row for row in await context.journal.open().batches.rows(batch.id)}
    rows = [
        _AppliedRow(row, intent)
        for row in planned_rows(batch)
        if (intent := found.get(row_intent_id(batch.id, row.number))) is not None
        and intent.state in COUNTS_TOWARD_CAPS
    ]
    if not rows:
        raise Refused(NOTHING_DONE)
    rules = await read_balance_rules(context, program, str(rows[0].row.resolved[2]))
    planned = await _planned_reversals(context, rows, rules, reason)
    name = quoted(await context.references.name_of("program", program, None) or program)
    return await batch_preparation(
        context,
        planned,
        doing=f"{_what_is_undone(batch, rows[0].intent)} in {name}, balance "
        f"{quoted(rules.definition.name)}",
        program=program,
        unit=unit_of(rules.definition),
        reason=reason,
        warnings=[
            *await _warnings_of(context, batch, rows, rules),
            *await limit_warnings(context, planned, rules),
        ],
        repeats_rows=False,
    )


def _what_is_undone(batch: Intent, row: Intent) -> str:
    begun = f"{batch.created_at:%Y-%m-%d %H:%M} UTC"
    return f"Reverse the {_kind_of(row)}s of {batch.tool} {batch.id[:8]} of {begun}"


async def _batch_of(context: Context, program: str, batch_id: str) -> Intent:
    """The batch, if it belongs to this caller, was agreed to, and moved points of this program.

    Raises:
        UnknownReference: there is no such batch of this caller.
        Refused: it is not a batch, or it moved no points.
    """
    batch = await context.journal.open().get(batch_id)
    own = batch is not None and (context.operator or batch.caller == context.caller)
    if batch is None or not own or batch.account != context.account:
        raise UnknownReference(NO_SUCH_BATCH, argument="batch")
    if not is_batch(batch):
        raise Refused(NOT_A_BATCH)
    possible = [row for row in planned_rows(batch) if row.refused is None]
    tool = possible[0].tool
    if tool in ONLY_POINTS:
        raise Refused(ONLY_POINTS[tool])
    if possible[0].resolved[0] != program:
        raise UnknownReference("That batch is of another program.", argument="batch")
    return batch


async def _planned_reversals(
    context: Context, rows: Sequence[_AppliedRow], rules: BalanceRules, reason: str
) -> list[PlannedRow]:
    """The opposite movement of each row, planned one after the other."""
    earlier = await _earlier_reversals(context, rows)
    contacts = [
        each.contact
        for each in rows
        if each.intent.state == "applied" and each.intent.transaction_id not in earlier
    ]
    states = await read_states(context, rules, contacts)
    owners = {state.owner: state for state in states.values() if isinstance(state, MemberState)}
    caps, planned = RowCaps(context), []
    for each in rows:
        row, number, words = each.row, each.row.number, each.row.member
        try:
            transaction, kind, amount = _moved_by(each.intent)
            if transaction in earlier:
                raise second_reversal(earlier[transaction])
            state = owners[value_or_error(states[each.contact]).owner]
            opposite: MovementKind = "debit" if kind == "credit" else "credit"
            preparation, after = movement_preparation(
                words, each.contact, state, rules, opposite, amount
            )
            if preparation.movement is not None:
                await caps.require(REVERSE, preparation.movement)
        except CallerError as error:
            planned.append(PlannedRow(number, words, refused=str(error)))
            continue
        owners[state.owner] = after
        preview = preparation.preview
        planned.append(
            PlannedRow(
                number,
                words,
                tool=REVERSE,
                arguments={
                    "program": rules.program,
                    "reason": reason,
                    "member": str(each.contact),
                    "transaction_id": transaction,
                    "balance": rules.definition.id,
                },
                resolved=row.resolved,
                summary=preview.summary,
                before=preview.before,
                after=preview.after,
                subject=preparation.subject or "",
                movement=preparation.movement,
                kept={"transaction": transaction, "kind": opposite, "amount": str(amount)},
            )
        )
    return planned


async def _earlier_reversals(context: Context, rows: Sequence[_AppliedRow]) -> dict[str, Intent]:
    """Earlier reversals of these rows' transactions, including unknown ones; by transaction."""
    transactions = [each.intent.transaction_id for each in rows if each.intent.transaction_id]
    references = {reversal_reference(each): each for each in transactions}
    batches = context.journal.open().batches
    found = await batches.referring_to(context.account, list(references), COUNTS_TOWARD_CAPS)
    return {str(intent.kept["transaction"]): intent for intent in found}


def _moved_by(intent: Intent) -> tuple[str, MovementKind, Decimal]:
    """The transaction of a row, its direction and its amount, as carried out.

    Raises:
        Refused: they are not known.
    """
    if intent.state != "applied":
        raise Refused(f"Its outcome is unknown; check_intent {intent.id} first.")
    result: Mapping[str, Any] = intent.result or {}
    amount = result.get("amount")
    if intent.transaction_id is None or amount is None:
        raise Refused("What it moved is not known here; reverse it by its transaction_id.")
    return intent.transaction_id, _kind_of(intent), Decimal(str(amount))


def _kind_of(intent: Intent) -> MovementKind:
    """The direction of a row's movement."""
    return "credit" if intent.movement is None else intent.movement.kind


async def _warnings_of(
    context: Context, batch: Intent, rows: Sequence[_AppliedRow], rules: BalanceRules
) -> list[str]:
    """What is easy to overlook when reversing a batch."""
    warnings = []
    if batch.state == "approved":
        warnings.append(
            "That batch is not finished: repeating its call would still do the rows that are left."
        )
    credited = _kind_of(rows[0].intent) == "credit"
    gone = sum(_has_expired(context, each.intent, rules) for each in rows) if credited else 0
    if gone:
        warnings.append(
            f"By the rules of the balance {gone} of these credits have expired; reversing them "
            "takes other points."
        )
    if not credited and expiry_of_credit(rules.definition, context.now()) is not None:
        warnings.append("The returned points begin a new life, as if they were credited today.")
    if not (await known_facts(context)).marks_shown:
        warnings.append(
            "This account's history is not known to show who made a transaction, so a reversal "
            "made by another installation would not be seen."
        )
    return warnings


def _has_expired(context: Context, intent: Intent, rules: BalanceRules) -> bool:
    if intent.sent_at is None:
        return False
    expires = expiry_of_credit(rules.definition, intent.sent_at)
    return expires is not None and expires <= context.brevo.upstream_now()
