"""The request of an operation from a call's arguments, and the read that shows its object."""

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations.programs import get_program
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.operations.tiers import Tiers
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.errors import InvalidArgument, NotFound
from loyalty_mcp.tools.context import Context


def request_of(operation: Operation[..., Any], arguments: Mapping[str, Any]) -> Request[Any]:
    """The request of an operation.

    Raises:
        InvalidArgument: the arguments contradict one another.
    """
    try:
        return operation(**arguments)
    except ValueError as error:
        raise InvalidArgument(f"{str(error)[0].upper()}{str(error)[1:]}.") from None


async def current_object(
    operation: Operation[..., Any], context: Context, arguments: Mapping[str, Any]
) -> BaseModel | None:
    """The current state of the object that an operation changes; None if no read shows it.

    Raises:
        NotFound: there is none.
        LoyaltyError: it cannot be read.
    """
    if operation.before is None:
        return None
    if operation.before is get_program:
        return await context.references.program_now(arguments["program"])
    names = inspect.signature(operation.before.describe).parameters
    given = {name: value for name, value in arguments.items() if name in names}
    if operation.versioned and "version" in names:
        # If the call names the object, the lookup of the name sends this same request, and it is
        # sent once.
        given["version"] = "draft"
    reply: BaseModel = await context.brevo.send(request_of(operation.before, given))
    if isinstance(reply, AccountInfo) and reply.membership is None:
        raise NotFound("That contact is no member of this program; enroll_member makes one.")
    return reply


def chosen_object(found: BaseModel | None, arguments: Mapping[str, Any]) -> BaseModel | None:
    """The intended object, if the read lists several."""
    if isinstance(found, Tiers):
        return next((tier for tier in found.items if tier.tier_id == arguments["tier"]), None)
    return found


def object_facts(current: BaseModel) -> dict[str, Any]:
    """Every value of an object; if any changes, the preview is void."""
    return current.model_dump(exclude_none=True)
