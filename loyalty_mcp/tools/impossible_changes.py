"""Changes that cannot succeed: refused before anybody is asked, with what would be right."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from pydantic import BaseModel

from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.operations.vouchers import validate_voucher
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import NotFound, Refused
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.created_objects import NAMESAKES, namesakes
from loyalty_mcp.tools.rewards.member_vouchers import HELD, member_vouchers

Arguments = Mapping[str, Any]
Refusal = Callable[[Context, Arguments, BaseModel | None], Awaitable[Mapping[str, Any]]]
"""Raises Refused where a change cannot succeed; returns the facts it found meanwhile."""


async def refuse_unpublished_program(context: Context, program: str) -> None:
    """Refuse to enrol anybody in a program that was never published.

    Raises:
        Refused: it has to be published first.
    """
    found = await context.references.program_now(program)
    if found.state in {"inactive", "draft"}:
        raise Refused(
            f"Program {quoted(found.name)} is not published yet, so nobody can be enrolled; "
            "publish_program opens it."
        )


async def _unpublished(
    context: Context, arguments: Arguments, _current: BaseModel | None
) -> Mapping[str, Any]:
    await refuse_unpublished_program(context, arguments["program"])
    return {}


async def _same_tier(
    _context: Context, arguments: Arguments, current: BaseModel | None
) -> Mapping[str, Any]:
    held = current.tier if isinstance(current, AccountInfo) else ()
    found = next((item for item in held if item.tier_id == arguments["tier"]), None)
    if found is not None:
        raise Refused(
            f"The member is on tier {quoted(found.tier_name or found.tier_id)} already; nothing "
            "would change."
        )
    return {}


async def _revocable(
    context: Context, arguments: Arguments, _current: BaseModel | None
) -> Mapping[str, Any]:
    """The vouchers of a revocation that could be redeemed now."""
    redeemable = []
    for voucher_id in arguments["voucher_ids"]:
        request = validate_voucher(arguments["program"], voucher_id=voucher_id)
        try:
            found = await context.brevo.send(request)
        except (NotFound, Refused):
            raise Refused(
                f"No voucher has the id {quoted(voucher_id)}; nothing was revoked. list_vouchers "
                "shows the ids of a member's vouchers; a code is not an id."
            ) from None
        if found.authorize is True:
            redeemable.append(voucher_id)
    return {"redeemable": redeemable}


async def _namesakes(
    kind: str, context: Context, arguments: Arguments, _current: BaseModel | None
) -> Mapping[str, Any]:
    """The objects that have the name already, so that a new one can be told from them."""
    return {NAMESAKES: await namesakes(kind, context, arguments)}


async def _held_vouchers(
    context: Context, arguments: Arguments, _current: BaseModel | None
) -> Mapping[str, Any]:
    """The vouchers of the reward that the member has, so that a new one can be told from them."""
    held = member_vouchers(context, arguments["program"], arguments["member"])
    return {HELD: [item.id async for item in held if item.reward_id == arguments["reward"]]}


REFUSALS: Final[Mapping[str, Refusal]] = {
    "create_subscription": _unpublished,
    "assign_tier": _same_tier,
    "revoke_vouchers": _revocable,
    "create_voucher": _held_vouchers,
    "create_program": partial(_namesakes, "program"),
    "create_balance_definition": partial(_namesakes, "balance"),
    "create_tier_group": partial(_namesakes, "tier_group"),
    "create_tier": partial(_namesakes, "tier"),
    "create_reward": partial(_namesakes, "reward"),
}
"""By operation."""
