"""The request of a bulk change: its action and its rows, checked before anything is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from loyalty_mcp.brevo.types import LONGEST_REFERENCE, PERSON_WORDS, Amount, Expected, Input
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.bulk.row_preparation import ASSIGN, ENROL
from loyalty_mcp.tools.points.credit_and_debit import OrderId, Reason

MOST_ROWS: Final = 500

Action = Literal["credit", "debit", "enroll", "assign_tier"]
PLAIN_TEXT: Final = WithJsonSchema({"type": "string"})

GOVERNING_TOOLS: Final[Mapping[Action, tuple[str, ...]]] = {
    "credit": ("credit_points",),
    "debit": ("debit_points",),
    "enroll": ("enroll_member", ENROL),
    "assign_tier": (ASSIGN,),
}
"""The tools that do the same for one member: if the policy denies one, it denies the batch."""

TAKES: Final[Mapping[Action, frozenset[str]]] = {
    "credit": frozenset({"amount", "order_id", "reason"}),
    "debit": frozenset({"amount", "order_id", "reason"}),
    "enroll": frozenset(),
    "assign_tier": frozenset({"tier"}),
}
"""The fields of a row in addition to the member."""

NEEDS: Final[Mapping[Action, frozenset[str]]] = {
    "credit": frozenset({"amount", "reason"}),
    "debit": frozenset({"amount", "reason"}),
    "enroll": frozenset(),
    "assign_tier": frozenset({"tier"}),
}


class BulkRow(Input):
    """One member, and what is done for them."""

    member: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REFERENCE),
        PLAIN_TEXT,
        Expected(PERSON_WORDS),
    ]
    amount: Annotated[Amount, WithJsonSchema({"type": "number"})] | None = None
    tier: (
        Annotated[
            str,
            StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REFERENCE),
            PLAIN_TEXT,
            Expected("the name or id of a tier"),
        ]
        | None
    ) = None
    order_id: Annotated[OrderId, PLAIN_TEXT] | None = None
    reason: Annotated[Reason, PLAIN_TEXT] | None = None


BulkRows = Annotated[
    tuple[BulkRow, ...],
    Field(min_length=1, max_length=MOST_ROWS, description="Members by email/+phone/id"),
]


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """A bulk change with its program and balance resolved.

    Args:
        program: its id.
        action: carried out for each row.
        rows: in the order in which they are carried out.
        balance: the id of its definition; None if no points move.
        reason: for rows without one.
    """

    program: str
    action: Action
    rows: Sequence[BulkRow]
    balance: str | None = None
    reason: str | None = None


def governing_tools(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """The tools that govern a batch with these arguments; none where it has no action."""
    action = arguments.get("action")
    return next((tools for name, tools in GOVERNING_TOOLS.items() if name == action), ())


def check_request(request: BulkRequest) -> None:
    """Refuse rows that lack a required field, or have one that the action does not accept.

    Raises:
        InvalidArgument: names the row and the error.
    """
    action = request.action
    for number, row in enumerate(request.rows, 1):
        given = {name for name in ("amount", "tier", "order_id", "reason") if getattr(row, name)}
        unwanted = sorted(given - TAKES[action] - {"reason"})
        if unwanted:
            raise InvalidArgument(
                f"Row {number}: {action} takes no {unwanted[0]}; leave it out.", argument="rows"
            )
        if request.reason is not None:
            given.add("reason")
        missing = sorted(NEEDS[action] - given)
        if missing == ["reason"]:
            raise InvalidArgument(
                f"Row {number}: reason is missing; give it for the row, or once for all rows.",
                argument="reason",
            )
        if missing:
            raise InvalidArgument(
                f"Row {number}: {missing[0]} is missing; {action} needs it.", argument="rows"
            )
