"""The control API: clock, faults, events, reset and the digest of the state."""

from collections.abc import Collection
from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from loyalty_mcp.sandbox.access import is_loopback
from loyalty_mcp.sandbox.api.endpoint import ControlCall, Json
from loyalty_mcp.sandbox.api.fields import (
    Amount,
    ControlBody,
    Count,
    Flag,
    Moment,
    NoBody,
    NoQuery,
    PositiveCount,
)
from loyalty_mcp.sandbox.errors import Invalid
from loyalty_mcp.sandbox.records import events
from loyalty_mcp.sandbox.rules.moments import to_text
from loyalty_mcp.sandbox.settings import CompleteTwice
from loyalty_mcp.sandbox.simulation.faults import Fault, FaultKind

A_THOUSAND_YEARS = 31_557_600_000
Seconds = Annotated[Amount, Field(ge=0, le=A_THOUSAND_YEARS)]


class NewTime(ControlBody):
    """The new time: a datetime, or a number of seconds to advance."""

    now: Moment | None = None
    advance_seconds: Seconds | None = None


class FaultFields(ControlBody):
    """One fault."""

    method: Literal["*", "GET", "POST", "PUT", "PATCH", "DELETE"] = "*"
    path: Annotated[str, Field(strict=True, min_length=1, max_length=2048)]
    kind: FaultKind
    status: Annotated[int, Field(strict=True, ge=400, le=599)] = 503
    times: PositiveCount = 1
    delay_seconds: Annotated[Amount, Field(ge=0, le=3600), AfterValidator(float)] = Decimal(0)


class FaultList(ControlBody):
    """The faults that replace the current ones; an empty list clears them."""

    faults: list[FaultFields]


class SwitchFields(ControlBody):
    """Switches to change; omitted ones stay unchanged."""

    rate_limit: Count = 600
    ignore_unknown_fields: Flag = False
    duplicate_enrolment_status: Literal[400, 409] = 409
    rejected_answer_status: Literal[200, 422] = 422
    checks_at_creation: Flag = False
    drafts_reserve: Flag = False
    default_ttl: PositiveCount | None = None
    oldest_first: Flag = False
    draft_configuration_applies: Flag = False
    partial_reports_requested: Flag = False
    orders_fall_due: Literal["on_clock_step", "always", "never"] = "on_clock_step"
    no_meta_in_history: Flag = False
    ttl_minutes: Flag = False
    history_lag: Annotated[Amount, Field(ge=0, le=86_400), AfterValidator(float)] = Decimal(0)
    drafts_in_balance: Flag = False
    complete_twice: CompleteTwice = "refused"
    filters_ignored: Flag = False
    history_oldest_first: Flag = False


class Receiver(ControlBody):
    """The receiver of future events; null for none."""

    url: Annotated[str, Field(strict=True, max_length=2048, pattern="^https?://[^/]+")] | None


def reset(call: ControlCall[NoQuery, NoBody]) -> Json:
    """Reset the engine to its start."""
    call.engine.reset()
    return {}


def get_clock(call: ControlCall[NoQuery, NoBody]) -> Json:
    """Return the time."""
    return {"now": to_text(call.engine.store.now())}


def set_clock(call: ControlCall[NoQuery, NewTime]) -> Json:
    """Advance the clock, and process everything that falls due."""
    new, now = call.body, call.engine.store.now()
    if (new.now is None) == (new.advance_seconds is None):
        raise Invalid("now or advance_seconds: one of them is given", code="missing_parameter")
    if new.advance_seconds is not None:
        call.engine.step_clock(now + timedelta(seconds=float(new.advance_seconds)))
    elif new.now is not None:
        call.engine.step_clock(new.now)
    return {"now": to_text(call.engine.store.now())}


def get_faults(call: ControlCall[NoQuery, NoBody]) -> Json:
    """Return the remaining faults."""
    return {"faults": [asdict(fault) for fault in call.engine.faults.left]}


def set_faults(call: ControlCall[NoQuery, FaultList]) -> Json:
    """Replace the faults."""
    call.engine.faults.replace([Fault(**fault.model_dump()) for fault in call.body.faults])
    return get_faults(ControlCall(call.engine, call.path, call.query, NoBody()))


def get_switches(call: ControlCall[NoQuery, NoBody]) -> Json:
    """Return the current switches."""
    return {name: getattr(call.engine.settings, name) for name in SwitchFields.model_fields}


def set_switches(call: ControlCall[NoQuery, SwitchFields]) -> Json:
    """Change switches while the engine runs; a reset restores them."""
    changes = {name: getattr(call.body, name) for name in call.body.model_fields_set}
    call.engine.use(replace(call.engine.settings, **changes))
    return get_switches(ControlCall(call.engine, call.path, call.query, NoBody()))


def get_events(call: ControlCall[NoQuery, NoBody]) -> Json:
    """Return the webhook events so far."""
    with call.engine.store.unit() as unit:
        return {"events": [event for _, event in events.events_since(unit)]}


def get_state_hash(call: ControlCall[NoQuery, NoBody]) -> Json:
    """Return the digest of all loyalty data and contacts."""
    return {"state_hash": call.engine.store.state_hash()}


def set_webhooks(call: ControlCall[NoQuery, Receiver]) -> Json:
    """Send future events to an address, on this machine unless other hosts are allowed."""
    url = call.body.url
    if url is not None:
        check_receiver(url, call.engine.settings.webhook_hosts)
    call.engine.webhooks.send_to(url)
    return {"url": url}


def get_webhooks(call: ControlCall[NoQuery, NoBody]) -> Json:
    """Return the receiver of events."""
    return {"url": call.engine.webhooks.url}


def check_receiver(url: str, allowed_hosts: Collection[str]) -> None:
    """Refuse an address that events may not be sent to, because they contain personal data.

    Raises:
        Invalid: It is neither on this machine nor on an allowed host.
    """
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        raise Invalid("url: is not an address") from None
    if not is_loopback(host) and host not in {allowed.lower() for allowed in allowed_hosts}:
        raise Invalid("url: webhooks go to this machine alone; --webhook-host allows another host")


def get_openapi(call: ControlCall[NoQuery, NoBody]) -> Json:
    """Describe the API."""
    from loyalty_mcp.sandbox.api import openapi, routes  # noqa: PLC0415 - routes import this module

    del call
    return openapi.document(routes.ENDPOINTS)
