"""The main job, end to end: the real server, a real MCP client, and a ledger that counts."""

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
PROGRAM: Final = "Coffee Club"
WIDTH: Final = 100
SHOWN_TOOLS: Final = 4


class UnexpectedAnswerError(Exception):
    """The server did not do what this demonstration says it does."""


class Transcript:
    """Prints what happens, as it happens."""

    def __init__(self) -> None:
        self._console = Console(width=WIDTH, highlight=False)
        self._step = 0

    def step(self, title: str) -> None:
        """A new step."""
        self._step += 1
        self._console.print()
        self._console.print(Text(f"{self._step}. {title}", style="bold"))

    def said(self, who: str, text: str, style: str = "cyan") -> None:
        """What one of those involved says."""
        self._console.print(Panel(Text(text), title=who, title_align="left", border_style=style))

    def line(self, text: str) -> None:
        """A remark."""
        self._console.print(Text(f"  {text}", style="dim"))


class Person:
    """Answers the dialogs of a client, as told beforehand.

    Args:
        transcript: where the dialogs are shown.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self.agrees = False

    async def answer(self, _context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        """Show the dialog and react."""
        self._transcript.said("dialog, shown to a person", params.message, "yellow")
        self._transcript.line(f"The person {'agrees' if self.agrees else 'says no'}.")
        if self.agrees:
            return types.ElicitResult(action="accept", content={"agree": True})
        return types.ElicitResult(action="decline")


@asynccontextmanager
async def connected(state: str, answer: Callable[..., Any] | None) -> AsyncIterator[Client]:
    """A client of a freshly started server, on a fresh sandbox, over stdio."""
    ours = ("BREVO_", "LOYALTY_MCP_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    environment |= {"XDG_STATE_HOME": state, "LOYALTY_MCP_LOG_LEVEL": "ERROR"}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "loyalty_mcp"], env=environment
    )
    async with Client(command, elicitation_callback=answer) as client:
        yield client


async def call(
    client: Client, transcript: Transcript, name: str, arguments: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Call a tool, show the call and its answer, and give back the answer's data."""
    given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    transcript.line(f"→ {name}({given})")
    result = await client.call_tool(name, dict(arguments))
    text = "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))
    transcript.said(name, text, "red" if result.is_error else "green")
    structured: Mapping[str, Any] = result.structured_content or {}
    return structured


async def agreed(
    client: Client, transcript: Transcript, name: str, arguments: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Call a guarded tool, and again with the confirmation that it gave."""
    preview = await call(client, transcript, name, arguments)
    confirmed = {**arguments, "confirmation": preview["confirmation"]}
    return await call(client, transcript, name, confirmed)


async def total(client: Client, transcript: Transcript) -> float:
    """The member's points now."""
    overview = await call(client, transcript, "get_member_overview", {"member": MEMBER})
    found = next(item["value"] for item in overview["balances"] if item["balance"] == BALANCE)
    return float(found)


def expect(wanted: Any, found: Any, what: str) -> None:
    """Stop if the demonstration would not be true.

    Raises:
        UnexpectedAnswerError: `found` is not what was `wanted`.
    """
    if wanted != found:
        raise UnexpectedAnswerError(f"{what}: expected {wanted!r}, found {found!r}")


async def with_dialogs(transcript: Transcript, state: str) -> None:
    """A client that can show dialogs: a person decides, the model cannot."""
    person = Person(transcript)
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
    async with connected(state, None) as client:
        transcript.step("Another client, which has no dialogs, gets a preview and a confirmation")
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
        altered = await call(client, transcript, "debit_points", other)
        expect({}, altered, "an altered confirmation")
        transcript.step("A program is made, and published under guard")
        await agreed(client, transcript, "create_program", {"name": PROGRAM})
        published = await agreed(client, transcript, "publish_program", {"program": PROGRAM})
        expect("applied", published.get("status"), "a confirmed publication")


def flat(error: BaseException) -> BaseException:
    """The first error inside groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def run_demo() -> int:
    """Run the demonstration.

    Returns:
        0 if everything was as it says; 1 if not.
    """
    transcript = Transcript()
    problem = ""
    try:
        with tempfile.TemporaryDirectory() as state:
            anyio.run(with_dialogs, transcript, state)
            anyio.run(with_confirmations, transcript, state)
    except* UnexpectedAnswerError as errors:
        problem = str(flat(errors))
    if problem:
        transcript.said("not as promised", problem, "red")
        return 1
    transcript.step("Done: one debit for each agreement, none without, none twice.")
    return 0
