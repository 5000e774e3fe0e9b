"""A member's raw account in words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.tools.answers.listing import day_text
from loyalty_mcp.tools.answers.reward_texts import worth_text
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.members.people import member_words
from loyalty_mcp.tools.render import amount_text


async def account_text(context: Context, arguments: Mapping[str, Any], found: AccountInfo) -> str:
    """Balances, tiers, vouchers and everybody who shares the membership."""
    who = f"Member {await member_words(context, found, arguments['member'])}"
    program = f" of {quoted(found.loyalty_program_name)}" if found.loyalty_program_name else ""
    since = found.membership.created_at if found.membership else None
    lines = [f"{who}{program}{f', since {day_text(since)}' if since else ''}."]
    definitions = await context.references.balances(arguments["program"])
    units = {item.id: unit_of(item) for item in definitions}
    for total in () if found.balance is None else found.balance.balances:
        name = quoted(total.balance_definition_name or "a balance without a name")
        unit = units.get(total.balance_definition_id, "points")
        lines.append(f"{name}: {amount_text(total.value or Decimal(0), unit)}.")
    for tier in found.tier:
        group = f" ({quoted(tier.group_name)})" if tier.group_name else ""
        lines.append(f"Tier{group}: {quoted(tier.tier_name or 'without a name')}.")
    for voucher in found.reward:
        worth = worth_text(voucher.value, voucher.unit)
        code = f", code {quoted(voucher.code)}" if voucher.code else ""
        ends = read_moment(voucher.expiration_date)
        until = f", until {day_text(ends)}" if ends else ""
        name = quoted(voucher.reward_name or "without a name")
        lines.append(f"Voucher {name}{f' ({worth})' if worth else ''}{code}{until}.")
    if found.members:
        shared = ", ".join(str(each.member_contact_id) for each in found.members)
        lines.append(f"Shared with contact{'' if len(found.members) == 1 else 's'} {shared}.")
    return "\n".join(lines)
