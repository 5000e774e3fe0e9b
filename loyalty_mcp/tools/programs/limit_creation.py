"""Creates a limit and stores its id, because the API lists no limits."""

import logging
from typing import Any

from loyalty_mcp.brevo.operations.limits import BalanceLimit
from loyalty_mcp.brevo.operations.programs import Program, get_program
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown, Unavailable
from loyalty_mcp.tools.programs.balance_spec import LimitSpec
from loyalty_mcp.tools.programs.limit_memory import remember_limits, remembered_limits
from loyalty_mcp.tools.send_window import Sender

log = logging.getLogger(__name__)


async def send_new_limit(
    brevo: Sender,
    program: Program,
    balance: str,
    limit: LimitSpec,
    request: Request[BalanceLimit],
) -> tuple[Program, BalanceLimit]:
    """Create a limit and store its id in the program's `meta`.

    The limit is recorded before it is sent, so that it is not forgotten if the answer is lost.

    Args:
        brevo: the upstream client.
        program: its current state.
        balance: the id of the balance definition.
        limit: what is created.
        request: creates it.

    Returns:
        the program with its new stored data, and the limit.

    Raises:
        OutcomeUnknown: the answer was lost; the program records that the limit may exist.
        LoyaltyError: it was not created, and the program does not record it.
    """
    mark = {"balance": balance, "sent": limit.model_dump(mode="json", exclude_none=True)}
    known = [entry for entry in remembered_limits(program) if not _is_mark(entry, mark)]
    marked = await _remember(brevo, program, [*known, mark])
    try:
        created = await brevo.send(request)
    except OutcomeUnknown:
        raise
    except LoyaltyError:
        await brevo.send(remember_limits(marked, known))
        raise
    created = created.model_copy(update={"balance_definition_id": balance})
    try:
        marked = await _remember(brevo, marked, [*known, {"balance": balance, "id": created.id}])
    except LoyaltyError as error:
        # The limit exists; a failure to store its id must not hide that.
        log.warning("limit %s is not remembered: %s", created.id, error)
    return marked, created


async def _remember(brevo: Sender, program: Program, entries: list[dict[str, Any]]) -> Program:
    """Store limits; repeated if the answer is lost, because writing the same twice is harmless.

    Raises:
        Unavailable: both answers were lost, and the program does not have the entries.
        OutcomeUnknown: both answers were lost, and the program cannot be read.
        LoyaltyError: it was refused.
    """
    request = remember_limits(program, entries)
    try:
        return await brevo.send(request)
    except OutcomeUnknown:
        pass
    try:
        return await brevo.send(request)
    except OutcomeUnknown as lost:
        try:
            current = await brevo.send(get_program(program.id))
        except LoyaltyError:
            raise lost from None
    if remembered_limits(current) != entries:
        raise Unavailable(
            "Brevo's answer was lost before the limit was sent, so no limit was created."
        )
    return current


def _is_mark(entry: dict[str, Any], mark: dict[str, Any]) -> bool:
    """Whether an entry records that this limit was sent before, with any value."""
    sent = entry.get("sent")
    return (
        "id" not in entry
        and entry["balance"] == mark["balance"]
        and isinstance(sent, dict)
        and {**sent, "value": None} == {**mark["sent"], "value": None}
    )
