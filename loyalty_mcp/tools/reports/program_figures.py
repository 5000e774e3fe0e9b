"""The contents of a program report, and its text."""

from datetime import datetime

from pydantic import Field, model_serializer

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Items, Number, Reply
from loyalty_mcp.tools.render import amount_text


class TierCount(Reply):
    """How many members a tier has by its threshold; no `name` counts those without a tier."""

    group: str
    name: str | None = None
    members: int


class BalanceRange(Reply):
    """Members whose balance is at least `minimum` and less than `below`, open where left out."""

    minimum: Number | None = None
    below: Number | None = None
    members: int
    points: Number


class TierMove(Reply):
    """How many members would go from one tier to another; no name stands for no tier."""

    origin: str | None = Field(None, alias="from")
    target: str | None = Field(None, alias="to")
    members: int

    @model_serializer
    def as_answered(self) -> dict[str, str | int | None]:
        """`from` is a keyword of Python."""
        return {"from": self.origin, "to": self.target, "members": self.members}


class ProgramReport(Reply):
    """The figures of a program; `not_counted` are tier groups that depend on other balances too."""

    program: str
    balance: str
    unit: str
    members: int
    points_outstanding: Number
    tiers: Items[TierCount] = ()
    distribution: Items[BalanceRange] = ()
    would_move: Items[TierMove] | None = None
    not_counted: Items[str] = ()
    requests: int


def program_report_text(report: ProgramReport, _now: datetime) -> str:
    """The figures of a program in words."""
    outstanding = amount_text(report.points_outstanding, report.unit)
    holders = f"{members_text(report.members)} with {quoted(report.balance)}"
    lines = [f"{quoted(report.program)}: {holders}, {outstanding} outstanding."]
    lines += _tier_lines(report)
    if report.distribution:
        ranges = [f"{_range_text(each)}: {each.members:,}" for each in report.distribution]
        lines.append(f"Members by balance: {'; '.join(ranges)}.")
    if report.would_move is not None:
        lines.append(_moves_text(report))
    if report.not_counted:
        names = ", ".join(map(quoted, report.not_counted))
        lines.append(f"Not counted, since other balances count there too: {names}.")
    lines.append(f"This took {requests_text(report.requests)}.")
    return "\n".join(lines)


def members_text(members: int) -> str:
    """A number of members: `1 member`, `1,250 members`."""
    return f"{members:,} member{'' if members == 1 else 's'}"


def requests_text(requests: int) -> str:
    """A number of requests: `1 request`, `200 requests`."""
    return f"{requests:,} request{'' if requests == 1 else 's'}"


def _tier_lines(report: ProgramReport) -> list[str]:
    groups = dict.fromkeys(tier.group for tier in report.tiers)
    return [
        f"Tiers by threshold ({quoted(group)}): "
        + ", ".join(
            f"{_tier_text(tier.name)} {tier.members:,}"
            for tier in report.tiers
            if tier.group == group
        )
        + "."
        for group in groups
    ]


def _moves_text(report: ProgramReport) -> str:
    moves = [
        f"{members_text(move.members)} from {_tier_text(move.origin)} to {_tier_text(move.target)}"
        for move in report.would_move or ()
    ]
    return f"Would move: {'; '.join(moves)}." if moves else "Nobody would move."


def _tier_text(name: object) -> str:
    return "no tier" if name is None else quoted(str(name))


def _range_text(found: BalanceRange) -> str:
    if found.minimum is None:
        return f"below {found.below:,f}"
    if found.below is None:
        return f"{found.minimum:,f} or more"
    return f"{found.minimum:,f} to below {found.below:,f}"
