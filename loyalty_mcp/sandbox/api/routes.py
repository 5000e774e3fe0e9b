"""All routes of the engine."""

from functools import partial
from typing import Final

from loyalty_mcp.sandbox.api import (
    account,
    balance_definitions,
    balances,
    contacts,
    control,
    guide_definitions,
    guide_tier_groups,
    limits,
    members,
    programs,
    redemptions,
    reward_settings,
    rewards,
    subscriptions,
    tier_groups,
    tiers,
    transactions,
    vouchers,
)
from loyalty_mcp.sandbox.api.endpoint import Endpoint

_CONFIG: Final = "/v3/loyalty/config/programs"
_PROGRAM: Final = f"{_CONFIG}/{{pid}}"
_GUIDE_DEFINITIONS: Final = f"{_PROGRAM}/balance-definitions"
_BALANCE: Final = "/v3/loyalty/balance/programs/{pid}"
_DEFINITION: Final = f"{_BALANCE}/balance-definitions/{{bdid}}"
_CONTACTS: Final = "/v3/contacts"
_LIMIT: Final = f"{_DEFINITION}/limits/{{blid}}"
_TRANSACTION: Final = f"{_BALANCE}/transactions/{{tid}}"
_TIERS: Final = "/v3/loyalty/tier/programs/{pid}"
_GROUP: Final = f"{_TIERS}/tier-groups/{{gid}}"
_TIER: Final = f"{_TIERS}/tiers/{{tid}}"
_OFFER: Final = "/v3/loyalty/offer/programs/{pid}"
_REDEEM: Final = f"{_OFFER}/rewards/redeem"

# Endpoints about what members have.
_member_endpoint: Final = partial(Endpoint, about_members=True)

