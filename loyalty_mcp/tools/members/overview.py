"""Find a member, and see all that they have in one answer."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.balances import list_active_balances
from loyalty_mcp.brevo.operations.contacts import Contact, get_contact
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.brevo.operations.transactions import list_transaction_history
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.references import CONTACT_ID, OWN
from loyalty_mcp.brevo.types import ContactId, Items, Moment, Number, ProgramId, Reply
from loyalty_mcp.errors import LoyaltyError, NotFound, Refused, UnknownReference
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import HISTORY_PAGE, read_member, together, unit_of
from loyalty_mcp.tools.members.tier_rules import ladder, next_after
from loyalty_mcp.tools.render import LISTED, amount_text, moment_text, value_text
from loyalty_mcp.tools.task import reads

SOON: Final = timedelta(days=30)
DAYS: Final = 2
"""Days of which the text says what expires."""

DRAFTS: Final = 3
"""Open drafts that the text lists."""

RECENT: Final = 10

Who = Annotated[str, Field(min_length=1, max_length=320, description="id/email/+phone")]


class Enrolment(Reply):
    """A program in which the contact is a member."""

    program: str
    own_id: str | None = None
    since: Moment | None = None


class FoundMember(Reply):
    """A contact, and where they are enrolled."""

    contact_id: int
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    enrolled: bool
    enrolments: Items[Enrolment] = ()


class ExpiringPoints(Reply):
    """A part of a balance that is lost if it is not used in time."""

    amount: Number
    expires_at: Moment


class BalanceView(Reply):
    """One balance of a member."""

    balance: str
    unit: str
    value: Number
    expiring_soon: Items[ExpiringPoints] = ()


class TierView(Reply):
    """The member's tier in one group, and the way to the next."""

    group: str
    tier: str | None = None
    next_tier: str | None = None
    missing: dict[str, Number] | None = None


class VoucherView(Reply):
    """A voucher that the member can use."""

    voucher_id: str
    reward: str
    code: str | None = None
    value: Number | None = None
    unit: str | None = None
    expires_at: str | None = None


class MovementView(Reply):
    """A credit or a debit."""

    transaction_id: str
    balance: str
    amount: Number
    status: str
    at: str | None = None


class MemberOverview(Reply):
    """All that a member has in a program."""

    member: int
    own_id: str | None = None
    program: str | None = None
    since: Moment | None = None
    balances: Items[BalanceView] = ()
    tiers: Items[TierView] = ()
    vouchers: Items[VoucherView] = ()
    movements: Items[MovementView] | None = None
    drafts: Items[MovementView] | None = None
    could_not_read: Items[str] = ()


def found_text(found: FoundMember, _now: datetime) -> str:
    """A contact in words."""
    names = [name for name in (found.first_name, found.last_name) if name]
    known = [quoted(" ".join(names))] if names else []
    known += [quoted(value) for value in (found.email, found.phone) if value]
    where = [
        quoted(item.program) + (f" as {quoted(item.own_id)}" if item.own_id else "")
        for item in found.enrolments
    ]
    enrolled = f"Member of {', '.join(where)}." if where else "Member of no program."
    return f"Contact {found.contact_id}: {', '.join(known) or 'no name or address'}. {enrolled}"


@reads(text=found_text)
async def find_member(
    context: Context,
    member: Who,
    program: ProgramId | None = None,
    personal_data: Annotated[bool, Field(description="Email, phone unmasked")] = False,
) -> FoundMember:
    """Find a contact and their programs; get_member_overview has points and tier."""
    programs = await context.references.programs()
    wanted = [item for item in programs if program in {None, item.id}]
    contact = await _contact(context, member, [item.id for item in wanted])
    readings = [_membership(context, item.id, contact.id) for item in wanted]
    enrolments = []
    for item, info in zip(wanted, await together(*readings), strict=True):
        if info is not None:
            enrolments.append(
                Enrolment(
                    program=item.name,
                    own_id=info.membership.loyalty_subscription_id,
                    since=info.membership.created_at,
                )
            )
    attributes = contact.attributes
    hidden = context.role == "support" and not personal_data
    email, phone = contact.email, _attribute(attributes, "SMS")
    return FoundMember(
        contact_id=contact.id,
        email=masked(email) if hidden else email,
        phone=masked(phone) if hidden else phone,
        first_name=_attribute(attributes, "FIRSTNAME"),
        last_name=_attribute(attributes, "LASTNAME"),
        enrolled=bool(enrolments),
        enrolments=tuple(enrolments),
    )


