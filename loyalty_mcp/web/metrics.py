"""Metrics for Prometheus."""

from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import Response

from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.guard.operator_approval import waiting_intents
from loyalty_mcp.intents.lifecycle import OPEN
from loyalty_mcp.tools.context import Context

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class CallMetrics:
    """Counts tool calls; pass `observe` to whatever runs them."""

    def __init__(self) -> None:
        # No `_created` sample for each counter: it would double the page, and Prometheus ignores
        # it.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "loyalty_mcp_calls",
            "Calls of tools by outcome.",
            ["tool", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "loyalty_mcp_call_seconds",
            "Duration of tool calls.",
            ["tool"],
            registry=self.registry,
            buckets=BUCKETS,
        )

    def observe(self, tool: str, outcome: str, seconds: float) -> None:
        """Count one call."""
        self._calls.labels(tool, outcome).inc()
        self._seconds.labels(tool).observe(seconds)


@dataclass(frozen=True, slots=True)
class Load:
    """The current load, and the refused requests.

    Args:
        connections: the open connections.
        sessions: the open sessions of handshake clients.
        refused: by limit, counts the requests above what a caller may use.
    """

    connections: Sized
    sessions: Sized
    refused: Mapping[str, Callable[[], int]]


class MetricsPage:
    """The page for Prometheus.

    Args:
        context: the clients, the journal and the settings that tools use.
        calls: counted tool calls.
        load: the current load.
    """

    def __init__(self, context: Context, calls: CallMetrics, load: Load) -> None:
        self._context = context
        self._calls = calls
        self._load = load

    async def respond(self, _request: Request) -> Response:
        """The metrics as text; values that cannot be read now are omitted."""
        registry = CollectorRegistry()
        self._add_load(registry)
        self._add_upstream(registry)
        await self._add_intents(registry)
        text = generate_latest(self._calls.registry) + generate_latest(registry)
        return Response(text, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    def _add_load(self, registry: CollectorRegistry) -> None:
        load = self._load
        _add_gauge(
            registry,
            "loyalty_mcp_connections",
            "HTTP connections that are open.",
            len(load.connections),
        )
        _add_gauge(
            registry,
            "loyalty_mcp_sessions",
            "Sessions of handshake clients that are open.",
            len(load.sessions),
        )
        refused = Counter(
            "loyalty_mcp_refused",
            "Requests refused because their caller was over a limit.",
            ["limit"],
            registry=registry,
        )
        for limit, count in load.refused.items():
            refused.labels(limit).inc(count())

    def _add_upstream(self, registry: CollectorRegistry) -> None:
        brevo = self._context.brevo
        sent = Counter(
            "loyalty_mcp_upstream_requests", "Requests sent to Brevo.", registry=registry
        )
        sent.inc(brevo.requests_sent)
        if brevo.budget is not None:
            _add_gauge(
                registry,
                "loyalty_mcp_upstream_budget_remaining",
                "Requests left in the hour, as Brevo last reported.",
                brevo.budget.remaining,
            )
            _add_gauge(
                registry,
                "loyalty_mcp_upstream_budget_limit",
                "Requests allowed in an hour.",
                brevo.budget.limit,
            )
            _add_gauge(
                registry,
                "loyalty_mcp_upstream_budget_reserve",
                "Requests of an hour that are kept for operators and changes under way.",
                brevo.shares.reserve_of(brevo.budget),
            )

    async def _add_intents(self, registry: CollectorRegistry) -> None:
        try:
            counts = await self._context.journal.open().counts(self._context.now())
            for_operator = await waiting_intents(self._context)
        except LoyaltyError:
            counts, for_operator = None, []
        _add_gauge(
            registry,
            "loyalty_mcp_journal_up",
            "Whether the journal can be read.",
            counts is not None,
        )
        if counts is None:
            return
        open_intents = sum(counts.get(state, 0) for state in OPEN)
        _add_gauge(
            registry, "loyalty_mcp_intents_open", "Intents that have not ended.", open_intents
        )
        _add_gauge(
            registry,
            "loyalty_mcp_intents_unknown",
            "Intents whose outcome is unknown.",
            counts.get("unknown", 0),
        )
        _add_gauge(
            registry,
            "loyalty_mcp_intents_waiting",
            "Intents that wait for an operator.",
            len(for_operator),
        )


def _add_gauge(registry: CollectorRegistry, name: str, description: str, value: float) -> None:
    Gauge(name, description, registry=registry).set(value)
