"""A span for each request to Brevo, inside the span of the tool call that needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, ProxyTracerProvider, Span, SpanKind

TRACER: Final = trace.get_tracer("loyalty-mcp")
"""Does nothing until an OpenTelemetry SDK is installed."""


def sdk_installed() -> bool:
    """Whether an OpenTelemetry SDK is installed; without one, spans are not worth making."""
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


@contextmanager
def upstream_span(method: str, reply: str, address: str) -> Iterator[Span]:
    """Open the span of one request; the path is left out because it may hold an email address.

    Args:
        method: of HTTP.
        reply: the name of the reply's model.
        address: the host.
    """
    if not sdk_installed():
        yield INVALID_SPAN
        return
    attributes = {"http.request.method": method, "server.address": address, "loyalty.reply": reply}
    with TRACER.start_as_current_span(
        f"{method} {reply}",
        kind=SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,  # its text may hold what was sent
        set_status_on_exception=True,
    ) as span:
        yield span
