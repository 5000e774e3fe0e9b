"""The spec of a whole program: a description that uses only names."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, WithJsonSchema, model_validator

from loyalty_mcp.brevo.operations.rewards import PublicText
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Description, ImageUrl, Meta
from loyalty_mcp.tools.programs.balance_spec import BalanceSpec
from loyalty_mcp.tools.programs.spec_part import (
    ObjectName,
    Several,
    SpecPart,
    name_key,
    refuse_duplicates,
)
from loyalty_mcp.tools.programs.tier_spec import TierGroupSpec, TierSpec

MOST_BALANCES: Final = 20
MOST_REWARDS: Final = 50
MOST_GROUPS: Final = 10


class ProgramHeader(SpecPart):
    """The texts of the program; its name identifies it."""

    example: ClassVar[str] = '{"name": "VIP Club", "description": "Points for every purchase."}'

    name: ObjectName
    description: Description | None = None
    document_id: Annotated[str | None, Field(min_length=1, max_length=256)] = None
    meta: Meta | None = None


class RewardSpec(SpecPart):
    """The texts of a reward; everything else is set in Brevo's app."""

    example: ClassVar[str] = '{"name": "gift", "public_name": "A gift"}'

    name: ObjectName
    public_name: PublicText | None = None
    public_description: PublicText | None = None
    public_image: ImageUrl | None = None


class ProgramSpec(SpecPart):
    """A whole program. Names identify its parts; parts that are omitted stay unchanged."""

    example: ClassVar[str] = (
        '{"program": {"name": "VIP Club"}, "balances": [{"name": "Points", "unit": "POINTS"}], '
        '"tier_groups": [{"name": "Status", "tiers": [{"name": "Silver", "minimum": '
        '{"Points": 300}}]}]}'
    )

    program: ProgramHeader
    balances: Annotated[Several[BalanceSpec], Field(max_length=MOST_BALANCES)] = ()
    rewards: Annotated[Several[RewardSpec], Field(max_length=MOST_REWARDS)] = ()
    tier_groups: Annotated[Several[TierGroupSpec], Field(max_length=MOST_GROUPS)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Raise ValueError if a name is given twice, or refers to nothing."""
        balances = [balance.name for balance in self.balances]
        rewards = [reward.name for reward in self.rewards]
        refuse_duplicates("balance", balances)
        refuse_duplicates("reward", rewards)
        refuse_duplicates("tier group", [group.name for group in self.tier_groups])
        for tier in (tier for group in self.tier_groups for tier in group.tiers):
            refuse_duplicates("balance", tier.minimum, f" in tier {quoted(tier.name)}")
            refuse_duplicates("reward", tier.rewards or (), f" in tier {quoted(tier.name)}")
            for name in tier.minimum:
                _refuse_unknown_name(tier, "balance", name, balances)
            for name in tier.rewards or ():
                _refuse_unknown_name(tier, "reward", name, rewards)
        return self


def _refuse_unknown_name(tier: TierSpec, kind: str, name: str, known: Sequence[str]) -> None:
    """Raise ValueError if a tier refers to something that the spec does not have."""
    by_key = {name_key(each): each for each in known}
    if name_key(name) in by_key:
        return
    near = get_close_matches(name_key(name), by_key, n=1)
    hint = f"; nearest: {quoted(by_key[near[0]])}" if near else ""
    raise ValueError(
        f"tier {quoted(tier.name)} names {kind} {quoted(name)}, which is not in {kind}s{hint}"
    )


SpecArgument = Annotated[ProgramSpec, Field(description="The program; tiers lowest first")]

SameSpec = Annotated[
    ProgramSpec,
    WithJsonSchema({"type": "string", "description": "The spec of plan_program, as JSON text"}),
]
"""The same argument without its schema, which plan_program publishes; also accepts an object."""
