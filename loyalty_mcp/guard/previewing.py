"""Previews for the guard: comparable with earlier ones, and with warnings about repetitions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from loyalty_mcp.guard.confirmation import Call
from loyalty_mcp.intents.lifecycle import Intent, Preparation, State
from loyalty_mcp.intents.policy import needs_typed_amount
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.tool import Tool

UNKNOWN: Final[tuple[State, ...]] = ("unknown",)
NAMING: Final = (
    "member",
    "contact",
    "transaction_id",
    "redemption_id",
    "voucher_id",
    "voucher_ids",
    "code",
)
"""Arguments that identify what a change affects, the most specific first."""


def subject_of(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """The subject of a call, as far as its arguments identify it.

    A member of a program, an object of a member, the draft of a program, or all programs.
    """
    program = arguments.get("program") or "*"
    if tool.risk != "write":
        for name in NAMING:
            if arguments.get(name) is not None:
                kind = "member" if name == "contact" else name
                return f"{program} {kind} {arguments[name]}"[:200]
    return f"{program} draft"


async def preview_call(context: Context, call: Call, arguments: Mapping[str, Any]) -> Preparation:
    """The preview of a call, with warnings about likely repetitions.

    Raises:
        LoyaltyError: the change cannot succeed, or cannot be previewed now.
    """
    context = replace(context, caller=call.caller.name)
    preparation = await _prepared(context, call, arguments)
    return await _with_warnings(context, call, arguments, preparation, None)


async def preview_again(
    context: Context, call: Call, arguments: Mapping[str, Any], intent: Intent
) -> Preparation:
    """The second preview, before the change is carried out; equal values have equal texts.

    Relative times refer to the time of the first preview.

    Raises:
        LoyaltyError: the change can no longer succeed, or cannot be previewed now.
    """
    then = replace(context, now=lambda: intent.created_at, kept=intent.kept)
    preparation = await _prepared(then, call, arguments)
    return await _with_warnings(context, call, arguments, preparation, intent.id)


async def _prepared(context: Context, call: Call, arguments: Mapping[str, Any]) -> Preparation:
    if call.tool.prepare is None:
        raise AssertionError(f"{call.tool.name} is guarded and has no preview")
    return await call.tool.prepare(context, **arguments)


async def _with_warnings(
    context: Context,
    call: Call,
    arguments: Mapping[str, Any],
    preparation: Preparation,
    own: str | None,
) -> Preparation:
    """The preparation with the amount to type, and a warning for each similar unknown change."""
    preview, movement = preparation.preview, preparation.total or preparation.movement
    if preview.typed is None and movement and needs_typed_amount(context.policy, movement):
        preview = replace(preview, typed=f"{movement.amount.normalize():f}")
    subject = preparation.subject or subject_of(call.tool, arguments)
    doubtful = await context.journal.open().of_subject(context.account, subject, UNKNOWN)
    warnings = tuple(
        f"An earlier {item.tool} of {item.created_at:%Y-%m-%d %H:%M} UTC has an unknown outcome "
        f"and may have happened: check_intent {item.id} first."
        for item in doubtful
        if item.id != own and item.tool == call.tool.name
    )
    return replace(preparation, preview=replace(preview, warnings=(*preview.warnings, *warnings)))
