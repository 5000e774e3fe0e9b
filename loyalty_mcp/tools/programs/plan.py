"""From a description and what exists to an ordered list of changes: pure, nothing is sent."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel

from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    create_balance_definition,
    update_balance_definition,
)
from loyalty_mcp.brevo.operations.limits import (
    BalanceLimit,
    create_balance_limit,
    update_balance_limit,
)
from loyalty_mcp.brevo.operations.programs import Program, create_program, patch_program
from loyalty_mcp.brevo.operations.rewards import CreatedReward, Reward, create_reward
from loyalty_mcp.brevo.operations.tier_groups import TierGroup, create_tier_group, update_tier_group
from loyalty_mcp.brevo.operations.tiers import AccessCondition, Tier, create_tier, update_tier
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.programs.described import (
    ROUNDING,
    SNAP,
    Existing,
    described_balance,
    described_group,
    described_program,
    described_reward,
    described_tier,
    limits_of,
    name_of,
    named,
    tiers_of,
    with_own,
)
from loyalty_mcp.tools.programs.spec import (
    BalanceSpec,
    LimitSpec,
    ProgramSpec,
    RewardSpec,
    TierGroupSpec,
    TierSpec,
    key,
)
from loyalty_mcp.tools.render import label, value_text

Action = Literal["create", "change", "keep", "manual"]
Kind = Literal["program", "balance", "limit", "reward", "tier_group", "tier", "tier_order"]

AS_DESCRIBED: Final = "as described"
NOT_DESCRIBED: Final = "not described, stays as it is"


NO_VALUE: Final = "the API makes its texts only; value, codes, rules and dates need Brevo's app"
UNLISTED: Final = (
    "the API lists no limits; look in Brevo's app that it has none from elsewhere, or it has both"
)
MAYBE_THERE: Final = (
    "an earlier call sent it and lost the answer, and the API lists no limits; look in Brevo's app "
    "first, and if it is there delete it, for it is made now"
)
SCHEDULE_STAYS: Final = "its schedule stays: the API sets one only when a group is created"

ItemT = TypeVar("ItemT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan.

    Args:
        action: `create` and `change` are carried out; the others are only said.
        kind: of what.
        name: its name, as it came from outside.
        details: fit to be shown; every outside word in it is quoted.
        request: what carries it out, once all that it needs exists.
        limit: the balance definition id and the limit, where a limit is made: its id has to be
            remembered.
    """

    action: Action
    kind: Kind
    name: str
    details: str
    request: Request[Any] | None = None
    limit: tuple[str, LimitSpec] | None = None

    @property
    def changes(self) -> bool:
        """Whether there is something to be sent."""
        return self.action in {"create", "change"}

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells it from other steps."""
        return self.action, self.kind, self.name

    @property
    def words(self) -> str:
        """What it does, in words."""
        return f"{self.action} {self.kind.replace('_', ' ')} {quoted(self.name)}"


def plan(spec: ProgramSpec, existing: Existing) -> tuple[Step, ...]:
    """What has to be done so that the program is as described, in the order of doing it.

    Only the first step that changes something surely has its request: what comes later may need
    the id of what comes first.

    Raises:
        AmbiguousReference: a name of the description is there twice.
        InvalidArgument: a tier would have the threshold of one that stays.
    """
    return (
        *_program_steps(spec, existing),
        *_balance_steps(spec, existing),
        *_limit_steps(spec, existing),
        *_reward_steps(spec, existing),
        *_group_steps(spec, existing),
        *_tier_steps(spec, existing),
        *_order_steps(spec, existing),
    )


def changing(steps: Iterable[Step]) -> list[Step]:
    """The steps that send something."""
    return [step for step in steps if step.changes]


def _strangers(items: Iterable[ItemT], names: Iterable[str]) -> list[ItemT]:
    """The items that no name means."""
    known = {key(name) for name in names}
    return [item for item in items if key(name_of(item)) not in known]


def _given(part: BaseModel, *without: str) -> dict[str, Any]:
    """The settings that a part of a description gives."""
    return part.model_dump(mode="json", exclude_none=True, exclude={"name", *without})


def _same(one: Any, other: Any) -> bool:
    """Whether two settings are one; an empty text is none."""
    return (None if one == "" else one) == (None if other == "" else other)


def _moved(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are wanted otherwise than they are."""
    return {name: value for name, value in wanted.items() if not _same(value, there.get(name))}