def masked(address: str | None) -> str | None:
    """An email or phone as far as it takes to recognise it: `a***@e***.com`, `+49***101`."""
    if address is None:
        return None
    name, at, host = address.partition("@")
    if not at:
        return f"{address[:3]}***{address[-3:]}" if len(address) > 8 else "***"
    ending = host.rpartition(".")[2] if "." in host else ""
    return f"{name[:1]}***@{host[:1]}***{f'.{ending}' if ending else ''}"


def _attribute(attributes: dict[str, Any], name: str) -> str | None:
    value = attributes.get(name)
    return None if value in {None, ""} else str(value)


async def _membership(context: Context, program: str, member: int) -> AccountInfo | None:
    try:
        return await read_member(context, program, member)
    except NotFound:
        return None


async def _contact(context: Context, member: str, programs: Sequence[str]) -> Contact:
    """The contact that is meant, by any of the four ways to name one.

    Raises:
        UnknownReference: there is no such contact.
    """
    said = member.strip()
    if CONTACT_ID.fullmatch(said):
        return await _read_contact(context, said)
    if not said.startswith(OWN) and ("@" in said or said.startswith("+")):
        return await context.references.contact(said)
    failure: LoyaltyError | None = None
    for program in programs:
        try:
            found = await context.references.member(program, said)
        except UnknownReference as error:
            failure = error
        else:
            return await _read_contact(context, str(found))
    raise failure or UnknownReference("There is no program yet, so nobody has an own id.")


async def _read_contact(context: Context, contact_id: str) -> Contact:
    try:
        return await context.brevo.send(get_contact(contact_id, identifier_type="contact_id"))
    except (NotFound, Refused):
        raise UnknownReference(f"There is no contact {contact_id}.") from None


def overview_text(view: MemberOverview, now: datetime) -> str:
    """A member in words, a line for each part."""
    program = f" of {quoted(view.program)}" if view.program else ""
    own = f" (own id {quoted(view.own_id)})" if view.own_id else ""
    since = f", since {view.since:%Y-%m-%d}" if view.since else ""
    lines = [f"Member {view.member}{own}{program}{since}."]
    lines += [_balance_line(item, now) for item in view.balances]
    lines += [_tier_line(item, view.balances) for item in view.tiers]
    lines += [_voucher_line(item, now) for item in view.vouchers[:LISTED]]
    if len(view.vouchers) > LISTED:
        lines.append(f"{len(view.vouchers) - LISTED} more vouchers: list_vouchers.")
    if not view.vouchers:
        lines.append("No usable voucher.")
    if view.movements:
        lines.append("Latest movements; list_transaction_history tells their ids:")
        lines += [_movement_line(item) for item in view.movements]
    drafts = view.drafts or ()
    lines += [f"Draft {item.transaction_id}: {_movement_line(item)}" for item in drafts[:DRAFTS]]
    if len(drafts) > DRAFTS:
        lines.append(f"{len(drafts) - DRAFTS} more drafts: list_transaction_history.")
    if view.could_not_read:
        lines.append(f"Could not be read now: {', '.join(view.could_not_read)}.")
    return "\n".join(lines)


def _balance_line(view: BalanceView, now: datetime) -> str:
    line = f"{quoted(view.balance)}: {amount_text(view.value, view.unit)}."
    days = _by_day(view.expiring_soon)
    for part in days[:DAYS]:
        when = moment_text(part.expires_at, now)
        line += f" {amount_text(part.amount, view.unit)} expire {when}."
    if len(days) > DAYS:
        more = sum((part.amount for part in days[DAYS:]), Decimal(0))
        line += f" {amount_text(more, view.unit)} more within {SOON.days} days."
    return line


