"""Determines which tier groups members may see.

The API accepts `meta.isInternal` for a tier group but never returns it. Only the account of
somebody with a tier in the group shows it: the group is listed either always, or only with
`includeInternal`.
"""

import time
from collections.abc import Iterable
from functools import partial
from typing import Final, Literal

from loyalty_mcp.brevo.client import Brevo
from loyalty_mcp.brevo.operations.balances import list_contact_balances
from loyalty_mcp.brevo.operations.subscriptions import get_account_info
from loyalty_mcp.brevo.operations.tier_groups import TierGroup, list_tier_groups
from loyalty_mcp.brevo.operations.tiers import Tier, list_tiers
from loyalty_mcp.errors import LoyaltyError

Visibility = Literal["public", "internal", "unknown"]

LATEST: Final = 2
"""The number of checked members whose balance changed last."""

UNKNOWN_SECONDS: Final = 600.0
"""How long a group without any member stays hidden before it is checked again."""


class TierGroupVisibility:
    """Determines which tier groups are public, and caches it while a group is unchanged.

    It checks the accounts of the members whose balance changed last and of those with the highest
    balance, who are most likely to have a tier. A group in which they have none stays unknown and
    hidden.

    Args:
        brevo: the client without restrictions.
    """

    def __init__(self, brevo: Brevo) -> None:
        self._brevo = brevo
        self._known: dict[tuple[str, str], tuple[Visibility, float]] = {}

    async def public_groups(self, program: str) -> frozenset[str]:
        """The ids of the live tier groups of a program that members may see."""
        groups = (
            await self._brevo.configuration(list_tier_groups(program, version="active"))
        ).items
        tiers = (await self._brevo.configuration(list_tiers(program, version="active"))).items
        return frozenset(
            [
                group.id
                for group in groups
                if await self._visibility(program, group, tiers) == "public"
            ]
        )

    async def _visibility(
        self, program: str, group: TierGroup, tiers: Iterable[Tier]
    ) -> Visibility:
        key = group.id, str(group.updated_at)
        found, until = self._known.get(key, ("unknown", 0.0))
        if found == "unknown" and until <= time.monotonic():
            balances = dict.fromkeys(
                condition.balance_definition_id
                for tier in tiers
                if tier.group_id == group.id
                for condition in tier.access_conditions
            )
            try:
                found = await self._looked_up(
                    program, group.id, [each for each in balances if each]
                )
            except LoyaltyError:
                return "unknown"
            self._known[key] = found, time.monotonic() + UNKNOWN_SECONDS
        return found

    async def _looked_up(self, program: str, group: str, balances: Iterable[str]) -> Visibility:
        for balance in balances:
            for contact in await self._likely_members(program, balance):
                if group in await self._groups_of(program, contact, internal=False):
                    return "public"
                if group in await self._groups_of(program, contact, internal=True):
                    return "internal"
        return "unknown"

    async def _likely_members(self, program: str, balance: str) -> list[int]:
        """Contact ids of the members most likely to have a tier that depends on a balance."""
        listed = partial(
            list_contact_balances, program, balance, sort="desc", include_internal=True
        )
        requests = (
            listed(limit=LATEST, sort_field="updatedAt"),
            listed(limit=1, sort_field="value"),
        )
        pages = [await self._brevo.configuration(request) for request in requests]
        return list(dict.fromkeys(each.contact_id for page in pages for each in page.balances))

    async def _groups_of(self, program: str, contact: int, *, internal: bool) -> set[str | None]:
        request = get_account_info(program, contact, include_internal=internal)
        return {tier.group_id for tier in (await self._brevo.configuration(request)).tier}
