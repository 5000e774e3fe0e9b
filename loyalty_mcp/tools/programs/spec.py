"""The spec of a whole program: what a person describes, by names alone."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from loyalty_mcp.brevo.operations.balance_definitions import ExpiryDay
from loyalty_mcp.brevo.operations.balance_definitions import Unit as BalanceUnit
from loyalty_mcp.brevo.operations.rewards import PublicText
from loyalty_mcp.brevo.operations.tier_groups import Strategy
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import (
    Amount,
    Count,
    Description,
    DurationUnit,
    ImageUrl,
    Meta,
    SignedAmount,
    TransactionType,
)

MOST_BALANCES: Final = 20
MOST_LIMITS: Final = 10
MOST_REWARDS: Final = 50
MOST_GROUPS: Final = 10
MOST_TIERS: Final = 20
LARGEST: Final = 1_000_000_000

ItemT = TypeVar("ItemT")
# An existing program is described by Python lists, which strict mode does not take for tuples.
Several = Annotated[tuple[ItemT, ...], Field(strict=False)]


def name_key(name: str) -> str:
    """Return the form of a name that is compared: no case, no surrounding blanks."""
    return name.strip().casefold()


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("a name must not be blank")
    return name


ObjectName = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_not_blank)]
Rounding = Annotated[
    Literal["down", "up", "nearest"],
    Field(description="Where an amount is rounded: down, up, or to the nearest"),
]
Snap = Annotated[
    Literal["none", "start", "end"],
    Field(description="none: exactly so long; start, end: moved to that edge of its unit"),
]
Threshold = Annotated[int, Field(ge=0, le=LARGEST)]


class Described(BaseModel):
    """A part of a spec; unknown keys are refused, and text is not taken for a number.

    Not an `Input`: its names are the keys of the spec, not references to resolve before the call.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class ProgramTexts(Described):
    """The texts of the program; its name identifies it."""

    name: ObjectName
    description: Description | None = None
    meta: Meta | None = None


class Life(Described):
    """How long credited points last."""

    value: Count
    unit: DurationUnit
    snap: Snap = "none"


class Window(Described):
    """The period in which a limit counts."""

    value: Count
    unit: DurationUnit


class LimitSpec(Described):
    """How often (`transaction`) or how much (`amount`) one member may move in a period.

    Everything except `value` identifies it.
    """

    transaction_type: TransactionType
    constraint_type: Literal["transaction", "amount"]
    value: Annotated[int, Field(ge=0, le=LARGEST)]
    per: Window
    sliding: Annotated[bool, Field(description="Ending now, rather than a calendar window")] = False

    @property
    def name(self) -> str:
        """What identifies it, in words."""
        what = f"{self.transaction_type} {self.constraint_type}"
        sliding = ", sliding" if self.sliding else ""
        return f"{what} per {self.per.value} {self.per.unit}{sliding}"


