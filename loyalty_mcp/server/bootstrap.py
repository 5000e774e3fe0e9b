"""The composition root: the only module that knows every part of the server."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import httpx2

from loyalty_mcp.brevo.budget_shares import BudgetShares
from loyalty_mcp.brevo.client import Brevo, open_http_client, utc_now
from loyalty_mcp.brevo.client_credentials import ClientCredentials
from loyalty_mcp.brevo.references import References
from loyalty_mcp.errors import BadSetting
from loyalty_mcp.guard.approval_webhook import ApprovalWebhook
from loyalty_mcp.guard.guard import Guard
from loyalty_mcp.guard.reconciliation import Reconciler
from loyalty_mcp.intents.lazy_journal import LazyJournal
from loyalty_mcp.intents.policy import read_policy
from loyalty_mcp.intents.principal import local
from loyalty_mcp.server.caller_session import CallerSession, CallerSessions
from loyalty_mcp.server.dispatcher import CallObserver, Dispatcher, ignore_call
from loyalty_mcp.server.embedded_sandbox import (
    SANDBOX_KEY,
    SANDBOX_URL,
    EmbeddedSandbox,
    private_sandbox,
    sandbox_in_file,
    sandbox_in_memory,
)
from loyalty_mcp.settings import Settings, state_folder
from loyalty_mcp.settings.credentials import check_credentials
from loyalty_mcp.settings.values import split_secrets
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.registry import TOOLS, menu

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from loyalty_mcp.server.elicitation import RequestContext

RECONCILE_AFTER_SECONDS: Final = 3.0
"""Reconciliation loads SQL, a sixth of the start-up time, so first answers precede it."""


@dataclass(frozen=True)
class Runtime:
    """Everything that a server process works with.

    Args:
        settings: as read.
        context: the clients, the journal and the settings that tools use.
        sessions: the tools and scope of each caller.
        http: the HTTP client for the upstream; closed with the server.
        embedded_sandbox: the sandbox, if this runtime created it.
        reconcile_after: seconds between the start and reconciliation.
        webhook: tells operators about waiting intents; None if not configured.
    """

    settings: Settings
    context: Context
    sessions: CallerSessions
    http: httpx2.AsyncClient
    embedded_sandbox: EmbeddedSandbox | None = None
    reconcile_after: float = RECONCILE_AFTER_SECONDS
    webhook: ApprovalWebhook | None = None

    @property
    def dispatcher(self) -> Dispatcher:
        """The dispatcher for the caller who started this process."""
        return self.sessions.of(local(self.settings)).dispatcher

    async def reconcile_earlier_run(self) -> None:
        """Repeatedly determine the outcome of intents that dead processes left behind.

        A sandbox in memory is a separate account, so intents of an earlier one are ignored.
        """
        await anyio.sleep(self.reconcile_after)
        lost = self.settings.sandbox and self.settings.sandbox_file is None
        if not lost and journal_exists(self.settings):
            self.context.journal.open()
        await self.context.reconciler.reconcile_abandoned(self.context)

    async def work_in_background(self) -> None:
        """Everything that runs while the server serves, until cancelled."""
        async with anyio.create_task_group() as group:
            if self.webhook is not None:
                group.start_soon(self.webhook.run)
            await self.reconcile_earlier_run()

    async def close(self) -> None:
        """Close the network, the journal and the sandbox."""
        await self.http.aclose()
        await self.context.journal.close()
        if self.embedded_sandbox is not None:
            self.embedded_sandbox.close()

    def server(self) -> "Server[None]":
        """The MCP server for the one caller who starts this process."""
        session = self.sessions.of(local(self.settings))
        return self._server(lambda _request: session)

    def http_server(self) -> "Server[None]":
        """The MCP server for callers that are authenticated with each HTTP request."""
        # These imports take half a second.
        from loyalty_mcp.server.handlers import principal_of  # noqa: PLC0415

        return self._server(lambda request: self.sessions.of(principal_of(request)))

    def _server(self, session_of: "Callable[[RequestContext], CallerSession]") -> "Server[None]":
        from loyalty_mcp.server.handlers import Handlers  # noqa: PLC0415 - they take half a second
        from loyalty_mcp.server.mcp_server import build_server, server_lifespan  # noqa: PLC0415 - same reason

        lifespan = server_lifespan(self.work_in_background, self.close)
        fresh = self.embedded_sandbox is not None and self.embedded_sandbox.fresh
        return build_server(Handlers(session_of, self.context, fresh_sandbox=fresh), lifespan)


def journal_address(settings: Settings) -> str:
    """The journal's address: the setting, otherwise a file in the user's state folder.

    The embedded sandbox loses its data when it ends, so its intents have a separate file.
    """
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return f"sqlite:///{journal_file(settings)}"


def journal_file(settings: Settings) -> Path:
    """The journal's file, if no address is set."""
    return state_folder() / ("sandbox-journal.db" if settings.sandbox else "journal.db")


