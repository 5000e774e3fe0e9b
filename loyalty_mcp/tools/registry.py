"""The menu: all tools, and the selection for a caller."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from loyalty_mcp.brevo.operation import DeclarationError, Operation
from loyalty_mcp.brevo.operations import (
    balance_definitions,
    balances,
    limits,
    programs,
    rewards,
    subscriptions,
    tier_groups,
    tiers,
    transactions,
    vouchers,
)
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Version
from loyalty_mcp.errors import BadSetting
from loyalty_mcp.intents.principal import Principal, local
from loyalty_mcp.intents.roles import CONFIGURATION_GROUPS, Role, definition_of, offers
from loyalty_mcp.settings import Settings
from loyalty_mcp.tools.answers.answer_texts import ANSWER_TEXTS
from loyalty_mcp.tools.answers.list_rewards import list_rewards
from loyalty_mcp.tools.answers.validate_voucher import validate_voucher
from loyalty_mcp.tools.bulk.bulk_change import bulk_change
from loyalty_mcp.tools.bulk.reverse_transaction import reverse_transaction
from loyalty_mcp.tools.members.enrolment import enroll_member
from loyalty_mcp.tools.members.explain_balance import explain_balance
from loyalty_mcp.tools.members.find_member import find_member
from loyalty_mcp.tools.members.get_member_overview import get_member_overview
from loyalty_mcp.tools.operation_tool import tool_of
from loyalty_mcp.tools.points.cancel_transaction import cancel_transaction
from loyalty_mcp.tools.points.complete_transaction import complete_transaction
from loyalty_mcp.tools.points.credit_and_debit import credit_points, debit_points
from loyalty_mcp.tools.programs.apply_program import apply_program
from loyalty_mcp.tools.programs.create_balance_limit import create_balance_limit
from loyalty_mcp.tools.programs.export_program import export_program
from loyalty_mcp.tools.programs.get_unpublished_changes import get_unpublished_changes
from loyalty_mcp.tools.programs.partial_update import partial_update
from loyalty_mcp.tools.programs.plan_program import plan_program
from loyalty_mcp.tools.programs.publish_program import publish_program
from loyalty_mcp.tools.reports.check_intent import check_intent
from loyalty_mcp.tools.reports.find_members import find_members
from loyalty_mcp.tools.reports.get_program_report import get_program_report
from loyalty_mcp.tools.reports.server_status import get_server_status
from loyalty_mcp.tools.rewards.complete_redemption import complete_redemption
from loyalty_mcp.tools.rewards.redeem_for_member import redeem_for_member
from loyalty_mcp.tools.rewards.redeem_voucher import redeem_voucher
from loyalty_mcp.tools.tool import Tool


def tools_by_name(*declared: Tool | Operation[..., Any]) -> Mapping[str, Tool]:
    """Tools by name, in order; an operation becomes the tool that sends it.

    Raises:
        DeclarationError: two tools have the same name.
    """
    found: dict[str, Tool] = {}
    for entry in declared:
        if entry.name in found:
            raise DeclarationError(f"{entry.name} is listed twice")
        if isinstance(entry, Tool):
            found[entry.name] = entry
        else:
            found[entry.name] = replace(tool_of(entry), read_text=ANSWER_TEXTS.get(entry.name))
    return MappingProxyType(found)


TOOLS: Final = tools_by_name(
    # Tasks. A task with the name of an operation replaces it.
    find_member,
    get_member_overview,
    explain_balance,
    enroll_member,
    credit_points,
    debit_points,
    bulk_change,
    complete_transaction,
    cancel_transaction,
    reverse_transaction,
    redeem_for_member,
    redeem_voucher,
    complete_redemption,
    plan_program,
    apply_program,
    export_program,
    get_unpublished_changes,
    publish_program,
    find_members,
    get_program_report,
    create_balance_limit,
    check_intent,
    get_server_status,
    # Programs
    programs.list_programs,
    programs.get_program,
    programs.create_program,
    partial_update(
        programs.update_program,
        "Change the texts of a program, at once; what is left out stays.",
    ),
    partial_update(
        programs.patch_program,
        "Change the texts of a program, at once, as update_program.",
    ),
    programs.delete_program,
    # Members
    subscriptions.get_account_info,
    subscriptions.create_subscription,
    subscriptions.delete_subscription,
    subscriptions.add_subscription_members,
    subscriptions.remove_subscription_members,
    # Balances of a program
    balance_definitions.list_balance_definitions,
    balance_definitions.create_balance_definition,
    balance_definitions.get_balance_definition,
    partial_update(
        balance_definitions.update_balance_definition,
        "Change a draft balance; what is left out stays.",
    ),
    balance_definitions.delete_balance_definition,
    limits.get_balance_limit,
    partial_update(limits.update_balance_limit, "Change a draft limit; what is left out stays."),
    limits.delete_balance_limit,
    # Members' balances
    balances.list_contact_balances,
    balances.get_subscription_balances,
    balances.create_subscription_balance,
    balances.list_active_balances,
    transactions.create_transaction,
    transactions.create_balance_order,
    transactions.list_transaction_history,
    # Tiers
    tier_groups.create_tier_group,
    tier_groups.list_tier_groups,
    tier_groups.get_tier_group,
    partial_update(
        tier_groups.update_tier_group,
        "Change a draft tier group; what is left out stays.",
    ),
    tier_groups.delete_tier_group,
    tiers.create_tier,
    tiers.list_tiers,
    partial_update(tiers.update_tier, "Change a draft tier; what is left out stays."),
    tiers.delete_tier,
    tiers.assign_tier,
    # Rewards and vouchers
    rewards.get_code_count,
    list_rewards,
    rewards.create_reward,
    rewards.get_reward,
    vouchers.create_voucher,
    vouchers.list_vouchers,
    validate_voucher,
    vouchers.revoke_vouchers,
)
"""Every published tool, in the order of the menu."""

LIVE: Final[Version] = "active"
"""The version of a program that members see, the only one for role `member`."""

NOBODY: Final = ""
"""The member of role `member` until the caller is known; no reference matches it."""

OTHERS: Final = frozenset(
    ("members", "contact", "own_id", "transaction_id", "voucher_id", "voucher_ids", "code")
)
"""Arguments that can refer to objects of other members."""

REACH_NO_MEMBER: Final = (
    *("plan_program", "apply_program", "export_program", "publish_program"),
    *("get_unpublished_changes", "create_balance_limit"),
    *("get_server_status", "check_intent"),
)
"""Tasks that access no member."""


def in_role(name: str, role: Role) -> bool:
    """Whether a role includes the tool with this name."""
    tool = TOOLS[name]
    return offers(role, name, tool.group, moves_value=tool.risk == "moves_value")


def reaches_one(tool: Tool) -> bool:
    """Whether a tool accesses only the pinned member, or no member.

    Deleting a program or a balance would affect every member.
    """
    if "member" in tool.parameters:
        return not OTHERS.intersection(tool.parameters)
    configures = tool.group in CONFIGURATION_GROUPS and tool.risk in {"read", "write"}
    return configures or tool.name in REACH_NO_MEMBER


@functools.lru_cache(maxsize=8)
def _with_pinned(pinned: tuple[tuple[str, str], ...]) -> Mapping[str, Tool]:
    """Every tool with the pins; cached, because argument models take long to build."""
    return {name: tool.with_pinned(dict(pinned)) for name, tool in TOOLS.items()}


def menu(settings: Settings, principal: Principal | None = None) -> dict[str, Tool]:
    """The published tools by name, tasks first.

    Args:
        settings: the upper limit for all callers.
        principal: the caller; None for the caller that the settings describe. The member of a
            principal is pinned in the menu, but its value comes with the call.

    Raises:
        BadSetting: the settings name a tool that does not exist, or that the role does not include.
    """
    caller = principal or local(settings)
    member = settings.member
    roles = {caller.role, settings.role}
    needs_member = any(definition_of(role).needs_member for role in roles)
    if member is None and (caller.member is not None or needs_member):
        member = NOBODY
    live_only = any(definition_of(role).sees_as_member for role in roles)
    version = LIVE if live_only else None
    pinned = {
        name: value
        for name, value in (
            ("program", settings.program),
            ("member", member),
            ("version", version),
        )
        if value is not None
    }
    _check_names("LOYALTY_MCP_TOOLS", settings.tools)
    _check_names("LOYALTY_MCP_EXCLUDE_TOOLS", settings.exclude_tools)
    for name in settings.tools:
        if not in_role(name, settings.role):
            raise BadSetting(f"LOYALTY_MCP_TOOLS names {name}, which role {settings.role} has not.")
    bound = caller.member is not None and not definition_of(caller.role).needs_member
    return {
        name: tool
        for name, tool in _with_pinned(tuple(pinned.items())).items()
        if all(in_role(name, role) for role in roles)
        and (not bound or reaches_one(tool))
        and (not settings.tools or name in settings.tools)
        and name not in settings.exclude_tools
        and not ((settings.read_only or caller.read_only) and tool.guarded)
    }


def _check_names(setting: str, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in TOOLS:
            near = get_close_matches(name, TOOLS, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise BadSetting(f"{setting} names {quoted(name)}, which is no tool{hint}")
