"""The probe: tests which assumptions about the API are true for this account, on its own program.

The probe changes only objects that it creates and deletes itself. It does not touch members of the
account, so no change needs an intent.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Any, Final

import anyio

from loyalty_mcp.brevo.operations.balance_definitions import create_balance_definition
from loyalty_mcp.brevo.operations.balances import get_subscription_balances
from loyalty_mcp.brevo.operations.contacts import create_contact, delete_contact
from loyalty_mcp.brevo.operations.programs import (
    create_program,
    delete_program,
    list_programs,
    publish_program,
)
from loyalty_mcp.brevo.operations.subscriptions import create_subscription, delete_subscription
from loyalty_mcp.brevo.operations.transactions import (
    PastTransaction,
    Transaction,
    cancel_transaction,
    complete_transaction,
    create_transaction,
    list_transaction_history,
)
from loyalty_mcp.cli.doctor import Finding
from loyalty_mcp.errors import LoyaltyError, NotFound, OutcomeUnknown, Refused
from loyalty_mcp.tools.account_behaviour import SecondCompletion, remember_facts
from loyalty_mcp.tools.context import Context

REQUESTS: Final = 40
"""The largest number of requests of a probe, including repeated reads of a slow history."""

NAME: Final = "Loyalty MCP probe "
MARK: Final = "loyaltyMcpProbe"
WAITS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between reads of a history that does not show a movement yet."""

CREDITED: Final = Decimal(20)
DEBITED: Final = Decimal(5)
DRAFT_TTL: Final = 60
CHECK: Final = "probe: "

Wait = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Place:
    """The objects that the probe created and works on."""

    program: str
    member: int
    balance: str
    mark: str


async def probe(context: Context, wait: Wait = anyio.sleep) -> list[Finding]:
    """Test the assumptions, store the results for the account, and clean up.

    Args:
        context: the clients, the journal and the settings that tools use.
        wait: waits for a number of seconds.

    Returns:
        One finding per assumption, and one about the clean-up.

    Raises:
        LoyaltyError: the program could not be created, or the budget is too small.
    """
    left = (await context.brevo.send(list_programs(limit=100))).items
    context.brevo.require(REQUESTS)
    old = [item.name for item in left if MARK in (item.meta or {})]
    made = _Made()
    findings: list[Finding] = []
    try:
        place = await _made_place(context, made)
        findings += await _tried(context, place, wait)
    finally:
        with anyio.CancelScope(shield=True):
            cleaned = await _cleaned_up(context, made)
    if old:
        found = f"{len(old)} program(s) of an earlier probe are still there: {', '.join(old)}"
        cleaned = Finding(CHECK + "clean-up", good=False, found=found, fix="Delete them at Brevo.")
    return [*findings, cleaned]


async def probed(context: Context, wait: Wait = anyio.sleep) -> list[Finding]:
    """The findings of a probe; a single one if it could not start."""
    if context.settings.read_only:
        found = "this set-up is read-only, so nothing was tried"
        return [Finding("probe", good=False, found=found, fix="Leave out LOYALTY_MCP_READ_ONLY.")]
    try:
        return await probe(context, wait)
    except LoyaltyError as error:
        fix = f"Delete programs named {NAME.strip()!r}, if any are left, and try again."
        return [Finding("probe", good=False, found=str(error), fix=fix)]


@dataclass(slots=True)
class _Made:
    """What has to be deleted afterwards."""

    program: str | None = None
    contact: int | None = None
    enrolled: bool = False


async def _made_place(context: Context, made: _Made) -> _Place:
    mark = secrets.token_hex(8)
    send = context.brevo.send
    made.program = (await send(create_program(NAME + mark[:6], meta={MARK: mark}))).id
    definition = await send(create_balance_definition(made.program, "Probe points", "POINTS"))
    await send(publish_program(made.program))
    # Without an email address or phone number, nothing can be sent to the contact.
    made.contact = (await send(create_contact(ext_id=f"loyalty-mcp-probe-{mark}"))).id
    if made.contact is None:
        raise Refused("Brevo told no id of the contact that the probe made.")
    await send(create_subscription(made.program, made.contact))
    made.enrolled = True
    return _Place(made.program, made.contact, definition.id, mark)


async def _cleaned_up(context: Context, made: _Made) -> Finding:
    """Delete everything, and report what could not be deleted."""
    steps: list[tuple[str, Any]] = []
    if made.program is not None:
        if made.enrolled and made.contact is not None:
            steps.append(("the membership", delete_subscription(made.program, made.contact)))
        steps.append((f"program {made.program}", delete_program(made.program)))
    if made.contact is not None:
        steps.append((f"contact {made.contact}", delete_contact(str(made.contact), "contact_id")))
    kept = []
    for what, request in steps:
        try:
            await context.brevo.send(request)
        except NotFound:
            continue
        except LoyaltyError as error:
            kept.append(f"{what} ({error})")
    if not kept:
        return Finding(CHECK + "clean-up", good=True, found="everything it made is deleted")
    found = f"not deleted: {'; '.join(kept)}"
    return Finding(CHECK + "clean-up", good=False, found=found, fix="Delete it at Brevo.")


