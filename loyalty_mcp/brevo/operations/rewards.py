"""Rewards: the templates of vouchers; most of their settings are made in Brevo's app."""

from typing import Annotated, Any

from pydantic import Field

from loyalty_mcp.brevo.operation import read, write
from loyalty_mcp.brevo.reply_values import DateText, ReplyMoment
from loyalty_mcp.brevo.request import Request, get, post
from loyalty_mcp.brevo.types import (
    Id,
    ImageUrl,
    Items,
    Meta,
    Name,
    Number,
    Offset,
    ProgramId,
    Reply,
    RewardId,
    ShortLimit,
    Version,
)

PROGRAMS = "/loyalty/offer/programs"


class CodeCount(Reply):
    """How many codes a pool has."""

    count: int | None = None


class RewardSummary(Reply):
    """A reward in a list."""

    created_at: ReplyMoment = None
    end_date: ReplyMoment = None
    id: str
    loyalty_program_id: str | None = None
    name: str = ""
    public_image: str | None = None
    start_date: ReplyMoment = None
    state: str | None = None
    updated_at: ReplyMoment = None


class Rewards(Reply):
    """A page of rewards; `total_count` counts all of them."""

    items: Items[RewardSummary] = ()
    total_count: int | None = None


class CreatedReward(Reply):
    """A new reward, which has only texts."""

    id: str
    loyalty_program_id: str | None = None
    name: str = ""
    public_description: str | None = None
    public_image: str | None = None
    public_name: str | None = None
    created_at: ReplyMoment = None
    updated_at: ReplyMoment = None


class CodeGenerator(Reply):
    """How voucher codes are made."""

    created_at: DateText = None
    description: str | None = None
    id: str | None = None
    name: str | None = None
    pattern: str | None = None
    updated_at: ReplyMoment = None


class RewardLimit(Reply):
    """How often a reward may be issued or redeemed in a period."""

    created_at: ReplyMoment = None
    duration_unit: str | None = None
    duration_value: int | None = None
    limit_value: int | None = None
    reward_limit_id: str | None = None
    sliding_schedule: bool | None = None
    type: str | None = None
    updated_at: ReplyMoment = None


class RewardProduct(Reply):
    """A product that a reward gives or applies to."""

    created_at: DateText = None
    image_ref: str | None = None
    product_id: str | None = None
    value: str | None = None


class RewardConfigs(Reply):
    """Where a reward's value, code and attribution come from."""

    attribution: str | None = None
    code: str | None = None
    value: str | None = None


class RuleExpression(Reply):
    """A computed operand; deeper levels are kept as they are."""

    args: Items[Any] = ()
    array: Items[Any] = ()
    boolean: bool | None = None
    description: str | None = None
    float_: Number | None = Field(default=None, alias="float")
    int_: int | None = Field(default=None, alias="int")
    op: str | None = None
    string: str | None = None


class RuleValue(Reply):
    """An operand of a rule."""

    array: Items[Any] = ()
    boolean: bool | None = None
    contact_property: str | None = None
    date: str | None = None
    event_property: str | None = None
    expression: RuleExpression | None = None
    number: Number | None = None
    string: str | None = None


class RuleCondition(Reply):
    """A comparison, or several combined; deeper levels are kept as they are."""

    and_: Items[Any] = Field(default=(), alias="and")
    lhs: RuleValue | None = None
    op: str | None = None
    or_: Items[Any] = Field(default=(), alias="or")
    rhs: RuleValue | None = None


class RuleEvent(Reply):
    """The event that triggers a rule."""

    name: str | None = None
    source: str | None = None


class RuleParameter(Reply):
    """A parameter of a rule's action."""

    name: str | None = None
    value: RuleValue | None = None


class RuleResult(Reply):
    """A rule's action."""

    action: str | None = None
    parameters: Items[RuleParameter] = ()
    service: str | None = None


class RewardRule(Reply):
    """When a reward is issued automatically."""

    condition: RuleCondition | None = None
    created_at: DateText = None
    description: str | None = None
    event: RuleEvent | None = None
    is_internal: bool | None = None
    loyalty_program_id: str | None = None
    loyalty_version_id: int | None = None
    meta: Meta | None = None
    name: str | None = None
    results: Items[RuleResult] = ()
    rule_id: str | None = None
    rule_type: str | None = None
    updated_at: DateText = None


class Reward(Reply):
    """The whole configuration of a reward."""

    attribution_per_consumer: int | None = None
    balance_definition_id: str | None = None
    code: str | None = None
    code_count: int | None = None
    code_generator_id: str | None = None
    code_pool_id: str | None = None
    config: str | None = None
    created_at: ReplyMoment = None
    disabled_at: ReplyMoment = None
    end_date: ReplyMoment = None
    expiration_date: ReplyMoment = None
    expiration_modifier: str | None = None
    expiration_unit: str | None = None
    expiration_value: int | None = None
    generator: CodeGenerator | None = None
    id: str
    limits: Items[RewardLimit] = ()
    loyalty_program_id: str | None = None
    meta: Meta | None = None
    name: str = ""
    products: Items[RewardProduct] = ()
    public_description: str | None = None
    public_image: str | None = None
    public_name: str | None = None
    redeem_per_consumer: int | None = None
    redeem_rules: Items[str] = ()
    reward_configs: RewardConfigs | None = None
    rule: RewardRule | None = None
    start_date: ReplyMoment = None
    subtract_balance_definition_id: str | None = None
    subtract_balance_strategy: str | None = None
    subtract_balance_value: Number | None = None
    subtract_total_balance: bool | None = None
    total_attribution: int | None = None
    total_redeem: int | None = None
    trigger_id: str | None = None
    unit: str | None = None
    updated_at: DateText = None
    value: Number | None = None
    value_type: str | None = None


PublicText = Annotated[str, Field(max_length=128, description="Shown to members")]
CodePool = Annotated[Id, Field(description="From get_reward")]
RewardState = Annotated[str, Field(max_length=64, description="Only this state; default all")]


@read
def get_code_count(program: ProgramId, code_pool_id: CodePool) -> Request[CodeCount]:
    """Count the voucher codes in a code pool."""
    return get(f"{PROGRAMS}/{program}/code-pools/{code_pool_id}/codes-count", CodeCount)


@read
def list_rewards(
    program: ProgramId,
    *,
    limit: ShortLimit | None = None,
    offset: Offset | None = None,
    state: RewardState | None = None,
    version: Version | None = None,
) -> Request[Rewards]:
    """List the rewards of a program."""
    query = {"limit": limit, "offset": offset, "state": state, "version": version}
    return get(f"{PROGRAMS}/{program}/offers", Rewards, query)


@write("Create reward {name} in the draft of program {program}, with its texts only.")
def create_reward(
    program: ProgramId,
    name: Name,
    *,
    public_name: PublicText | None = None,
    public_description: PublicText | None = None,
    public_image: ImageUrl | None = None,
) -> Request[CreatedReward]:
    """Create a reward in the draft, texts only; its value and rules are set in Brevo's app."""
    body = {
        "name": name,
        "publicName": public_name,
        "publicDescription": public_description,
        "publicImage": public_image,
    }
    return post(f"{PROGRAMS}/{program}/offers", CreatedReward, body)


@read
def get_reward(
    program: ProgramId, reward: RewardId, version: Version | None = None
) -> Request[Reward]:
    """Read one reward: value, validity, limits, code pool and rules."""
    return get(f"{PROGRAMS}/{program}/rewards/{reward}", Reward, {"version": version})
