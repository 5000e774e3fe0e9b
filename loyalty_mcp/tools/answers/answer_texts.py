"""The table of reads and the functions that put their answers into words."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from loyalty_mcp.tools.answers.account_texts import account_text
from loyalty_mcp.tools.answers.balance_texts import (
    active_balances_text,
    contact_balances_text,
    subscription_balances_text,
    transaction_history_text,
)
from loyalty_mcp.tools.answers.program_texts import (
    balance_definition_text,
    balance_definitions_text,
    balance_limit_text,
    program_text,
    programs_text,
)
from loyalty_mcp.tools.answers.reward_texts import code_count_text, reward_text
from loyalty_mcp.tools.answers.tier_texts import tier_group_text, tier_groups_text, tiers_text
from loyalty_mcp.tools.answers.voucher_texts import vouchers_text

AnswerText = Callable[..., Awaitable[str]]
"""Returns the text, from the context, the arguments with ids, and the reply."""

ANSWER_TEXTS: Final[Mapping[str, AnswerText]] = {
    "list_programs": programs_text,
    "get_program": program_text,
    "get_account_info": account_text,
    "list_balance_definitions": balance_definitions_text,
    "get_balance_definition": balance_definition_text,
    "get_balance_limit": balance_limit_text,
    "list_contact_balances": contact_balances_text,
    "get_subscription_balances": subscription_balances_text,
    "list_active_balances": active_balances_text,
    "list_transaction_history": transaction_history_text,
    "list_tier_groups": tier_groups_text,
    "get_tier_group": tier_group_text,
    "list_tiers": tiers_text,
    "get_code_count": code_count_text,
    "get_reward": reward_text,
    "list_vouchers": vouchers_text,
}
