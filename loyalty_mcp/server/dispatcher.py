"""One path for every tool: check, resolve references, guard, run, say."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, get_args

from loyalty_mcp.brevo.references import CallReferences
from loyalty_mcp.brevo.types import plain
from loyalty_mcp.errors import InvalidArgument, LoyaltyError
from loyalty_mcp.guard.confirmation import Call, Caller, Envelope, Question, Reaction, Status
from loyalty_mcp.guard.guard import Guard
from loyalty_mcp.intents.lifecycle import Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.render import facts_text, moment_text
from loyalty_mcp.tools.tool import Tool

log = logging.getLogger(__name__)

SANDBOX_MARK: Final = "[sandbox] "
NO_TOOL: Final = "none"
MISTAKE: Final = "The server failed on this call; nothing more is known. The operator has the log."


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answers.

    Args:
        text: stands alone.
        structured: the same as data; None with an error.
        failed: whether it is an error.
    """

    text: str
    structured: Mapping[str, Any] | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A dialog to show to a person before the call can go on.

    Args:
        message: what they agree to, every outside word in it quoted.
        intent: what to hand back with their reaction.
        rounds: how many dialogs this call has shown.
        typed: whether the person has to type the amount.
    """

    message: str
    intent: str
    rounds: int
    typed: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """The form: a box to tick, and the amount where it has to be typed."""
        agree = {
            "type": "boolean",
            "title": "Yes, do this",
            "description": "Tick to agree; nothing happens otherwise.",
            "default": False,
        }
        if not self.typed:
            return {"type": "object", "properties": {"agree": agree}, "required": ["agree"]}
        amount = {
            "type": "number",
            "title": "Amount",
            "description": "Type the amount once more.",
        }
        return {
            "type": "object",
            "properties": {"agree": agree, "amount": amount},
            "required": ["agree", "amount"],
        }


Observe = Callable[[str, str, float], None]
"""Takes the tool, how the call ended in a word, and the seconds it took."""


def unobserved(_tool: str, _outcome: str, _seconds: float) -> None:
    """Nobody looks."""


def outcome_word(outcome: Answer | Ask) -> str:
    """How a call ended: the status of its envelope, `ok`, `error`, or `asked`."""
    if isinstance(outcome, Ask):
        return "asked"
    status = (outcome.structured or {}).get("status")
    if status in get_args(Status):
        return str(status)
    return "error" if outcome.failed else "ok"


class Dispatcher:
    """Runs the tools of one menu.

    Args:
        tools: the menu.
        context: what tools work with.
        guard: who has to agree.
        sandbox: whether every answer has to say that it comes from the sandbox.
        observe: told of every call, its outcome and its seconds.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        context: Context,
        guard: Guard,
        *,
        sandbox: bool,
        observe: Observe = unobserved,
    ) -> None:
        self.tools = tools
        self._observe = observe
        self._context = context
        self._guard = guard
        self._mark = SANDBOX_MARK if sandbox else ""

    async def call(self, name: str, arguments: Mapping[str, Any], caller: Caller) -> Answer | Ask:
        """Call a tool; never raises but for a cancelled call."""
        return await self._watched(name, arguments, caller, None)

    async def answered(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: Caller,
        asked: Ask,
        reaction: Reaction,
    ) -> Answer | Ask:
        """Go on with a call whose dialog came back."""
        return await self._watched(name, arguments, caller, (asked, reaction))

    async def _watched(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: Caller,
        back: tuple[Ask, Reaction] | None,
    ) -> Answer | Ask:
        began = time.perf_counter()
        outcome = await self._safely(name, arguments, caller, back)
        known = name if name in self.tools else NO_TOOL
        self._observe(known, outcome_word(outcome), time.perf_counter() - began)
        return outcome

    async def _safely(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: Caller,
        back: tuple[Ask, Reaction] | None,
    ) -> Answer | Ask:
        try:
            tool = self._tool(name)
            with self._context.brevo.remembering():
                if tool.guarded:
                    return await self._guarded(tool, arguments, caller, back)
                return await self._read(tool, arguments, caller)
        except LoyaltyError as error:
            return Answer(f"{self._mark}{error}", failed=True)
        except Exception:
            log.exception("%s failed", name if name in self.tools else "a tool")
            return Answer(f"{self._mark}{MISTAKE}", failed=True)

    def _tool(self, name: str) -> Tool:
        if name not in self.tools:
            raise InvalidArgument("There is no such tool here; tools/list names them.")
        return self.tools[name]

    async def _read(self, tool: Tool, arguments: Mapping[str, Any], caller: Caller) -> Answer:
        given = tool.validated(arguments)
        versions = tool.versions(given)
        references = CallReferences(self._context.references, versions=versions)
        received = await tool.received(given, references)
        reply = await tool.run(self._as(caller), **received)
        structured = reply.model_dump(mode="json", exclude_none=True)
        words = self._words(tool, structured)
        return Answer(f"{self._mark}{words}", structured)

    def _as(self, caller: Caller) -> Context:
        """The context of a call; nearly always the caller is the one it was made for."""
        known = self._context.caller == caller.name
        return self._context if known else replace(self._context, caller=caller.name)

    async def _guarded(
        self,
        tool: Tool,
        arguments: Mapping[str, Any],
        caller: Caller,
        back: tuple[Ask, Reaction] | None,
    ) -> Answer | Ask:
        given = tool.validated(arguments)
        call = Call(tool, given, caller)
        confirmation = getattr(given, "confirmation", None)
        if back is not None:
            asked, reaction = back
            outcome = await self._guard.answered(call, asked.intent, reaction, asked.rounds)
        elif confirmation is not None:
            outcome = await self._guard.confirm(call, confirmation)
        else:
            outcome = await self._guard.request(call)
        if isinstance(outcome, Question):
            message = self._mark + question_text(outcome)
            typed = outcome.amount is not None
            return Ask(message, outcome.intent.id, outcome.rounds, typed=typed)
        words = self._envelope_words(tool, outcome)
        return Answer(f"{self._mark}{words}", structured(outcome), failed=outcome.failed)

    def _words(self, tool: Tool, values: Mapping[str, Any]) -> str:
        if tool.text is None:
            return facts_text(values)
        return tool.text(tool.answer.model_validate(values), self._context.now())

    def _envelope_words(self, tool: Tool, envelope: Envelope) -> str:
        now = self._context.now()
        match envelope.status:
            case "applied":
                done = "Done before, not again" if envelope.again else "Done"
                return f"{done}. {self._words(tool, envelope.result or {})}"
            case "confirmation_required":
                return (
                    f"{_moved(envelope)}Nothing has changed yet. {preview_text(envelope.preview)}\n"
                    "Show this to the person. If they agree, repeat the call with the same "
                    f'arguments and confirmation "{envelope.confirmation}", before '
                    f"{_until(envelope, now)}."
                )
            case "waiting_for_operator":
                return (
                    f"{_moved(envelope)}Nothing has changed yet: an operator has to approve. "
                    f"{preview_text(envelope.preview)}\nOnce approved, repeat the call with "
                    f'confirmation "{envelope.intent}", before {_until(envelope, now)}.'
                )
            case "unknown":
                return (
                    f"Unknown outcome: {envelope.reason} Do not repeat it as a new call. "
                    f"Intent {envelope.intent}."
                )
            case "not_applied":
                return f"Not done: {envelope.reason}"
            case "declined" | "expired":
                return envelope.reason or ""