ENDPOINTS: Final = (
    Endpoint("GET", _CONFIG, programs.list_programs),
    Endpoint("POST", _CONFIG, programs.create_program),
    Endpoint("GET", _PROGRAM, programs.get_program),
    Endpoint("PUT", _PROGRAM, programs.update_program),
    Endpoint("PATCH", _PROGRAM, programs.patch_program),
    Endpoint("DELETE", _PROGRAM, programs.delete_program),
    Endpoint("POST", f"{_PROGRAM}/publish", programs.publish_program),
    Endpoint("GET", _GUIDE_DEFINITIONS, guide_definitions.list_guide_definitions),
    Endpoint("POST", _GUIDE_DEFINITIONS, guide_definitions.create_guide_definition),
    Endpoint("PUT", f"{_GUIDE_DEFINITIONS}/{{bdid}}", guide_definitions.update_guide_definition),
    Endpoint("GET", f"{_PROGRAM}/tier-groups", guide_tier_groups.list_guide_tier_groups),
    Endpoint("POST", f"{_PROGRAM}/tier-groups", guide_tier_groups.create_guide_tier_group),
    _member_endpoint("POST", f"{_PROGRAM}/subscriptions", subscriptions.create_subscription),
    _member_endpoint("DELETE", f"{_PROGRAM}/contact/{{cid}}", subscriptions.delete_subscription),
    _member_endpoint("GET", f"{_PROGRAM}/account-info", subscriptions.get_account_info),
    _member_endpoint("POST", f"{_PROGRAM}/subscription-members", members.add_subscription_members),
    _member_endpoint(
        "DELETE", f"{_PROGRAM}/subscription-members", members.remove_subscription_members
    ),
    Endpoint(
        "GET", f"{_BALANCE}/balance-definitions", balance_definitions.list_balance_definitions
    ),
    Endpoint(
        "POST", f"{_BALANCE}/balance-definitions", balance_definitions.create_balance_definition
    ),
    Endpoint("GET", _DEFINITION, balance_definitions.get_balance_definition),
    Endpoint("PUT", _DEFINITION, balance_definitions.update_balance_definition),
    Endpoint("DELETE", _DEFINITION, balance_definitions.delete_balance_definition),
    Endpoint("POST", f"{_DEFINITION}/limits", limits.create_balance_limit),
    Endpoint("GET", _LIMIT, limits.get_balance_limit),
    Endpoint("PUT", _LIMIT, limits.update_balance_limit),
    Endpoint("DELETE", _LIMIT, limits.delete_balance_limit),
    _member_endpoint("GET", f"{_BALANCE}/contact-balances", balances.list_contact_balances),
    _member_endpoint(
        "GET", f"{_BALANCE}/subscriptions/{{cid}}/balances", balances.get_subscription_balances
    ),
    _member_endpoint(
        "POST", f"{_BALANCE}/subscriptions/{{cid}}/balances", balances.create_subscription_balance
    ),
    _member_endpoint("GET", f"{_BALANCE}/active-balance", balances.list_active_balances),
    _member_endpoint("POST", f"{_BALANCE}/transactions", transactions.create_transaction),
    _member_endpoint("POST", f"{_TRANSACTION}/complete", transactions.complete_transaction),
    _member_endpoint("POST", f"{_TRANSACTION}/cancel", transactions.cancel_transaction),
    _member_endpoint("POST", f"{_BALANCE}/create-order", transactions.create_balance_order),
    _member_endpoint(
        "GET", f"{_BALANCE}/transaction-history", transactions.list_transaction_history
    ),
    Endpoint("POST", f"{_TIERS}/tier-groups", tier_groups.create_tier_group),
    Endpoint("GET", f"{_TIERS}/tier-groups", tier_groups.list_tier_groups),
    Endpoint("GET", _GROUP, tier_groups.get_tier_group),
    Endpoint("PUT", _GROUP, tier_groups.update_tier_group),
    Endpoint("DELETE", _GROUP, tier_groups.delete_tier_group),
    Endpoint("POST", f"{_GROUP}/tiers", tiers.create_tier),
    Endpoint("GET", f"{_TIERS}/tiers", tiers.list_tiers),
    Endpoint("PUT", _TIER, tiers.update_tier),
    Endpoint("DELETE", _TIER, tiers.delete_tier),
    _member_endpoint("POST", f"{_TIERS}/contacts/{{cid}}/tiers/{{tid}}", tiers.assign_tier),
    Endpoint("GET", f"{_OFFER}/code-pools/{{cpid}}/codes-count", rewards.get_code_count),
    Endpoint("GET", f"{_OFFER}/offers", rewards.list_rewards),
    Endpoint("POST", f"{_OFFER}/offers", rewards.create_reward),
    Endpoint("GET", f"{_OFFER}/rewards/{{rid}}", rewards.get_reward),
    _member_endpoint("POST", f"{_OFFER}/rewards/attribute", vouchers.create_voucher),
    _member_endpoint("GET", f"{_OFFER}/vouchers", vouchers.list_vouchers),
    _member_endpoint("POST", f"{_OFFER}/rewards/validate", redemptions.validate_voucher),
    _member_endpoint("POST", _REDEEM, redemptions.redeem_voucher),
    _member_endpoint("POST", f"{_REDEEM}/{{tid}}/complete", redemptions.complete_redemption),
    _member_endpoint("DELETE", f"{_OFFER}/rewards/revoke", vouchers.revoke_vouchers),
    Endpoint("GET", "/v3/account", account.get_account),
    Endpoint("GET", _CONTACTS, contacts.list_contacts, invalid_status=400),
    Endpoint("POST", _CONTACTS, contacts.create_contact, status=201, invalid_status=400),
    Endpoint("GET", f"{_CONTACTS}/{{identifier}}", contacts.get_contact, invalid_status=400),
    Endpoint("DELETE", f"{_CONTACTS}/{{identifier}}", contacts.delete_contact, invalid_status=400),
    Endpoint("POST", "/sandbox/reset", control.reset),
    Endpoint("GET", "/sandbox/clock", control.get_clock),
    Endpoint("POST", "/sandbox/clock", control.set_clock),
    Endpoint("GET", "/sandbox/faults", control.get_faults),
    Endpoint("POST", "/sandbox/faults", control.set_faults),
    Endpoint("GET", "/sandbox/switches", control.get_switches),
    Endpoint("POST", "/sandbox/switches", control.set_switches),
    Endpoint("GET", "/sandbox/events", control.get_events),
    Endpoint("GET", "/sandbox/webhooks", control.get_webhooks),
    Endpoint("POST", "/sandbox/webhooks", control.set_webhooks),
    Endpoint("GET", "/sandbox/openapi.json", control.get_openapi),
    Endpoint("PATCH", "/sandbox/rewards/{rid}", reward_settings.patch_reward),
    Endpoint("GET", "/sandbox/state-hash", control.get_state_hash),
)
