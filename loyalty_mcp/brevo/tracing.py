"""A span for each request to Brevo, under the span of the call that it belongs to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, ProxyTracerProvider, Span, SpanKind

TRACER: Final = trace.get_tracer("loyalty-mcp")
"""Does nothing until whoever runs the program installs an exporter."""


def watched() -> bool:
    """Whether somebody has installed what spans are told to; else making them is lost work."""
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)


@contextmanager
def upstream_span(method: str, reply: str, address: str) -> Iterator[Span]:
    """The span of one request; the path is left out, for it may hold an email address.

    Args:
        method: of HTTP.
        reply: the name of what is asked for.
        address: the host.
    """
    if not watched():
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
