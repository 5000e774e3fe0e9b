"""What follows from a movement, an enrolment or a publication: one tuple for each moment.

The tuples are filled where the application is put together, so that the ledger need not know
tiers and rewards, and those may move balances in turn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from loyalty_mcp.sandbox.rules.entities import Completed, Definition, Member, Program

if TYPE_CHECKING:
    from loyalty_mcp.sandbox.store import Unit


@dataclass(frozen=True, slots=True)
class Hooks:
    """Functions that are called in order, inside the transaction of their cause.

    Attributes:
        before_application: May refuse a signed movement by raising `NotAllowed`.
        after_completion: A movement has entered a balance.
        after_enrolment: A contact has become a member; the balances stand at 0.
        before_unsubscription: A membership is about to end.
        after_expiry: A lot of a member has ended, so that a balance has fallen by itself.
        after_publish: The draft configuration has become live.
    """

    before_application: tuple[Callable[["Unit", Member, Definition, Decimal], None], ...] = ()
    after_completion: tuple[Callable[["Unit", Completed], None], ...] = ()
    after_enrolment: tuple[Callable[["Unit", Member], None], ...] = ()
    before_unsubscription: tuple[Callable[["Unit", Member], None], ...] = ()
    after_expiry: tuple[Callable[["Unit", Member], None], ...] = ()
    after_publish: tuple[Callable[["Unit", Program], None], ...] = ()
