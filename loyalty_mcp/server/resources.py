"""Resources: programs and members as text that a client can attach to a conversation."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from loyalty_mcp.brevo.name_matching import folded
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import UnknownReference
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import together, unit_of
from loyalty_mcp.tools.members.get_member_overview import get_member_overview
from loyalty_mcp.tools.members.overview import MemberOverview
from loyalty_mcp.tools.members.overview_text import overview_text
from loyalty_mcp.tools.render import amount_text

PROGRAMS: Final = "loyalty://programs"
PROGRAM_TEMPLATE: Final = "loyalty://programs/{program}"
MEMBER_TEMPLATE: Final = "loyalty://programs/{program}/members/{member}"
SCHEME: Final = "loyalty"
NO_RESOURCE: Final = "There is no such resource here."


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may see.

    Args:
        program: the only program, by name or id; None for all.
        member: the only member, in any form; None for all.
    """

    program: str | None = None
    member: str | None = None


async def list_resources(context: Context, scope: Scope) -> list[tuple[str, str]]:
    """The addresses and quoted names of the resources within the scope."""
    allowed = await _allowed_program(context, scope)
    programs = await context.references.programs()
    overall = [] if scope.program is not None else [(PROGRAMS, "All programs")]
    return overall + [
        (f"{PROGRAMS}/{quote(program.name, safe='')}", quoted(program.name))
        for program in programs
        if allowed in {None, program.id}
    ]


async def read_resource(context: Context, scope: Scope, address: str) -> str:
    """The text of a resource.

    Args:
        context: the clients, the journal and the settings that tools use.
        scope: what the caller may see.
        address: `loyalty://programs`, `…/{program}` or `…/{program}/members/{member}`, each
            name percent-encoded.

    Raises:
        UnknownReference: there is no such resource within the scope.
    """
    segments = _path_segments(address)
    match segments:
        case []:
            return await _programs_text(context, scope)
        case [program]:
            return await _program_text(context, await _program_id(context, scope, program))
        case [program, "members", member]:
            found = await _program_id(context, scope, program)
            return await _member_text(context, scope, found, member)
        case _:
            raise UnknownReference(NO_RESOURCE)


def _path_segments(address: str) -> list[str]:
    """The segments after `loyalty://programs`."""
    parsed = urlsplit(address)
    if parsed.scheme != SCHEME or parsed.netloc != "programs" or parsed.query or parsed.fragment:
        raise UnknownReference(NO_RESOURCE)
    return [unquote(part) for part in parsed.path.split("/") if part]


async def _allowed_program(context: Context, scope: Scope) -> str | None:
    """The id of the only program of the scope, if it has one."""
    return None if scope.program is None else await context.references.program(scope.program)


async def _program_id(context: Context, scope: Scope, said: str) -> str:
    allowed = await _allowed_program(context, scope)
    found: str = await context.references.resolve("program", said, None)
    names = {item.id: folded(item.name) for item in await context.references.programs()}
    if found != said and names.get(found) != folded(said):
        raise UnknownReference(NO_RESOURCE)
    if allowed is not None and found != allowed:
        raise UnknownReference(NO_RESOURCE)
    return found


async def _programs_text(context: Context, scope: Scope) -> str:
    allowed = await _allowed_program(context, scope)
    lines = [
        f"{quoted(item.name)}, {item.state or 'state unknown'}, id {item.id}"
        for item in await context.references.programs()
        if allowed in {None, item.id}
    ]
    return "\n".join(lines) or "There is no program yet."


async def _program_text(context: Context, program: str) -> str:
    """The live version of a program: balances, tiers, rewards."""
    balances, tiers, rewards = await together(
        context.references.balances(program),
        context.references.tiers(program),
        context.references.rewards(program),
    )
    units = {item.id: unit_of(item) for item in balances}
    names = {item.id: item.name for item in balances}
    lines = [f"Balance {quoted(item.name)} in {unit_of(item)}." for item in balances]
    for tier in tiers:
        entry = [
            f"{amount_text(condition.minimum_value or Decimal(0), units.get(held, ''))} of "
            f"{quoted(names.get(held, held))}"
            for condition in tier.access_conditions
            if (held := condition.balance_definition_id) is not None
        ]
        hidden = len(tier.access_conditions) > len(entry)
        entry += ["what is not shown here"] if hidden else []
        lines.append(f"Tier {quoted(tier.name)}: from {', '.join(entry) or 'nothing'}.")
    lines += [f"Reward {quoted(item.name)}." for item in rewards]
    return "\n".join(lines) or "Nothing is live in this program yet."


async def _member_text(context: Context, scope: Scope, program: str, said: str) -> str:
    member = await context.references.member(program, said)
    if scope.member is not None:
        only = await context.references.member(program, scope.member)
        if member != only:
            raise UnknownReference(NO_RESOURCE)
    found = await get_member_overview.run(context, program=program, member=member)
    return overview_text(MemberOverview.model_validate(found), context.now())
