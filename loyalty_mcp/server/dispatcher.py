"""The path of every tool call: validate, resolve references, guard, run, answer."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, get_args

from loyalty_mcp.brevo.budget_shares import change_under_way
from loyalty_mcp.brevo.references import CallReferences
from loyalty_mcp.errors import InvalidArgument, LoyaltyError
from loyalty_mcp.guard.confirmation import Call, Caller, Question, Reaction, Status
from loyalty_mcp.guard.guard import Guard
from loyalty_mcp.server.apps.confirmation_meta import confirmation_meta
from loyalty_mcp.server.envelope_text import envelope_data, envelope_text, question_text
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.render import facts_text
from loyalty_mcp.tools.tool import Tool

log = logging.getLogger(__name__)

SANDBOX_MARK: Final = "[sandbox] "
UNKNOWN_TOOL: Final = "none"
"""The name that observers get for a tool that is not in the menu."""

INTERNAL_ERROR: Final = (
    "The server failed on this call; nothing more is known. The operator has the log."
)


INTERNAL_ERROR_CODE: Final = "internal_error"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a tool.

    Args:
        text: complete without the structured content.
        structured: the same as data; None for an error.
        failed: whether it is an error.
        error: the machine-readable error: `code`, and if known `argument` and `retry_at`.
        for_card: data only for the card, in the `_meta` of the result.
    """

    text: str
    structured: Mapping[str, Any] | None = None
    failed: bool = False
    error: Mapping[str, str] | None = None
    for_card: Mapping[str, Any] | None = field(default=None, repr=False)


Typed = Literal["amount", "name"]

TYPED_FIELDS: Final[Mapping[Typed, Mapping[str, str]]] = {
    "amount": {
        "type": "number",
        "title": "Amount",
        "description": "Type the amount once more.",
    },
    "name": {
        "type": "string",
        "title": "Name",
        "description": "Type the name exactly as it is shown.",
    },
}


