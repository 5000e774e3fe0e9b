"""What is looked at before a change: what cannot succeed is refused before anybody is asked."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from pydantic import BaseModel

from loyalty_mcp.brevo.member_forms import OWN_PREFIX
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.operations.vouchers import validate_voucher
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import NotFound, Refused, UnknownReference
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.created_objects import NAMESAKES, namesakes
from loyalty_mcp.tools.members.account import read_member
from loyalty_mcp.tools.members.people import contact_words, member_words
from loyalty_mcp.tools.points.movement_amounts import owner_of
from loyalty_mcp.tools.rewards.member_vouchers import HELD, member_vouchers

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Precheck:
    """What was found before a change that may succeed.

    Args:
        facts: must be the same when it is sent.
        warnings: lines of its preview.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


Check = Callable[[Context, Arguments, BaseModel | None], Awaitable[Precheck]]
"""Raises Refused where a change cannot succeed."""


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


async def refuse_impossible_enrolment(
    context: Context, program: str, contact: int | None, own_id: str | None
) -> None:
    """Refuse to enrol who is a member already, or with an own id that is taken.

    Args:
        context: what tools work with.
        program: its id.
        contact: contact id; None for a contact who is created first.
        own_id: the wanted own id; None where Brevo makes one.

    Raises:
        Refused: Brevo would refuse it.
    """
    if contact is not None and (info := await account_or_none(context, program, contact)):
        who = await member_words(context, info, contact)
        raise Refused(f"Contact {who} is a member already; get_member_overview shows them.")
    if own_id is None:
        return
    try:
        owner = await context.references.member(program, f"{OWN_PREFIX}{own_id}")
    except UnknownReference:
        return
    raise Refused(
        f"Own id {quoted(own_id)} belongs to another member, contact {owner}; give another own id, "
        "or leave it out."
    )


async def account_or_none(context: Context, program: str, contact: int) -> AccountInfo | None:
    """The account that a contact has or shares in a program; None where there is none."""
    try:
        return await read_member(context, program, contact)
    except NotFound:
        return None


async def _subscription(
    context: Context, arguments: Arguments, _current: BaseModel | None
) -> Precheck:
    program, contact = arguments["program"], arguments["contact"]
    await refuse_unpublished_program(context, program)
    await context.references.contact(str(contact))
    await refuse_impossible_enrolment(context, program, contact, arguments.get("own_id"))
    return Precheck()


async def _attachment(
    context: Context, arguments: Arguments, current: BaseModel | None
) -> Precheck:
    """Refuse to attach who shares the membership already."""
    attached = current.members if isinstance(current, AccountInfo) else ()
    sharing = {item.member_contact_id for item in attached}
    warnings: list[str] = []
    for contact in dict.fromkeys(arguments["members"]):
        if contact in sharing:
            who = await contact_words(context, contact)
            raise Refused(f"Contact {who} shares this membership already; leave them out.")
        info = await account_or_none(context, arguments["program"], contact)
        if info is not None:
            who = await member_words(context, info, contact)
            warnings.append(f"Contact {who} is a member already; Brevo may refuse this.")
    return Precheck(warnings=tuple(warnings))


async def _detachment(
    context: Context, arguments: Arguments, _current: BaseModel | None
) -> Precheck:
    """Whose membership the contacts share, as far as their accounts show it.

    How Brevo shows the account of who shares one is not documented, so nothing is refused.
    """
    warnings: list[str] = []
    for contact in dict.fromkeys(arguments["members"]):
        info = await account_or_none(context, arguments["program"], contact)
        if info is None:
            who = await contact_words(context, contact)
            line = f"Contact {who} does not seem to share a membership; Brevo may refuse this."
        elif (owner := owner_of(info, contact)) != contact:
            whose = await member_words(context, info, owner)
            line = f"Contact {contact} shares the membership of member {whose}."
        else:
            who = await member_words(context, info, contact)
            line = f"Contact {who} seems to have a membership of their own; Brevo may refuse this."
        warnings.append(line)
    return Precheck(warnings=tuple(warnings))


async def _same_tier(
    _context: Context, arguments: Arguments, current: BaseModel | None
) -> Precheck:
    held = current.tier if isinstance(current, AccountInfo) else ()
    found = next((item for item in held if item.tier_id == arguments["tier"]), None)
    if found is not None:
        raise Refused(
            f"The member is on tier {quoted(found.tier_name or found.tier_id)} already; nothing "
            "would change."
        )
    return Precheck()


async def _revocable(
    context: Context, arguments: Arguments, _current: BaseModel | None
) -> Precheck:
    """The vouchers of a revocation that can be redeemed now."""
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
    return Precheck({"redeemable": redeemable})


async def _namesakes(
    kind: str, context: Context, arguments: Arguments, _current: BaseModel | None
) -> Precheck:
    """The existing objects with the same name, to recognise a new one later."""
    found = await namesakes(kind, context, arguments)
    thing, name = kind.replace("_", " "), quoted(str(arguments["name"]))
    warnings = (f"There is a {thing} called {name} already.",) if found else ()
    return Precheck({NAMESAKES: found}, warnings)


async def _held_vouchers(
    context: Context, arguments: Arguments, _current: BaseModel | None
) -> Precheck:
    """The member's existing vouchers of the reward, to recognise a new one later."""
    held = member_vouchers(context, arguments["program"], arguments["member"])
    known = [item.id async for item in held if item.reward_id == arguments["reward"]]
    return Precheck({HELD: known})


CHECKS: Final[Mapping[str, Check]] = {
    "create_subscription": _subscription,
    "add_subscription_members": _attachment,
    "remove_subscription_members": _detachment,
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
