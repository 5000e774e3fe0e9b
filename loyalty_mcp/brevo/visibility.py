"""What members may see: the live version, without internal balances and tier groups.

`meta.isInternal` hides a balance definition or a tier group from members. The API omits part of it
unless asked. This module omits all of it, wherever it appears in a reply, so that tools, resources
and completions for members need no checks of their own.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, cast

from loyalty_mcp.brevo.client import Brevo
from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    BalanceDefinitions,
    list_balance_definitions,
)
from loyalty_mcp.brevo.operations.balances import SubscriptionBalances
from loyalty_mcp.brevo.operations.rewards import Reward
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.operations.tier_groups import TierGroup, TierGroups
from loyalty_mcp.brevo.operations.tiers import Tier, TierCondition, Tiers
from loyalty_mcp.brevo.replies import CHECK_THE_ID, NO_SUCH_OBJECT
from loyalty_mcp.brevo.request import ReplyT, Request
from loyalty_mcp.brevo.tier_group_visibility import TierGroupVisibility
from loyalty_mcp.errors import NotFound

PROGRAM: Final = re.compile(r"/programs/([^/]+)/")
VERSIONED: Final = re.compile(r"/(balance-definitions|tier-groups|tiers|offers|rewards)(/[^/]+)?$")
"""Paths of configuration; the API reads the draft unless the live version is requested."""

HIDDEN_CONDITION: Final = TierCondition()
"""Replaces a threshold in an internal balance; its existence is not secret."""


def is_internal(definition: BalanceDefinition) -> bool:
    """Whether a balance is hidden from members."""
    return (definition.meta or {}).get("isInternal") is True


class MemberView:
    """Restricts reads to what a member may see: no drafts, and nothing internal.

    Args:
        brevo: the client without restrictions, which reads what is internal.
    """

    def __init__(self, brevo: Brevo) -> None:
        self._brevo = brevo
        self._groups = TierGroupVisibility(brevo)

    def request(self, request: Request[ReplyT]) -> Request[ReplyT]:
        """The read that a member may make: of the live version, and of nothing internal."""
        query = {key: value for key, value in request.query.items() if key != "includeInternal"}
        if request.method == "GET" and VERSIONED.search(request.path):
            query["version"] = "active"
        return request if query == request.query else replace(request, query=query)

    async def reply(self, request: Request[ReplyT], reply: ReplyT) -> ReplyT:
        """The part of a reply that a member may see.

        Raises:
            NotFound: the read is of something internal.
        """
        found = PROGRAM.search(request.path)
        if found is None:
            return reply
        program, balance = found[1], request.query.get("balanceDefinitionId")
        if balance is not None and balance in await self._internal_balances(program):
            raise NotFound(f"{NO_SUCH_OBJECT} {CHECK_THE_ID}")
        return cast("ReplyT", await self._visible(program, reply))

    async def _visible(self, program: str, reply: Any) -> Any:
        match reply:
            case BalanceDefinitions():
                shown = tuple(item for item in reply.items if not is_internal(item))
                return reply.model_copy(update={"items": shown})
            case BalanceDefinition() if is_internal(reply):
                raise NotFound(f"{NO_SUCH_OBJECT} {CHECK_THE_ID}")
            case TierGroups():
                public = await self._groups.public_groups(program)
                groups = tuple(item for item in reply.items if item.id in public)
                return reply.model_copy(update={"items": groups})
            case TierGroup() if reply.id not in await self._groups.public_groups(program):
                raise NotFound(f"{NO_SUCH_OBJECT} {CHECK_THE_ID}")
            case Tiers():
                return await self._visible_tiers(program, reply)
            case AccountInfo(balance=balances) if balances is not None:
                internal = await self._internal_balances(program)
                held = _without(balances.balances, internal)
                update = {"balance": balances.model_copy(update={"balances": held})}
                return reply.model_copy(update=update)
            case SubscriptionBalances():
                internal = await self._internal_balances(program)
                return reply.model_copy(update={"balance": _without(reply.balance, internal)})
            case Reward(subtract_balance_definition_id=price) if price is not None:
                internal = await self._internal_balances(program)
                hidden = dict.fromkeys(("subtract_balance_definition_id", "subtract_balance_value"))
                return reply.model_copy(update=hidden if price in internal else {})
        return reply

    async def _visible_tiers(self, program: str, tiers: Tiers) -> Tiers:
        public = await self._groups.public_groups(program)
        internal = await self._internal_balances(program)
        shown = tuple(_tier(tier, internal) for tier in tiers.items if tier.group_id in public)
        return tiers.model_copy(update={"items": shown})

    async def _internal_balances(self, program: str) -> frozenset[str]:
        """The ids of the live balances that are internal."""
        request = list_balance_definitions(program, limit=500, offset=0, version="active")
        page = await self._brevo.configuration(request)
        return frozenset(item.id for item in page.items if is_internal(item))


def _without(items: Sequence[Any], balances: frozenset[str]) -> tuple[Any, ...]:
    return tuple(item for item in items if item.balance_definition_id not in balances)


def _tier(tier: Tier, internal: frozenset[str]) -> Tier:
    """A tier without the values of its thresholds in internal balances."""
    shown = tuple(
        HIDDEN_CONDITION if condition.balance_definition_id in internal else condition
        for condition in tier.access_conditions
    )
    return tier.model_copy(update={"access_conditions": shown})
