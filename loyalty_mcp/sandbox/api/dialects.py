"""Terms of the setup guide and of the reference, so that errors can name the right one."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple


class Equivalent(NamedTuple):
    """The equivalent here of a term of the other dialect.

    Attributes:
        field: The field that has to exist here for the advice to apply.
        advice: What to send instead.
    """

    field: str
    advice: str


def _renamed(field: str) -> Equivalent:
    return Equivalent(field, f"use {field}")


_SAME: Final = (
    ("maxBalance", "maxAmount"),
    ("minBalance", "minAmount"),
    ("maxCreditPerOperation", "maxCreditAmountLimit"),
    ("maxDebitPerOperation", "maxDebitAmountLimit"),
    ("upgradeEvaluationTrigger", "upgradeStrategy"),
    ("downgradeEvaluationTrigger", "downgradeStrategy"),
    ("expiryBalanceMinutes", "balanceExpiryInMinutes"),
    ("offerId", "rewardId"),
    ("voucherId", "attributedRewardId"),
)
"""Pairs of terms that mean the same: the guide's, and the reference's."""

_ROUNDING: Final = (
    "balanceOptionCreditRounding and balanceOptionDebitRounding: lower, upper or natural"
)
_LIFE: Final = Equivalent(
    "expiryPolicy",
    'give expiryPolicy {"type": "rolling" or "inactivity", "duration", "unit"},'
    ' {"type": "fixed", "date": "dd/mm"} or {"type": "never"}',
)
_TIERS: Final = Equivalent(
    "tierOrder", "tiers are added one by one: POST .../tier-groups/{id}/tiers with accessConditions"
)
_LIMIT: Final = Equivalent(
    "balanceOptionCreditRounding",
    "a limit is an object of its own: POST .../balance-definitions/{id}/limits with"
    ' constraintType "transaction"',
)
_CONDITION: Final = Equivalent(
    "accessConditions", "give accessConditions [{balanceDefinitionId, minimumValue}]"
)

EQUIVALENTS: Final[Mapping[str, tuple[Equivalent, ...]]] = {
    **{guide: (_renamed(reference),) for guide, reference in _SAME},
    **{reference: (_renamed(guide),) for guide, reference in _SAME},
    "expiryPolicy": (
        Equivalent(
            "balanceAvailabilityDurationValue",
            "give balanceAvailabilityDurationValue with balanceAvailabilityDurationUnit, or"
            " balanceExpirationDate (dd/mm); leave them out for never",
        ),
    ),
    "roundingPolicy": (
        Equivalent("balanceOptionCreditRounding", f"give {_ROUNDING}; leave them out for none"),
    ),
    "creditFrequencyLimit": (_LIMIT,),
    "debitFrequencyLimit": (_LIMIT,),
    "tiers": (_TIERS,),
    "threshold": (_renamed("minimumValue"), _CONDITION),
    "balanceDefinitionId": (_CONDITION, _TIERS),
    "balanceAvailabilityDurationValue": (_LIFE,),
    "balanceAvailabilityDurationUnit": (_LIFE,),
    "balanceAvailabilityDurationModifier": (_LIFE,),
    "balanceExpirationDate": (_LIFE,),
    "balanceOptionCreditRounding": (_renamed("roundingPolicy"),),
    "balanceOptionDebitRounding": (_renamed("roundingPolicy"),),
    "balanceOptionAmountOvertakingStrategy": (
        Equivalent("maxBalance", "a credit that would pass maxBalance is refused"),
    ),
    "accessConditions": (_renamed("threshold"),),
    "minimumValue": (_renamed("threshold"), _CONDITION),
    "tierOrder": (Equivalent("tiers", "the order of tiers is that of their thresholds"),),
}
"""By unknown field: its equivalents; the first whose field exists here applies."""

_VALUES: Final = {
    "pending": "draft",
    "complete": "completed",
    "canceled": "cancelled",
    "roundhalfup": "natural",
    "floor": "lower",
    "ceiling": "upper",
    "natural": "round_half_up",
    "lower": "floor",
    "upper": "ceiling",
    "point": "POINTS",
    "€": "EUR",
    "inactivitybased": "inactivity",
}
"""Values of the other dialect, without case and punctuation, and their equivalents here."""


def advice_for_field(unknown: str, known: Iterable[str]) -> str | None:
    """Return what to send instead of an unknown field, or `None`.

    Args:
        unknown: The field that was sent.
        known: The fields that are known in this place.
    """
    fields = frozenset(known)
    for equivalent in EQUIVALENTS.get(unknown, ()):
        if equivalent.field in fields:
            return equivalent.advice
    same = _matching(unknown, fields)
    return None if same is None else f"use {same}"


def right_value(sent: object, allowed: Iterable[str]) -> str | None:
    """Return the allowed value for a value in another case or dialect."""
    if not isinstance(sent, str):
        return None
    values = frozenset(allowed)
    same = _matching(sent, values)
    translated = _VALUES.get(_plain(sent))
    return same or (translated if translated in values else None)


def _matching(word: str, known: Iterable[str]) -> str | None:
    return next((each for each in sorted(known) if _plain(each) == _plain(word)), None)


def _plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum() or letter == "€")
