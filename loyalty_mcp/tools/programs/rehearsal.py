"""A rehearsal: carries out a plan in a private sandbox, with sample purchases."""

from typing import Annotated, Final

from pydantic import Field

from loyalty_mcp.brevo.client import Brevo
from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.contacts import create_contact
from loyalty_mcp.brevo.operations.programs import Program
from loyalty_mcp.brevo.operations.subscriptions import create_subscription, get_account_info
from loyalty_mcp.brevo.operations.transactions import create_transaction
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Items, Number, Reply, SignedAmount
from loyalty_mcp.errors import InvalidArgument, LoyaltyError
from loyalty_mcp.tools.programs.configuration import find_named
from loyalty_mcp.tools.programs.plan_execution import carry_out_plan, publish_applied_draft
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.spec_part import ObjectName, SpecPart

MOST_PURCHASES: Final = 50


class Purchase(SpecPart):
    """A sample movement: positive credits, negative debits.

    `member` is any label for an invented member. `balance` may be omitted if the program has only
    one.
    """

    member: Annotated[str, Field(min_length=1, max_length=40)]
    amount: SignedAmount
    balance: ObjectName | None = None


Purchases = Annotated[
    tuple[Purchase, ...],
    Field(min_length=1, max_length=MOST_PURCHASES),
    Field(description="Sample movements to rehearse"),
]


class RehearsedMember(Reply):
    """The result of the sample purchases for an invented member."""

    member: str
    balances: dict[str, Number]
    tiers: dict[str, str]
    vouchers: Items[str] = ()
    refused: Items[str] = ()


class Rehearsal(Reply):
    """The result of a plan in a private sandbox."""

    members: Items[RehearsedMember] = ()


async def rehearse_plan(
    brevo: Brevo, base: ProgramSpec | None, spec: ProgramSpec, purchases: tuple[Purchase, ...]
) -> Rehearsal:
    """Carry out a plan on an empty account, and run purchases through it.

    Args:
        brevo: the client of an empty sandbox, which is discarded afterwards.
        base: the current program, created first; None if it is new.
        spec: what is planned.
        purchases: run in this order.

    Raises:
        InvalidArgument: a purchase names a balance that the program does not have.
        LoyaltyError: the sandbox refuses the plan, as Brevo would.
    """
    if base is not None:
        await carry_out_plan(brevo, base)
    existing = await carry_out_plan(brevo, spec)
    if existing.program is None:
        raise AssertionError("a plan that was carried out left its program")
    await publish_applied_draft(brevo, existing.program)
    balances = [_purchase_balance(purchase, existing.balances) for purchase in purchases]
    members: dict[str, int] = {}
    refused: dict[str, list[str]] = {}
    for purchase, balance in zip(purchases, balances, strict=True):
        if purchase.member not in members:
            members[purchase.member] = await _enroll_sample(
                brevo, existing.program, len(members) + 1
            )
        contact = members[purchase.member]
        movement = create_transaction(
            existing.program.id, contact, balance.id, purchase.amount, auto_complete=True
        )
        try:
            await brevo.send(movement)
        except LoyaltyError as error:
            reason = f"{purchase.amount:f} of {quoted(balance.name)}: {error.cause}"
            refused.setdefault(purchase.member, []).append(reason)
    return Rehearsal(
        members=tuple(
            [
                await _member_outcome(
                    brevo, existing.program, label, contact, refused.get(label, [])
                )
                for label, contact in members.items()
            ]
        )
    )


def _purchase_balance(
    purchase: Purchase, definitions: tuple[BalanceDefinition, ...]
) -> BalanceDefinition:
    """The balance of a purchase.

    Raises:
        InvalidArgument: no balance has that name, or none is named and there are several.
    """
    names = ", ".join(quoted(definition.name) for definition in definitions) or "none"
    if purchase.amount == 0:
        raise InvalidArgument("The amount of a sample purchase must not be 0.")
    if purchase.balance is not None:
        found = find_named("balance", purchase.balance, definitions)
        if found is None:
            raise InvalidArgument(
                f"A sample purchase names balance {quoted(purchase.balance)}; there are: {names}."
            )
        return found
    if len(definitions) != 1:
        raise InvalidArgument(f"Each sample purchase has to name its balance; there are: {names}.")
    return definitions[0]


async def _enroll_sample(brevo: Brevo, program: Program, number: int) -> int:
    """Enrol an invented member, and return the contact id."""
    contact = await brevo.send(create_contact(ext_id=f"rehearsal-{number}"))
    if contact.id is None:
        raise AssertionError("an empty sandbox creates every contact")
    await brevo.send(create_subscription(program.id, contact.id))
    return contact.id


async def _member_outcome(
    brevo: Brevo, program: Program, label: str, contact: int, refused: list[str]
) -> RehearsedMember:
    info = await brevo.send(get_account_info(program.id, contact, include_internal=True))
    held = () if info.balance is None else info.balance.balances
    return RehearsedMember(
        member=label,
        balances={
            each.balance_definition_name or each.balance_definition_id: each.value or 0
            for each in held
        },
        tiers={tier.group_name or "": tier.tier_name or tier.tier_id for tier in info.tier},
        vouchers=tuple(sorted(voucher.reward_name or voucher.id for voucher in info.reward)),
        refused=tuple(refused),
    )


def rehearsal_lines(rehearsal: Rehearsal) -> list[str]:
    """Write a rehearsal in words, a line for each member."""
    lines = ["Rehearsed in a private sandbox, where it works:"]
    for member in rehearsal.members:
        parts = [f"{quoted(name)} {value:f}" for name, value in member.balances.items()]
        parts += [f"{quoted(group)} {quoted(tier)}" for group, tier in member.tiers.items()]
        if member.vouchers:
            parts.append(f"vouchers {', '.join(map(quoted, member.vouchers))}")
        parts += [f"refused {reason}" for reason in member.refused]
        lines.append(f"- {quoted(member.member)}: {'; '.join(parts) or 'nothing'}")
    return lines
