"""References: what a person says for an id, turned into the id, or an error that helps."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from loyalty_mcp.brevo.client import Brevo
from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    list_balance_definitions,
)
from loyalty_mcp.brevo.operations.contacts import Contact, get_contact
from loyalty_mcp.brevo.operations.programs import Program, get_program, list_programs
from loyalty_mcp.brevo.operations.rewards import RewardSummary, list_rewards
from loyalty_mcp.brevo.operations.subscriptions import account_of_own_id
from loyalty_mcp.brevo.operations.tier_groups import TierGroup, list_tier_groups
from loyalty_mcp.brevo.operations.tiers import Tier, list_tiers
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import LIVE_FIRST, Reference, ReferenceKind, Version
from loyalty_mcp.errors import AmbiguousReference, LoyaltyError, NotFound, Refused, UnknownReference

PAGE: Final = 100
NAMED: Final = 5
FIRST_PROGRAMS: Final = list_programs(limit=PAGE, offset=0)
"""Asked, mostly from memory, in nearly every call."""

CONTACT_ID = re.compile(r"[0-9]{1,19}")
OWN: Final = "own:"

WHERE: Final[dict[Version, str]] = {"draft": " in the draft", "active": " that is live"}
"""Said with what is not found where one version alone was meant."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a reference may mean."""

    id: str
    name: str


def chosen(
    kind: str, said: str | None, candidates: Sequence[Candidate], where: str = ""
) -> Candidate:
    """The candidate that `said` means: by id, or by name without regard to case.

    Nothing said means the only one there is. `where` says of which all are, in an error.

    Raises:
        UnknownReference: none fits; names the nearest.
        AmbiguousReference: several fit, or several are there and nothing was said.
    """
    if said is None:
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            raise UnknownReference(f"There is no {kind}{where} yet.")
        raise AmbiguousReference(f"There are several; give {kind}: {_list(candidates)}.")
    said = said.strip()
    for candidate in candidates:
        if candidate.id == said:
            return candidate
    named = [c for c in candidates if c.name.casefold() == said.casefold()]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(candidate.id for candidate in named[:NAMED])
        raise AmbiguousReference(f"Several have the {kind} name {quoted(said)}; give an id: {ids}.")
    raise UnknownReference(
        f"No {kind}{where} is called {quoted(said)}. {_nearest(said, candidates)}"
    )


def _nearest(said: str, candidates: Sequence[Candidate]) -> str:
    if not candidates:
        return "There is none yet."
    by_name = {candidate.name.casefold(): candidate for candidate in candidates}
    close = get_close_matches(said.casefold(), by_name, n=3, cutoff=0.5)
    return f"Nearest: {_list([by_name[name] for name in close] or candidates)}."


def _list(candidates: Sequence[Candidate]) -> str:
    listed = ", ".join(quoted(candidate.name) for candidate in candidates[:NAMED])
    left = len(candidates) - NAMED
    return f"{listed} and {left} more" if left > 0 else listed


