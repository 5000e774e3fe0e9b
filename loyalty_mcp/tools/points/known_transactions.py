"""A transaction named by its id: its owner and its kind, as far as they can be known."""

from decimal import Decimal
from typing import Final

from loyalty_mcp.brevo.operations.transactions import PastTransaction, Transaction
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import NotFound, Refused
from loyalty_mcp.intents.lifecycle import Movement
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import read_member, unit_of
from loyalty_mcp.tools.members.people import member_words
from loyalty_mcp.tools.points.history import HISTORY_PAGE, Place, find_by_id
from loyalty_mcp.tools.render import signed_amount_text

WHOSE: Final = "Give member, so that the amount can be known."
MOST_BALANCES: Final = 5
"""Balances that are searched for one transaction; each costs a request."""


async def known_transaction(
    context: Context, program: str, transaction_id: str, member: int | None, balance: str | None
) -> tuple[Place | None, PastTransaction | None]:
    """A transaction's balance and kind, if it is among the newest of the balance.

    A draft that was created here is found through the journal; another draft only through its
    member.

    Raises:
        NotFound: the member has no such transaction among the newest.
        Refused: there are too many balances to search.
    """
    if member is None:
        maker = await context.journal.open().made_by(transaction_id)
        if maker is None or maker.movement is None:
            return None, None
        member = maker.movement.member
    for item in await _balances(context, program, balance):
        place = Place(program, member, item)
        found = await find_by_id(context, place, transaction_id, pages=1)
        if found is not None:
            return place, found
    raise NotFound(
        f"Member {member} has no transaction {quoted(transaction_id)} among the newest "
        f"{HISTORY_PAGE} of a balance. list_transaction_history shows the ids, with status draft "
        "those of drafts."
    )


async def _balances(context: Context, program: str, balance: str | None) -> list[str]:
    chosen = context.kept.get("balance", balance)
    if chosen is not None:
        return [chosen]
    found = [item.id for item in await context.references.balances(program)]
    if len(found) > MOST_BALANCES:
        raise Refused(f"This program has {len(found)} balances; give balance, so that one is read.")
    return found


def movement_in(place: Place, found: PastTransaction) -> Movement:
    """What a transaction moves or moved."""
    amount = Decimal(found.amount or 0)
    debit = amount < 0 or found.transaction_type == "debit"
    return Movement("debit" if debit else "credit", abs(amount), place.member)


def require_draft(found: PastTransaction) -> None:
    """Refuse to change a transaction that has ended.

    Raises:
        Refused: it is no longer a draft.
    """
    if found.status != "draft":
        step = " reverse_transaction undoes it." if found.status == "completed" else ""
        raise Refused(f"That transaction is {found.status}, and only a draft can change.{step}")


async def transaction_text(context: Context, place: Place, found: PastTransaction) -> str:
    """A transaction in words: `−5 points in "Purchase Points" of member 101`.

    Raises:
        LoyaltyError: the balances or the member cannot be read.
    """
    definitions = await context.references.balances(place.program)
    definition = next((item for item in definitions if item.id == place.balance), None)
    info = await read_member(context, place.program, place.member)
    movement = movement_in(place, found)
    signed = movement.amount if movement.kind == "credit" else -movement.amount
    unit = "points" if definition is None else unit_of(definition)
    where = "" if definition is None else f" in {quoted(definition.name)}"
    who = await member_words(context, info, place.member)
    return f"{signed_amount_text(signed, unit)}{where} of member {who}"


def as_transaction(found: PastTransaction | Transaction) -> Transaction:
    """A transaction of the history, in the type of the API's other answers."""
    if isinstance(found, Transaction):
        return found
    return Transaction.model_validate(found.model_dump(exclude_none=True))