def _by_day(parts: Sequence[ExpiringPoints]) -> list[ExpiringPoints]:
    """What expires on each day, as one part that ends when the first of that day does."""
    days: dict[str, ExpiringPoints] = {}
    for part in parts:
        day = f"{part.expires_at.astimezone(UTC):%Y-%m-%d}"
        known = days.get(day)
        amount = part.amount + (known.amount if known else 0)
        first = known.expires_at if known else part.expires_at
        days[day] = ExpiringPoints(amount=amount, expires_at=first)
    return list(days.values())


def _tier_line(view: TierView, balances: Sequence[BalanceView]) -> str:
    units = {item.balance: item.unit for item in balances}
    line = f"Tier ({quoted(view.group)}): {quoted(view.tier) if view.tier else 'none'}."
    if view.next_tier is None:
        return f"{line} No higher tier."
    lacking = [
        f"{amount_text(value, units.get(name, ''))} of {quoted(name)}"
        for name, value in (view.missing or {}).items()
    ]
    return f"{line} To {quoted(view.next_tier)}: {', '.join(lacking)} missing."


def _voucher_line(view: VoucherView, now: datetime) -> str:
    name = f"code {quoted(view.code)}" if view.code else f"id {view.voucher_id}"
    line = f"Voucher {quoted(view.reward)}, {name}"
    if view.value is not None:
        line += f", worth {value_text(view.value)} {value_text(view.unit or '')}".rstrip()
    return f"{line}{_until(view.expires_at, now)}."


def _until(text: str | None, now: datetime) -> str:
    """Until when something is valid: to the minute where it ends soon, else the day."""
    ends = _moment(text)
    if ends is None:
        return ""
    soon = ends <= now + SOON
    return f", until {moment_text(ends, now) if soon else f'{ends.astimezone(UTC):%Y-%m-%d} UTC'}"


def _movement_line(view: MovementView) -> str:
    when = f"{view.at[:10]} " if view.at else ""
    status = "" if view.status == "completed" else f", {view.status}"
    return f"{when}{view.amount:+f} {quoted(view.balance)}{status}"


@reads(text=overview_text)
async def get_member_overview(
    context: Context,
    program: ProgramId,
    member: ContactId,
    include: tuple[Literal["movements"], ...] | None = None,
) -> MemberOverview:
    """All of a member: balances, expiring points, tier, what the next lacks, vouchers."""
    info, definitions, tiers = await together(
        read_member(context, program, member),
        context.references.balances(program),
        context.references.tiers(program),
    )
    groups = _visible_tiers(info, tiers) or await context.references.tier_groups(program)
    held = {b.balance_definition_id: b.value or Decimal(0) for b in _balances(info)}
    shown = [item for item in definitions if item.id in held and not _internal(item)]
    movements = "movements" in (include or ())
    parts = [
        _part(context, program, member, item, held[item.id], movements=movements) for item in shown
    ]
    failed: list[str] = []
    balances: list[BalanceView] = []
    recent: list[MovementView] = []
    for item, (lots, history) in zip(shown, await together(*parts), strict=True):
        failed += [
            f"{what} of {item.name}" for what in _missing(lots, history, movements=movements)
        ]
        balances.append(
            BalanceView(
                balance=item.name,
                unit=unit_of(item),
                value=held[item.id],
                expiring_soon=tuple(_soon(lots or (), context.now())),
            )
        )
        recent += [_movement(item, past) for past in history or ()]
    names = {item.id: item.name for item in definitions}
    recent.sort(key=lambda movement: movement.at or "", reverse=True)
    return MemberOverview(
        member=member,
        own_id=info.membership.loyalty_subscription_id,
        program=info.loyalty_program_name,
        since=info.membership.created_at,
        balances=tuple(balances),
        tiers=tuple(_tier(info, group, ladder(group, tiers), held, names) for group in groups),
        vouchers=tuple(_vouchers(info, context.now())),
        movements=tuple([m for m in recent if m.status != "draft"][:RECENT]) if movements else None,
        drafts=tuple(m for m in recent if m.status == "draft") if movements else None,
        could_not_read=tuple(failed),
    )