def structured(envelope: Envelope) -> dict[str, Any]:
    """An envelope as data; only what its status has."""
    values: dict[str, Any] = {"status": envelope.status, "intent": envelope.intent}
    if envelope.preview is not None:
        values["preview"] = preview_data(envelope.preview)
    values["confirmation"] = envelope.confirmation
    values["expires_at"] = envelope.expires_at.isoformat() if envelope.expires_at else None
    values["result"] = envelope.result
    values["reason"] = envelope.reason
    return {name: value for name, value in values.items() if value is not None}


def preview_data(preview: Preview) -> dict[str, Any]:
    """A preview as data; what it does not have is left out."""
    values = {
        "summary": preview.summary,
        "before": plain(preview.before),
        "after": plain(preview.after),
        "warnings": list(preview.warnings),
    }
    return {name: value for name, value in values.items() if value}


def preview_text(preview: Preview | None) -> str:
    """A preview in words."""
    if preview is None:
        return ""
    return "\n".join([preview.summary, *preview.warnings])


def question_text(question: Question) -> str:
    """What a person reads in a dialog."""
    again = f"{question.moved} Please look again.\n" if question.moved else ""
    return f"{again}{preview_text(question.intent.preview)}\nDo this?"


def _moved(envelope: Envelope) -> str:
    return f"{envelope.reason} " if envelope.reason else ""


def _until(envelope: Envelope, now: datetime) -> str:
    return "" if envelope.expires_at is None else moment_text(envelope.expires_at, now)
