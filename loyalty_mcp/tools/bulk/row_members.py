"""The members of a batch: looked up a few at a time, with their balances read in pages."""

from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import Final, TypeVar

import anyio

from loyalty_mcp.brevo.member_forms import EmailAddress, PhoneNumber, member_forms
from loyalty_mcp.brevo.operations.balances import ContactBalance
from loyalty_mcp.errors import CallerError, LoyaltyError
from loyalty_mcp.tools.bulk.member_state import (
    MemberState,
    state_of_account,
    state_of_holder,
)
from loyalty_mcp.tools.bulk.row_preparation import BalanceRules
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import most_useful_error, read_member
from loyalty_mcp.tools.progress import report
from loyalty_mcp.tools.reports.balance_pages import MEMBERS_A_PAGE, BalancePages

AT_ONCE: Final = 8
"""The number of concurrent reads."""

ROWS_A_PAGE: Final = 10
"""The balances of all members are read in pages if there are at least this many rows per page."""

MEMBERS_READ: Final = "Reading the members"

KeyT = TypeVar("KeyT")
FoundT = TypeVar("FoundT")


async def read_each(
    keys: Sequence[KeyT], look: Callable[[KeyT], Awaitable[FoundT]], doing: str
) -> dict[KeyT, FoundT | CallerError]:
    """The result for each key; a failed lookup gives its error.

    Args:
        keys: each is looked up once.
        look: looks one up.
        doing: the progress message.

    Raises:
        LoyaltyError: nothing can be read now.
    """
    found: dict[KeyT, FoundT | CallerError] = {}
    wanted = list(dict.fromkeys(keys))
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def look_up(key: KeyT) -> None:
        async with limiter:
            try:
                found[key] = await look(key)
            except CallerError as error:
                found[key] = error
            await report(len(found), len(wanted), doing)

    try:
        async with anyio.create_task_group() as group:
            for key in wanted:
                group.start_soon(look_up, key)
    except* LoyaltyError as errors:
        raise most_useful_error(errors) from None
    return found


def lookups_in_budget(words: Sequence[str]) -> int:
    """How many of these members the hourly budget lets us look up; contacts have a separate one."""
    own_budget = EmailAddress | PhoneNumber
    return sum(not isinstance(member_forms(each)[0], own_budget) for each in set(words))


async def read_holders(
    context: Context, program: str, balance: str, rows: int
) -> dict[int, ContactBalance]:
    """The holders of a balance by contact id; empty if reading row by row takes fewer requests.

    Args:
        context: the clients, the journal and the settings that tools use.
        program: its id.
        balance: its definition's id.
        rows: how many rows need a member's balance.

    Raises:
        LoyaltyError: they cannot be read now.
    """
    if rows < ROWS_A_PAGE:
        return {}
    pages = BalancePages(context, program, balance)
    count = await pages.count()
    if ceil(count / MEMBERS_A_PAGE) * ROWS_A_PAGE > max(rows, ROWS_A_PAGE):
        return {}
    return {holder.contact_id: holder async for page in pages.all(count) for holder in page}


async def read_states(
    context: Context, rules: BalanceRules, contacts: Sequence[int]
) -> dict[int, MemberState | CallerError]:
    """The states of members by contact id, read in pages if that takes fewer requests.

    Args:
        context: the clients, the journal and the settings that tools use.
        rules: of the balance that moves.
        contacts: ids of the members, possibly repeated.

    Returns:
        for each, the member or the error that says why they cannot be changed.

    Raises:
        RateLimited: the rest of the hourly budget is not enough.
        LoyaltyError: they cannot be read now.
    """
    balance = rules.definition.id
    states: dict[int, MemberState | CallerError] = {}
    if rules.tiers.depend_on(balance):
        holders = await read_holders(context, rules.program, balance, len(set(contacts)))
        states.update(
            (contact, state_of_holder(holders[contact], balance, rules.tiers))
            for contact in contacts
            if contact in holders
        )
    others = [contact for contact in dict.fromkeys(contacts) if contact not in states]
    context.brevo.require(len(others))

    async def read_state(contact: int) -> MemberState:
        info = await read_member(context, rules.program, contact)
        return state_of_account(info, contact, rules.tiers)

    return {**states, **await read_each(others, read_state, MEMBERS_READ)}
