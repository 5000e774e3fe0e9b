"""Elicitation in both eras of the protocol: forms to agree, and pages to open."""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import anyio
from pydantic import ValidationError

from loyalty_mcp.guard.confirmation import Reaction
from loyalty_mcp.server.dispatcher import Dialog, Typed
from loyalty_mcp.server.lazy_models import built_on_first_use

with built_on_first_use():
    import mcp_types as types
    from mcp.server.context import ServerRequestContext
    from mcp.shared.exceptions import MCPError
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

log = logging.getLogger(__name__)

FORM_KEY: Final = "confirm"
PAGE_KEY: Final = "page"
QUICKEST_READER: Final = timedelta(seconds=0.3)
"""A faster answer comes from a program: no person can have read the dialog."""

SETTING_HINT: Final = "if no dialog was shown, the operator can set LOYALTY_MCP_CONFIRM to token"
NOT_ANSWERED: Final = Reaction(
    agreed=False, why_not=f"the dialog was not answered ({SETTING_HINT})"
)
DIALOG_FAILED: Final = Reaction(agreed=False, why_not=f"the dialog failed ({SETTING_HINT})")
AGREED: Final = Reaction(agreed=True)
UNREADABLE: Final = Reaction(agreed=False, why_not="the dialog's answer could not be read")

RequestContext = ServerRequestContext[Any, Any]


def can_show_form(ctx: RequestContext) -> bool:
    """Whether the client can show a form to a person."""
    capability = _elicitation_capability(ctx)
    return capability is not None and (capability.form is not None or capability.url is None)


def can_show_page(ctx: RequestContext) -> bool:
    """Whether the client can show a person the address of a page."""
    capability = _elicitation_capability(ctx)
    return capability is not None and capability.url is not None


def _elicitation_capability(ctx: RequestContext) -> types.ElicitationCapability | None:
    """The client's declared capability, if it can be asked during this call."""
    reachable = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS or ctx.session.can_send_request
    capabilities = ctx.session.client_capabilities
    return capabilities.elicitation if reachable and capabilities is not None else None


def form_params(dialog: Dialog) -> types.ElicitRequestFormParams:
    """A dialog as protocol parameters."""
    return types.ElicitRequestFormParams(
        message=dialog.message, requested_schema=dict(dialog.schema)
    )


def form_required(dialog: Dialog, now: datetime) -> types.InputRequiredResult:
    """Suspend the call until the client returns a person's answer (2026-07-28)."""
    state = [dialog.intent, dialog.rounds, dialog.typed, now.isoformat()]
    return types.InputRequiredResult(
        input_requests={FORM_KEY: types.ElicitRequest(params=form_params(dialog))},
        request_state=json.dumps(state),
    )


def page_required(page: types.ElicitRequestURLParams) -> types.InputRequiredResult:
    """Suspend the call until the client has shown the page's address (2026-07-28)."""
    shown = page.model_copy(update={"elicitation_id": None})
    return types.InputRequiredResult(
        input_requests={PAGE_KEY: types.ElicitRequest(params=shown)},
        request_state=json.dumps({PAGE_KEY: page.elicitation_id}),
    )


async def show_page(
    ctx: RequestContext, page: types.ElicitRequestURLParams, seconds: float
) -> None:
    """Show the page's address over the open connection, for at most `seconds`.

    The answer to the call does not depend on the result.
    """
    with anyio.move_on_after(seconds):
        try:
            await ctx.session.elicit_url(
                message=page.message,
                url=page.url,
                elicitation_id=page.elicitation_id or "",
                related_request_id=ctx.request_id,
            )
        except (MCPError, ValidationError) as error:
            log.warning("an address could not be shown: %s", type(error).__name__)


def intent_of_shown_page(params: types.CallToolRequestParams) -> str | None:
    """The intent whose page was shown, if the call was suspended for it."""
    state = json.loads(params.request_state or "[]")
    return str(state[PAGE_KEY]) if isinstance(state, dict) else None


def answered_dialog(params: types.CallToolRequestParams, now: datetime) -> tuple[Dialog, Reaction]:
    """The dialog of a resumed call, and the person's reaction to it."""
    intent, rounds, typed, shown_at = json.loads(params.request_state or "[]")
    dialog = Dialog(message="", intent=intent, rounds=rounds, typed=typed)
    answer = (params.input_responses or {}).get(FORM_KEY)
    if not isinstance(answer, types.ElicitResult):
        return dialog, NOT_ANSWERED
    return dialog, reaction_to(answer, dialog, now - datetime.fromisoformat(shown_at))


async def show_form(
    ctx: RequestContext, dialog: Dialog, seconds: float, now: Callable[[], datetime]
) -> Reaction | None:
    """Show a dialog over the open connection (handshake protocols), for at most `seconds`.

    Returns:
        the person's reaction; None if the client could not show the form.
    """
    params, shown_at = form_params(dialog), now()
    with anyio.move_on_after(seconds):
        try:
            answer = await ctx.session.elicit_form(
                message=params.message,
                requested_schema=params.requested_schema,
                related_request_id=ctx.request_id,
            )
        except (MCPError, ValidationError) as error:
            log.warning("a dialog failed: %s", type(error).__name__)
            return None
        return reaction_to(answer, dialog, now() - shown_at)
    return Reaction(agreed=False, why_not=f"the dialog was not answered in time ({SETTING_HINT})")


def reaction_to(answer: types.ElicitResult, dialog: Dialog, after: timedelta) -> Reaction:
    """The meaning of an answer to a dialog. Only an accepted form with the box ticked agrees.

    Args:
        answer: what the client sent.
        dialog: what the client was asked to show.
        after: how long the dialog was open.
    """
    if answer.action == "cancel":
        return Reaction(agreed=False, why_not=f"the dialog was closed ({SETTING_HINT})")
    if answer.action == "decline" and after < QUICKEST_READER:
        why_not = f"the client declined faster than a person can read ({SETTING_HINT})"
        return Reaction(agreed=False, why_not=why_not)
    if answer.action == "decline":
        return Reaction(agreed=False, why_not="the person said no")
    content = answer.content or {}
    if set(content) == set(dialog.schema["properties"]) and content["agree"] is True:
        return with_typed(dialog.typed, content[dialog.typed]) if dialog.typed else AGREED
    if content.get("agree") is False:
        return Reaction(agreed=False, why_not="the person did not tick the box")
    return UNREADABLE


def with_typed(field: Typed, value: Any) -> Reaction:
    """An agreement with the typed text; not an agreement if its type is wrong."""
    expected = str if field == "name" else (int, float)
    if isinstance(value, bool) or not isinstance(value, expected):
        return UNREADABLE
    return Reaction(agreed=True, typed=str(value))
