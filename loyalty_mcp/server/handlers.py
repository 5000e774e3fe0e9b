"""The handlers of the MCP server, one per kind of protocol request."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.guard.confirmation import Caller, Reaction
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.server import completion, prompts, resources
from loyalty_mcp.server.apps.cards import card_page, listed_cards
from loyalty_mcp.server.caller_session import CallerSession
from loyalty_mcp.server.dispatcher import SANDBOX_MARK, Answer, Dialog, Dispatcher
from loyalty_mcp.server.elicitation import (
    DIALOG_FAILED,
    RequestContext,
    answered_dialog,
    can_show_form,
    can_show_page,
    form_required,
    intent_of_shown_page,
    page_required,
    show_form,
    show_page,
)
from loyalty_mcp.server.lazy_models import built_on_first_use
from loyalty_mcp.server.tool_listing import listed_tool
from loyalty_mcp.settings import Settings
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.progress import reporting_to

with built_on_first_use():
    import mcp_types as types
    from mcp.server.apps import client_supports_apps
    from mcp.shared.exceptions import MCPError
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

PRINCIPAL: Final = "loyalty_mcp.intents.principal"
"""The key in the scope of an HTTP request for the authenticated principal."""

SANDBOX: Final = "sandbox"
"""The key in the data and in `_meta` that says that an answer comes from the sandbox."""

ERROR_META_KEY: Final = "loyalty-mcp/error"
FRESH_SANDBOX: Final = (
    "A fresh sandbox began with this server and ends with it; LOYALTY_MCP_SANDBOX_FILE keeps one."
)
NO_DIALOG: Final = (
    "The client announced dialogs and failed to show one. The operator can set LOYALTY_MCP_CONFIRM "
    "to token, which does without dialogs."
)
TEXT: Final = "text/plain"
TEMPLATES: Final = {
    resources.PROGRAM_TEMPLATE: "A program: balances, tiers, rewards",
    resources.MEMBER_TEMPLATE: "A member: balances, tier, vouchers",
}

ResultT = TypeVar("ResultT")


@dataclass
class Handlers:
    """The answers to each kind of request.

    Args:
        session_of: finds the session of the caller of a request.
        context: for its settings; a caller's tools use the context of their session.
        fresh_sandbox: whether the sandbox started with this process; the first answer then says so.
        menus: the published menus, by the identity of the session's menu, which is never freed.
    """

    session_of: Callable[[RequestContext], CallerSession]
    context: Context
    fresh_sandbox: bool = False
    menus: dict[int, types.ListToolsResult] = field(default_factory=dict)

    @property
    def meta(self) -> dict[str, Any] | None:
        """The `_meta` of every answer."""
        return result_meta(self.context.settings) or None

    async def list_tools(
        self, ctx: RequestContext, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """The menu of the caller."""
        menu = self.session_of(ctx).menu
        if id(menu) not in self.menus:
            listed = [listed_tool(tool) for tool in menu.values()]
            self.menus[id(menu)] = types.ListToolsResult(tools=listed)
        return self.menus[id(menu)]

    async def call_tool(
        self, ctx: RequestContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Run a tool, ask a person if necessary, and report progress."""

        async def report(done: int, total: int, now: str) -> None:
            await ctx.session.report_progress(done, total, now)

        with reporting_to(report):
            return await self._run_tool(ctx, params)

    async def _run_tool(
        self, ctx: RequestContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        session = self.session_of(ctx)
        dispatcher = session.dispatcher
        caller = Caller(
            session.principal.name,
            can_ask=can_show_form(ctx),
            shows_cards=client_supports_apps(ctx),
        )
        modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        seconds = self.context.settings.dialog_timeout
        arguments = params.arguments or {}
        shown_page = intent_of_shown_page(params)
        if shown_page is not None:
            arguments = {**arguments, "confirmation": shown_page}
        call = (params.name, arguments)
        if params.request_state is None or shown_page is not None:
            outcome = await dispatcher.call(*call, caller)
        else:
            dialog, reaction = answered_dialog(params, self.context.now())
            outcome = await dispatcher.resume(*call, caller, dialog, reaction)
        while isinstance(outcome, Dialog):
            if modern:
                return form_required(outcome, self.context.now())
            shown = await show_form(ctx, outcome, seconds, self.context.now)
            outcome = await self._resume(dispatcher, call, caller, outcome, shown)
        page = self.approvals_page(ctx, outcome, arguments)
        if page is not None and modern:
            return page_required(page)
        if page is not None:
            await show_page(ctx, page, seconds)
        return tool_result(self._announce_fresh_sandbox(outcome), self.meta)

    def _announce_fresh_sandbox(self, answer: Answer) -> Answer:
        """The answer; the first one adds that the sandbox is new and has lost its earlier data."""
        if not self.fresh_sandbox:
            return answer
        self.fresh_sandbox = False
        return with_note(answer, FRESH_SANDBOX)

    async def _resume(
        self,
        dispatcher: Dispatcher,
        call: tuple[str, Mapping[str, Any]],
        caller: Caller,
        dialog: Dialog,
        reaction: Reaction | None,
    ) -> Answer | Dialog:
        """Continue a call after its dialog. If the dialog failed, continue as without dialogs."""
        if reaction is not None:
            return await dispatcher.resume(*call, caller, dialog, reaction)
        declined = await dispatcher.resume(*call, caller, dialog, DIALOG_FAILED)
        if self.context.settings.confirm != "ask":
            return declined
        answer = await dispatcher.call(*call, replace(caller, can_ask=False))
        if isinstance(answer, Dialog):
            return declined
        return with_note(answer, NO_DIALOG)

    def approvals_page(
        self, ctx: RequestContext, answer: Answer, arguments: Mapping[str, Any]
    ) -> types.ElicitRequestURLParams | None:
        """The page where an operator decides, if the client can show its address to a person.

        Only for a new intent: a caller who repeats the call has already seen the page.
        """
        settings, structured = self.context.settings, answer.structured or {}
        if structured.get("status") != "waiting_for_operator" or "confirmation" in arguments:
            return None
        if settings.approvals_page is None or not can_show_page(ctx):
            return None
        return types.ElicitRequestURLParams(
            message="An operator has to approve this, on the approvals page.",
            url=settings.approvals_page,
            elicitation_id=structured["intent"],
        )

    async def list_resources(
        self, ctx: RequestContext, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """The resources in the scope of the caller."""
        session = self.session_of(ctx)
        found = await _as_protocol_error(resources.list_resources(session.context, session.scope))
        listed = [types.Resource(uri=address, name=name, mime_type=TEXT) for address, name in found]
        if client_supports_apps(ctx):
            listed += listed_cards(session.menu)
        return types.ListResourcesResult(resources=listed)

    async def list_templates(
        self, _ctx: RequestContext, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """The address templates of programs and members."""
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(uri_template=template, name=name, mime_type=TEXT)
                for template, name in TEMPLATES.items()
            ]
        )

    async def read_resource(
        self, ctx: RequestContext, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """The text of one resource."""
        card = card_page(params.uri)
        if card is not None:
            return types.ReadResourceResult(contents=[card], _meta=self.meta)
        session = self.session_of(ctx)
        text = await _as_protocol_error(
            resources.read_resource(session.context, session.scope, params.uri)
        )
        mark = SANDBOX_MARK if self.context.settings.sandbox else ""
        page = types.TextResourceContents(uri=params.uri, mime_type=TEXT, text=f"{mark}{text}")
        return types.ReadResourceResult(contents=[page], _meta=self.meta)

    async def list_prompts(
        self, ctx: RequestContext, _params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        """The prompts of the role."""
        offered = prompts.prompts_for(self.session_of(ctx).principal.role)
        return types.ListPromptsResult(prompts=[prompt_of(prompt) for prompt in offered])

    async def get_prompt(
        self, ctx: RequestContext, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        """A prompt with its arguments filled in."""
        offered = {
            prompt.name: prompt
            for prompt in prompts.prompts_for(self.session_of(ctx).principal.role)
        }
        if params.name not in offered:
            raise MCPError(code=types.INVALID_PARAMS, message="There is no such prompt here.")
        try:
            text = prompts.prompt_text(offered[params.name], params.arguments or {})
        except LoyaltyError as error:
            raise MCPError(code=types.INVALID_PARAMS, message=str(error)) from None
        message = types.PromptMessage(
            role="user", content=types.TextContent(type="text", text=text)
        )
        return types.GetPromptResult(messages=[message])

    async def complete(
        self, ctx: RequestContext, params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        """The names that begin with the typed text."""
        known = params.context.arguments if params.context is not None else None
        session = self.session_of(ctx)
        names = await _as_protocol_error(
            completion.complete_name(
                session.context,
                session.scope,
                params.argument.name,
                params.argument.value,
                (known or {}).get("program"),
            )
        )
        return types.CompleteResult(
            completion=types.Completion(values=names, total=len(names), has_more=False)
        )


async def _as_protocol_error(work: Awaitable[ResultT]) -> ResultT:
    """Await `work`, and convert a LoyaltyError to a protocol error."""
    try:
        return await work
    except LoyaltyError as error:
        raise MCPError(code=types.INVALID_PARAMS, message=str(error)) from None


def prompt_of(prompt: prompts.Prompt) -> types.Prompt:
    """A prompt as listed."""
    return types.Prompt(
        name=prompt.name,
        description=prompt.description,
        arguments=[
            types.PromptArgument(name=item.name, description=item.description, required=True)
            for item in prompt.arguments
        ],
    )


def with_note(answer: Answer, note: str) -> Answer:
    """The answer with one more sentence, in its text and in its data: a model may see either."""
    structured = answer.structured
    if structured is not None:
        notes = [structured["note"]] if "note" in structured else []
        structured = {**structured, "note": " ".join([*notes, note])}
    return replace(answer, text=f"{answer.text}\n{note}", structured=structured)


def result_meta(settings: Settings) -> dict[str, Any]:
    """The `_meta` of every answer: whether it comes from the sandbox."""
    return {SANDBOX: True} if settings.sandbox else {}


def tool_result(answer: Answer, meta: dict[str, Any] | None) -> types.CallToolResult:
    """An answer as a protocol result.

    Clients do not show `_meta` to the model, and some do not show the text, so the structured
    content also says that it comes from the sandbox.
    """
    structured = answer.structured
    if structured is not None and meta is not None and SANDBOX in meta:
        structured = {**structured, SANDBOX: True}
    if answer.for_card is not None:
        meta = {**(meta or {}), **answer.for_card}
    if answer.error is not None:
        meta = {**(meta or {}), ERROR_META_KEY: dict(answer.error)}
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=answer.text)],
        structured_content=structured,
        is_error=answer.failed,
        _meta=meta,
    )


def principal_of(ctx: RequestContext) -> Principal:
    """The authenticated principal of an HTTP request.

    Raises:
        MCPError: the caller is not authenticated.
    """
    scope = {} if ctx.request is None else ctx.request.scope
    found = scope.get(PRINCIPAL)
    if not isinstance(found, Principal):
        raise MCPError(code=types.INVALID_REQUEST, message="It is not known who calls.")
    return found
