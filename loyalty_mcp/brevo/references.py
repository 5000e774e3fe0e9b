"""References: converts a given name to an id, or raises a helpful error."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from loyalty_mcp.brevo.client import Brevo
from loyalty_mcp.brevo.member_references import MemberReferences
from loyalty_mcp.brevo.name_matching import Candidate, choose
from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    list_balance_definitions,
)
from loyalty_mcp.brevo.operations.contacts import Contact
from loyalty_mcp.brevo.operations.programs import Program, get_program, list_programs
from loyalty_mcp.brevo.operations.rewards import RewardSummary, list_rewards
from loyalty_mcp.brevo.operations.tier_groups import TierGroup, list_tier_groups
from loyalty_mcp.brevo.operations.tiers import Tier, list_tiers
from loyalty_mcp.brevo.types import LIVE_FIRST, Reference, ReferenceKind, Version
from loyalty_mcp.errors import LoyaltyError, UnknownReference

PAGE: Final = 100
MEMBERSHIPS_READ: Final = 5
"""In at most this many programs, the membership of a member is read."""

FIRST_PROGRAMS: Final = list_programs(limit=PAGE, offset=0)
"""Nearly every call needs the programs, mostly from the cache."""

WHERE: Final[dict[Version, str]] = {"draft": " in the draft", "active": " that is live"}
"""Added to an error if only one version was searched."""


class References:
    """Resolves references with reads, which are cached for configuration.

    Args:
        brevo: the upstream client.
        program: the pinned program, by name or id; None for none.
    """

    def __init__(self, brevo: Brevo, program: str | None = None) -> None:
        self._brevo = brevo
        self._pinned_program = program
        self._members = MemberReferences(brevo)

    def forget(self) -> None:
        """Drop the cached configuration, because others may have changed it."""
        self._brevo.forget_configuration()

    async def programs(self) -> tuple[Program, ...]:
        """All programs of the account."""
        page = await self._brevo.configuration(FIRST_PROGRAMS)
        found = list(page.items)
        while len(page.items) == PAGE:
            page = await self._brevo.configuration(list_programs(limit=PAGE, offset=len(found)))
            found += page.items
        return tuple(found)

    async def program_now(self, program: str) -> Program:
        """The current state of a program, from the list that a call with names has already read.

        Raises:
            NotFound: there is no program with that id.
        """
        page = await self._brevo.send(list_programs(limit=PAGE, offset=0))
        found = next((item for item in page.items if item.id == program), None)
        return found or await self._brevo.send(get_program(program))

    async def balances(
        self, program: str, version: Version = "active"
    ) -> tuple[BalanceDefinition, ...]:
        """The balance definitions of a program, including internal ones."""
        request = list_balance_definitions(program, limit=500, offset=0, version=version)
        page = await self._brevo.configuration(request)
        return tuple(item for item in page.items if item.deleted_at is None)

    async def tiers(self, program: str, version: Version = "active") -> tuple[Tier, ...]:
        """The tiers of a program, across its groups."""
        return tuple((await self._brevo.configuration(list_tiers(program, version=version))).items)

    async def tier_groups(self, program: str, version: Version = "active") -> tuple[TierGroup, ...]:
        """The tier groups of a program."""
        request = list_tier_groups(program, version=version)
        return tuple((await self._brevo.configuration(request)).items)

    async def rewards(self, program: str, version: Version = "active") -> tuple[RewardSummary, ...]:
        """The rewards of a program."""
        found: list[RewardSummary] = []
        while True:
            request = list_rewards(program, limit=PAGE, offset=len(found), version=version)
            page = await self._brevo.configuration(request)
            found += page.items
            if len(page.items) < PAGE:
                return tuple(found)

    async def program(self, said: str | None, member: str | None = None) -> str:
        """The id of a program.

        Args:
            said: its name or id; the pinned program takes precedence.
            member: the reference to the member. If no program is named and there are several, the
                member's program is used.

        Raises:
            UnknownReference: there is no such program.
            AmbiguousReference: several programs may be meant.
        """
        programs: Sequence[Program] = await self.programs()
        said = self._pinned_program or said
        if said is None and member is not None and len(programs) > 1:
            programs = await self._programs_of(member, programs)
        return choose("program", said, [Candidate(item.id, item.name) for item in programs]).id

    async def _programs_of(self, member: str, programs: Sequence[Program]) -> Sequence[Program]:
        """The possible programs of a member; all programs if there are none."""
        published = [program for program in programs if program.state != "inactive"]
        if not 1 < len(published) <= MEMBERSHIPS_READ:
            return published or programs
        joined = [item for item in published if await self._members.is_in(item.id, member)]
        return joined or published

    async def resolve(
        self,
        kind: ReferenceKind,
        said: str | None,
        program: str | None,
        versions: Sequence[Version] = LIVE_FIRST,
    ) -> Any:
        """The id of a reference.

        Args:
            kind: the kind of object.
            said: name or id, or one of the forms of a member; None for the only one.
            program: the id of the program in which names are looked up.
            versions: the versions of the program in which names are looked up, in order.

        Raises:
            UnknownReference: nothing has that name or id; the error names the nearest.
            AmbiguousReference: several objects have it.
        """
        if kind == "program":
            return await self.program(said)
        if kind == "member":
            return await self.member(program, said or "")
        if kind == "contact":
            return await self.contact_id(said or "")
        if program is None:
            raise UnknownReference(f"Give program, in which the {kind} is.")
        return (await self._in_program(kind, said, program, versions)).id

    async def _in_program(
        self, kind: ReferenceKind, said: str | None, program: str, versions: Sequence[Version]
    ) -> Candidate:
        listed, where = _LISTS[kind], WHERE[versions[0]] if len(versions) == 1 else ""
        failure: LoyaltyError | None = None
        for version in versions:
            candidates = await listed(self, program, version)
            try:
                return choose(kind.replace("_", " "), said, candidates, where)
            except UnknownReference as error:
                failure = error
        raise failure or AssertionError("a version was tried")

    async def names(self, kind: ReferenceKind, program: str) -> list[str]:
        """The names of the live objects of a program, for completion."""
        return [item.name for item in await _LISTS[kind](self, program, "active")]

    async def name_of(
        self,
        kind: ReferenceKind,
        found: Any,
        program: str | None,
        versions: Sequence[Version] = LIVE_FIRST,
    ) -> str | None:
        """The name of an object by id, from the first version that has it; None without a name."""
        if kind == "program":
            return next((item.name for item in await self.programs() if item.id == found), None)
        if kind not in _LISTS or program is None:
            return None
        for version in versions:
            for candidate in await _LISTS[kind](self, program, version):
                if candidate.id == found:
                    return candidate.name
        return None

    async def member(self, program: str | None, said: str) -> int:
        """The contact id of a member, by email, phone, contact id or own id.

        Raises:
            UnknownReference: nobody has it.
            AmbiguousReference: the same digits match two members.
        """
        return await self._members.member(program, said)

    async def contact(self, said: str) -> Contact:
        """The contact with an email, a phone number or a contact id.

        Raises:
            UnknownReference: nobody has it.
        """
        return await self._members.contact(said)

    async def contact_id(self, said: str) -> int:
        """The id of a contact, who need not be a member; a contact id is not looked up.

        Raises:
            UnknownReference: nobody has that email or phone number, or it is neither.
        """
        return await self._members.contact_id(said)

    async def contact_or_member(self, programs: Sequence[str], said: str) -> Contact:
        """The contact with an email, a phone number or a contact id, or an own id in a program.

        Raises:
            UnknownReference: nobody has it.
            AmbiguousReference: several members have it.
        """
        return await self._members.contact_or_member(programs, said)


Lister = Callable[[References, str, Version], Awaitable[list[Candidate]]]


async def _balances(references: References, program: str, version: Version) -> list[Candidate]:
    return [Candidate(item.id, item.name) for item in await references.balances(program, version)]


async def _tier_groups(references: References, program: str, version: Version) -> list[Candidate]:
    groups = await references.tier_groups(program, version)
    return [Candidate(item.id, item.name) for item in groups]


async def _tiers(references: References, program: str, version: Version) -> list[Candidate]:
    return [Candidate(item.tier_id, item.name) for item in await references.tiers(program, version)]


async def _rewards(references: References, program: str, version: Version) -> list[Candidate]:
    return [Candidate(item.id, item.name) for item in await references.rewards(program, version)]


_LISTS: Final[dict[str, Lister]] = {
    "balance": _balances,
    "tier_group": _tier_groups,
    "tier": _tiers,
    "reward": _rewards,
}


class CallReferences:
    """Resolves the references of one call in order, and records their ids.

    Args:
        references: resolves a single reference.
        recorded: the ids of an earlier resolution, which are used again.
        pinned_member: the only member of this server, if it serves one.
        member: the reference to the member of the call, which can determine the program.
        versions: the versions of the program in which names are looked up, in order.
    """

    def __init__(
        self,
        references: References,
        recorded: Sequence[Any] | None = None,
        pinned_member: str | None = None,
        member: str | None = None,
        versions: Sequence[Version] = LIVE_FIRST,
    ) -> None:
        self._references = references
        self._member = pinned_member or member
        self._versions = versions
        self._recorded = None if recorded is None else list(recorded)
        self._pinned_member = pinned_member
        self._program: str | None = None
        self.ids: list[Any] = []

    async def __call__(self, reference: Reference, said: str | None) -> Any:
        """The id of a reference, resolved now or recorded earlier."""
        if self._recorded is not None:
            found = self._recorded.pop(0)
        else:
            found = await self._resolved(reference.kind, said)
        if reference.kind == "program":
            self._program = found
        self.ids.append(found)
        return found

    async def _resolved(self, kind: ReferenceKind, said: str | None) -> Any:
        if kind == "program":
            return await self._references.program(said, self._member)
        if kind == "member" and self._pinned_member is not None:
            said = self._pinned_member
        return await self._references.resolve(kind, said, self._program, self._versions)