def typed_field(expected: str | None) -> Typed | None:
    """The field in which a person types the text that the preview shows: a number or a name."""
    if expected is None:
        return None
    return "amount" if expected.replace(".", "", 1).isdigit() else "name"


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog to show to a person before the call can continue.

    Args:
        message: what they agree to, with all outside text quoted.
        intent: the id to return with their reaction.
        rounds: how many dialogs this call has shown.
        typed: what the person has to type to agree; None if ticking a box is enough.
    """

    message: str
    intent: str
    rounds: int
    typed: Typed | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """The form: a box to tick, and a field if something has to be typed."""
        fields: dict[str, Any] = {
            "agree": {
                "type": "boolean",
                "title": "Yes, do this",
                "description": "Tick to agree; nothing happens otherwise.",
                "default": False,
            }
        }
        if self.typed is not None:
            fields[self.typed] = TYPED_FIELDS[self.typed]
        return {"type": "object", "properties": fields, "required": list(fields)}


def scope_of(role: str, tools: Mapping[str, Tool]) -> str:
    """The role and the pins of a caller, which a confirmation is bound to."""
    pins = {name: value for tool in tools.values() for name, value in tool.pinned.items()}
    return " ".join([str(role), *(f"{name}={pins[name]}" for name in sorted(pins))])


def error_facts(error: LoyaltyError) -> dict[str, str]:
    """The machine-readable error: `code`, and if known `argument` and `retry_at`."""
    facts = {"code": error.code}
    if error.argument is not None:
        facts["argument"] = error.argument
    if error.retry_at is not None:
        facts["retry_at"] = error.retry_at.isoformat()
    return facts


CallObserver = Callable[[str, str, float], None]
"""Called with the tool, a word for the outcome, and the duration in seconds."""


def ignore_call(_tool: str, _outcome: str, _seconds: float) -> None:
    """An observer that does nothing."""


def outcome_word(outcome: Answer | Dialog) -> str:
    """The outcome of a call: the status of its envelope, `ok`, `error`, or `asked`."""
    if isinstance(outcome, Dialog):
        return "asked"
    status = (outcome.structured or {}).get("status")
    if status in get_args(Status):
        return str(status)
    return "error" if outcome.failed else "ok"


class Dispatcher:
    """Runs the tools of one menu.

    Args:
        tools: the menu.
        context: the clients, the journal and the settings that tools use.
        guard: carries out the changes.
        sandbox: whether every answer has to say that it comes from the sandbox.
        observe: called with each call, its outcome and its duration in seconds.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        context: Context,
        guard: Guard,
        *,
        sandbox: bool,
        observe: CallObserver = ignore_call,
    ) -> None:
        self.tools = tools
        self._observe = observe
        self._context = context
        self._guard = guard
        self._mark = SANDBOX_MARK if sandbox else ""
        self._scope = scope_of(context.role, tools)

    async def call(
        self, name: str, arguments: Mapping[str, Any], caller: Caller
    ) -> Answer | Dialog:
        """Call a tool. Every error becomes an answer; only cancellation is raised."""
        return await self._observed(name, arguments, caller, None)

    async def resume(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: Caller,
        dialog: Dialog,
        reaction: Reaction,
    ) -> Answer | Dialog:
        """Continue a call after its dialog was answered."""
        return await self._observed(name, arguments, caller, (dialog, reaction))

    async def _observed(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: Caller,
        answered: tuple[Dialog, Reaction] | None,
    ) -> Answer | Dialog:
        began = time.perf_counter()
        outcome = await self._errors_answered(name, arguments, caller, answered)
        known = name if name in self.tools else UNKNOWN_TOOL
        self._observe(known, outcome_word(outcome), time.perf_counter() - began)
        return outcome

    async def _errors_answered(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: Caller,
        answered: tuple[Dialog, Reaction] | None,
    ) -> Answer | Dialog:
        try:
            tool = self._tool(name)
            with self._context.brevo.call_cache():
                if tool.guarded:
                    return await self._change(tool, arguments, caller, answered)
                return await self._read(tool, arguments, caller)
        except LoyaltyError as error:
            return Answer(f"{self._mark}{error}", failed=True, error=error_facts(error))
        except Exception:
            log.exception("%s failed", name if name in self.tools else "a tool")
            facts = {"code": INTERNAL_ERROR_CODE}
            return Answer(f"{self._mark}{INTERNAL_ERROR}", failed=True, error=facts)

    def _tool(self, name: str) -> Tool:
        if name not in self.tools:
            raise InvalidArgument("There is no such tool here; tools/list names them.")
        return self.tools[name]

    async def _read(self, tool: Tool, arguments: Mapping[str, Any], caller: Caller) -> Answer:
        given = tool.validated(arguments)
        versions = tool.versions(given)
        references = CallReferences(
            self._context.references, member=tool.member_words(given), versions=versions
        )
        received = await tool.received(given, references)
        context = self._context_of(caller)
        reply = await tool.run(context, **received)
        structured = reply.model_dump(mode="json", exclude_none=True)
        text = None
        if tool.read_text is not None:
            # The answer is complete even if names cannot be read now.
            with contextlib.suppress(LoyaltyError):
                text = await tool.read_text(context, received, reply)
        return Answer(f"{self._mark}{text or self._result_text(tool, structured)}", structured)

    def _context_of(self, caller: Caller) -> Context:
        """The context for a caller; nearly always the one that the dispatcher was created with."""
        known = self._context.caller == caller.name
        return self._context if known else replace(self._context, caller=caller.name)

    async def _change(
        self,
        tool: Tool,
        arguments: Mapping[str, Any],
        caller: Caller,
        answered: tuple[Dialog, Reaction] | None,
    ) -> Answer | Dialog:
        given = tool.validated(arguments)
        call = Call(tool, given, caller, scope=self._scope)
        confirmation = getattr(given, "confirmation", None)
        if answered is not None:
            dialog, reaction = answered
            with change_under_way():
                outcome = await self._guard.answered(call, dialog.intent, reaction, dialog.rounds)
        elif confirmation is not None:
            with change_under_way():
                outcome = await self._guard.confirm(call, confirmation)
        else:
            outcome = await self._guard.request(call)
        if isinstance(outcome, Question):
            message = self._mark + question_text(outcome)
            typed = typed_field(outcome.typed)
            return Dialog(message, outcome.intent.id, outcome.rounds, typed=typed)
        said = outcome.done and tool.text is None
        now = self._context.now()
        text = envelope_text(
            outcome, lambda result: "" if said else self._result_text(tool, result), now
        )
        error = {"code": outcome.status} if outcome.failed else None
        return Answer(
            f"{self._mark}{text}",
            envelope_data(outcome, now),
            failed=outcome.failed,
            error=error,
            for_card=confirmation_meta(outcome, tool.name, arguments),
        )

    def _result_text(self, tool: Tool, values: Mapping[str, Any]) -> str:
        if tool.text is None:
            return facts_text(values)
        return tool.text(tool.answer.model_validate(values), self._context.now())
