"""The tool that changes many members with one agreement."""

from typing import Annotated, Any

from pydantic import Field

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import BalanceId, ProgramId
from loyalty_mcp.intents.lifecycle import Intent, Preparation
from loyalty_mcp.intents.policy import check
from loyalty_mcp.tools.bulk.batch_preview import batch_preparation, limit_warnings
from loyalty_mcp.tools.bulk.batch_result import (
    BatchResult,
    batch_text,
    read_batch_result,
    reconcile_batch,
)
from loyalty_mcp.tools.bulk.bulk_request import (
    GOVERNING_TOOLS,
    Action,
    BulkRequest,
    BulkRow,
    BulkRows,
    check_request,
)
from loyalty_mcp.tools.bulk.row_planning import plan_rows
from loyalty_mcp.tools.bulk.row_preparation import read_balance_rules
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.points.credit_and_debit import Reason
from loyalty_mcp.tools.task import guarded

PREVIEW_REQUESTS = 12
"""Requests of a preview in addition to its rows, which are counted once they are known."""

SENTENCES: dict[Action, str] = {
    "credit": "Credit members in",
    "debit": "Debit members in",
    "enroll": "Enrol contacts in",
    "assign_tier": "Put members on tiers of",
}


async def preview_bulk_change(
    context: Context,
    *,
    program: str,
    action: Action,
    rows: tuple[BulkRow, ...],
    balance: str | None = None,
    reason: str | None = None,
) -> Preparation:
    """The preview of changing many members.

    Raises:
        InvalidArgument: a row lacks what the action needs.
        Refused: the policy denies it, or no row can be carried out.
        RateLimited: the rest of the hourly budget is not enough for the preview.
        LoyaltyError: the current data cannot be read.
    """
    request = BulkRequest(program, action, rows, balance, reason)
    check_request(request)
    for tool in GOVERNING_TOOLS[action]:
        check(context.policy, tool, None)
    rules = None
    if action in {"credit", "debit"}:
        found = await context.references.resolve("balance", balance, program)
        rules = await read_balance_rules(context, program, found)
    planned = await plan_rows(context, request, rules)
    name = quoted(await context.references.name_of("program", program, None) or program)
    doing = f"{SENTENCES[action]} {name}"
    if rules is not None:
        doing += f", balance {quoted(rules.definition.name)}"
    return await batch_preparation(
        context,
        planned,
        doing=doing,
        program=program,
        unit=None if rules is None else unit_of(rules.definition),
        reason=reason,
        warnings=[] if rules is None else await limit_warnings(context, planned, rules),
    )


async def reconcile_bulk_change(context: Context, intent: Intent, **_: Any) -> BatchResult:
    """Determine the outcome of a batch.

    Raises:
        OutcomeUnknown: rows are left or unknown.
    """
    return await reconcile_batch(context, intent)


@guarded(
    "moves_value",
    prepare=preview_bulk_change,
    reconcile=reconcile_bulk_change,
    requests=PREVIEW_REQUESTS,
    after_agreement=0,
    text=batch_text,
)
async def bulk_change(
    context: Context,
    intent: Intent,
    program: ProgramId,  # noqa: ARG001 - the rows were planned by the preview
    action: Annotated[Action, Field(description="What each row does")],  # noqa: ARG001 - same reason
    rows: BulkRows,  # noqa: ARG001 - same reason
    balance: BalanceId | None = None,  # noqa: ARG001 - same reason
    reason: Reason | None = None,  # noqa: ARG001 - same reason
) -> BatchResult:
    """Credit, debit, enrol or put on a tier up to 500 members behind one agreement."""
    return await read_batch_result(context, intent)
