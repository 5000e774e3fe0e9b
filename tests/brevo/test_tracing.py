"""Spans: each request to Brevo inside its tool call, without personal addresses."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, TracerProvider

from tests.conftest import Connect


class Recorded(NonRecordingSpan):
    """A span that records its attributes.

    Args:
        name: what it is called.
        parent: the span it began in.
        number: its id.
        attributes: what it was told at the start.
    """

    def __init__(self, name: str, parent: trace.Span, number: int, attributes: Any) -> None:
        on = min(number, 1)
        context = SpanContext(on, number, is_remote=False, trace_flags=TraceFlags(on))
        super().__init__(context)
        self.name = name
        self.parent = parent
        self.recorded = dict(attributes or {})

    def set_attribute(self, key: str, value: Any) -> None:
        """Remember an attribute."""
        self.recorded[key] = value


class Recorder(TracerProvider, Tracer):
    """Records spans while it is on, and drops them at the end of a test."""

    def __init__(self) -> None:
        self.spans: list[Recorded] = []
        self.on = False
        self._numbers = count(1)

    def get_tracer(self, *_args: Any, **_kwargs: Any) -> Tracer:
        """The recorder is also its tracer."""
        return self

    def start_span(self, name: str, *_args: Any, **how: Any) -> Recorded:
        """Begin a span under the current one."""
        parent = trace.get_current_span()
        if not self.on:
            return Recorded(name, parent, 0, {})  # of no valid span, so nobody passes it on
        self.spans.append(Recorded(name, parent, next(self._numbers), how.get("attributes")))
        return self.spans[-1]

    @contextmanager
    def start_as_current_span(self, name: str, *_args: Any, **how: Any) -> Iterator[Recorded]:  # type: ignore[override] # the library's own decorator takes generators
        """Begin a span that is current until the block ends."""
        with trace.use_span(span := self.start_span(name, **how)):
            yield span


RECORDER = Recorder()


@pytest.fixture(scope="module", autouse=True)
def _recording() -> Iterator[None]:
    """A process has one tracer provider, so ours stays, and is switched off after these tests."""
    trace.set_tracer_provider(RECORDER)
    RECORDER.on = True
    yield
    RECORDER.on = False


@pytest.fixture
def spans() -> Iterator[list[Recorded]]:
    """The spans of one test."""
    RECORDER.spans.clear()
    yield RECORDER.spans
    RECORDER.spans.clear()


async def test_from_the_call_to_the_request(connect: Connect, spans: list[Recorded]) -> None:
    """Every request to Brevo has a span inside the span of the tool that needed it."""
    async with connect() as client:
        await client.call_tool("get_member_overview", {"member": "anna.keller@example.com"})

    calls = [span for span in spans if span.name == "tools/call get_member_overview"]
    requests = [span for span in spans if "server.address" in span.recorded]
    call = next(span for span in calls if "mcp.protocol.version" in span.recorded)
    assert len(requests) >= 3
    assert {span.parent for span in requests} == {call}
    assert {span.recorded["http.response.status_code"] for span in requests} == {200}


async def test_no_address_of_a_person(connect: Connect, spans: list[Recorded]) -> None:
    """No span contains whom a request was about."""
    async with connect() as client:
        await client.call_tool("find_member", {"member": "anna.keller@example.com"})

    recorded = [
        f"{span.name} {span.recorded}" for span in spans if "server.address" in span.recorded
    ]
    assert recorded
    assert not any("anna" in item or "101" in item for item in recorded)
