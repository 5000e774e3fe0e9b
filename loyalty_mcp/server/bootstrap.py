"""The composition root: settings in, a server out. The only place that knows every part."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx2

from loyalty_mcp.brevo.client import Brevo, open_exchange, utc_now
from loyalty_mcp.brevo.exchange import Exchange
from loyalty_mcp.brevo.references import References
from loyalty_mcp.guard.guard import Guard
from loyalty_mcp.guard.reconciliation import Reconciler
from loyalty_mcp.intents.lazy_journal import LazyJournal
from loyalty_mcp.intents.policy import read_policy
from loyalty_mcp.intents.principal import local
from loyalty_mcp.server.caller_session import CallerSession, CallerSessions
from loyalty_mcp.server.dispatcher import Dispatcher, Observe, unobserved
from loyalty_mcp.server.embedded_sandbox import Embedded
from loyalty_mcp.settings import Settings, state_folder
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.registry import every_tool, menu

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from loyalty_mcp.server.elicitation import Context as RequestContext

SANDBOX_URL: Final = "http://sandbox/v3"
SANDBOX_KEY: Final = "sandbox"
REHEARSAL_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Parts:
    """What a server is made of.

    Args:
        settings: as they were read.
        context: what tools work with.
        desks: what each caller gets.
        exchange: with the upstream; closed with the server.
        engine: the embedded sandbox, if it was made here.
    """

    settings: Settings
    context: Context
    sessions: CallerSessions
    exchange: Exchange
    engine: Embedded | None = None

    @property
    def dispatcher(self) -> Dispatcher:
        """What whoever starts this process gets."""
        return self.sessions.of(local(self.settings)).dispatcher

    async def begin(self) -> None:
        """Settle what an earlier run left behind, if there is a journal; beside the service.

        What an embedded sandbox had is gone with it, so there is nothing to read then.
        """
        if self.settings.api_key is not None and journal_exists(self.settings):
            await self.context.reconciler.reconcile_abandoned(self.context)

    async def close(self) -> None:
        """Let the network, the journal and the sandbox go."""
        await self.exchange.aclose()
        await self.context.journal.close()
        if self.engine is not None:
            self.engine.close()

    def server(self) -> "Server[None]":
        """The MCP server over these parts."""
        # Half a second of imports.
        from loyalty_mcp.server.mcp_server import Handlers, build_server, lifespan_of  # noqa: PLC0415

        session = self.sessions.of(local(self.settings))
        handlers = Handlers(lambda _request: session, self.context)
        return build_server(handlers, lifespan_of(self.begin, self.close))

    def http_server(self) -> "Server[None]":
        """The MCP server over these parts for callers that each HTTP request names."""
        from loyalty_mcp.server import mcp_server as server  # noqa: PLC0415 - the same

        def session_of(request: "RequestContext") -> CallerSession:
            return self.sessions.of(server.principal_of(request))

        lifespan = server.lifespan_of(self.begin, self.close)
        return server.build_server(server.Handlers(session_of, self.context), lifespan)


def journal_address(settings: Settings) -> str:
    """Where the journal is: where the setting says, else a file in the user's state folder.

    The embedded sandbox forgets everything at its end, so its intents go to a file of their own.
    """
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return f"sqlite+aiosqlite:///{journal_file(settings)}"


def journal_file(settings: Settings) -> Path:
    """The journal's file, where no address is set."""
    return state_folder() / ("sandbox-journal.db" if settings.sandbox else "journal.db")


def journal_exists(settings: Settings) -> bool:
    """Whether there may be something to settle: opening an empty journal would only cost time."""
    return settings.database_url is not None or journal_file(settings).exists()


@asynccontextmanager
async def private_sandbox() -> AsyncIterator[Brevo]:
    """A client of an empty engine of its own: what is tried there is gone afterwards."""
    from loyalty_mcp.sandbox.app import create_app  # noqa: PLC0415 - only for a rehearsal
    from loyalty_mcp.sandbox.settings import SandboxSettings  # noqa: PLC0415 - the same

    engine = create_app(SandboxSettings(empty=True, rate_limit=0))
    transport = httpx2.ASGITransport(app=engine)
    exchange = open_exchange(
        SANDBOX_URL, SANDBOX_KEY, timeout=REHEARSAL_SECONDS, transport=transport
    )
    try:
        yield Brevo(exchange, timeout=REHEARSAL_SECONDS)
    finally:
        await exchange.aclose()
        engine.state.store.close()


def _new_sandbox() -> Any:
    from loyalty_mcp.sandbox.app import create_app  # noqa: PLC0415 - only when a request comes

    return create_app()


def compose(settings: Settings, sandbox: Any = None, observe: Observe = unobserved) -> Parts:
    """Put the parts together.

    Args:
        settings: what to build.
        sandbox: an engine to use instead of a new one, when no API key is given.
        observe: told of every call of a tool.

    Raises:
        BadSetting: the menu cannot be made of these settings.
    """
    menu(settings)  # refuses wrong settings before anything is opened
    everything = every_tool()
    policy = read_policy(settings.policy, {name: tool.risk for name, tool in everything.items()})
    engine = None
    if settings.api_key is not None:
        key = settings.api_key.get_secret_value()
        exchange = open_exchange(settings.base_url, key, timeout=settings.timeout)
    else:
        if sandbox is None:
            sandbox = engine = Embedded(_new_sandbox)
        transport = httpx2.ASGITransport(app=sandbox)
        exchange = open_exchange(
            SANDBOX_URL, SANDBOX_KEY, timeout=settings.timeout, transport=transport
        )
    brevo = Brevo(exchange, timeout=settings.timeout)
    context = Context(
        brevo=brevo,
        references=References(brevo, settings.program),
        journal=LazyJournal(lambda: journal_address(settings)),
        now=utc_now,
        settings=settings,
        policy=policy,
        reconciler=Reconciler(everything, timedelta(seconds=settings.timeout)),
        rehearsal=private_sandbox,
    )
    guard = Guard(
        context,
        policy,
        confirm=settings.confirm,
        intent_ttl=timedelta(seconds=settings.intent_ttl),
        dialog_timeout=timedelta(seconds=settings.dialog_timeout),
    )
    return Parts(settings, context, CallerSessions(context, guard, observe), exchange, engine)
