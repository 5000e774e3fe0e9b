"""The doctor: finds problems of this set-up and says how to fix them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from loyalty_mcp.brevo.budget import clock_time
from loyalty_mcp.brevo.operations.programs import list_programs
from loyalty_mcp.brevo.operations.subscriptions import get_account_info
from loyalty_mcp.errors import JournalUnavailable, LoyaltyError, NotAuthorized, NotFound, Refused
from loyalty_mcp.intents.principal import local
from loyalty_mcp.intents.roles import definition_of
from loyalty_mcp.settings import Confirm
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.registry import menu

LARGEST_SKEW: Final = timedelta(minutes=2)
LOW_BUDGET: Final = 60
"""Below this number of remaining requests in the hour, the budget is low."""

NAME_A_MEMBER: Final = "Set LOYALTY_MCP_MEMBER to a contact id, email, phone or own id of a member."
AGREEMENT: Final[dict[Confirm, str]] = {
    "ask": "in a dialog where the client shows one, else the assistant confirms",
    "dialog": "in a dialog, or not at all",
    "token": "the assistant confirms; that a person agreed is only its word",
    "operator": "an operator approves, out of the assistant's reach",
    "off": "nobody is asked; only the policy's caps hold",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Args:
        check: what was checked.
        good: whether it works.
        found: the result in words.
        fix: how to fix it; empty if nothing is wrong.
    """

    check: str
    good: bool
    found: str
    fix: str = ""


Check = Callable[[Context], Awaitable[Finding]]


async def examine(context: Context) -> list[Finding]:
    """Run the checks. They change nothing, except that they create a missing journal.

    With the sandbox, checks that need Brevo are skipped.
    """
    brevo = await check_brevo(context)
    read_at_brevo: tuple[Check, ...] = (check_program, check_member) if brevo.good else ()
    local_checks: tuple[Check, ...] = (
        check_budget,
        check_clock,
        check_journal,
        check_permissions,
        check_intents,
        check_policy,
        check_menu,
        check_agreement,
    )
    rest = [await check(context) for check in (*read_at_brevo, *local_checks)]
    return [await check_key(context), brevo, *rest]


async def check_key(context: Context) -> Finding:
    """Whether there is an API key; without one the sandbox works."""
    settings = context.settings
    if not settings.sandbox:
        what = "set" if settings.client_id is None else "client credentials set"
        return Finding("key", good=True, found=f"{what}, for {settings.base_url}")
    kept = settings.sandbox_file
    where = "in memory" if kept is None else f"in {kept}"
    fix = "Set BREVO_API_KEY to work on a real account."
    return Finding("key", good=True, found=f"none; the embedded sandbox serves, {where}", fix=fix)


async def check_brevo(context: Context) -> Finding:
    """Whether Brevo answers, and accepts the key."""
    try:
        found = await context.brevo.send(list_programs(limit=100))
    except NotAuthorized as error:
        fix = "Do what it says, then run doctor again."
        return Finding("Brevo", good=False, found=f"refuses: {error}", fix=fix)
    except LoyaltyError as error:
        fix = f"Check the network, a proxy, and LOYALTY_MCP_BASE_URL ({context.settings.base_url})."
        return Finding("Brevo", good=False, found=str(error), fix=fix)
    many = f"answers; {len(found.items)} program{'' if len(found.items) == 1 else 's'}"
    fix = "" if found.items else "Create a program, for instance with apply_program."
    return Finding("Brevo", good=True, found=many, fix=fix)


async def check_program(context: Context) -> Finding:
    """Whether the pinned program exists."""
    said = context.settings.program
    if said is None:
        return Finding("program", good=True, found="none pinned")
    try:
        await context.references.program(said)
    except LoyaltyError as error:
        fix = "Set LOYALTY_MCP_PROGRAM to the name or id of a program, or leave it out."
        return Finding("program", good=False, found=str(error), fix=fix)
    return Finding("program", good=True, found=f"pinned: {said}")


async def check_member(context: Context) -> Finding:
    """Whether the pinned member exists, and whether one is pinned where the role needs one."""
    settings = context.settings
    said, needed = settings.member, definition_of(settings.role).needs_member
    if said is None and needed and settings.oauth_issuer is None:
        fix = (
            "Set LOYALTY_MCP_MEMBER to whom it serves; over HTTP, a token or an OAuth claim can "
            "name the member instead."
        )
        found = f"role {settings.role} serves one member, and none is named"
        return Finding("member", good=False, found=found, fix=fix)
    if said is None:
        found = "named by each caller's token" if needed else "none pinned"
        return Finding("member", good=True, found=found)
    try:
        program = await context.references.program(None, said)
        contact = await context.references.member(program, said)
    except LoyaltyError as error:
        return Finding("member", good=False, found=str(error), fix=NAME_A_MEMBER)
    try:
        await context.brevo.send(get_account_info(program, contact))
    except (NotFound, Refused):
        found = f"{said} is no member of the program"
        return Finding("member", good=False, found=found, fix=NAME_A_MEMBER)
    except LoyaltyError as error:
        return Finding("member", good=False, found=str(error), fix=NAME_A_MEMBER)
    return Finding("member", good=True, found=f"pinned: {said}")