class BalanceSpec(Described):
    """A balance: its caps, its rounding, and how long points last."""

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
    expires_after: Life | None = None
    expires_on: ExpiryDay | None = None
    internal: Annotated[bool | None, Field(description="Hidden from members")] = None
    limits: Annotated[Several[LimitSpec], Field(max_length=MOST_LIMITS)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Raise ValueError where two settings contradict each other."""
        if self.expires_after is not None and self.expires_on is not None:
            raise ValueError("expires_after and expires_on exclude each other")
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low > high:
            raise ValueError("minimum is above maximum")
        _refuse_duplicates("limit", [limit.name for limit in self.limits])
        return self


class RewardSpec(Described):
    """The texts of a reward; everything else of it is set in Brevo's app."""

    name: ObjectName
    public_name: PublicText | None = None
    public_description: PublicText | None = None
    public_image: ImageUrl | None = None


class TierSpec(Described):
    """A tier: the minimum of each balance that opens it, and the rewards issued on entry."""

    name: ObjectName
    minimum: Annotated[dict[str, Threshold], Field(min_length=1, max_length=MOST_BALANCES)]
    rewards: Annotated[Several[str], Field(max_length=MOST_REWARDS)] | None = None
    image: ImageUrl | None = None

    @property
    def threshold(self) -> dict[str, int]:
        """What it demands, by the name key of each balance."""
        return {name_key(name): least for name, least in self.minimum.items()}


class TierGroupSpec(Described):
    """A ladder of tiers, the lowest first."""

    name: ObjectName
    upgrade: Strategy | None = None
    downgrade: Strategy | None = None
    tiers: Annotated[Several[TierSpec], Field(max_length=MOST_TIERS)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Raise ValueError where two tiers share a name or threshold, or are in the wrong order."""
        _refuse_duplicates("tier", [tier.name for tier in self.tiers])
        for place, tier in enumerate(self.tiers):
            for lower in self.tiers[:place]:
                if tier.threshold == lower.threshold:
                    names = f"{quoted(lower.name)} and {quoted(tier.name)}"
                    raise ValueError(f"tiers {names} have the same threshold")
                if _is_below(tier.threshold, lower.threshold):
                    raise ValueError(
                        f"tiers are listed lowest first, but {quoted(tier.name)} is below "
                        f"{quoted(lower.name)}"
                    )
        return self


class ProgramSpec(Described):
    """A whole program. Names identify its parts; what is left out stays as it is."""

    program: ProgramTexts
    balances: Annotated[Several[BalanceSpec], Field(max_length=MOST_BALANCES)] = ()
    rewards: Annotated[Several[RewardSpec], Field(max_length=MOST_REWARDS)] = ()
    tier_groups: Annotated[Several[TierGroupSpec], Field(max_length=MOST_GROUPS)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Raise ValueError where a name is given twice, or names nothing."""
        balances = [balance.name for balance in self.balances]
        rewards = [reward.name for reward in self.rewards]
        _refuse_duplicates("balance", balances)
        _refuse_duplicates("reward", rewards)
        _refuse_duplicates("tier group", [group.name for group in self.tier_groups])
        for tier in (tier for group in self.tier_groups for tier in group.tiers):
            _refuse_duplicates("balance", tier.minimum, f" in tier {quoted(tier.name)}")
            _refuse_duplicates("reward", tier.rewards or (), f" in tier {quoted(tier.name)}")
            for name in tier.minimum:
                _refuse_unknown_name(tier, "balance", name, balances)
            for name in tier.rewards or ():
                _refuse_unknown_name(tier, "reward", name, rewards)
        return self


def _refuse_duplicates(kind: str, names: Iterable[str], where: str = "") -> None:
    """Raise ValueError where a name is given twice: it would not identify one object."""
    seen = set()
    for name in names:
        if name_key(name) in seen:
            raise ValueError(f"{kind} {quoted(name)} is given twice{where}")
        seen.add(name_key(name))


def _refuse_unknown_name(tier: TierSpec, kind: str, name: str, known: Sequence[str]) -> None:
    """Raise ValueError where a tier names something that the spec does not have."""
    by_key = {name_key(each): each for each in known}
    if name_key(name) in by_key:
        return
    near = get_close_matches(name_key(name), by_key, n=1)
    hint = f"; nearest: {quoted(by_key[near[0]])}" if near else ""
    raise ValueError(
        f"tier {quoted(tier.name)} names {kind} {quoted(name)}, which is not in {kind}s{hint}"
    )


def _is_below(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Whether `one` demands less of the same balances."""
    return one.keys() == other.keys() and all(one[name] <= other[name] for name in one)


SpecArgument = Annotated[
    ProgramSpec,
    WithJsonSchema(
        {
            "type": "object",
            "description": "{program: {name, description, meta}, balances: [{name, unit: "
            "POINTS|EUR|…, description, minimum, maximum, credit_maximum, debit_maximum, "
            "over_maximum: strict|partial, credit_rounding, debit_rounding: down|up|nearest, "
            "expires_after: {value, unit: day|week|month|year, snap: none|start|end}, "
            "expires_on: dd/mm, internal, limits: [{transaction_type: credit|debit, "
            "constraint_type: transaction|amount, value, per: {value, unit}, sliding}]}], "
            "rewards: [{name, public_name, public_description, public_image}], "
            "tier_groups: [{name, upgrade, downgrade: real_time|membership_anniversary|"
            "tier_anniversary, tiers: [{name, minimum: {BALANCE: number}, rewards: [NAME], "
            "image}]}]}; tiers lowest first",
        }
    ),
]
"""Published in one line; the whole form is checked."""

SameSpec = Annotated[
    ProgramSpec,
    WithJsonSchema({"type": "object", "description": "As in plan_program"}),
]
"""The same argument without its description, which plan_program publishes already."""