class References:
    """Finds what is meant, through reads that are cached where they are configuration.

    Args:
        brevo: the upstream client.
        program: the pinned program, by name or id; None for none.
    """

    def __init__(self, brevo: Brevo, program: str | None = None) -> None:
        self._brevo = brevo
        self._pinned_program = program

    def forget(self) -> None:
        """Look at the configuration as it is now: others may have changed it."""
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
        """A program as it is now: out of the list, which a call that names one has read already.

        Raises:
            NotFound: there is none of that id.
        """
        page = await self._brevo.send(list_programs(limit=PAGE, offset=0))
        found = next((item for item in page.items if item.id == program), None)
        return found or await self._brevo.send(get_program(program))

    async def balances(
        self, program: str, version: Version = "active"
    ) -> tuple[BalanceDefinition, ...]:
        """The balance definitions of a program, internal ones included."""
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

    async def program(self, said: str | None) -> str:
        """The id of a program; the pinned one whatever is said, the only one if nothing is."""
        candidates = [Candidate(item.id, item.name) for item in await self.programs()]
        return chosen("program", self._pinned_program or said, candidates).id

    async def resolve(
        self,
        kind: ReferenceKind,
        said: str | None,
        program: str | None,
        versions: Sequence[Version] = LIVE_FIRST,
    ) -> Any:
        """The id that `said` means.

        Args:
            kind: what is meant.
            said: name or id, or one of the forms of a member; None for the only one.
            program: the id of the program in which names are looked up.
            versions: of the program, in the order in which names are looked up in them.

        Raises:
            UnknownReference: nothing has that name or id; the nearest are named.
            AmbiguousReference: several have it.
        """
        if kind == "program":
            return await self.program(said)
        if kind in {"member", "contact"}:
            return await self.member(program, said or "")
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
                return chosen(kind.replace("_", " "), said, candidates, where)
            except UnknownReference as error:
                failure = error
        raise failure or AssertionError("a version was tried")

    async def names(self, kind: ReferenceKind, program: str) -> list[str]:
        """The names of what is live in a program, for completion."""
        return [item.name for item in await _LISTS[kind](self, program, "active")]

    async def name_of(
        self,
        kind: ReferenceKind,
        found: Any,
        program: str | None,
        versions: Sequence[Version] = LIVE_FIRST,
    ) -> str | None:
        """The name of what has that id, in the first version that has it; None without a name."""
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
        """The contact id of a member.

        Digits are a contact id; with `@` an email; with `+` a phone number; anything else, or
        what follows `own:`, your own member id (Brevo's loyaltySubscriptionId).

        Raises:
            UnknownReference: nobody has it.
        """
        said = said.strip()
        if CONTACT_ID.fullmatch(said):
            return int(said)
        if said.startswith("+") or ("@" in said and not said.startswith(OWN)):
            return (await self.contact(said)).id
        own_id = said.removeprefix(OWN)
        if program is None:
            raise UnknownReference(f"{quoted(said)} is no contact id, email or phone number.")
        try:
            info = await self._brevo.send(account_of_own_id(program, own_id))
        except (NotFound, Refused):
            info = None
        if info is None or info.balance is None or info.balance.contact_id is None:
            raise UnknownReference(
                f"No member has the own id {quoted(own_id)}. "
                "Members are given by contact id, email, +phone or own id."
            )
        return info.balance.contact_id

    async def contact(self, said: str) -> Contact:
        """The contact who has an email or phone.

        Raises:
            UnknownReference: nobody has it.
        """
        email = "@" in said
        request = get_contact(said, identifier_type="email_id" if email else "phone_id")
        try:
            return await self._brevo.send(request)
        except (NotFound, Refused):
            raise UnknownReference(f"No contact has {quoted(said)}.") from None


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
    """Resolves the references of one call, in their order, and remembers what they were.

    Args:
        references: where they are looked up.
        recorded: the ids of an earlier resolution, to be used again as they were.
        pinned_member: the one member of this server, if it serves only one.
        versions: of the program, in the order in which names are looked up in them.
    """

    def __init__(
        self,
        references: References,
        recorded: Sequence[Any] | None = None,
        pinned_member: str | None = None,
        versions: Sequence[Version] = LIVE_FIRST,
    ) -> None:
        self._references = references
        self._versions = versions
        self._recorded = None if recorded is None else list(recorded)
        self._pinned_member = pinned_member
        self._program: str | None = None
        self.ids: list[Any] = []

    async def __call__(self, reference: Reference, said: str | None) -> Any:
        """The id that `said` means, or meant."""
        if self._recorded is not None:
            found = self._recorded.pop(0)
        else:
            if reference.kind == "member" and self._pinned_member is not None:
                said = self._pinned_member
            found = await self._references.resolve(
                reference.kind, said, self._program, self._versions
            )
        if reference.kind == "program":
            self._program = found
        self.ids.append(found)
        return found
