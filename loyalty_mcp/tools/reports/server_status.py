"""Reports how the server is configured, and whether Brevo and the journal work."""

from datetime import datetime
from typing import Any, Final, Literal

from loyalty_mcp.brevo.operations.programs import list_programs
from loyalty_mcp.brevo.types import Moment, Reply
from loyalty_mcp.errors import JournalUnavailable, LoyaltyError, NotAuthorized, RateLimited
from loyalty_mcp.intents.lifecycle import OPEN
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.render import facts_text, moment_text
from loyalty_mcp.tools.task import reads


class BudgetView(Reply):
    """What is left of the hour's request budget."""

    limit: int
    remaining: int
    resets_at: Moment
    reserve: int = 0
    used_by_caller: int | None = None
    allowed_to_caller: int | None = None


class ServerStatus(Reply):
    """The settings of this server, whether it works, and Brevo's time."""

    now: Moment
    mode: Literal["sandbox", "live"]
    role: str
    read_only: bool
    confirm: str
    upstream: Literal["answers", "refuses", "does not answer"]
    upstream_error: str | None = None
    budget: BudgetView | None = None
    journal: Literal["works", "does not work"]
    open_intents: int | None = None
    unknown_intents: int | None = None
    policy: dict[str, Any] | None = None


MODES: Final = {
    "sandbox": "This is the sandbox: nothing here is real.",
    "live": "This is the live account.",
}


NO_POLICY: Final = "No policy file, so no caps."


def server_status_text(status: ServerStatus, now: datetime) -> str:
    """The state of the server in words."""
    only = ", read only" if status.read_only else ""
    lines = [
        f"It is {status.now:%A, %Y-%m-%d %H:%M} UTC.",
        f"{MODES[status.mode]} Role {status.role}{only}; confirmation: {status.confirm}.",
        f"Brevo {status.upstream}; the journal {status.journal}.",
    ]
    if status.upstream_error is not None:
        lines.append(status.upstream_error)
    if status.budget is not None:
        lines.append(_budget_text(status.budget, now))
    if status.open_intents is not None:
        lines.append(_changes_text(status.open_intents, status.unknown_intents or 0))
    policy = f"Policy: {facts_text(status.policy)}" if status.policy else NO_POLICY
    lines.append(policy)
    return "\n".join(lines)


def _changes_text(unfinished: int, unknown: int) -> str:
    """How many changes have not ended, and how many of them nobody knows the outcome of."""
    if not unfinished and not unknown:
        return "No change is open, and none has an unknown outcome."
    return f"Changes: {unfinished} open, {unknown} of unknown outcome."


def _budget_text(budget: BudgetView, now: datetime) -> str:
    left = f"{budget.remaining} of {budget.limit} requests left"
    sentences = [f"{left}, full again {moment_text(budget.resets_at, now)}."]
    if budget.used_by_caller is not None:
        sentences.append(
            f"This caller has used {budget.used_by_caller} of its {budget.allowed_to_caller}; "
            f"{budget.reserve} are kept for operators and changes already agreed to."
        )
    return " ".join(sentences)


def _budget_view(context: Context) -> BudgetView | None:
    budget, shares = context.brevo.budget, context.brevo.shares
    if budget is None:
        return None
    use = shares.use_of_caller(budget, context.now())
    return BudgetView(
        limit=budget.limit,
        remaining=budget.remaining,
        resets_at=budget.resets_at,
        reserve=shares.reserve_of(budget),
        used_by_caller=None if use is None else use.used,
        allowed_to_caller=None if use is None else use.allowed,
    )


UpstreamState = Literal["answers", "refuses", "does not answer"]


async def _upstream_state(context: Context) -> tuple[UpstreamState, str | None]:
    """Whether Brevo answers, and its message if it refuses us."""
    try:
        await context.brevo.send(list_programs(limit=1))
    except NotAuthorized as error:
        return "refuses", str(error)
    except RateLimited as error:
        return "answers", str(error)
    except LoyaltyError as error:
        return "does not answer", str(error)
    return "answers", None


@reads(text=server_status_text)
async def get_server_status(context: Context) -> ServerStatus:
    """Show whether this is the sandbox or live, with role, request budget, open changes, policy."""
    settings = context.settings
    policy = context.policy.model_dump(mode="json", exclude_defaults=True)
    upstream, upstream_error = await _upstream_state(context)
    counts: dict[str, int] | None
    try:
        whose = None if context.operator else context.caller
        counts = await context.journal.open().counts(context.now(), whose)
    except JournalUnavailable:
        counts = None
    return ServerStatus(
        now=context.brevo.upstream_now(),
        mode="sandbox" if settings.sandbox else "live",
        role=context.role,
        read_only=settings.read_only,
        confirm=settings.confirm,
        upstream=upstream,
        upstream_error=upstream_error,
        budget=_budget_view(context),
        journal="does not work" if counts is None else "works",
        open_intents=None if counts is None else sum(counts.get(state, 0) for state in OPEN),
        unknown_intents=None if counts is None else counts.get("unknown", 0),
        policy=policy or None,
    )