def _settings_text(settings: Mapping[str, Any]) -> str:
    return "; ".join(f"{label(name)} {_value(value)}" for name, value in settings.items())


def _moves_text(moves: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{label(name)} {_value(there.get(name))} → {_value(value)}"
        for name, value in moves.items()
    )


def _value(value: Any) -> str:
    """A setting in words; those of ours need no quotes."""
    if value is None:
        return "none"
    if isinstance(value, dict) and "unit" in value:
        snap = value.get("snap", "none")
        edge = "" if snap == "none" else f", to the {snap} of the {value['unit']}"
        return f"{value['value']} {value['unit']}{edge}"
    return value_text(value)


def _kept(kind: Kind, name: str, wanted: Mapping[str, Any], there: Mapping[str, Any]) -> Step:
    more = [label(each) for each in there if each not in wanted and there[each]]
    also = f"; not described and kept: {', '.join(more)}" if more else ""
    return Step("keep", kind, name, AS_DESCRIBED + also)


# The program itself.


def _program_steps(spec: ProgramSpec, existing: Existing) -> Iterator[Step]:
    name, program = spec.program.name, existing.program
    wanted = _given(spec.program)
    if program is None:
        request = create_program(name, spec.program.description, meta=spec.program.meta)
        yield Step("create", "program", name, _settings_text(wanted), request)
        return
    there = described_program(program)
    meta = {**(there.get("meta") or {}), **(wanted.get("meta") or {})}
    if meta:
        wanted["meta"] = meta
    moves = _moved(wanted, there)
    if not moves:
        yield _kept("program", name, wanted, there)
        return
    request = patch_program(
        program.id,
        description=moves.get("description"),
        meta=with_own({**meta}, program) if "meta" in moves else None,
    )
    yield Step("change", "program", name, _moves_text(moves, there), request)


# Balances.


def _balance_steps(spec: ProgramSpec, existing: Existing) -> Iterator[Step]:
    for wanted in spec.balances:
        there = named("balance", wanted.name, existing.balances)
        yield (
            _new_balance(wanted, existing)
            if there is None
            else _old_balance(wanted, there, existing)
        )
    for stranger in _strangers(existing.balances, [each.name for each in spec.balances]):
        yield Step("keep", "balance", stranger.name, NOT_DESCRIBED)


def _new_balance(wanted: BalanceSpec, existing: Existing) -> Step:
    request = None
    if existing.program is not None:
        internal = None if wanted.internal is None else {"isInternal": wanted.internal}
        request = create_balance_definition(
            existing.program.id, wanted.name, meta=internal, **_definition_fields(wanted)
        )
    return Step("create", "balance", wanted.name, _settings_text(_given(wanted, "limits")), request)


def _old_balance(wanted: BalanceSpec, there: BalanceDefinition, existing: Existing) -> Step:
    has = described_balance(there)
    has.setdefault("internal", False)
    given = _given(wanted, "limits")
    moves = _moved(given, has)
    if not moves:
        return _kept("balance", wanted.name, given, has)
    merged = {**has, **given, "name": there.name}
    replaced = _other_expiry(given)
    merged.pop(replaced, None)
    whole = BalanceSpec.model_validate(merged)
    fields = _definition_fields(whole)
    if there.balance_expiration_date and whole.expires_on is None:
        fields["balance_expiration_date"] = ""
    request = None
    if existing.program is not None:
        request = update_balance_definition(
            existing.program.id,
            there.id,
            there.name,
            image_ref=there.image_ref,
            meta={**(there.meta or {}), "isInternal": whole.internal is True},
            **fields,
        )
    text = _moves_text(moves, has)
    if replaced in has:
        text += f"; {replaced} {_value(has[replaced])} → none"
    return Step("change", "balance", wanted.name, text, request)


def _other_expiry(given: Mapping[str, Any]) -> str:
    """The kind of expiry that the given one takes the place of."""
    if "expires_after" in given:
        return "expires_on"
    return "expires_after" if "expires_on" in given else ""


