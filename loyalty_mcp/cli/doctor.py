"""The doctor: what is wrong with this set-up, and how to mend it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from loyalty_mcp.brevo.budget import clock_time
from loyalty_mcp.brevo.operations.programs import list_programs
from loyalty_mcp.errors import JournalUnavailable, LoyaltyError, NotAuthorized
from loyalty_mcp.intents.principal import local
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.registry import menu

SKEW: Final = timedelta(minutes=2)
LOW: Final = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Args:
        check: what was looked at.
        good: whether it is as it should be.
        found: what is there.
        mend: what to do about it; empty where nothing is to be done.
    """

    check: str
    good: bool
    found: str
    mend: str = ""


async def examine(context: Context) -> list[Finding]:
    """Look at everything; nothing is changed but for an empty journal being made."""
    checks: tuple[Callable[[Context], Awaitable[Finding]], ...] = (
        _key,
        _upstream,
        _budget,
        _clock,
        _journal,
        _unsettled,
        _policy,
        _menu,
        _confirm,
    )
    return [await check(context) for check in checks]


async def _key(context: Context) -> Finding:
    if context.settings.sandbox:
        mend = "Set BREVO_API_KEY to work on a real account."
        return Finding("key", good=True, found="none; the embedded sandbox serves", mend=mend)
    return Finding("key", good=True, found=f"set, for {context.settings.base_url}")


async def _upstream(context: Context) -> Finding:
    try:
        found = await context.brevo.send(list_programs(limit=100))
    except NotAuthorized as error:
        mend = "Do what it says, then run doctor again."
        return Finding("upstream", good=False, found=str(error), mend=mend)
    except LoyaltyError as error:
        mend = "Check LOYALTY_MCP_BASE_URL and the network."
        return Finding("upstream", good=False, found=str(error), mend=mend)
    many = f"answers; {len(found.items)} program{'' if len(found.items) == 1 else 's'}"
    mend = "" if found.items else "Make a program, for instance with apply_program."
    return Finding("upstream", good=True, found=many, mend=mend)


async def _budget(context: Context) -> Finding:
    budget = context.brevo.budget
    if budget is None:
        return Finding("rate budget", good=True, found="not told by the API")
    found = f"{budget.remaining} of {budget.limit} requests left this hour"
    mend = f"Wait until {clock_time(budget.resets_at, context.now())}, or raise the plan."
    low = budget.remaining < min(LOW, budget.limit)
    return Finding("rate budget", good=not low, found=found, mend=mend if low else "")


async def _clock(context: Context) -> Finding:
    skew = context.brevo.clock_skew
    if skew is None:
        return Finding("clock", good=True, found="not compared; the API told no time")
    found = f"{abs(skew.total_seconds()):.0f} s from the API's"
    wrong = abs(skew) > SKEW
    mend = "Set this machine's clock; expiries and caps by the day depend on it." if wrong else ""
    return Finding("clock", good=not wrong, found=found, mend=mend)


async def _journal(context: Context) -> Finding:
    try:
        await context.journal.open().prune(context.now())
    except (JournalUnavailable, LoyaltyError) as error:
        mend = "Mend LOYALTY_MCP_DATABASE_URL, its disk or its rights; until then nothing changes."
        return Finding("journal", good=False, found=str(error), mend=mend)
    return Finding("journal", good=True, found="can be written")


async def _unsettled(context: Context) -> Finding:
    try:
        counts = await context.journal.open().counts(context.now())
    except LoyaltyError:
        return Finding("intents", good=False, found="cannot be read", mend="Mend the journal.")
    unknown = counts.get("unknown", 0)
    mend = "Run loyalty-mcp intents reconcile." if unknown else ""
    return Finding("intents", good=not unknown, found=f"{unknown} of unknown outcome", mend=mend)


async def _policy(context: Context) -> Finding:
    file = context.settings.policy
    if file is not None:
        return Finding("policy", good=True, found=f"read from {file}")
    mend = "A LOYALTY_MCP_POLICY file can bound amounts and ask an operator."
    return Finding("policy", good=True, found="none", mend=mend)


async def _menu(context: Context) -> Finding:
    tools = menu(context.settings, local(context.settings))
    changing = sum(tool.guarded for tool in tools.values())
    found = f"role {context.settings.role}: {len(tools)} tools, {changing} of them guarded"
    return Finding("menu", good=bool(tools), found=found, mend="" if tools else "Name some tools.")


async def _confirm(context: Context) -> Finding:
    advice = {
        "ask": "a dialog where the client shows one, else a confirmation by the assistant",
        "dialog": "a dialog or nothing",
        "token": "a confirmation by the assistant; only the assistant's word for it",
        "operator": "an operator, out of the assistant's reach",
        "off": "nobody; only the policy's caps hold",
    }
    mode = context.settings.confirm
    mend = "Use ask or operator where people's points are at stake." if mode == "off" else ""
    return Finding("agreement", good=True, found=f"{mode}: {advice[mode]}", mend=mend)
