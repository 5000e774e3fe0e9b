"""What can be counted, in the text that Prometheus reads."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.guard.operator_approval import waiting
from loyalty_mcp.intents.lifecycle import OPEN
from loyalty_mcp.tools.context import Context

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Calls:
    """Counts the calls of tools; give `observe` to whoever runs them."""

    def __init__(self) -> None:
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()

    def observe(self, tool: str, outcome: str, seconds: float) -> None:
        """A call has ended."""
        self._outcomes[tool, outcome] += 1
        counts = self._buckets.setdefault(tool, [0] * (len(BUCKETS) + 1))
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[tool] += seconds  # type: ignore[assignment] # a Counter adds floats as well

    def lines(self) -> Iterable[str]:
        """What was counted."""
        yield from _head("loyalty_mcp_calls_total", "counter", "Calls of tools by outcome.")
        for (tool, outcome), count in sorted(self._outcomes.items()):
            yield _line("loyalty_mcp_calls_total", count, tool=tool, outcome=outcome)
        name = "loyalty_mcp_call_seconds"
        yield from _head(name, "histogram", "How long calls of tools take.")
        for tool, counts in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip((*BUCKETS, "+Inf"), counts, strict=True):
                total += count
                yield _line(f"{name}_bucket", total, tool=tool, le=str(bound))
            yield _line(f"{name}_sum", self._seconds[tool], tool=tool)
            yield _line(f"{name}_count", total, tool=tool)


class Metrics:
    """Everything that can be counted about a server.

    Args:
        context: what tools work with.
        calls: their calls.
    """

    def __init__(self, context: Context, calls: Calls) -> None:
        self._context = context
        self._calls = calls

    async def page(self, _request: Request) -> Response:
        """The text for Prometheus; what cannot be read now is left out."""
        lines = [*self._calls.lines(), *self._upstream(), *await self._intents()]
        return Response("\n".join(lines) + "\n", headers={"content-type": CONTENT_TYPE})

    def _upstream(self) -> Iterable[str]:
        brevo = self._context.brevo
        name = "loyalty_mcp_upstream_requests_total"
        yield from _head(name, "counter", "Requests sent to Brevo.")
        yield _line(name, brevo.requests_sent)
        if brevo.budget is not None:
            name = "loyalty_mcp_upstream_budget_remaining"
            yield from _head(name, "gauge", "Requests left in the hour, as Brevo last said.")
            yield _line(name, brevo.budget.remaining)
            name = "loyalty_mcp_upstream_budget_limit"
            yield from _head(name, "gauge", "Requests of an hour.")
            yield _line(name, brevo.budget.limit)

    async def _intents(self) -> list[str]:
        name = "loyalty_mcp_journal_up"
        lines = [*_head(name, "gauge", "Whether the journal can be read.")]
        try:
            counts = await self._context.journal.open().counts(self._context.now())
            held = await waiting(self._context)
        except LoyaltyError:
            return [*lines, _line(name, 0)]
        lines.append(_line(name, 1))
        shown: Mapping[str, tuple[int, str]] = {
            "open": (sum(counts.get(state, 0) for state in OPEN), "Intents not ended yet."),
            "unknown": (counts.get("unknown", 0), "Intents whose outcome is unknown."),
            "waiting": (len(held), "Intents that wait for an operator."),
        }
        for word, (count, text) in shown.items():
            lines += [
                *_head(f"loyalty_mcp_intents_{word}", "gauge", text),
                _line(f"loyalty_mcp_intents_{word}", count),
            ]
        return lines


def _head(name: str, kind: str, text: str) -> Iterable[str]:
    return (f"# HELP {name} {text}", f"# TYPE {name} {kind}")


def _line(name: str, value: float, **labels: str) -> str:
    """One sample; labels are names of tools, outcomes and bounds, which need no escaping."""
    inside = ",".join(f'{label}="{word}"' for label, word in labels.items())
    return f"{name}{{{inside}}} {value}" if inside else f"{name} {value}"
