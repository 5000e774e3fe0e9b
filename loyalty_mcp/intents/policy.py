"""The policy: what the operator allows, regardless of agreement. Pure rules from one TOML file."""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loyalty_mcp.brevo.operation import Risk
from loyalty_mcp.brevo.types import exact, number
from loyalty_mcp.errors import BadSetting, Refused
from loyalty_mcp.intents.lifecycle import Movement

SETTING: Final = "LOYALTY_MCP_POLICY"
Points = Annotated[float, Field(ge=0, le=1_000_000_000)]


class ChangesUsedUp(Refused):
    """The changes that the policy allows per hour are used up; the call may succeed later."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Caps(_Section):
    """Limits of what may be moved; a missing one means no limit."""

    credit_per_call: Points | None = None
    debit_per_call: Points | None = None
    credit_per_member_per_day: Points | None = None
    debit_per_member_per_day: Points | None = None
    changes_per_hour: Annotated[int, Field(ge=0)] | None = None

    def per_call(self, kind: str) -> Decimal | None:
        """The most that one credit or debit may move."""
        return _decimal(self.credit_per_call if kind == "credit" else self.debit_per_call)

    def per_day(self, kind: str) -> Decimal | None:
        """The most that may be credited to or debited from a member in a day of UTC."""
        return _decimal(
            self.credit_per_member_per_day if kind == "credit" else self.debit_per_member_per_day
        )

    @property
    def bind_points(self) -> bool:
        """Whether any cap limits the size of a movement."""
        caps = [cap(kind) for cap in (self.per_call, self.per_day) for kind in ("credit", "debit")]
        return any(cap is not None for cap in caps)


class Approval(_Section):
    """Who has to agree to what."""

    dialog_amount_above: Points | None = None
    operator_above: Points | None = None
    without_question: tuple[str, ...] = ()


class DeniedTools(_Section):
    """Tools that nobody may use."""

    deny: tuple[str, ...] = ()


class Policy(_Section):
    """The operator's rules; no confirmation overrides them."""

    caps: Caps = Caps()
    approval: Approval = Approval()
    tools: DeniedTools = DeniedTools()


@dataclass(frozen=True, slots=True)
class Usage:
    """What has been moved and changed already.

    Args:
        moved_today: of this member, in this direction, since midnight UTC.
        changes_this_hour: changes that were carried out for this caller.
    """

    moved_today: Decimal = Decimal(0)
    changes_this_hour: int = 0


UNUSED: Final = Usage()


def _decimal(value: float | None) -> Decimal | None:
    found: Decimal | None = None if value is None else exact(value)
    return found


def read_policy(file: Path | None, risks: dict[str, Risk]) -> Policy:
    """The policy in `file`; without a file, everything is allowed after agreement.

    Args:
        file: a TOML file.
        risks: every tool with its risk.

    Raises:
        BadSetting: the file cannot be read, or contains an invalid rule.
    """
    if file is None:
        return Policy()
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
        policy = Policy.model_validate(_tuples(found))
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"{SETTING} is wrong: the file {str(file)!r} cannot be read.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"{SETTING} is wrong: the file is no TOML ({error}).") from None
    except ValidationError as error:
        raise BadSetting(f"{SETTING} is wrong: {_sentence(error)}.") from None
    _check_tools(policy, risks)
    return policy


def _tuples(value: object) -> object:
    """TOML arrays as tuples, the type of the fields."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{place} is no such rule"
    return f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _check_tools(policy: Policy, risks: dict[str, Risk]) -> None:
    for rule, names in (
        ("tools.deny", policy.tools.deny),
        ("approval.without_question", policy.approval.without_question),
    ):
        for name in names:
            if name not in risks:
                raise BadSetting(f"{SETTING} is wrong: {rule} names {name!r}, which is no tool.")
    for name in policy.approval.without_question:
        if risks[name] != "write" or name in {"publish_program", "apply_program"}:
            raise BadSetting(
                f"{SETTING} is wrong: approval.without_question names {name!r}; "
                "only tools that change draft configuration may be there."
            )


def check(policy: Policy, tool: str, movement: Movement | None, usage: Usage = UNUSED) -> None:
    """Refuse what the policy forbids.

    Args:
        policy: the operator's rules.
        tool: the tool that is called.
        movement: the points it would move, if any.
        usage: what was moved and changed before.

    Raises:
        ChangesUsedUp: no more changes are allowed in this hour.
        Refused: names the rule and what is left of it.
    """
    if tool in policy.tools.deny:
        raise Refused(f"The operator's policy denies {tool}.")
    most = policy.caps.changes_per_hour
    if most is not None and usage.changes_this_hour >= most:
        raise ChangesUsedUp(
            f"The operator's policy allows {most} changes an hour; they are used up."
        )
    if movement is None:
        return
    kind, amount = movement.kind, movement.amount
    per_call, per_day = policy.caps.per_call(kind), policy.caps.per_day(kind)
    if per_call is not None and amount > per_call:
        raise Refused(f"The operator's policy allows at most {number(per_call)} in one {kind}.")
    if per_day is not None and usage.moved_today + amount > per_day:
        left = max(per_day - usage.moved_today, Decimal(0))
        raise Refused(
            f"The operator's policy allows {number(per_day)} of {kind} a member a day; "
            f"{number(left)} is left today (UTC)."
        )


def needs_operator(policy: Policy, movement: Movement | None) -> bool:
    """Whether an operator has to approve, in any mode."""
    above = _decimal(policy.approval.operator_above)
    return above is not None and movement is not None and movement.amount > above


def needs_typed_amount(policy: Policy, movement: Movement | None) -> bool:
    """Whether the person in a dialog has to type the amount."""
    above = _decimal(policy.approval.dialog_amount_above)
    return above is not None and movement is not None and movement.amount > above
