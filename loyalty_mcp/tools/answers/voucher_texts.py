"""Vouchers in words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loyalty_mcp.brevo.operations.vouchers import HeldVoucher, Vouchers
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.intents.roles import definition_of
from loyalty_mcp.tools.answers.listing import day_text, list_text, with_filters
from loyalty_mcp.tools.answers.reward_texts import worth_text
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.people import member_heading
from loyalty_mcp.tools.render import moment_text


async def vouchers_text(context: Context, arguments: Mapping[str, Any], found: Vouchers) -> str:
    """A member's vouchers, each with its code and whether it can still be used.

    Ids are shown to callers who can revoke a voucher that is not used yet.
    """
    rewards = {
        item.id: item.name for item in await context.references.rewards(arguments["program"])
    }
    now = context.brevo.upstream_now()
    with_ids = not definition_of(context.role).sees_as_member
    lines = []
    for voucher in found.contact_rewards:
        name = quoted(rewards.get(voucher.reward_id or "", "a reward that is not live"))
        worth = worth_text(voucher.value, voucher.unit)
        code = f", {quoted(voucher.code)}" if voucher.code else ""
        line = f"{name}{f' ({worth})' if worth else ''}{code}: {voucher_state(voucher, now)}"
        if with_ids and not voucher.consumed_at:
            line += f", id {voucher.id}"
        lines.append(line)
    heading = (
        f"Vouchers of {await member_heading(context, arguments['program'], arguments['member'])}"
    )
    if arguments.get("reward") is not None:
        heading += f" of reward {quoted(rewards.get(arguments['reward'], arguments['reward']))}"
    heading = with_filters(heading, arguments, "metadata_key_value")
    return list_text(heading, lines, found.count, arguments.get("offset"))


def voucher_state(voucher: HeldVoucher, now: datetime) -> str:
    """Whether a voucher was used, has expired, or how long it is valid."""
    used = read_moment(voucher.consumed_at)
    if used is not None:
        return f"used {day_text(used)}"
    ends = read_moment(voucher.expiration_date)
    if ends is not None and ends <= now:
        return f"expired {day_text(ends)}"
    if voucher.valid_from is not None and voucher.valid_from > now:
        return f"valid from {moment_text(voucher.valid_from, now)}"
    return "valid, never expires" if ends is None else f"valid until {moment_text(ends, now)}"
