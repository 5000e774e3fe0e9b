"""The demo: the main use cases, end to end, with the real server and a real MCP client."""

import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import mcp_types as types
from mcp import Client, StdioServerParameters
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

MEMBER: Final = "anna.keller@example.com"
AMOUNT: Final = 50
BALANCE: Final = "Purchase Points"
SPEC: Final[Mapping[str, Any]] = {
    "program": {"name": "Coffee Club"},
    "balances": [{"name": "Beans", "unit": "POINTS"}],
    "tier_groups": [
        {
            "name": "Status",
            "tiers": [
                {"name": "Fan", "minimum": {"Beans": 0}},
                {"name": "Friend", "minimum": {"Beans": 100}},
            ],
        }
    ],
}
PURCHASES: Final = [{"member": "Ada", "amount": 40}, {"member": "Ada", "amount": 70}]
WIDTH: Final = 100
SHOWN_TOOLS: Final = 4
READING_SECONDS: Final = 0.4
"""The simulated person waits this long before answering; a faster answer looks automated."""


class UnexpectedAnswerError(Exception):
    """The server did not behave as the demo claims."""


class Transcript:
    """Prints each step as it happens."""

    def __init__(self) -> None:
        self._console = Console(width=WIDTH, highlight=False)
        self._step = 0

    def step(self, title: str) -> None:
        """Print the title of a step."""
        self._step += 1
        self._console.print()
        self._console.print(Text(f"{self._step}. {title}", style="bold"))

    def said(self, who: str, text: str, style: str = "cyan") -> None:
        """Print what a participant says."""
        self._console.print(Panel(Text(text), title=who, title_align="left", border_style=style))

    def blank(self) -> None:
        """Print an empty line."""
        self._console.print()

    def line(self, text: str) -> None:
        """Print a remark."""
        self._console.print(Text(f"  {text}", style="dim"))


class Person:
    """Answers the dialogs of a client with prepared reactions.

    Args:
        transcript: where the dialogs are shown.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self.agrees = False

    async def answer(self, _context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        """Show the dialog and react."""
        self._transcript.said("dialog, shown to a person", params.message, "yellow")
        await anyio.sleep(READING_SECONDS)
        self._transcript.line(f"The person {'agrees' if self.agrees else 'says no'}.")
        if self.agrees:
            return types.ElicitResult(action="accept", content={"agree": True})
        return types.ElicitResult(action="decline")


@asynccontextmanager
async def connected(state: str, answer: Callable[..., Any] | None) -> AsyncIterator[Client]:
    """A client of a freshly started server over stdio, on a fresh sandbox.

    Args:
        state: the folder for the server's journal.
        answer: answers dialogs; None for a client without dialogs.
    """
    ours = ("BREVO_", "LOYALTY_MCP_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    environment |= {"XDG_STATE_HOME": state, "LOYALTY_MCP_LOG_LEVEL": "ERROR"}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "loyalty_mcp"], env=environment
    )
    async with Client(command, elicitation_callback=answer) as client:
        yield client


async def call(
    client: Client,
    transcript: Transcript,
    name: str,
    arguments: Mapping[str, Any],
    *,
    refused: bool = False,
) -> Mapping[str, Any]:
    """Call a tool, print the call and its answer, and return the answer's data.

    Raises:
        UnexpectedAnswerError: the answer is an error but `refused` is false, or the reverse.
    """
    given = ", ".join(f"{key}={_shown(value)}" for key, value in arguments.items())
    transcript.line(f"→ {name}({given})")
    result = await client.call_tool(name, dict(arguments))
    text = "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))
    transcript.said(name, text, "red" if result.is_error else "green")
    expect(refused, bool(result.is_error), f"whether {name} is refused")
    structured: Mapping[str, Any] = result.structured_content or {}
    return structured


def _shown(value: Any) -> str:
    return json.dumps(value) if isinstance(value, Mapping | list) else repr(value)


async def agreed(
    client: Client, transcript: Transcript, name: str, arguments: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Call a guarded tool, then repeat the call with the confirmation from its preview."""
    preview = await call(client, transcript, name, arguments)
    confirmed = {**arguments, "confirmation": preview["confirmation"]}
    return await call(client, transcript, name, confirmed)


async def total(client: Client, transcript: Transcript) -> float:
    """The member's current points."""
    overview = await call(client, transcript, "get_member_overview", {"member": MEMBER})
    found = next(item["value"] for item in overview["balances"] if item["balance"] == BALANCE)
    return float(found)


