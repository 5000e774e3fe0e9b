"""A span for each request to Brevo, inside the span of its tool call."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, ProxyTracerProvider, Span, SpanKind

TRACER: Final = trace.get_tracer("loyalty-mcp")
"""Has no effect until an OpenTelemetry SDK is installed."""


def sdk_installed() -> bool:
    """Whether an OpenTelemetry SDK is installed; otherwise spans have no use."""
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


@contextmanager
def upstream_span(method: str, reply: str, address: str) -> Iterator[Span]:
    """Open the span of one request, without the path, which may contain an email address.

    Args:
        method: the HTTP method.
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
        record_exception=False,  # its text may contain request data
        set_status_on_exception=True,
    ) as span:
        yield span