async def _tried(context: Context, place: _Place, wait: Wait) -> list[Finding]:
    """Test every assumption on the created objects."""
    credit = await _moved(context, place, CREDITED, at_once=True)
    lag, history = await _lag(context, place, credit.id, wait)
    shown = any((item.meta or {}).get(MARK) == place.mark for item in history)
    draft = await _moved(context, place, -DEBITED)
    await wait(lag)
    with_draft = await _total(context, place)
    ordered = [item.id for item in await _history(context, place)]
    drafts = await _history(context, place, status="draft")
    await context.brevo.send(complete_transaction(place.program, draft.id))
    second = await _second_completion(context, place, draft.id, wait, lag)
    cancelled = await _moved(context, place, -DEBITED)
    await context.brevo.send(cancel_transaction(place.program, cancelled.id))
    revived = await _is_accepted(context, complete_transaction(place.program, cancelled.id))
    in_balance = with_draft != CREDITED
    newest_first = ordered.index(draft.id) < ordered.index(credit.id)
    filtered = all(item.status == "draft" for item in drafts)
    unit = _ttl_unit(draft)
    await remember_facts(
        context,
        marks_shown=shown,
        history_lag=lag,
        drafts_counted=in_balance,
        second_completion=second,
        newest_first=newest_first,
        filters_honoured=filtered,
        ttl_unit=unit,
    )
    return [
        _finding("meta", shown, "is kept and shown", "is not shown in the history"),
        _lag_finding(lag),
        _finding(
            "open draft", not in_balance, "does not count in the balance", "counts in the balance"
        ),
        _finding(
            "second completion", second == "refused", "is refused", f"is not refused, but {second}"
        ),
        _finding("cancelled draft", not revived, "cannot be completed", "can be completed"),
        _finding("filters", filtered, "are honoured", "are ignored"),
        _finding("history", newest_first, "is newest first", "is oldest first"),
        _finding(
            "ttl",
            unit == "seconds",
            "counts seconds",
            "is not told" if unit is None else "counts minutes",
        ),
    ]


EFFECTS: Final = {
    "meta": "Absence from the history proves nothing; such outcomes stay unknown.",
    "open draft": "Previews say so where a draft is open.",
    "second completion": "A completion is sent once, and never repeated.",
    "cancelled draft": "Do not use this server to move points: a cancelled draft may move them.",
    "filters": "Lists are filtered by this server.",
    "history": "It is read from its end.",
    "ttl": "Drafts are given their life in minutes, where the unit is known.",
}
"""What the server does differently if an assumption is false."""


def _finding(name: str, holds: bool, so: str, otherwise: str) -> Finding:
    if holds:
        return Finding(CHECK + name, good=True, found=so)
    return Finding(CHECK + name, good=False, found=otherwise, fix=EFFECTS[name])


def _lag_finding(lag: int) -> Finding:
    name = CHECK + "read your writes"
    if not lag:
        return Finding(name, good=True, found="a movement is in the history at once")
    fix = "An outcome is judged by reads only after that time; until then it is unknown."
    return Finding(name, good=False, found=f"the history lags by up to {lag} s", fix=fix)


async def _moved(
    context: Context, place: _Place, amount: Decimal, *, at_once: bool = False
) -> Transaction:
    return await context.brevo.send(
        create_transaction(
            place.program,
            place.member,
            place.balance,
            amount,
            auto_complete=True if at_once else None,
            ttl=None if at_once else DRAFT_TTL,
            meta={MARK: place.mark},
        )
    )


async def _history(
    context: Context, place: _Place, status: Any = None
) -> Sequence[PastTransaction]:
    request = list_transaction_history(
        place.program, place.member, place.balance, limit=100, sort="desc", status=status
    )
    return (await context.brevo.send(request)).transaction_history


async def _lag(
    context: Context, place: _Place, transaction_id: str, wait: Wait
) -> tuple[int, Sequence[PastTransaction]]:
    """The time until the history shows a movement, in seconds with a margin; and what it shows.

    Raises:
        OutcomeUnknown: the history did not show it within half a minute.
    """
    waited = 0.0
    for pause in (*WAITS, None):
        try:
            found = await _history(context, place)
        except (NotFound, Refused):
            found = ()  # if reads lag, the program may not be visible yet
        if any(item.id == transaction_id for item in found):
            return ceil(2 * waited), found
        if pause is not None:
            await wait(pause)
            waited += pause
    raise OutcomeUnknown(f"The history does not show a movement after {waited:.0f} s.")


async def _total(context: Context, place: _Place) -> Decimal:
    request = get_subscription_balances(place.program, place.member, include_internal=True)
    held = (await context.brevo.send(request)).balance
    value = next((item.value for item in held if item.balance_definition_id == place.balance), None)
    return Decimal(value or 0)


async def _second_completion(
    context: Context, place: _Place, transaction_id: str, wait: Wait, lag: int
) -> SecondCompletion:
    if not await _is_accepted(context, complete_transaction(place.program, transaction_id)):
        return "refused"
    await wait(lag)
    once = CREDITED - DEBITED
    return "ignored" if await _total(context, place) == once else "applied"


async def _is_accepted(context: Context, request: Any) -> bool:
    """Whether the API accepts a request that it should refuse.

    Raises:
        LoyaltyError: it did not answer.
    """
    try:
        await context.brevo.send(request)
    except (Refused, NotFound):
        return False
    return True


def _ttl_unit(draft: Transaction) -> Any:
    """The unit of `ttl` according to the draft's expiry; None if the draft does not show one."""
    if draft.expiration_date is None or draft.created_at is None:
        return None
    seconds = (draft.expiration_date - draft.created_at).total_seconds()
    return "seconds" if seconds < 10 * DRAFT_TTL else "minutes"