def _definition_fields(spec: BalanceSpec) -> dict[str, Any]:
    """The settings of a balance as its operations take them."""
    life = spec.expires_after
    return {
        "unit": spec.unit,
        "description": spec.description,
        "min_amount": spec.minimum,
        "max_amount": spec.maximum,
        "max_credit_amount_limit": spec.credit_maximum,
        "max_debit_amount_limit": spec.debit_maximum,
        "balance_option_amount_overtaking_strategy": spec.over_maximum,
        "balance_option_credit_rounding": ROUNDING.get(spec.credit_rounding or ""),
        "balance_option_debit_rounding": ROUNDING.get(spec.debit_rounding or ""),
        "balance_availability_duration_value": life and life.value,
        "balance_availability_duration_unit": life and life.unit,
        "balance_availability_duration_modifier": life and SNAP[life.snap],
        "balance_expiration_date": spec.expires_on,
    }


# Limits.


def _limit_steps(spec: ProgramSpec, existing: Existing) -> Iterator[Step]:
    for balance in spec.balances:
        definition = named("balance", balance.name, existing.balances)
        there = {} if definition is None else limits_of(definition.id, existing)
        for wanted in balance.limits:
            yield from _limit_step(balance, definition, wanted, there, existing)
        names = {wanted.name for wanted in balance.limits}
        for name in there:
            if name not in names:
                yield Step("keep", "limit", f"{balance.name}: {name}", NOT_DESCRIBED)
        if definition is not None and balance.limits and not _remembers(definition.id, existing):
            yield Step("manual", "limit", balance.name, UNLISTED)


def _limit_step(
    balance: BalanceSpec,
    definition: BalanceDefinition | None,
    wanted: LimitSpec,
    there: Mapping[str, tuple[BalanceLimit, LimitSpec]],
    existing: Existing,
) -> Iterator[Step]:
    name = f"{balance.name}: {wanted.name}"
    ids = None if existing.program is None or definition is None else definition.id
    if wanted.name not in there:
        text = f"value {wanted.value}"
        if definition is not None and _is_unsure(definition.id, wanted, existing):
            yield Step("manual", "limit", name, MAYBE_THERE)
        if existing.program is None or ids is None:
            yield Step("create", "limit", name, text)
            return
        request = create_balance_limit(existing.program.id, ids, **_limit_fields(wanted))
        yield Step("create", "limit", name, text, request, (ids, wanted))
        return
    limit, has = there[wanted.name]
    if has.value == wanted.value:
        yield Step("keep", "limit", name, AS_DESCRIBED)
    elif existing.program is not None and ids is not None:
        text = f"value {has.value} → {wanted.value}"
        change = update_balance_limit(existing.program.id, ids, limit.id, **_limit_fields(wanted))
        yield Step("change", "limit", name, text, change)


def _is_unsure(definition_id: str, wanted: LimitSpec, existing: Existing) -> bool:
    return any(
        owner == definition_id and spec.name == wanted.name for owner, spec in existing.unsure
    )


def _remembers(definition_id: str, existing: Existing) -> bool:
    """Whether a limit of the balance was made here, so that its others would be known as well."""
    return any(limit.balance_definition_id == definition_id for limit in existing.limits) or any(
        owner == definition_id for owner, _ in existing.unsure
    )


def _limit_fields(spec: LimitSpec) -> dict[str, Any]:
    return {
        "constraint_type": spec.constraint_type,
        "transaction_type": spec.transaction_type,
        "duration_value": spec.per.value,
        "duration_unit": spec.per.unit,
        "value": spec.value,
        "sliding_schedule": spec.sliding,
    }


# Rewards.


def _reward_steps(spec: ProgramSpec, existing: Existing) -> Iterator[Step]:
    for wanted in spec.rewards:
        there = named("reward", wanted.name, existing.rewards)
        yield from _reward_step(wanted, there, existing.program)
    for stranger in _strangers(existing.rewards, [each.name for each in spec.rewards]):
        yield Step("keep", "reward", stranger.name, NOT_DESCRIBED)


def _reward_step(
    wanted: RewardSpec, there: Reward | None, program: Program | None
) -> Iterator[Step]:
    given = _given(wanted)
    if there is None:
        request = None if program is None else create_reward(program.id, wanted.name, **given)
        yield Step("create", "reward", wanted.name, _settings_text(given), request)
        yield Step("manual", "reward", wanted.name, NO_VALUE)
        return
    has = described_reward(there)
    moves = _moved(given, has)
    if moves:
        text = f"the API cannot change a reward; in Brevo's app: {_moves_text(moves, has)}"
        yield Step("manual", "reward", wanted.name, text)
    else:
        yield _kept("reward", wanted.name, given, has)
    if _is_shell(there):
        yield Step("manual", "reward", wanted.name, NO_VALUE)


