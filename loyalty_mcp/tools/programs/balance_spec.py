"""The balances of a program spec: caps, rounding, expiry and limits."""

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from loyalty_mcp.brevo.operations.balance_definitions import ExpiryDay
from loyalty_mcp.brevo.operations.balance_definitions import Unit as BalanceUnit
from loyalty_mcp.brevo.types import (
    Amount,
    Count,
    Description,
    DurationUnit,
    Expected,
    Meta,
    SignedAmount,
    TransactionType,
)
from loyalty_mcp.tools.argument_forms import letters
from loyalty_mcp.tools.programs.spec_part import ObjectName, Several, SpecPart, refuse_duplicates

MOST_LIMITS: Final = 10
LARGEST: Final = 1_000_000_000


def _expiry_kind(kind: object) -> object:
    """The kind that the set-up guide calls `inactivity-based`; any other unchanged."""
    same = isinstance(kind, str) and letters(kind) == "inactivitybased"
    return "inactivity" if same else kind


ExpiryKind = Annotated[
    Literal["never", "after", "rolling", "inactivity", "fixed"], BeforeValidator(_expiry_kind)
]
Snap = Annotated[
    Literal["none", "start", "end"],
    Field(description="none: exactly so long; start, end: moved to that edge of its unit"),
]
Rounding = Annotated[
    Literal["down", "up", "nearest"],
    Field(description="Where an amount is rounded: down, up, or to the nearest"),
    Expected(
        "one of down, up, nearest (the guide's floor, ceiling, round_half_up, the reference's "
        "lower, upper, natural); without it, amounts are not rounded"
    ),
]


class Expiry(SpecPart):
    """When credited points expire.

    `after` counts from the credit, `rolling` from the member's last movement, `inactivity` from
    the last credit; `fixed` is a day of each year.
    """

    example: ClassVar[str] = '{"kind": "after", "value": 12, "unit": "month"}'

    kind: ExpiryKind
    value: Count | None = None
    unit: DurationUnit | None = None
    snap: Snap | None = None
    day: Annotated[ExpiryDay | None, Field(description="dd/mm")] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Raise ValueError if the fields do not match the kind."""
        span = {"value": self.value, "unit": self.unit}
        needs = {"never": {}, "fixed": {"day": self.day}}.get(self.kind, span)
        missing = [name for name, value in needs.items() if value is None]
        if missing:
            raise ValueError(f"an expiry of kind {self.kind} needs {' and '.join(missing)}")
        allowed = {*needs, *(("snap",) if self.kind == "after" else ())}
        given = {**span, "snap": self.snap, "day": self.day}
        extra = [name for name, value in given.items() if value is not None and name not in allowed]
        if extra:
            raise ValueError(f"an expiry of kind {self.kind} takes no {' and no '.join(extra)}")
        return self

    @property
    def from_activity(self) -> bool:
        """Whether it counts from the member's activity, which the live API does not support."""
        return self.kind in {"rolling", "inactivity"}


class Life(SpecPart):
    """How long points last from their credit; the earlier spelling of an expiry."""

    value: Count
    unit: DurationUnit
    snap: Snap = "none"


class Window(SpecPart):
    """The period of a limit."""

    value: Count
    unit: DurationUnit


class LimitSpec(SpecPart):
    """How often (`transaction`) or how much (`amount`) one member may move in a period.

    Everything except `value` identifies it.
    """

    example: ClassVar[str] = (
        '{"transaction_type": "credit", "constraint_type": "amount", "value": 500, '
        '"per": {"value": 1, "unit": "day"}}'
    )

    transaction_type: TransactionType
    constraint_type: Literal["transaction", "amount"]
    value: Annotated[int, Field(ge=0, le=LARGEST)]
    per: Window
    sliding: Annotated[bool, Field(description="Ending now, rather than a calendar window")] = False

    @property
    def name(self) -> str:
        """Its identity in words."""
        what = f"{self.transaction_type} {self.constraint_type}"
        sliding = ", sliding" if self.sliding else ""
        return f"{what} per {self.per.value} {self.per.unit}{sliding}"


class BalanceSpec(SpecPart):
    """A balance: its caps, its rounding, and how long points last."""

    example: ClassVar[str] = (
        '{"name": "Points", "unit": "POINTS", "maximum": 1000, '
        '"expiry": {"kind": "after", "value": 12, "unit": "month"}}'
    )

    name: ObjectName
    unit: BalanceUnit
    description: Description | None = None
    minimum: Annotated[SignedAmount | None, Field(description="Lowest balance")] = None
    maximum: Annotated[SignedAmount | None, Field(description="Highest balance")] = None
    credit_maximum: Annotated[Amount | None, Field(description="Most in one credit")] = None
    debit_maximum: Annotated[Amount | None, Field(description="Most in one debit")] = None
    over_maximum: Literal["strict", "partial"] | None = None
    credit_rounding: Rounding | None = None
    debit_rounding: Rounding | None = None
    expiry: Expiry | None = None
    expires_after: SkipJsonSchema[Life | None] = None
    expires_on: SkipJsonSchema[ExpiryDay | None] = None
    internal: Annotated[bool | None, Field(description="Hidden from members")] = None
    meta: Meta | None = None
    limits: Annotated[Several[LimitSpec], Field(max_length=MOST_LIMITS)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Raise ValueError where two settings contradict each other."""
        kinds = ("expiry", "expires_after", "expires_on")
        given = [name for name in kinds if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other")
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low > high:
            raise ValueError("minimum is above maximum")
        refuse_duplicates("limit", [limit.name for limit in self.limits])
        return self

    @property
    def described_expiry(self) -> Expiry | None:
        """The expiry in either spelling; None if not described."""
        if self.expires_after is not None:
            life = self.expires_after
            return Expiry(kind="after", value=life.value, unit=life.unit, snap=life.snap)
        if self.expires_on is not None:
            return Expiry(kind="fixed", day=self.expires_on)
        return self.expiry
