"""The tier groups and tiers of a program spec."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, WithJsonSchema, model_validator

from loyalty_mcp.brevo.operations.tier_groups import Strategy
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import ImageUrl, Meta, Pairs, pairs_schema
from loyalty_mcp.tools.programs.balance_spec import LARGEST
from loyalty_mcp.tools.programs.spec_part import (
    ObjectName,
    Several,
    SpecPart,
    name_key,
    refuse_duplicates,
)

MOST_TIERS: Final = 20
MOST_TIER_BALANCES: Final = 20
MOST_TIER_REWARDS: Final = 50

Threshold = Annotated[int, Field(ge=0, le=LARGEST)]
Minimum = Annotated[
    dict[str, Threshold],
    Field(min_length=1, max_length=MOST_TIER_BALANCES),
    Pairs("balance", "minimum_value"),
    WithJsonSchema(pairs_schema("balance", "minimum_value")),
]
"""The minimum of each balance, by name: `{"Points": 300}`, or a list of pairs."""


class TierSpec(SpecPart):
    """A tier: the minimum of each balance to reach it, and the rewards issued on entry."""

    example: ClassVar[str] = '{"name": "Gold", "minimum": {"Points": 500}, "rewards": ["gift"]}'

    name: ObjectName
    minimum: Minimum
    rewards: Annotated[Several[str], Field(max_length=MOST_TIER_REWARDS)] | None = None
    image: ImageUrl | None = None

    @property
    def threshold(self) -> dict[str, int]:
        """Its thresholds, by the name key of each balance."""
        return {name_key(name): least for name, least in self.minimum.items()}


class TierGroupSpec(SpecPart):
    """A group of tiers, lowest first."""

    example: ClassVar[str] = (
        '{"name": "Status", "upgrade": "real_time", "tiers": [{"name": "Silver", "minimum": '
        '{"Points": 300}}, {"name": "Gold", "minimum": {"Points": 500}}]}'
    )

    name: ObjectName
    upgrade: Strategy | None = None
    downgrade: Strategy | None = None
    internal: Annotated[bool | None, Field(description="Hidden from members")] = None
    meta: Meta | None = None
    tiers: Annotated[Several[TierSpec], Field(max_length=MOST_TIERS)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Raise ValueError if two tiers share a name or threshold, or are in the wrong order."""
        refuse_duplicates("tier", [tier.name for tier in self.tiers])
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


def _is_below(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Whether `one` has lower thresholds in the same balances."""
    return one.keys() == other.keys() and all(one[name] <= other[name] for name in one)