async def check_budget(context: Context) -> Finding:
    """Whether enough requests are left in the hour."""
    budget = context.brevo.budget
    if budget is None:
        return Finding("rate budget", good=True, found="not told by the API")
    found = f"{budget.remaining} of {budget.limit} requests left this hour"
    low = budget.remaining < min(LOW_BUDGET, budget.limit)
    until = clock_time(budget.resets_at, context.now())
    fix = f"Wait until {until}, or ask Brevo for a higher plan." if low else ""
    return Finding("rate budget", good=not low, found=found, fix=fix)


async def check_clock(context: Context) -> Finding:
    """Whether this machine and the API agree on the time."""
    skew = context.brevo.clock_skew
    if skew is None:
        return Finding("clock", good=True, found="not compared; the API told no time")
    found = f"{abs(skew.total_seconds()):.0f} s from the API's"
    wrong = abs(skew) > LARGEST_SKEW
    fix = "Set this machine's clock; expiries and daily caps depend on it." if wrong else ""
    return Finding("clock", good=not wrong, found=found, fix=fix)


async def check_journal(context: Context) -> Finding:
    """Whether the journal can be written."""
    try:
        await context.journal.open().prune(context.now())
    except (JournalUnavailable, LoyaltyError) as error:
        fix = (
            "Correct LOYALTY_MCP_DATABASE_URL, or the disk or permissions of its folder; until "
            "then nothing can be changed."
        )
        return Finding("journal", good=False, found=str(error), fix=fix)
    return Finding("journal", good=True, found="can be written")


async def check_permissions(context: Context) -> Finding:
    """Whether only the owner can read the journal's folder and files."""
    from loyalty_mcp.intents.journal.private_files import (  # noqa: PLC0415 - only needed here
        database_file,
        open_to_others,
    )
    from loyalty_mcp.server.bootstrap import journal_address  # noqa: PLC0415 - same reason

    file = database_file(journal_address(context.settings))
    if file is None:
        return Finding("permissions", good=True, found="the journal is not a file")
    exposed = open_to_others(file)
    if not exposed:
        return Finding("permissions", good=True, found="only you can read the journal")
    found = "; ".join(f"{path} has mode {mode:o}" for path, mode in exposed)
    commands = [f"chmod {'700' if path.is_dir() else '600'} {path}" for path, _ in exposed]
    return Finding("permissions", good=False, found=found, fix=f"Run: {'; '.join(commands)}")


async def check_intents(context: Context) -> Finding:
    """Whether the outcome of every change is known."""
    try:
        counts = await context.journal.open().counts(context.now())
    except LoyaltyError:
        return Finding("intents", good=False, found="cannot be read", fix="See journal.")
    unknown = counts.get("unknown", 0)
    fix = "Run loyalty-mcp intents reconcile." if unknown else ""
    return Finding("intents", good=not unknown, found=f"{unknown} of unknown outcome", fix=fix)


async def check_policy(context: Context) -> Finding:
    """Whether there is a policy; an invalid one has already prevented the start."""
    file = context.settings.policy
    if file is not None:
        return Finding("policy", good=True, found=f"read from {file}")
    fix = "A LOYALTY_MCP_POLICY file can cap amounts and require an operator."
    return Finding("policy", good=True, found="none", fix=fix)


async def check_menu(context: Context) -> Finding:
    """Whether any tool is published."""
    settings = context.settings
    tools = menu(settings, local(settings))
    changing = sum(tool.guarded for tool in tools.values())
    found = f"role {settings.role}: {len(tools)} tools, {changing} of them guarded"
    fix = "" if tools else "LOYALTY_MCP_TOOLS, LOYALTY_MCP_EXCLUDE_TOOLS leave no tool."
    return Finding("menu", good=bool(tools), found=found, fix=fix)


async def check_agreement(context: Context) -> Finding:
    """Report who has to agree to a change."""
    mode = context.settings.confirm
    fix = "Choose ask or operator where people's points are at stake." if mode == "off" else ""
    return Finding("agreement", good=True, found=f"{mode}: {AGREEMENT[mode]}", fix=fix)
