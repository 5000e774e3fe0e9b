"""Every operation of the API, one module per group: this list is the table of contents."""

from typing import Any

from loyalty_mcp.operation import Operation
from loyalty_mcp.operations import (
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

OPERATIONS: dict[str, Operation[..., Any]] = {
    operation.name: operation
    for operation in (
        programs.list_programs,
        programs.create_program,
        programs.get_program,
        programs.update_program,
        programs.patch_program,
        programs.delete_program,
        programs.publish_program,
        subscriptions.create_subscription,
        subscriptions.delete_subscription,
        subscriptions.add_subscription_members,
        subscriptions.remove_subscription_members,
        subscriptions.get_account_info,
        balance_definitions.list_balance_definitions,
        balance_definitions.create_balance_definition,
        balance_definitions.get_balance_definition,
        balance_definitions.update_balance_definition,
        balance_definitions.delete_balance_definition,
        limits.create_balance_limit,
        limits.get_balance_limit,
        limits.update_balance_limit,
        limits.delete_balance_limit,
        balances.list_contact_balances,
        balances.get_subscription_balances,
        balances.create_subscription_balance,
        balances.list_active_balances,
        transactions.create_transaction,
        transactions.complete_transaction,
        transactions.cancel_transaction,
        transactions.create_balance_order,
        transactions.list_transaction_history,
        tier_groups.create_tier_group,
        tier_groups.list_tier_groups,
        tier_groups.get_tier_group,
        tier_groups.update_tier_group,
        tier_groups.delete_tier_group,
        tiers.create_tier,
        tiers.list_tiers,
        tiers.update_tier,
        tiers.delete_tier,
        tiers.assign_tier,
        rewards.get_code_count,
        rewards.list_rewards,
        rewards.create_reward,
        rewards.get_reward,
        vouchers.create_voucher,
        vouchers.list_vouchers,
        vouchers.validate_voucher,
        vouchers.redeem_voucher,
        vouchers.complete_redemption,
        vouchers.revoke_vouchers,
    )
}
"""The tools that are one endpoint each, by name, in the order of the API's own reference."""

CONTACTS: dict[str, Operation[..., Any]] = {
    operation.name: operation
    for operation in (contacts.get_contact, contacts.list_contacts, contacts.create_contact)
}
"""What references and tasks need of the Contacts API; no tools."""
