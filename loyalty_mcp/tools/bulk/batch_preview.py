"""The preview of a batch: who, the total, rows that cannot be carried out, and the time needed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from math import ceil
from typing import Any, Final

from loyalty_mcp.brevo.budget import clock_time
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import Refused
from loyalty_mcp.intents.lifecycle import (
    BATCH_ROWS,
    COUNTS_TOWARD_CAPS,
    Intent,
    Movement,
    Preparation,
    Preview,
    order_reference,
)
from loyalty_mcp.tools.bulk.batch_result import read_batch_result
from loyalty_mcp.tools.bulk.planned_row import PlannedRow, stored_rows
from loyalty_mcp.tools.bulk.published_rules import rules_requests
from loyalty_mcp.tools.bulk.row_preparation import (
    ASSIGN,
    ENROL,
    REVERSE,
    BalanceRules,
    tier_changes,
)
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.history import Place
from loyalty_mcp.tools.points.limits_in_force import refuse_beyond_limits
from loyalty_mcp.tools.render import amount_text

SHOWN: Final = 10
"""Rows of one kind that a preview lists; it counts all of them."""

ROW_REQUESTS: Final[Mapping[str, int]] = {
    "credit_points": 3,
    "debit_points": 3,
    ENROL: 2,
    ASSIGN: 2,
    REVERSE: 4,
}
"""Requests per row after the agreement, if nothing fails."""

LOST_ANSWER_REQUESTS: Final = 2
"""What a lost answer adds to a row: its draft or its effect is looked for."""

HOUR: Final = timedelta(hours=1)


async def batch_preparation(
    context: Context,
    rows: Sequence[PlannedRow],
    *,
    doing: str,
    program: str,
    unit: str | None,
    reason: str | None,
    warnings: Sequence[str] = (),
    repeats_rows: bool = True,
) -> Preparation:
    """The preview of a batch.

    Args:
        context: of the caller.
        rows: the planned rows.
        doing: the action, as the start of a sentence about members.
        program: the id of the program.
        unit: of the balance; None if no points move.
        reason: of all rows.
        warnings: found before the rows were planned.
        repeats_rows: whether the same rows may be carried out twice.

    Raises:
        Refused: no row can be carried out.
    """
    possible = [row for row in rows if row.refused is None]
    if not possible:
        raise Refused("\n".join(["None of the rows can be done.", *_refused_lines(rows)]))
    total = sum((row.movement.amount for row in possible if row.movement), Decimal(0))
    findings = [
        *warnings,
        *await _unfinished(context, f"{program} batch", repeats_rows=repeats_rows),
        *_repeated_members(possible),
        *_repeated_orders(possible),
        *await _earlier_orders(context, possible),
    ]
    lines = [
        _headline(doing, len(rows), len(possible), None if unit is None else (total, unit)),
        *([] if reason is None else [f"Reason given: {quoted(reason)}."]),
        *_row_lines(possible),
        *_tier_lines(possible),
        *_refused_lines(rows),
        _time_needed(context, possible),
        *_hourly_cap(context, possible),
    ]
    movement = next((row.movement for row in possible if row.movement is not None), None)
    after: dict[str, Any] = {"rows": len(possible), "cannot_be_done": _refused_data(rows)}
    if movement is not None:
        after["total"] = total
    return Preparation(
        Preview("\n".join(lines), {"rows": len(rows)}, after, tuple(findings)),
        facts={"rows": len(rows), "possible": len(possible), "total": total},
        subject=f"{program} batch",
        kept={BATCH_ROWS: stored_rows(rows)},
        total=None if movement is None else Movement(movement.kind, total, movement.member),
    )


async def limit_warnings(
    context: Context, rows: Sequence[PlannedRow], rules: BalanceRules
) -> list[str]:
    """Warnings about limits that apply to the rows, read once for all of them."""
    movements = [row.movement for row in rows if row.movement is not None and not row.refused]
    if not movements:
        return []
    least = min(movements, key=lambda movement: movement.amount)
    place = Place(rules.program, least.member, rules.definition.id)
    return await refuse_beyond_limits(context, place, least, rules.definition)


def _headline(doing: str, asked: int, possible: int, total: tuple[Decimal, str] | None) -> str:
    rows = f"{possible} row{'' if possible == 1 else 's'}"
    left_out = f"; {asked - possible} of {asked} cannot be done" if asked > possible else ""
    moved = "" if total is None else f", {amount_text(*total)} in all"
    return f"{doing}: {rows}{moved}{left_out}."


def _row_lines(rows: Sequence[PlannedRow]) -> list[str]:
    lines = [f"- Row {row.number}: {row.summary}" for row in rows[:SHOWN]]
    return lines + _beyond(len(rows))


def _tier_lines(rows: Sequence[PlannedRow]) -> list[str]:
    """How many members change tier, and to which."""
    moves = Counter(change for row in rows for change in tier_changes(row.before, row.after))
    if not moves:
        return []
    listed = "; ".join(f"{change}: {count}" for change, count in moves.most_common(SHOWN))
    return [f"Tiers that change: {listed}."]


def _refused_lines(rows: Sequence[PlannedRow]) -> list[str]:
    refused = [row for row in rows if row.refused is not None]
    if not refused:
        return []
    lines = [f"- Row {row.number}, {quoted(row.member)}: {row.refused}" for row in refused[:SHOWN]]
    return [f"Cannot be done ({len(refused)}):", *lines, *_beyond(len(refused))]


def _refused_data(rows: Sequence[PlannedRow]) -> list[dict[str, Any]]:
    return [
        {"row": row.number, "member": row.member, "reason": row.refused}
        for row in rows
        if row.refused is not None
    ]


def _beyond(count: int) -> list[str]:
    return [f"- and {count - SHOWN} more"] if count > SHOWN else []


def most_requests_of(tool: str, rows: int) -> int:
    """How many requests rows take after the agreement, if one answer of each is lost."""
    return rules_requests(rows) + rows * (ROW_REQUESTS[tool] + LOST_ANSWER_REQUESTS)


def requests_of(rows: Sequence[PlannedRow]) -> int:
    """The requests that rows take after the agreement, if nothing fails."""
    ruled = sum(row.tool != ENROL for row in rows)
    return rules_requests(max(ruled, 1)) + sum(ROW_REQUESTS[row.tool] for row in rows)


def _time_needed(context: Context, rows: Sequence[PlannedRow]) -> str:
    """The number of requests, how many are left in the hour, and when the batch would finish."""
    needed, budget, now = requests_of(rows), context.brevo.budget, context.now()
    takes = f"It takes about {needed:,} requests to Brevo"
    if budget is None:
        return f"{takes}."
    left = budget.limit if now >= budget.resets_at else budget.remaining
    if needed <= left:
        return f"{takes}; {left:,} are left this hour."
    hours = ceil((needed - left) / max(budget.limit, 1))
    done = budget.resets_at + (hours - 1) * HOUR
    return (
        f"{takes} and {left:,} are left this hour, so it will stop and has to be continued; it can "
        f"be finished soon after {clock_time(done, now)}."
    )


def _hourly_cap(context: Context, rows: Sequence[PlannedRow]) -> list[str]:
    most = context.policy.caps.changes_per_hour
    if most is None or len(rows) <= most:
        return []
    return [f"The operator's policy allows {most} changes an hour, so it stops after as many."]


def _repeated_members(rows: Sequence[PlannedRow]) -> list[str]:
    """A warning for each member who is in the list more than once."""
    places: dict[str, list[int]] = {}
    for row in rows:
        places.setdefault(row.subject, []).append(row.number)
    return _shortened(
        [
            f"Rows {_numbers(numbers)} are about the same member."
            for numbers in places.values()
            if len(numbers) > 1
        ]
    )


def _repeated_orders(rows: Sequence[PlannedRow]) -> list[str]:
    """A warning for each order that is in the list more than once."""
    places: dict[str, list[int]] = {}
    for row in rows:
        order = row.arguments.get("order_id")
        if order is not None:
            places.setdefault(str(order), []).append(row.number)
    return _shortened(
        [
            f"Order {quoted(order)} is in rows {_numbers(numbers)}."
            for order, numbers in places.items()
            if len(numbers) > 1
        ]
    )


async def _earlier_orders(context: Context, rows: Sequence[PlannedRow]) -> list[str]:
    """A warning for each row with an order that the journal already has for the same member."""
    orders = {
        order_reference(str(row.arguments["order_id"])): row
        for row in rows
        if "order_id" in row.arguments
    }
    if not orders:
        return []
    batches = context.journal.open().batches
    found = await batches.referring_to(context.account, list(orders), COUNTS_TOWARD_CAPS)
    earlier: dict[tuple[str, Any, Any], Intent] = {
        (str(intent.arguments.get("order_id")), intent.movement.kind, intent.movement.member): (
            intent
        )
        for intent in found
        if intent.movement is not None
    }
    return _shortened(
        [
            _earlier_order(row, earlier[key])
            for row in rows
            if row.movement is not None
            and (key := (str(row.arguments.get("order_id")), *_whose(row.movement))) in earlier
        ]
    )


def _whose(movement: Movement) -> tuple[str, int]:
    return movement.kind, movement.member


def _earlier_order(row: PlannedRow, earlier: Intent) -> str:
    may = "was" if earlier.state == "applied" else "may have been"
    kind = "" if row.movement is None else row.movement.kind
    return (
        f"Row {row.number}: order {quoted(str(row.arguments['order_id']))} {may} {kind}ed already "
        f"by intent {earlier.id[:8]} of {earlier.created_at:%Y-%m-%d}."
    )


async def _unfinished(context: Context, subject: str, *, repeats_rows: bool) -> list[str]:
    """A warning for each batch of this caller that is not finished."""
    batches = context.journal.open().batches
    findings = []
    for intent in await batches.unfinished(context.account, context.caller, subject):
        result = await read_batch_result(context, intent)
        again = "; this call would do its rows again" if repeats_rows else ""
        findings.append(
            f"An earlier {intent.tool} of {intent.created_at:%Y-%m-%d %H:%M} UTC is not finished: "
            f"{result.done} of {len(result.rows)} rows are done. To continue it, repeat its call "
            f'with confirmation "{intent.id}"{again}.'
        )
    return findings


def _numbers(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _shortened(warnings: list[str]) -> list[str]:
    if len(warnings) <= SHOWN:
        return warnings
    return [*warnings[:SHOWN], f"{len(warnings) - SHOWN} more like this."]
