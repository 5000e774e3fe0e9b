"""The answers of guarded tools, as text and as data."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from loyalty_mcp.brevo.types import plain
from loyalty_mcp.guard.confirmation import Envelope, Question
from loyalty_mcp.intents.lifecycle import Preview
from loyalty_mcp.tools.render import moment_text


def envelope_text(
    envelope: Envelope, result_text: Callable[[Mapping[str, Any]], str], now: datetime
) -> str:
    """An envelope as text: what happened, and what to do next.

    Args:
        envelope: the guard's answer.
        result_text: describes the result of an applied change.
        now: the time of the answer, for relative times.
    """
    match envelope.status:
        case "applied":
            again = "Done before, not again." if envelope.again else "Done."
            result = result_text(envelope.result or {})
            return " ".join(part for part in (again, envelope.done, result) if part)
        case "confirmation_required":
            return (
                f"{_reason(envelope)}Nothing has changed yet. {preview_text(envelope.preview)}\n"
                f"{next_step(envelope, now)}"
            )
        case "waiting_for_operator":
            return (
                f"{_reason(envelope)}Nothing has changed yet: an operator has to approve. "
                f"{preview_text(envelope.preview)}\n{next_step(envelope, now)}"
            )
        case "partly_applied":
            return (
                f"Partly done. {result_text(envelope.result or {})}\nIt stopped: "
                f"{_reason(envelope)}{next_step(envelope, now)}"
            )
        case "unknown":
            return (
                f"Unknown outcome: {envelope.reason} {next_step(envelope, now)} "
                f"Intent {envelope.intent}."
            )
        case "not_applied":
            return f"Not done: {envelope.reason}{_rows(envelope, result_text)}"
        case "declined" | "expired":
            return f"{envelope.reason or ''}{_rows(envelope, result_text)}"


def next_step(envelope: Envelope, now: datetime) -> str | None:
    """What to do next; None where nothing is, or where the reason says it.

    Args:
        envelope: what the guard answered.
        now: the time of the answer, for relative moments.
    """
    match envelope.status:
        case "confirmation_required" if envelope.card_confirmation is not None:
            return (
                "The person decides in the card that they are shown; only its buttons agree or "
                "decline. Do not call again: wait until they say that they have decided, then "
                f'check_intent "{envelope.intent}" tells the outcome. The card is valid until '
                f"{_deadline(envelope, now)}."
            )
        case "confirmation_required":
            return (
                "Show this to the person. If they agree, repeat the call with the same "
                f'arguments and confirmation "{envelope.confirmation}", before '
                f"{_deadline(envelope, now)}."
            )
        case "waiting_for_operator":
            return (
                f'Once approved, repeat the call with confirmation "{envelope.intent}", before '
                f"{_deadline(envelope, now)}."
            )
        case "partly_applied":
            return (
                "It is agreed to already: to go on, repeat the call with the same arguments and "
                f'confirmation "{envelope.confirmation}", before {_deadline(envelope, now)}.'
            )
        case "unknown":
            return "Do not repeat it as a new call."
        case "applied" | "not_applied" | "declined" | "expired":
            return None


def envelope_data(envelope: Envelope, now: datetime) -> dict[str, Any]:
    """An envelope as structured content; fields without a value are left out.

    Some clients show a model this alone, so it says what to do next, too.

    Args:
        envelope: what the guard answered.
        now: the time of the answer, for relative moments.
    """
    values: dict[str, Any] = {"status": envelope.status, "intent": envelope.intent}
    if envelope.preview is not None:
        in_card = envelope.card_confirmation is not None
        values["preview"] = preview_data(envelope.preview, in_card=in_card)
        if envelope.rows:
            values["preview"]["rows"] = list(envelope.rows)
    values["confirmation"] = envelope.confirmation
    values["expires_at"] = envelope.expires_at.isoformat() if envelope.expires_at else None
    values["result"] = envelope.result
    values["reason"] = envelope.reason
    values["next"] = next_step(envelope, now)
    if envelope.status == "applied":
        values["done"] = envelope.done or None
    return {name: value for name, value in values.items() if value is not None}


def preview_data(preview: Preview, *, in_card: bool = False) -> dict[str, Any]:
    """A preview as structured content; empty fields are omitted.

    Args:
        preview: what is to be agreed to.
        in_card: whether a card shows it. A card asks the person to type the text itself.
    """
    values = {
        "summary": preview.summary,
        "before": plain(preview.before),
        "after": plain(preview.after),
        "warnings": list(preview.warnings),
        "typed": preview.typed if in_card else None,
    }
    return {name: value for name, value in values.items() if value}


def preview_text(preview: Preview | None) -> str:
    """A preview as text."""
    if preview is None:
        return ""
    return "\n".join([preview.summary, *preview.warnings])


def question_text(question: Question) -> str:
    """The text of a dialog."""
    again = f"{question.moved} Please look again.\n" if question.moved else ""
    return f"{again}{preview_text(question.intent.preview)}\nDo this?"


def _rows(envelope: Envelope, result_text: Callable[[Mapping[str, Any]], str]) -> str:
    """The rows of an unfinished batch with their outcomes."""
    return "" if envelope.result is None else f"\n{result_text(envelope.result)}"


def _reason(envelope: Envelope) -> str:
    return f"{envelope.reason} " if envelope.reason else ""


def _deadline(envelope: Envelope, now: datetime) -> str:
    return "" if envelope.expires_at is None else moment_text(envelope.expires_at, now)
