"""Sentences about completed changes, one per operation."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.tools.render import moment_text, plain_amount_text

GOES_LIVE: Final = "publish_program makes it live."

SENTENCES: Final[Mapping[str, str]] = {
    "create_program": (
        "Created program {name}. Add balances, tiers and rewards; publish_program then makes it "
        "live."
    ),
    "delete_program": "Deleted program {program} for good.",
    "create_subscription": "Enrolled contact {contact} in program {program}.",
    "delete_subscription": "Ended the membership of member {member} in program {program}.",
    "add_subscription_members": (
        "Attached {members} to the membership of member {member}: they share balances, tier and "
        "vouchers now."
    ),
    "remove_subscription_members": "Detached {members} from the membership they shared.",
    "create_balance_definition": (
        f"Created balance {{name}} in the draft of program {{program}}. {GOES_LIVE}"
    ),
    "delete_balance_definition": (
        "Deleted balance {balance} from the draft of program {program}. Members keep it until "
        "publish_program."
    ),
    "delete_balance_limit": (
        "Deleted the limit from the draft: {limit_id}. It is in force until publish_program."
    ),
    "create_subscription_balance": "Opened balance {balance} for member {member}, empty.",
    "create_transaction": "Created a transaction of {amount} in {balance} for member {member}.",
    "create_balance_order": (
        "Created an order of {amount} in {balance} for member {member}, due {due_at}."
    ),
    "create_tier_group": (
        f"Created tier group {{name}} in the draft of program {{program}}. {GOES_LIVE}"
    ),
    "delete_tier_group": (
        "Deleted tier group {tier_group} from the draft of program {program}. Members keep its "
        "tiers until publish_program."
    ),
    "create_tier": f"Added tier {{name}} to tier group {{tier_group}} in the draft. {GOES_LIVE}",
    "delete_tier": (
        "Deleted tier {tier} from the draft of program {program}. Its members keep it until "
        "publish_program."
    ),
    "assign_tier": "Member {member} is on tier {tier} now, by hand; before: {held_tier}.",
    "create_reward": (
        "Created reward {name} in the draft of program {program}, with its texts only. Value, "
        f"codes and rules are set in Brevo's app; {GOES_LIVE}"
    ),
    "create_voucher": "Issued a voucher of {reward} to member {member}.",
    "revoke_vouchers": "Revoked {voucher_ids}.",
}
"""By operation. In braces: arguments in words, and `held_tier`, the tier before the change."""


def subscription_result(reply: Any, _now: datetime) -> str:
    """The own id of an enrolled contact."""
    own = reply.loyalty_subscription_id
    return f"Own id: {quoted(own)}." if own else ""


def transaction_result(reply: Any, now: datetime) -> str:
    """The outcome of a transaction: completed, or a draft."""
    if reply.status == "completed":
        total = reply.balance
        balance = "" if total is None else f" New balance: {plain_amount_text(total)}."
        return f"It is completed.{balance} Transaction {reply.id}."
    if reply.status in {"cancelled", "expired", "rejected"}:
        why = f": {quoted(reply.reject_reason)}" if reply.reject_reason else ""
        return f"It is {reply.status}{why}. Transaction {reply.id}."
    until = (
        "" if reply.expiration_date is None else f" by {moment_text(reply.expiration_date, now)}"
    )
    return (
        f"Nothing has moved yet: it is a draft. complete_transaction with id {reply.id}{until} "
        "moves the points; cancel_transaction drops it."
    )


def order_result(reply: Any, _now: datetime) -> str:
    """The transaction of an order."""
    return f"Its transaction {reply.transaction_id} can be completed or cancelled before."


def voucher_result(reply: Any, now: datetime) -> str:
    """The code of a new voucher, and how long it is valid."""
    code = f"Code: {quoted(reply.code)}. " if reply.code else ""
    ends = reply.expiration_date
    until = "It never expires." if ends is None else f"Valid until {moment_text(ends, now)}."
    return f"{code}{until}"


RESULT_TEXTS: Final[Mapping[str, Callable[[Any, datetime], str]]] = {
    "create_subscription": subscription_result,
    "create_transaction": transaction_result,
    "create_balance_order": order_result,
    "create_voucher": voucher_result,
}
"""The text after the sentence, from the reply of the API."""
