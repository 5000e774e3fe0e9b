"""Terms of Brevo's set-up guide that do not correspond to a single name here.

The guide has one object where the reference has several fields, or a separate operation.
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from loyalty_mcp.tools.argument_forms import letters


class Advice(NamedTuple):
    """What to use instead of a term of the guide.

    Attributes:
        where: an argument that exists only if the advice applies.
        text: completes the sentence "Argument … is unknown; …".
    """

    where: str
    text: str


_INTERNAL: Final = 'give meta {"isInternal": true}'

_ONLY_IN_THE_APP: Final = (
    "the API sets only the texts of a reward; its value, price, codes and rules are set in Brevo's "
    "app"
)


def _frequency(transaction_type: str) -> tuple[Advice, Advice]:
    """The advice about a limit on the number of credits or debits."""
    return (
        Advice(
            "balance_option_credit_rounding",
            f"create_balance_limit sets it, with transaction_type {transaction_type} and "
            "constraint_type transaction",
        ),
        Advice(
            "limits",
            f'give limits [{{"transaction_type": "{transaction_type}", "constraint_type": '
            '"transaction", "value": 3, "per": {"value": 1, "unit": "day"}}]',
        ),
    )


GUIDE_WORDS: Final[Mapping[str, tuple[Advice, ...]]] = {
    "expirypolicy": (
        Advice(
            "balance_availability_duration_value",
            "give balance_availability_duration_value and balance_availability_duration_unit for "
            "points that last so long from their credit, balance_expiration_date (dd/mm) for a day "
            "of each year, or none of them for never. Expiry counted from activity (rolling, "
            "inactivity) is described to apply_program, as expiry of a balance",
        ),
        Advice(
            "expiry",
            'give expiry {"kind": "rolling", "value": 12, "unit": "month"}, or of kind inactivity '
            'or after, {"kind": "fixed", "day": "31/12"} or {"kind": "never"}',
        ),
    ),
    "roundingpolicy": (
        Advice(
            "balance_option_credit_rounding",
            "give balance_option_credit_rounding and balance_option_debit_rounding: lower for "
            "floor, upper for ceiling, natural for round_half_up, and neither of them for none",
        ),
        Advice(
            "credit_rounding",
            "give credit_rounding and debit_rounding: down for floor, up for ceiling, nearest for "
            "round_half_up, and neither of them for none",
        ),
    ),
    "creditfrequencylimit": _frequency("credit"),
    "debitfrequencylimit": _frequency("debit"),
    "isinternal": (
        Advice("balance_option_credit_rounding", _INTERNAL),
        Advice("upgrade_strategy", _INTERNAL),
    ),
    "balancedefinitionid": (
        Advice("upgrade_strategy", "create_tier names the balance, in access_conditions"),
        Advice("upgrade", "each tier names its balance in minimum"),
    ),
    "tiers": (
        Advice("upgrade_strategy", "create_tier adds each tier, with its threshold as a condition"),
    ),
    **dict.fromkeys(
        ("value", "unit", "price", "cost", "points", "pointscost", "costinpoints", "discount"),
        (Advice("public_name", _ONLY_IN_THE_APP),),
    ),
    "name": (Advice("tier_groups", 'the name belongs into program: {"name": "VIP Club"}'),),
}
"""The advice for a term of the guide, compared by letters; the first that applies is used."""


def advice_for(unknown: str, known: Collection[str]) -> str | None:
    """What to use instead of a term of the guide; None if a name is enough.

    Args:
        unknown: as given.
        known: the valid names.
    """
    found = GUIDE_WORDS.get(letters(unknown), ())
    return next((advice.text for advice in found if advice.where in known), None)