def expect(wanted: Any, found: Any, what: str) -> None:
    """Stop if the result is not what the demo claims.

    Raises:
        UnexpectedAnswerError: `found` is not `wanted`.
    """
    if wanted != found:
        raise UnexpectedAnswerError(f"{what}: expected {wanted!r}, found {found!r}")


async def with_dialogs(transcript: Transcript, state: str) -> None:
    """A client with dialogs: a person decides, and the model cannot."""
    person = Person(transcript)
    transcript.line("A server starts, with a fresh sandbox: a seeded world, gone when it ends.")
    async with connected(state, person.answer) as client:
        transcript.step("The menu")
        tools = (await client.list_tools()).tools
        first = "\n".join(f"{tool.name}: {tool.description}" for tool in tools[:SHOWN_TOOLS])
        transcript.said("tools/list", f"{first}\n… {len(tools)} tools in all")
        transcript.step("A member, all at once")
        before = await total(client, transcript)
        debit = {"member": MEMBER, "amount": AMOUNT, "reason": "Goodwill correction"}
        transcript.step("A debit is previewed in a dialog, and declined")
        declined = await call(client, transcript, "debit_points", debit)
        expect("declined", declined.get("status"), "a declined debit")
        expect(before, await total(client, transcript), "the balance after a declined debit")
        transcript.step("Asked again, a person agrees")
        person.agrees = True
        applied = await call(client, transcript, "debit_points", debit)
        expect("applied", applied.get("status"), "an agreed debit")
        transcript.step("The new balance")
        expect(before - AMOUNT, await total(client, transcript), "the balance after one debit")


async def with_confirmations(transcript: Transcript, state: str) -> None:
    """A client without dialogs: a preview, then the same call with its confirmation."""
    transcript.blank()
    transcript.line("Another server starts, again with a fresh sandbox: the debit is forgotten.")
    async with connected(state, None) as client:
        transcript.step("A client without dialogs gets a preview and a confirmation")
        before = await total(client, transcript)
        debit = {"member": MEMBER, "amount": AMOUNT, "reason": "Goodwill correction"}
        preview = await call(client, transcript, "debit_points", debit)
        expect("confirmation_required", preview.get("status"), "a debit without agreement")
        confirmed = {**debit, "confirmation": preview["confirmation"]}
        transcript.step("Confirmed, it happens")
        applied = await call(client, transcript, "debit_points", confirmed)
        expect("applied", applied.get("status"), "a confirmed debit")
        transcript.step("The same confirmation a second time moves nothing: its first outcome")
        again = await call(client, transcript, "debit_points", confirmed)
        expect(applied, again, "a confirmation used twice")
        expect(before - AMOUNT, await total(client, transcript), "the balance after both")
        transcript.step("With one argument altered it is refused")
        other = {**confirmed, "amount": AMOUNT + 1}
        await call(client, transcript, "debit_points", other, refused=True)
        await a_whole_program(client, transcript)


async def a_whole_program(client: Client, transcript: Transcript) -> None:
    """A program from one description: planned, rehearsed, applied and published."""
    transcript.step("A program is planned from one description, and rehearsed with purchases")
    arguments = {"spec": SPEC, "rehearse": True, "purchases": PURCHASES}
    plan = await call(client, transcript, "plan_program", arguments)
    (ada,) = plan["rehearsal"]["members"]
    expect({"Status": "Friend"}, ada["tiers"], "the tier of the rehearsed member")
    transcript.step("The plan is applied as a draft, once it is agreed to")
    drafted = await agreed(client, transcript, "apply_program", {"spec": SPEC})
    expect("applied", drafted.get("status"), "a confirmed plan")
    transcript.step("The draft is published, once that is agreed to as well")
    program = {"program": SPEC["program"]["name"]}
    published = await agreed(client, transcript, "publish_program", program)
    expect("applied", published.get("status"), "a confirmed publication")


def first_error(error: BaseException) -> BaseException:
    """The first error inside nested exception groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def run_demo() -> int:
    """Run the demo.

    Returns:
        0 if everything happened as the demo claims, otherwise 1.
    """
    transcript = Transcript()
    problem = ""
    try:
        with tempfile.TemporaryDirectory() as state:
            anyio.run(with_dialogs, transcript, state)
            anyio.run(with_confirmations, transcript, state)
    except* UnexpectedAnswerError as errors:
        problem = str(first_error(errors))
    if problem:
        transcript.said("not as promised", problem, "red")
        return 1
    transcript.step("Done: one debit for each agreement, none without, none twice.")
    return 0
