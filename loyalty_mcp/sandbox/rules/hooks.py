"""Hooks that run after movements, enrolments and publications.

They are set when the application is composed, so that the ledger does not depend on tiers and
rewards, which can move balances themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from loyalty_mcp.sandbox.rules.entities import CompletedMovement, Definition, Member, Program

if TYPE_CHECKING:
    from loyalty_mcp.sandbox.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class Hooks:
    """Functions that are called in order, inside the transaction of their cause.

    Attributes:
        before_application: May refuse a signed movement by raising `NotAllowed`.
        after_completion: A movement has been applied to a balance.
        after_enrolment: A contact has been enrolled; all balances are 0.
        before_unsubscription: A membership is about to end.
        after_expiry: A lot of a member has expired.
        after_publish: The draft configuration has become active.
    """

    before_application: tuple[Callable[["UnitOfWork", Member, Definition, Decimal], None], ...] = ()
    after_completion: tuple[Callable[["UnitOfWork", CompletedMovement], None], ...] = ()
    after_enrolment: tuple[Callable[["UnitOfWork", Member], None], ...] = ()
    before_unsubscription: tuple[Callable[["UnitOfWork", Member], None], ...] = ()
    after_expiry: tuple[Callable[["UnitOfWork", Member], None], ...] = ()
    after_publish: tuple[Callable[["UnitOfWork", Program], None], ...] = ()
