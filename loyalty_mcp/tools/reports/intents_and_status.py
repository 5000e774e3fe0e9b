"""What became of an intent, and the state of the server."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from loyalty_mcp.brevo.operations.programs import list_programs
from loyalty_mcp.brevo.types import Moment, Reply
from loyalty_mcp.errors import JournalUnavailable, LoyaltyError, UnknownReference
from loyalty_mcp.intents.lifecycle import OPEN, Intent, lapsed
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.render import facts_text, moment_text
from loyalty_mcp.tools.task import reads

IntentId = Annotated[str, Field(min_length=1, max_length=64)]

IntentStatus = Literal[
    "confirmation_required",
    "waiting_for_operator",
    "in_progress",
    "applied",
    "not_applied",
    "unknown",
    "declined",
    "expired",
]


class IntentView(Reply):
    """An intent, in the words of the envelope."""

    status: IntentStatus
    intent: str
    tool: str
    summary: str
    created_at: Moment
    expires_at: Moment
    agreed_by: str | None = None
    result: dict[str, Any] | None = None
    reason: str | None = None


class BudgetView(Reply):
    """What is left of the hour upstream."""

    limit: int
    remaining: int
    resets_at: Moment


class ServerStatus(Reply):
    """How this server is set, and how it is."""

    mode: Literal["sandbox", "live"]
    role: str
    read_only: bool
    confirm: str
    upstream: Literal["answers", "does not answer"]
    budget: BudgetView | None = None
    journal: Literal["works", "does not work"]
    open_intents: int | None = None
    unknown_intents: int | None = None
    policy: dict[str, Any] | None = None


def status_of(intent: Intent) -> IntentStatus:
    """The state of an intent, as the assistant is told."""
    match intent.state:
        case "proposed":
            return "waiting_for_operator" if intent.route == "operator" else "confirmation_required"
        case "approved" | "sent":
            return "in_progress"
        case ended:
            return ended


def view_of(intent: Intent) -> IntentView:
    """An intent as it is shown."""
    return IntentView(
        status=status_of(intent),
        intent=intent.id,
        tool=intent.tool,
        summary=intent.preview.summary,
        created_at=intent.created_at,
        expires_at=intent.expires_at,
        agreed_by=intent.agreed_by,
        result=None if intent.result is None else dict(intent.result),
        reason=intent.reason,
    )


def intent_text(view: IntentView, now: datetime) -> str:
    """An intent in words."""
    lines = [f"{view.tool}: {view.status}. {view.summary}"]
    if view.reason:
        lines.append(view.reason)
    if view.result:
        lines.append(facts_text(view.result))
    if view.status in {"confirmation_required", "waiting_for_operator"}:
        lines.append(f"It expires {moment_text(view.expires_at, now)}.")
    return "\n".join(lines)


@reads(text=intent_text)
async def check_intent(context: Context, intent: IntentId) -> IntentView:
    """What became of an intent; settles unknown ones."""
    found = await context.journal.open().get(intent)
    if found is None or not (context.operator or found.caller == context.caller):
        raise UnknownReference("There is no such intent of yours.")
    if found.state == "unknown" or lapsed(found, context.now()):
        found = await context.reconciler.reconcile(context, found)
    return view_of(found)


def status_text(status: ServerStatus, now: datetime) -> str:
    """The state of the server in words."""
    only = ", read only" if status.read_only else ""
    lines = [
        f"{status.mode}, role {status.role}, confirm {status.confirm}{only}.",
        f"Brevo {status.upstream}; the journal {status.journal}.",
    ]
    if status.budget is not None:
        left = f"{status.budget.remaining} of {status.budget.limit} requests left"
        lines.append(f"{left}, full again {moment_text(status.budget.resets_at, now)}.")
    if status.open_intents is not None:
        lines.append(f"{status.open_intents} intents open, {status.unknown_intents} unknown.")
    lines.append(f"Policy: {facts_text(status.policy)}" if status.policy else "No policy.")
    return "\n".join(lines)


@reads(text=status_text)
async def get_server_status(context: Context) -> ServerStatus:
    """Sandbox or live, role, request budget, open intents, policy."""
    settings = context.settings
    policy = context.policy.model_dump(mode="json", exclude_defaults=True)
    try:
        await context.brevo.send(list_programs(limit=1))
    except LoyaltyError:
        answers = False
    else:
        answers = True
    counts: dict[str, int] | None
    try:
        whose = None if context.operator else context.caller
        counts = await context.journal.open().counts(context.now(), whose)
    except JournalUnavailable:
        counts = None
    budget = context.brevo.budget
    return ServerStatus(
        mode="sandbox" if settings.sandbox else "live",
        role=context.role,
        read_only=settings.read_only,
        confirm=settings.confirm,
        upstream="answers" if answers else "does not answer",
        budget=None
        if budget is None
        else BudgetView(limit=budget.limit, remaining=budget.remaining, resets_at=budget.resets_at),
        journal="does not work" if counts is None else "works",
        open_intents=None if counts is None else sum(counts.get(state, 0) for state in OPEN),
        unknown_intents=None if counts is None else counts.get("unknown", 0),
        policy=policy or None,
    )
