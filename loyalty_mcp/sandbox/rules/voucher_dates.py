"""Parsing of voucher dates."""

import re
from datetime import datetime, timedelta
from typing import Final

from loyalty_mcp.sandbox.rules import moments

_DAY: Final = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{2}/\d{2}/\d{4}) (\d{1,2}):(\d{2}) ?([AaPp])[Mm]", re.ASCII)
_ISO_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)


def parse_voucher_moment(text: str) -> datetime:
    """Parse RFC 3339, or DD/MM/YYYY HH:MM AM/PM in the account's time zone, which is UTC.

    Raises:
        ValueError: It is neither, names no real moment, or lies outside the years 1901 to 2999.
    """
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        return moments.parse_moment(text)
    hour, minute = int(clock[2]), int(clock[3])
    if not 1 <= hour <= 12:  # a twelve-hour clock
        raise ValueError(text)
    afternoon = clock[4].upper() == "P"
    return _start_of_day(clock[1]).replace(hour=hour % 12 + 12 * afternoon, minute=minute)


def parse_voucher_expiration(text: str) -> datetime:
    """Parse an expiry as `parse_voucher_moment` does, or the end of a day.

    A day is written DD/MM/YYYY or YYYY-MM-DD.

    Raises:
        ValueError: It is none of these, or names no real day.
    """
    if _DAY.fullmatch(text) or _ISO_DAY.fullmatch(text):
        return _start_of_day(text) + timedelta(days=1)
    return parse_voucher_moment(text)


def _start_of_day(text: str) -> datetime:
    match = _DAY.fullmatch(text)
    year, month, day = (match[3], match[2], match[1]) if match else text.split("-")
    return moments.parse_moment(f"{year}-{month}-{day}T00:00:00Z")
