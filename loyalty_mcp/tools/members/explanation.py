"""What an explanation of a balance holds."""

from typing import Literal

from loyalty_mcp.brevo.types import Items, Moment, Number, Reply

LineKind = Literal["credit", "debit", "reversal", "expired"]


class ExplanationLine(Reply):
    """One change of the balance.

    For an expiry, `transaction_id` is the credit that expired and `credited_at` its moment.
    """

    at: Moment
    kind: LineKind
    amount: Number
    reason: str | None = None
    order_id: str | None = None
    transaction_id: str | None = None
    balance_after: Number
    credited_at: Moment | None = None
    reverses: str | None = None
    reversed_by: str | None = None
    by: str | None = None


class BalanceExplanation(Reply):
    """Why a member has what they have: `opening` + `lines` + `unexplained` = `closing`.

    `read_back_to` is there when the history is longer than what was read: the moment of the
    oldest transaction that was read.
    """

    member: int
    own_id: str | None = None
    balance: str
    unit: str
    since: Moment | None = None
    until: Moment | None = None
    opening: Number
    closing: Number
    unexplained: Number
    lines: Items[ExplanationLine] = ()
    read_back_to: Moment | None = None
