"""How a person is asked, in both eras of the protocol: forms to agree in, pages to open."""

import json
import logging
from decimal import Decimal
from typing import Any, Final

import anyio
from pydantic import ValidationError

from loyalty_mcp.guard.confirmation import Reaction
from loyalty_mcp.server.dispatcher import Ask
from loyalty_mcp.server.lazy_models import built_on_first_use

with built_on_first_use():
    import mcp_types as types
    from mcp.server.context import ServerRequestContext
    from mcp.shared.exceptions import MCPError
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

log = logging.getLogger(__name__)

DIALOG: Final = "confirm"
PAGE: Final = "page"
SETTING_HINT: Final = "if no dialog was shown, the operator can set LOYALTY_MCP_CONFIRM to token"

Context = ServerRequestContext[Any, Any]


def can_ask(ctx: Context) -> bool:
    """Whether the client can show a person a form."""
    shown = _shown(ctx)
    return shown is not None and (shown.form is not None or shown.url is None)


def can_open(ctx: Context) -> bool:
    """Whether the client can show a person an address to open."""
    shown = _shown(ctx)
    return shown is not None and shown.url is not None


def _shown(ctx: Context) -> types.ElicitationCapability | None:
    """What a client says that it shows, if it can be asked for it during this call."""
    reached = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS or ctx.session.can_send_request
    capabilities = ctx.session.client_capabilities
    return capabilities.elicitation if reached and capabilities is not None else None


def form(ask: Ask) -> types.ElicitRequestFormParams:
    """A dialog as the protocol spells it."""
    return types.ElicitRequestFormParams(message=ask.message, requested_schema=dict(ask.schema))


def input_required(ask: Ask) -> types.InputRequiredResult:
    """The call suspended until the client brings a person's answer (2026-07-28)."""
    return types.InputRequiredResult(
        input_requests={DIALOG: types.ElicitRequest(params=form(ask))},
        request_state=json.dumps([ask.intent, ask.rounds, ask.typed]),
    )


def page_required(page: types.ElicitRequestURLParams) -> types.InputRequiredResult:
    """The call suspended until the client has shown the page's address (2026-07-28)."""
    shown = page.model_copy(update={"elicitation_id": None})
    return types.InputRequiredResult(
        input_requests={PAGE: types.ElicitRequest(params=shown)},
        request_state=json.dumps({PAGE: page.elicitation_id}),
    )


async def open_page(ctx: Context, page: types.ElicitRequestURLParams, seconds: float) -> None:
    """Show the page's address over the open connection; whatever comes of it, the answer stands."""
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


def handed_over(params: types.CallToolRequestParams) -> str | None:
    """The intent whose page was shown, if the call was suspended for that."""
    state = json.loads(params.request_state or "[]")
    return str(state[PAGE]) if isinstance(state, dict) else None


def resumed(params: types.CallToolRequestParams) -> tuple[Ask, Reaction]:
    """A suspended call that came back: which dialog it was, and how a person reacted."""
    intent, rounds, typed = json.loads(params.request_state or "[]")
    asked = Ask(message="", intent=intent, rounds=rounds, typed=typed)
    answer = (params.input_responses or {}).get(DIALOG)
    return asked, reaction_to(answer, asked)


async def ask_now(ctx: Context, ask: Ask, seconds: float) -> Reaction:
    """Ask over the open connection (handshake protocols), for at most `seconds`."""
    dialog = form(ask)
    with anyio.move_on_after(seconds):
        try:
            answer = await ctx.session.elicit_form(
                message=dialog.message,
                requested_schema=dialog.requested_schema,
                related_request_id=ctx.request_id,
            )
        except (MCPError, ValidationError) as error:
            log.warning("a dialog failed: %s", type(error).__name__)
            return Reaction(agreed=False, why_not=f"the dialog failed ({SETTING_HINT})")
        return reaction_to(answer, ask)
    return Reaction(agreed=False, why_not=f"the dialog was not answered in time ({SETTING_HINT})")


def reaction_to(answer: Any, ask: Ask) -> Reaction:
    """What an answer to a dialog means; only a ticked, accepted form is a yes."""
    if not isinstance(answer, types.ElicitResult):
        return Reaction(agreed=False, why_not=f"the dialog was not answered ({SETTING_HINT})")
    if answer.action == "cancel":
        return Reaction(agreed=False, why_not=f"the dialog was closed ({SETTING_HINT})")
    if answer.action == "decline":
        return Reaction(agreed=False, why_not="the person said no")
    content = answer.content or {}
    if set(content) == set(ask.schema["properties"]) and content["agree"] is True:
        return typed_yes(content["amount"]) if ask.typed else Reaction(agreed=True)
    if content.get("agree") is False:
        return Reaction(agreed=False, why_not="the person did not tick the box")
    return Reaction(agreed=False, why_not="the dialog's answer could not be read")


def typed_yes(amount: Any) -> Reaction:
    """A ticked form with an amount; anything but a number is no amount."""
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return Reaction(agreed=False, why_not="the dialog's answer could not be read")
    return Reaction(agreed=True, amount=Decimal(str(amount)))