def _visible_tiers(info: AccountInfo, tiers: Sequence[Tier]) -> list[TierGroup]:
    """The tier groups as the account tells them, if it names all, and thresholds tell their order.

    That spares a request; where several balances count, only the group itself knows the order.
    """
    balances = {
        condition.balance_definition_id for tier in tiers for condition in tier.access_conditions
    }
    held = {tier.group_id: tier.group_name for tier in info.tier}
    if len(balances) > 1 or not {tier.group_id for tier in tiers} <= held.keys():
        return []
    return [TierGroup(id=key, name=name) for key, name in held.items() if key and name]


def _balances(info: AccountInfo) -> Sequence[Any]:
    return info.balance.balances if info.balance is not None else ()


def _internal(definition: BalanceDefinition) -> bool:
    return (definition.meta or {}).get("isInternal") is True


def _missing(lots: Any, history: Any, *, movements: bool) -> list[str]:
    """What could not be read of one balance."""
    absent = ["expiry dates"] if lots is None else []
    return [*absent, "movements"] if movements and history is None else absent


async def _part(
    context: Context,
    program: str,
    member: int,
    balance: BalanceDefinition,
    value: Decimal,
    *,
    movements: bool,
) -> tuple[Any, Any]:
    """The lots and, if wanted, the movements of one balance; None for what cannot be read."""

    async def lots() -> Any:
        if value == 0 and (balance.min_amount or 0) >= 0:
            return ()  # nothing is there that could expire, and no overdraft hides a part of it
        request = list_active_balances(program, member, balance.id, limit=500)
        try:
            return (await context.brevo.send(request)).active_balances
        except LoyaltyError:
            return None

    async def history() -> Any:
        request = list_transaction_history(
            program, member, balance.id, limit=HISTORY_PAGE, sort="desc"
        )
        try:
            return (await context.brevo.send(request)).transaction_history
        except LoyaltyError:
            return None

    if not movements:
        return await lots(), None
    found_lots, found_history = await together(lots(), history())
    return found_lots, found_history


def _soon(lots: Sequence[Any], now: datetime) -> list[ExpiringPoints]:
    """The lots that expire within 30 days, soonest first."""
    ending = [lot for lot in lots if lot.expires_at is not None and lot.expires_at <= now + SOON]
    ending.sort(key=lambda lot: lot.expires_at)
    return [
        ExpiringPoints(amount=lot.amount or Decimal(0), expires_at=lot.expires_at) for lot in ending
    ]


def _tier(
    info: AccountInfo, group: Any, rungs: Any, held: dict[str, Decimal], names: dict[str, str]
) -> TierView:
    current = next((tier.tier_id for tier in info.tier if tier.group_id == group.id), None)
    ahead = next_after(rungs, current, held)
    return TierView(
        group=group.name,
        tier=next((rung.name for rung in rungs if rung.tier_id == current), None),
        next_tier=None if ahead is None else ahead.tier,
        missing=None
        if ahead is None
        else {names.get(key, key): value for key, value in ahead.by_balance.items()},
    )


def _vouchers(info: AccountInfo, now: datetime) -> list[VoucherView]:
    """The vouchers that are valid now: not before their day, not after it, and not used."""
    usable = []
    for voucher in info.reward:
        begins, ends = voucher.valid_from, _moment(voucher.expiration_date)
        used = (voucher.model_extra or {}).get("consumedAt")
        if used or (begins is not None and begins > now) or (ends is not None and ends <= now):
            continue
        usable.append(
            VoucherView(
                voucher_id=voucher.id,
                reward=voucher.reward_name or voucher.reward_id or "",
                code=voucher.code,
                value=voucher.value,
                unit=voucher.unit,
                expires_at=voucher.expiration_date,
            )
        )
    return usable


def _moment(text: str | None) -> datetime | None:
    """A date of the API, which spells some as plain text; None if it is none we can read."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _movement(balance: BalanceDefinition, past: Any) -> MovementView:
    return MovementView(
        transaction_id=past.id,
        balance=balance.name,
        amount=past.amount or Decimal(0),
        status=past.status or "unknown",
        at=past.completed_at or past.created_at,
    )
