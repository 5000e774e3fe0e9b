"""A call with a natural mistake for every tool."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.world import LIMIT, SPEC, STRATEGIES, World

Json = dict[str, Any]

NOBODY: Final = "nobody@example.com"
NO_ID: Final = "00000000-0000-4000-8000-000000000000"

MISTAKES: Final[Mapping[str, Callable[[World], Json]]] = {
    "find_member": lambda _: {"member": "Anna Keller"},
    "get_member_overview": lambda _: {"member": NOBODY},
    "explain_balance": lambda _: {"member": "101", "since": "2026-12-31", "until": "2026-01-01"},
    "enroll_member": lambda _: {"contact": NOBODY},
    "bulk_change": lambda _: {"action": "credit", "rows": [{"member": "101", "amount": 5}]},
    "credit_points": lambda _: {"member": "101", "amount": -5, "reason": "Bonus"},
    "debit_points": lambda _: {"member": "101", "amount": 99_999, "reason": "Correction"},
    "reverse_transaction": lambda world: {
        "member": "101",
        "transaction_id": world.draft,
        "reason": "Mistake",
    },
    "complete_transaction": lambda world: {"transaction_id": world.done, "member": "101"},
    "cancel_transaction": lambda world: {"transaction_id": world.done, "member": "101"},
    "redeem_for_member": lambda _: {"member": "103", "code": "NONE-1"},
    "redeem_voucher": lambda _: {"member": "105", "voucher_id": NO_ID},
    "complete_redemption": lambda _: {},
    "plan_program": lambda _: {"spec": {**SPEC, "balance": "Leaves"}},
    "apply_program": lambda _: {
        "spec": {"program": {"name": "Tea Club"}, "balances": [{"name": "Leaves", "unit": "TEA"}]}
    },
    "export_program": lambda _: {"program": "Tea Club"},
    "find_members": lambda _: {"tier": "Platinum"},
    "get_program_report": lambda _: {"if_thresholds": {"Platinum": 500}},
    "get_unpublished_changes": lambda _: {"program": "Tea Club"},
    "get_server_status": lambda _: {"verbose": True},
    "check_intent": lambda _: {"intent": "0" * 32},
    "list_programs": lambda _: {"limit": 0},
    "create_program": lambda _: {},
    "get_program": lambda _: {"program": "Clubb"},
    "update_program": lambda _: {"name": ""},
    "patch_program": lambda _: {},
    "delete_program": lambda _: {"program": "Tea Club"},
    "publish_program": lambda _: {"program": "Club"},
    "create_subscription": lambda _: {"contact": NOBODY},
    "delete_subscription": lambda _: {"member": NOBODY},
    "add_subscription_members": lambda _: {"member": "102", "members": ["102"]},
    "remove_subscription_members": lambda _: {"members": [NOBODY]},
    "get_account_info": lambda world: {"member": world.newcomer},
    "list_balance_definitions": lambda _: {"version": "live"},
    "create_balance_definition": lambda _: {"name": "Something new", "unit": "points per euro"},
    "get_balance_definition": lambda _: {"balance": "Bonus Points"},
    "update_balance_definition": lambda _: {"max_amount": "5 thousand"},
    "delete_balance_definition": lambda _: {"balance": "Bonus Points"},
    "create_balance_limit": lambda _: {**LIMIT, "duration_unit": "decade"},
    "get_balance_limit": lambda _: {"limit_id": NO_ID},
    "update_balance_limit": lambda _: {"limit_id": NO_ID, "value": 4},
    "delete_balance_limit": lambda _: {"limit_id": NO_ID},
    "list_contact_balances": lambda _: {"balance": "Bonus Points"},
    "get_subscription_balances": lambda _: {"member": "own:VIP-999"},
    "create_subscription_balance": lambda _: {"member": "101", "balance": "Bonus Points"},
    "list_active_balances": lambda _: {"member": "+49 1511 999999"},
    "create_transaction": lambda _: {"member": "101", "amount": 0},
    "create_balance_order": lambda _: {
        "member": "101",
        "amount": 20,
        "source": "shop",
        "due_at": "2036-01-01",
    },
    "list_transaction_history": lambda _: {"member": "101", "status": "done"},
    "create_tier_group": lambda _: {**STRATEGIES, "name": "Stars", "upgrade_strategy": "daily"},
    "list_tier_groups": lambda _: {"version": "live"},
    "get_tier_group": lambda _: {"tier_group": "Levels"},
    "update_tier_group": lambda _: {"tier_group": "Status", "upgrade_strategy": "daily"},
    "delete_tier_group": lambda _: {"tier_group": "Levels"},
    "create_tier": lambda _: {"name": "Platinum", "access_conditions": [{"minimum_value": 900}]},
    "list_tiers": lambda _: {"tier_group": "Levels"},
    "update_tier": lambda _: {"tier": "Platinum", "name": "Diamond"},
    "delete_tier": lambda _: {"tier": "Platinum"},
    "assign_tier": lambda _: {"member": "101", "tier": "Platinum"},
    "get_code_count": lambda _: {"code_pool_id": NO_ID},
    "list_rewards": lambda _: {"limit": 1_000},
    "create_reward": lambda _: {},
    "get_reward": lambda _: {"reward": "free-tea"},
    "create_voucher": lambda _: {"member": "101", "reward": "free-tea"},
    "list_vouchers": lambda _: {"member": NOBODY},
    "validate_voucher": lambda _: {"code": "NONE-1", "member": "103"},
    "revoke_vouchers": lambda _: {"voucher_ids": [NO_ID]},
}
"""Arguments that an assistant in a hurry would give; the answer is an error."""