def approval_webhook(settings: Settings) -> ApprovalWebhook | None:
    """The webhook that tells operators about waiting intents; None if no address is set.

    Raises:
        BadSetting: there is no secret for its signatures.
    """
    if settings.approval_webhook is None:
        return None
    if settings.approval_webhook_secret is None:
        raise BadSetting(
            "LOYALTY_MCP_APPROVAL_WEBHOOK_SECRET is missing: it signs what the webhook is told."
        )
    return ApprovalWebhook(
        settings.approval_webhook,
        split_secrets(settings.approval_webhook_secret.get_secret_value()),
        utc_now,
        page=settings.approvals_page,
        sandbox=settings.sandbox,
    )


def journal_exists(settings: Settings) -> bool:
    """Whether there may be intents to reconcile."""
    return settings.database_url is not None or journal_file(settings).exists()


def compose(
    settings: Settings,
    sandbox: Any = None,
    observe: CallObserver = ignore_call,
    now: Callable[[], datetime] | None = None,
) -> Runtime:
    """Build the runtime of a server.

    Args:
        settings: as read.
        sandbox: the ASGI application to use without an API key; None for a new one.
        observe: called with every call of a tool.
        now: the clock; this machine's by default.

    Raises:
        BadSetting: these settings give no menu, or the policy or the sandbox's file cannot be used.
    """
    check_credentials(settings)
    menu(settings)  # refuse wrong settings before opening anything
    policy = read_policy(settings.policy, {name: tool.risk for name, tool in TOOLS.items()})
    embedded = None
    if settings.api_key is not None:
        key = settings.api_key.get_secret_value()
        http = open_http_client(settings.base_url, key, timeout=settings.timeout)
    elif settings.client_id is not None and settings.client_secret is not None:
        http = open_http_client(settings.base_url, None, timeout=settings.timeout)
        http.auth = ClientCredentials(
            http,
            settings.client_id,
            settings.client_secret.get_secret_value(),
            timeout=settings.timeout / 3,
        )
    else:
        if sandbox is None:
            file = settings.sandbox_file
            sandbox = embedded = sandbox_in_memory() if file is None else sandbox_in_file(file)
        transport = httpx2.ASGITransport(app=sandbox)
        http = open_http_client(
            SANDBOX_URL, SANDBOX_KEY, timeout=settings.timeout, transport=transport
        )
    shares = BudgetShares(share=settings.budget_share, reserve=settings.budget_reserve)
    now = now or utc_now
    brevo = Brevo(http, timeout=settings.timeout, now=now, shares=shares)
    context = Context(
        brevo=brevo,
        references=References(brevo, settings.program),
        journal=LazyJournal(lambda: journal_address(settings)),
        now=now,
        settings=settings,
        policy=policy,
        reconciler=Reconciler(TOOLS),
        rehearsal=private_sandbox,
    )
    webhook = approval_webhook(settings)
    guard = Guard(
        context,
        policy,
        confirm=settings.confirm,
        intent_ttl=timedelta(seconds=settings.intent_ttl),
        operator_ttl=timedelta(seconds=settings.operator_ttl),
        dialog_timeout=timedelta(seconds=settings.dialog_timeout),
        announce=None if webhook is None else webhook.announce,
    )
    sessions = CallerSessions(context, guard, observe)
    return Runtime(settings, context, sessions, http, embedded, webhook=webhook)
