"""Reads of a member that previews and the overview share."""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import anyio

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo, get_account_info
from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.brevo.operations.transactions import PastTransaction, list_transaction_history
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.visibility import is_internal
from loyalty_mcp.errors import LoyaltyError, NotFound, Refused, TemporaryError, UnknownReference
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.tier_rules import after_change, ladder

HISTORY_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Account:
    """The data for the preview of a credit or debit.

    Args:
        definition: the live version of the balance.
        info: the whole account of the member.
        drafts: open movements of this balance.
        groups: the tier groups.
        tiers: the tiers of all groups.
    """

    definition: BalanceDefinition
    info: AccountInfo
    drafts: Sequence[PastTransaction]
    groups: Sequence[TierGroup]
    tiers: Sequence[Tier]

    @property
    def balances(self) -> dict[str, Decimal]:
        """Balance definition id to total."""
        held = self.info.balance.balances if self.info.balance is not None else ()
        return {item.balance_definition_id: item.value or Decimal(0) for item in held}

    @property
    def total(self) -> Decimal:
        """The member's total in this balance."""
        return self.balances.get(self.definition.id, Decimal(0))

    def tier_names(self, balances: Mapping[str, Decimal] | None = None) -> dict[str, str]:
        """Group name to tier name: the current one, or the one that results from `balances`."""
        names = {}
        for group in self.groups:
            held = next((t.tier_id for t in self.info.tier if t.group_id == group.id), None)
            rungs = ladder(group, self.tiers)
            if balances is None:
                tier = next((rung for rung in rungs if rung.tier_id == held), None)
            else:
                tier = after_change(group, rungs, held, balances)
            names[group.name] = "none" if tier is None else tier.name
        return names


async def read_account(
    context: Context,
    program: str,
    member: int,
    balance: str,
    history: Sequence[PastTransaction] | None = None,
) -> Account:
    """Read the data for a preview concurrently.

    Args:
        context: the clients, the journal and the settings that tools use.
        program: its id.
        member: contact id.
        balance: the id of its definition.
        history: all transactions of the balance, if just read; saves the read of drafts.

    Raises:
        NotFound: the contact is not a member of the program.
        UnknownReference: the balance is not live.
    """
    definitions = await context.references.balances(program)
    definition = next((item for item in definitions if item.id == balance), None)
    if definition is None:
        raise UnknownReference("That balance is not live yet; publish_program makes it so.")
    info, drafts, groups, tiers = await together(
        read_member(context, program, member),
        _draft_transactions(context, program, member, balance, history),
        context.references.tier_groups(program),
        context.references.tiers(program),
    )
    return Account(definition, info, drafts, groups, tiers)


async def _draft_transactions(
    context: Context,
    program: str,
    member: int,
    balance: str,
    history: Sequence[PastTransaction] | None,
) -> Sequence[PastTransaction]:
    """The draft transactions of a balance."""
    if history is not None:
        return [item for item in history if item.status == "draft"]
    request = list_transaction_history(program, member, balance, limit=HISTORY_PAGE, status="draft")
    found = (await context.brevo.send(request)).transaction_history
    return [item for item in found if item.status == "draft"]


async def together(*readings: Coroutine[Any, Any, Any]) -> list[Any]:
    """Make several reads concurrently and return their results in order.

    Raises:
        LoyaltyError: the most useful of the errors.
    """
    results: list[Any] = [None] * len(readings)

    async def store_result(position: int, reading: Coroutine[Any, Any, Any]) -> None:
        results[position] = await reading

    try:
        async with anyio.create_task_group() as group:
            for position, reading in enumerate(readings):
                group.start_soon(store_result, position, reading)
    except* LoyaltyError as errors:
        raise most_useful_error(errors) from None
    return results


def most_useful_error(errors: ExceptionGroup[LoyaltyError]) -> LoyaltyError:
    """The most useful error of a group: one that the caller can fix, if there is one."""
    flat: list[LoyaltyError] = []
    for error in errors.exceptions:
        flat += [most_useful_error(error)] if isinstance(error, ExceptionGroup) else [error]
    return min(flat, key=lambda error: isinstance(error, TemporaryError))


async def read_member(context: Context, program: str, member: int) -> AccountInfo:
    """Read the account of a member, including internal balances.

    Raises:
        NotFound: the contact is not a member of the program.
    """
    try:
        info = await context.brevo.send(get_account_info(program, member, include_internal=True))
    except (NotFound, Refused):
        info = None
    if info is None or info.membership is None:
        raise no_member(member)
    return info


def no_member(contact: int) -> NotFound:
    """The error for a contact who is not a member of the program."""
    return NotFound(f"Contact {contact} is no member of this program; enroll_member makes one.")


def balance_name_text(definition: BalanceDefinition) -> str:
    """The quoted name of a balance, marked if it is hidden from members."""
    return f"{quoted(definition.name)}{' (internal)' if is_internal(definition) else ''}"


def unit_of(definition: BalanceDefinition) -> str:
    """The unit in words: `points`, or the currency code."""
    return "points" if definition.unit in {None, "POINTS"} else str(definition.unit)
