"""Terms of Brevo's set-up guide and of other loyalty APIs, and what they are called here.

Brevo's guide and its reference use different names for the same things. Someone who follows the
guide is told the name that the tool accepts, not only that theirs is unknown.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from loyalty_mcp.tools.argument_forms import letters

MEANT: Final[Mapping[str, tuple[str, ...]]] = {
    "maxbalance": ("max_amount", "maximum"),
    "minbalance": ("min_amount", "minimum"),
    "maxamount": ("max_amount", "maximum"),
    "minamount": ("min_amount", "minimum"),
    "maxcreditperoperation": ("max_credit_amount_limit", "credit_maximum"),
    "maxdebitperoperation": ("max_debit_amount_limit", "debit_maximum"),
    "maxcreditamountlimit": ("max_credit_amount_limit", "credit_maximum"),
    "maxdebitamountlimit": ("max_debit_amount_limit", "debit_maximum"),
    "balancedefinitionid": ("balance",),
    "balanceid": ("balance",),
    "balancename": ("balance",),
    "expiration": ("expiry", "expires_after", "expiration_date", "expires_in_minutes"),
    "expiresat": ("expiration_date", "expires_on", "expires_in_minutes"),
    "expirydate": ("expiration_date", "expires_on"),
    "balanceexpirationdate": ("balance_expiration_date", "expires_on"),
    "threshold": ("minimum", "minimum_value", "access_conditions"),
    "minimumvalue": ("minimum_value", "minimum"),
    "accessconditions": ("access_conditions", "minimum"),
    "upgradeevaluationtrigger": ("upgrade_strategy", "upgrade"),
    "downgradeevaluationtrigger": ("downgrade_strategy", "downgrade"),
    "upgradestrategy": ("upgrade_strategy", "upgrade"),
    "downgradestrategy": ("downgrade_strategy", "downgrade"),
    "isinternal": ("internal",),
    "programid": ("program",),
    "pid": ("program",),
    "loyaltyprogramid": ("program",),
    "programname": ("program", "name"),
    "contactid": ("member", "contact"),
    "memberid": ("member", "contact"),
    "customer": ("member", "contact"),
    "customerid": ("member", "contact"),
    "email": ("member", "contact"),
    "phone": ("member", "contact"),
    "contact": ("member",),
    "member": ("contact",),
    "ownid": ("member",),
    "loyaltysubscriptionid": ("own_id", "member"),
    "subscriptionid": ("own_id", "member"),
    "points": ("amount",),
    "value": ("amount",),
    "type": ("transaction_type", "kind"),
    "duration": ("value", "duration_value"),
    "date": ("day",),
    **dict.fromkeys(("from", "start", "startdate", "fromdate", "after"), ("since", "valid_from")),
    **dict.fromkeys(("to", "end", "enddate", "todate", "before"), ("until",)),
    "expiry": ("expires_on", "expiration_date", "balance_availability_duration_value"),
    "minimum": ("minimum_value", "min_amount"),
    "maximum": ("max_amount",),
    "voucher": ("code", "voucher_ids"),
    "balancedefinitions": ("balances",),
    "offers": ("rewards",),
    "note": ("reason",),
    "comment": ("reason",),
    "orderid": ("order_id",),
    "order": ("order_id", "sort"),
    "vouchercode": ("code",),
    "attributedrewardid": ("voucher_id",),
    "attributedrewardids": ("voucher_ids",),
    "voucherid": ("voucher_id", "voucher_ids"),
    "rewardid": ("reward",),
    "rewardname": ("reward",),
    "tierid": ("tier",),
    "tiername": ("tier",),
    "groupid": ("tier_group",),
    "tiergroupid": ("tier_group",),
    "tid": ("transaction_id", "redemption_id"),
    "intentid": ("intent",),
    "balanceexpiryinminutes": ("balance_expiry_in_minutes", "expires_in_minutes"),
    "confirm": ("confirmation",),
    "confirmed": ("confirmation",),
    "confirmationtoken": ("confirmation",),
    "page": ("offset",),
    "pagesize": ("limit",),
    "perpage": ("limit",),
    "orderby": ("sort_field",),
    "sortby": ("sort_field",),
    "sortorder": ("sort",),
}
"""Possible meanings of a name, compared by letters; the first known one is used."""


def known_name(unknown: str, known: Iterable[str]) -> str | None:
    """The known name that an unknown one means; None if there is none.

    Args:
        unknown: as given.
        known: the valid names.
    """
    by_key = {letters(name): name for name in known}
    key = letters(unknown)
    if key in by_key:
        return by_key[key]
    for name in MEANT.get(key, ()):
        if letters(name) in by_key:
            return by_key[letters(name)]
    near = get_close_matches(key, by_key, n=1, cutoff=0.75)
    return by_key[near[0]] if near else None