def has_texts(reward: RewardSpec) -> bool:
    """Whether a description says more of a reward than its name."""
    return bool(_given(reward))


def unlike(spec: ProgramSpec, existing: Existing, made: Collection[str]) -> list[Step]:
    """The rewards of those just made whose texts are not as described; the API changes none."""
    found = []
    for wanted in spec.rewards:
        if key(wanted.name) not in made:
            continue
        there = named("reward", wanted.name, existing.rewards)
        given, has = _given(wanted), {} if there is None else described_reward(there)
        if moves := _moved(given, has):
            found.append(Step("change", "reward", wanted.name, _moves_text(moves, has)))
    return found


def _is_shell(reward: Reward) -> bool:
    """Whether nobody has set in Brevo's app what the API cannot."""
    return all(
        getattr(reward, name) in (None, (), "", 0, False, {})
        for name in Reward.model_fields
        if name not in _SHELL
    )


_SHELL: Final = frozenset(CreatedReward.model_fields)


# Tier groups, tiers, and their order.


def _group_steps(spec: ProgramSpec, existing: Existing) -> Iterator[Step]:
    for wanted in spec.tier_groups:
        there = named("tier group", wanted.name, existing.groups)
        given = _given(wanted, "tiers")
        if there is None:
            yield Step(
                "create",
                "tier_group",
                wanted.name,
                _settings_text(given),
                None
                if existing.program is None
                else create_tier_group(
                    existing.program.id,
                    wanted.name,
                    upgrade_strategy=wanted.upgrade,
                    downgrade_strategy=wanted.downgrade,
                ),
            )
            continue
        yield from _old_group(wanted, there, existing)
    for stranger in _strangers(existing.groups, [each.name for each in spec.tier_groups]):
        yield Step("keep", "tier_group", stranger.name, NOT_DESCRIBED)


def _old_group(wanted: TierGroupSpec, there: TierGroup, existing: Existing) -> Iterator[Step]:
    given, has = _given(wanted, "tiers"), described_group(there)
    moves = _moved(given, has)
    if not moves:
        yield _kept("tier_group", wanted.name, given, has)
        return
    request = _group_request(there, existing, there.tier_order, moves)
    yield Step("change", "tier_group", wanted.name, _moves_text(moves, has), request)
    if there.upgrade_schedule is not None or there.downgrade_schedule is not None:
        yield Step("manual", "tier_group", wanted.name, SCHEDULE_STAYS)


def _group_request(
    there: TierGroup, existing: Existing, order: Sequence[str], moves: Mapping[str, Any]
) -> Request[TierGroup] | None:
    """Replace a group: what does not move is sent as it is."""
    if existing.program is None:
        return None
    has = described_group(there)
    return update_tier_group(
        existing.program.id,
        there.id,
        there.name,
        tier_order=tuple(order),
        upgrade_strategy=moves.get("upgrade") or has.get("upgrade", "real_time"),
        downgrade_strategy=moves.get("downgrade") or has.get("downgrade", "real_time"),
        meta=(there.model_extra or {}).get("meta"),
    )


def _tier_steps(spec: ProgramSpec, existing: Existing) -> Iterator[Step]:
    for wanted in spec.tier_groups:
        group = named("tier group", wanted.name, existing.groups)
        tiers = () if group is None else tiers_of(group, existing)
        strangers = _strangers(tiers, [each.name for each in wanted.tiers])
        for stranger in strangers:
            _refuse_clash(wanted, stranger, existing)
        steps = [
            _tier_step(each, wanted, group, named("tier", each.name, tiers), existing)
            for each in wanted.tiers
        ]
        # A threshold that another tier still has is taken only after that one has moved.
        held = [described_tier(tier, existing)["minimum"] for tier in tiers]
        waits = {
            each.name
            for each in wanted.tiers
            if any(_keys(minimum) == each.threshold for minimum in held)
        }
        yield from sorted(steps, key=lambda step: step.changes and step.name in waits)
        for stranger in strangers:
            yield Step("keep", "tier", stranger.name, NOT_DESCRIBED)


def _refuse_clash(wanted: TierGroupSpec, stays: Tier, existing: Existing) -> None:
    """Refuse a tier that would have the threshold of one that is not described and stays.

    Raises:
        InvalidArgument: one would.
    """
    threshold = _keys(described_tier(stays, existing)["minimum"])
    for tier in wanted.tiers:
        if tier.threshold == threshold:
            raise InvalidArgument(
                f"Tier {quoted(tier.name)} would have the threshold of tier {quoted(stays.name)}, "
                "which is there, not described, and stays; describe that one too, or delete it "
                "with delete_tier."
            )


