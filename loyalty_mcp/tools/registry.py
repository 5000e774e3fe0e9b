"""The menu: which tools a server publishes, by role and settings."""

import functools
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations import (
    OPERATIONS,
    balance_definitions,
    limits,
    programs,
    rewards,
    tier_groups,
    tiers,
)
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import BadSetting
from loyalty_mcp.intents.principal import Principal, local
from loyalty_mcp.settings import Role, Settings
from loyalty_mcp.tools.operation_tool import tool_of
from loyalty_mcp.tools.task import Task
from loyalty_mcp.tools.tasks import TASKS
from loyalty_mcp.tools.tool import Tool

MEMBER: Final = (
    "get_member_overview",
    "list_transaction_history",
    "list_vouchers",
    "list_rewards",
    "list_tiers",
    "validate_voucher",
)
SUPPORT: Final = (
    *MEMBER,
    "find_member",
    "explain_balance",
    "credit_points",
    "debit_points",
    "reverse_transaction",
    "cancel_transaction",
    "enroll_member",
    "create_voucher",
    "redeem_for_member",
    "revoke_vouchers",
    "assign_tier",
    "get_server_status",
    "check_intent",
)
NOBODY: Final = ""
"""Whom role `member` serves until it is said who calls: no reference means it."""

OTHERS: Final = frozenset(
    ("members", "contact", "own_id", "transaction_id", "voucher_id", "voucher_ids", "code")
)
"""Arguments through which what belongs to others can be named."""

NOBODYS: Final = (
    *("plan_program", "apply_program", "export_program"),
    *("get_server_status", "check_intent"),
)
"""Tasks that reach no member."""

MANAGED: Final = (programs, balance_definitions, limits, tier_groups, tiers, rewards)
"""The groups of configuration; what moves a member's value is not a manager's work."""

MANAGER_TASKS: Final = (
    "plan_program",
    "apply_program",
    "export_program",
    "list_contact_balances",
    "find_member",
    "get_member_overview",
    "get_server_status",
    "check_intent",
)


def in_role(name: str, role: Role) -> bool:
    """Whether a tool belongs to a role."""
    if role == "full":
        return True
    if role == "member":
        return name in MEMBER
    if role == "support":
        return name in SUPPORT
    return _configures(name) or name in MANAGER_TASKS


def reaches_one(tool: Tool) -> bool:
    """Whether a tool reaches the pinned member alone, or no member at all."""
    if "member" in tool.parameters:
        return not OTHERS.intersection(tool.parameters)
    return tool.name in NOBODYS or _configures(tool.name)


def _creation(name: str) -> Operation[..., Any] | None:
    """The operation that creates what an `update_` operation replaces."""
    return OPERATIONS.get(name.replace("update_", "create_")) if "update_" in name else None


def _configures(name: str) -> bool:
    operation = OPERATIONS.get(name)
    return (
        operation is not None
        and operation.risk != "moves_value"
        and operation.describe.__module__ in {group.__name__ for group in MANAGED}
    )


def tool_of_task(task: Task, pinned: Mapping[str, str]) -> Tool:
    """The tool that a task is."""
    hints = typing.get_type_hints(task.run)
    return Tool(
        name=task.name,
        risk=task.risk,
        function=task.run,
        answer=hints["return"],
        run=task.run,
        prepare=task.prepare,
        reconcile=task.reconcile,
        text=task.text,
        requests=task.requests,
        skip=task.skip,
        pinned={name: value for name, value in pinned.items() if name in hints},
    )


def every_tool() -> Mapping[str, Tool]:
    """Every tool by name, nothing pinned."""
    return all_tools()


def all_tools(pinned: Mapping[str, str] | None = None) -> dict[str, Tool]:
    """Every tool by name, tasks first.

    A task takes the place of the operation of its name, where the bare request is not enough.
    """
    return dict(_tools(tuple(sorted((pinned or {}).items()))))


@functools.lru_cache(maxsize=8)
def _tools(pinned: tuple[tuple[str, str], ...]) -> Mapping[str, Tool]:
    """The tools of a process are made once: their schemas take longer than everything else."""
    fixed = dict(pinned)
    operations = {
        name: tool_of(operation, fixed, twin=_creation(name))
        for name, operation in OPERATIONS.items()
    }
    tasks = {name: tool_of_task(task, fixed) for name, task in TASKS.items()}
    return {name: tasks.get(name) or operations[name] for name in {**tasks, **operations}}


def menu(settings: Settings, principal: Principal | None = None) -> dict[str, Tool]:
    """The published tools by name, tasks first.

    Args:
        settings: the most that anybody gets.
        principal: who calls; None for whom the settings describe. Whom a principal is bound to is
            not in the menu: it is pinned, and its value is for the call to give.

    Raises:
        BadSetting: a tool is named that is not there, or not in the role.
    """
    caller = principal or local(settings)
    member = settings.member
    if member is None and (caller.member is not None or "member" in {caller.role, settings.role}):
        member = NOBODY
    pinned = {
        name: value
        for name, value in (("program", settings.program), ("member", member))
        if value is not None
    }
    everything = all_tools(pinned)
    _check_names("LOYALTY_MCP_TOOLS", settings.tools, everything)
    _check_names("LOYALTY_MCP_EXCLUDE_TOOLS", settings.exclude_tools, everything)
    for name in settings.tools:
        if not in_role(name, settings.role):
            raise BadSetting(f"LOYALTY_MCP_TOOLS names {name}, which role {settings.role} has not.")
    return {
        name: tool
        for name, tool in everything.items()
        if in_role(name, settings.role)
        and in_role(name, caller.role)
        and (caller.member is None or caller.role == "member" or reaches_one(tool))
        and (not settings.tools or name in settings.tools)
        and name not in settings.exclude_tools
        and not ((settings.read_only or caller.read_only) and tool.guarded)
    }


def _check_names(setting: str, names: tuple[str, ...], everything: Mapping[str, Tool]) -> None:
    for name in names:
        if name not in everything:
            near = get_close_matches(name, everything, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise BadSetting(f"{setting} names {quoted(name)}, which is no tool{hint}")
