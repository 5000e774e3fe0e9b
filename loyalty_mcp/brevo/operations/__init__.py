"""Every operation of the API: these groups are the table of contents.

An operation is published by being declared in its group's module, in the order of that module.
"""

from types import ModuleType
from typing import Any

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations import (
    balance_definitions,
    balances,
    contacts,
    limits,
    programs,
    rewards,
    subscriptions,
    tier_groups,
    tiers,
    transactions,
    vouchers,
)


def declared(*groups: ModuleType) -> dict[str, Operation[..., Any]]:
    """The operations declared in some modules, by name; imported ones are not theirs."""
    return {
        found.name: found
        for group in groups
        for found in vars(group).values()
        if isinstance(found, Operation) and found.describe.__module__ == group.__name__
    }


OPERATIONS = declared(
    programs,
    subscriptions,
    balance_definitions,
    limits,
    balances,
    transactions,
    tier_groups,
    tiers,
    rewards,
    vouchers,
)
"""The tools that are one endpoint each, by name, group by group."""

CONTACTS = declared(contacts)
"""What references and tasks need of the Contacts API; no tools."""
