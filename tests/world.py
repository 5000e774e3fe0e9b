"""The seeded world with something of everything in it, and good arguments for every tool."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.conftest import SandboxControl

Json = dict[str, Any]

OFFER: Final = "/v3/loyalty/offer/programs"
CONFIG: Final = "/v3/loyalty/config/programs"
BALANCE: Final = "/v3/loyalty/balance/programs"


@dataclass(frozen=True)
class World:
    """Ids of what has no name.

    Args:
        draft: an open transaction of member 101.
        done: a completed one.
        limit: a frequency cap.
        voucher: a usable voucher of member 105.
        redemption: an open redemption of member 103.
        pool: the code pool of a reward.
        newcomer: a contact who is no member.
        shared: a contact who shares the membership of 101.
        intent: an intent that waits; made by whoever calls.
    """

    draft: str
    done: str
    limit: str
    voucher: str
    redemption: str
    pool: str
    newcomer: str
    shared: str
    intent: str = "0" * 32


async def fill(control: "SandboxControl") -> World:
    """Add to a seeded sandbox one of each thing that tools are about."""
    program = await control.program()
    definitions = await control.get(f"{BALANCE}/{program}/balance-definitions")
    balance = definitions["items"][0]["id"]
    movement = {"contactId": 101, "balanceDefinitionId": balance, "amount": -5}
    transactions = f"{BALANCE}/{program}/transactions"
    draft = await control.post(transactions, movement)
    done = await control.post(transactions, {**movement, "autoComplete": True})
    limit = await control.post(
        f"{BALANCE}/{program}/balance-definitions/{balance}/limits",
        {
            "constraintType": "amount",
            "transactionType": "credit",
            "value": 900,
            "durationValue": 1,
            "durationUnit": "day",
        },
    )
    await control.post(f"/v3/loyalty/tier/programs/{program}/tier-groups", {"name": "Empty Group"})
    contact = {"email": "newcomer@example.com"}
    newcomer = (await control.post("/v3/contacts", contact))["id"]
    shared = (await control.post("/v3/contacts", {"email": "shared@example.com"}))["id"]
    await control.post(
        f"{CONFIG}/{program}/subscription-members", {"contactId": 101, "memberContactIds": [shared]}
    )
    rewards = await control.get(f"{OFFER}/{program}/offers?limit=100")
    ten = next(item["id"] for item in rewards["items"] if item["name"] == "ten-euro-voucher")
    redemption = await control.post(
        f"{OFFER}/{program}/rewards/redeem",
        {"attributedRewardId": await _usable(control, program, 103), "ttl": 900},
    )
    return World(
        draft=draft["id"],
        done=done["id"],
        limit=limit["id"],
        voucher=await _usable(control, program, 105),
        redemption=redemption["id"],
        pool=(await control.get(f"{OFFER}/{program}/rewards/{ten}"))["codePoolId"],
        newcomer=str(newcomer),
        shared=str(shared),
    )


async def _usable(control: "SandboxControl", program: str, member: int) -> str:
    found = await control.get(f"{OFFER}/{program}/vouchers?contactId={member}")
    return str(next(v["id"] for v in found["contactRewards"] if not v.get("consumedAt")))


NAMED: Final[Json] = {"name": "Something new"}
LIMIT: Final[Json] = {
    "constraint_type": "transaction",
    "transaction_type": "debit",
    "duration_value": 1,
    "duration_unit": "week",
    "value": 3,
}
CONDITIONS: Final = [{"balance": "Purchase Points", "minimum_value": 800}]
STRATEGIES: Final[Json] = {
    "upgrade_strategy": "real_time",
    "downgrade_strategy": "tier_anniversary",
}
SPEC: Final[Json] = {
    "program": {"name": "Tea Club"},
    "balances": [{"name": "Leaves", "unit": "POINTS"}],
    "rewards": [{"name": "free-tea"}],
    "tier_groups": [
        {
            "name": "Taste",
            "tiers": [{"name": "Green", "minimum": {"Leaves": 0}, "rewards": ["free-tea"]}],
        }
    ],
}

GOOD: Final[Mapping[str, Callable[[World], Json]]] = {
    "find_member": lambda _: {"member": "anna.keller@example.com"},
    "get_member_overview": lambda _: {"member": "101", "include": ["movements"]},
    "explain_balance": lambda _: {"member": "101", "since": "2026-01-01"},
    "enroll_member": lambda world: {"contact": world.newcomer},
    "credit_points": lambda _: {"member": "101", "amount": 5, "reason": "Bonus"},
    "debit_points": lambda _: {"member": "101", "amount": 5, "reason": "Correction"},
    "bulk_change": lambda _: {
        "action": "credit",
        "rows": [{"member": "101", "amount": 5}, {"member": "102", "amount": 7}],
        "reason": "Bonus",
    },
    "reverse_transaction": lambda world: {
        "member": "101",
        "transaction_id": world.done,
        "reason": "Mistake",
    },
    "complete_transaction": lambda world: {"transaction_id": world.draft, "member": "101"},
    "cancel_transaction": lambda world: {"transaction_id": world.draft, "member": "101"},
    "redeem_for_member": lambda world: {"member": "105", "voucher_id": world.voucher},
    "redeem_voucher": lambda world: {"member": "105", "voucher_id": world.voucher},
    "complete_redemption": lambda world: {"redemption_id": world.redemption},
    "plan_program": lambda _: {"spec": SPEC},
    "apply_program": lambda _: {"spec": SPEC, "publish": True},
    "export_program": lambda _: {"program": "VIP Club"},
    "find_members": lambda _: {"minimum": 300},
    "get_program_report": lambda _: {},
    "get_unpublished_changes": lambda _: {"program": "VIP Club"},
    "get_server_status": lambda _: {},
    "check_intent": lambda world: {"intent": world.intent},
    "list_programs": lambda _: {"limit": 10, "sort_field": "name", "sort": "asc"},
    "create_program": lambda _: NAMED,
    "get_program": lambda _: {},
    "update_program": lambda _: {**NAMED, "description": "New."},
    "patch_program": lambda _: {"description": "New."},
    "delete_program": lambda _: {"program": "VIP Club"},
    "publish_program": lambda _: {"program": "VIP Club"},
    "create_subscription": lambda world: {"contact": world.newcomer, "own_id": "NEW-1"},
    "delete_subscription": lambda _: {"member": "108"},
    "add_subscription_members": lambda world: {"member": "102", "members": [world.newcomer]},
    "remove_subscription_members": lambda world: {"members": [world.shared]},
    "get_account_info": lambda _: {"member": "+491511000101"},
    "list_balance_definitions": lambda _: {"version": "active"},
    "create_balance_definition": lambda _: {**NAMED, "unit": "EUR"},
    "get_balance_definition": lambda _: {"balance": "purchase points"},
    "update_balance_definition": lambda _: {"max_amount": 5_000},
    "delete_balance_definition": lambda _: {"balance": "Purchase Points"},
    "create_balance_limit": lambda _: LIMIT,
    "get_balance_limit": lambda world: {"limit_id": world.limit},
    "update_balance_limit": lambda world: {**LIMIT, "limit_id": world.limit},
    "delete_balance_limit": lambda world: {"limit_id": world.limit},
    "list_contact_balances": lambda _: {"sort_field": "value", "sort": "desc"},
    "get_subscription_balances": lambda _: {"member": "own:VIP-101"},
    "create_subscription_balance": lambda _: {"member": "101", "balance": "Tea Points"},
    "list_active_balances": lambda _: {"member": "102"},
    "create_transaction": lambda _: {"member": "101", "amount": -3, "ttl": 900},
    "create_balance_order": lambda _: {
        "member": "101",
        "amount": 20,
        "source": "user",
        "due_at": "2036-01-01T00:00:00Z",
    },
    "list_transaction_history": lambda _: {"member": "101", "status": "completed"},
    "create_tier_group": lambda _: {**NAMED, **STRATEGIES},
    "list_tier_groups": lambda _: {},
    "get_tier_group": lambda _: {"tier_group": "status"},
    "update_tier_group": lambda _: {
        **STRATEGIES,
        "tier_group": "Status",
        "name": "Level",
        "tier_order": ["Bronze", "Silver", "Gold"],
    },
    "delete_tier_group": lambda _: {"tier_group": "Empty Group"},
    "create_tier": lambda _: {
        **NAMED,
        "tier_group": "Status",
        "access_conditions": CONDITIONS,
        "tier_rewards": ["gold-gift"],
    },
    "list_tiers": lambda _: {"version": "active"},
    "update_tier": lambda _: {"tier": "gold", "name": "Gold", "access_conditions": CONDITIONS},
    "delete_tier": lambda _: {"tier": "Gold"},
    "assign_tier": lambda _: {"member": "101", "tier": "Gold"},
    "get_code_count": lambda world: {"code_pool_id": world.pool},
    "list_rewards": lambda _: {"limit": 2},
    "create_reward": lambda _: {"name": "new-reward", "public_name": "New"},
    "get_reward": lambda _: {"reward": "free-coffee"},
    "create_voucher": lambda _: {"member": "101", "reward": "ten-euro-voucher"},
    "list_vouchers": lambda _: {"member": "103"},
    "validate_voucher": lambda world: {"voucher_id": world.voucher, "member": "105"},
    "revoke_vouchers": lambda world: {"voucher_ids": [world.voucher]},
}
"""Arguments with which each tool does what it is for."""