def _tier_step(
    wanted: TierSpec,
    group_spec: TierGroupSpec,
    group: TierGroup | None,
    there: Tier | None,
    existing: Existing,
) -> Step:
    given = _given(wanted)
    fields = _tier_fields(wanted, there, existing)
    program = existing.program
    if there is None:
        text = f"in {quoted(group_spec.name)}; {_settings_text(given)}"
        request = None
        if program is not None and group is not None and fields is not None:
            request = create_tier(program.id, group.id, wanted.name, **fields)
        return Step("create", "tier", wanted.name, text, request)
    has = described_tier(there, existing)
    moves = {
        name: value
        for name, value in given.items()
        if not _same(_compared(value), _compared(has.get(name)))
    }
    if not moves:
        return _kept("tier", wanted.name, given, has)
    change = None
    if program is not None and fields is not None:
        change = update_tier(program.id, there.tier_id, there.name, **fields)
    return Step("change", "tier", wanted.name, _moves_text(moves, has), change)


def _compared(value: Any) -> Any:
    """Thresholds and rewards without regard to the case and the order of names."""
    if isinstance(value, dict):
        return _keys(value)
    return sorted(map(key, value)) if isinstance(value, list) else value


def _keys(minimum: Mapping[str, Any]) -> dict[str, Any]:
    return {key(name): value for name, value in minimum.items()}


def _tier_fields(wanted: TierSpec, there: Tier | None, existing: Existing) -> dict[str, Any] | None:
    """The settings of a tier as its operations take them; None while a name has no id yet."""
    balances = [
        (named("balance", name, existing.balances), least) for name, least in wanted.minimum.items()
    ]
    if wanted.rewards is None:
        kept = () if there is None else there.tier_rewards
        rewards = [each.reward_id for each in kept if each.reward_id is not None]
    else:
        found = [named("reward", name, existing.rewards) for name in wanted.rewards]
        rewards = [each.id for each in found if each is not None]
        if len(rewards) < len(found):
            return None
    conditions = [
        AccessCondition(balance=definition.id, minimum_value=least)
        for definition, least in balances
        if definition is not None
    ]
    if len(conditions) < len(balances):
        return None
    image = wanted.image if there is None or wanted.image else there.image_ref
    return {
        "access_conditions": tuple(conditions),
        "tier_rewards": tuple(rewards),
        "image_ref": image,
    }


def _order_steps(spec: ProgramSpec, existing: Existing) -> Iterator[Step]:
    for wanted in spec.tier_groups:
        group = named("tier group", wanted.name, existing.groups)
        tiers = () if group is None else tiers_of(group, existing)
        names = wanted_order(wanted, tiers, existing)
        if len(names) < 2 or not wanted.tiers:
            continue
        ids = {key(tier.name): tier.tier_id for tier in tiers}
        order = [ids.get(key(name), "") for name in names]
        if group is not None and list(group.tier_order) == order:
            continue
        text = " < ".join(quoted(name) for name in names)
        request = None
        if group is not None and all(order):
            request = _group_request(group, existing, order, {})
        action: Action = "create" if group is None else "change"
        yield Step(action, "tier_order", wanted.name, text, request)


def wanted_order(wanted: TierGroupSpec, tiers: Sequence[Tier], existing: Existing) -> list[str]:
    """The names of a group's tiers from low to high.

    A tier that is not described stands below the first that demands more of a balance they share.
    """
    order = [(tier.name, tier.threshold) for tier in wanted.tiers]
    strangers = _strangers(tiers, [each.name for each in wanted.tiers])
    ranks = {} if not strangers else _ranks(existing)
    for tier in sorted(strangers, key=lambda each: ranks.get(each.tier_id, len(ranks))):
        threshold = _keys(described_tier(tier, existing)["minimum"])
        place = next(
            (
                place
                for place, (_, other) in enumerate(order)
                if any(other[name] > threshold[name] for name in other.keys() & threshold.keys())
            ),
            len(order),
        )
        order.insert(place, (tier.name, threshold))
    return [name for name, _ in order]


def _ranks(existing: Existing) -> dict[str, int]:
    """The place of each tier in its group, as it is."""
    return {
        tier_id: place
        for group in existing.groups
        for place, tier_id in enumerate(group.tier_order)
    }
