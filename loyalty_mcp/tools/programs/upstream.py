"""A program read whole, and a plan carried out on it step by step."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from loyalty_mcp.brevo.client import Brevo
from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    list_balance_definitions,
)
from loyalty_mcp.brevo.operations.limits import BalanceLimit, get_balance_limit
from loyalty_mcp.brevo.operations.programs import (
    Program,
    get_program,
    list_programs,
    publish_program,
)
from loyalty_mcp.brevo.operations.rewards import Reward, RewardSummary, get_reward, list_rewards
from loyalty_mcp.brevo.operations.tier_groups import TierGroup, list_tier_groups
from loyalty_mcp.brevo.operations.tiers import Tier, list_tiers
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Version
from loyalty_mcp.errors import AmbiguousReference, LoyaltyError, NotFound, OutcomeUnknown, Refused
from loyalty_mcp.tools.members.account import together
from loyalty_mcp.tools.programs.described import (
    Existing,
    after,
    described,
    remembered,
    remembering,
    unsure,
)
from loyalty_mcp.tools.programs.plan import Step, changing, has_texts, plan, unlike
from loyalty_mcp.tools.programs.spec import ProgramSpec, key
from loyalty_mcp.tools.progress import report

PAGE: Final = 100
GOES_ON: Final = "call apply_program again: it goes on where it stopped"


async def read_existing(
    brevo: Brevo, name: str, rewards: Collection[str], version: Version = "draft"
) -> Existing:
    """What there is of the program of that name, read anew.

    Args:
        brevo: the upstream client.
        name: of the program, compared without case.
        rewards: the names of those whose texts are wanted too.
        version: the latest edits, or what members see.

    Raises:
        AmbiguousReference: several programs have that name.
        LoyaltyError: it cannot be read.
    """
    program = await _find_program(brevo, name)
    if program is None:
        return Existing()
    return await read_program(brevo, program, {key(each) for each in rewards}, version)


async def read_program(
    brevo: Brevo, program: Program, rewards: Collection[str] | None, version: Version = "draft"
) -> Existing:
    """A program whole.

    Args:
        brevo: the upstream client.
        program: which.
        rewards: the keys of those whose texts are wanted too; None for all.
        version: the latest edits, or what members see.

    Raises:
        LoyaltyError: a part cannot be read.
    """
    balances, limits, found, groups, tiers = await together(
        _balances(brevo, program.id, version),
        _limits(brevo, program, version),
        _rewards(brevo, program.id, rewards, version),
        _groups(brevo, program.id, version),
        _tiers(brevo, program.id, version),
    )
    return Existing(program, balances, limits, unsure(program), found, groups, tiers)


async def _find_program(brevo: Brevo, name: str) -> Program | None:
    found: list[Program] = []
    offset = 0
    while True:
        page = (await brevo.send(list_programs(limit=PAGE, offset=offset))).items
        found += [program for program in page if key(program.name) == key(name)]
        offset += len(page)
        if len(page) < PAGE:
            break
    if len(found) > 1:
        raise AmbiguousReference(
            f"{len(found)} programs are called {quoted(name)}; rename all but one with "
            "patch_program."
        )
    return found[0] if found else None


async def _balances(brevo: Brevo, program: str, version: Version) -> tuple[BalanceDefinition, ...]:
    page = await brevo.send(list_balance_definitions(program, limit=500, offset=0, version=version))
    return tuple(item for item in page.items if item.deleted_at is None)


async def _limits(brevo: Brevo, program: Program, version: Version) -> tuple[BalanceLimit, ...]:
    """The remembered limits that are still there."""
    known = [entry for entry in remembered(program) if "id" in entry]
    found = await together(
        *[_limit(brevo, program.id, entry["balance"], entry["id"], version) for entry in known]
    )
    return tuple(limit for limit in found if limit is not None)


async def _limit(
    brevo: Brevo, program: str, balance: str, limit_id: str, version: Version
) -> BalanceLimit | None:
    try:
        limit = await brevo.send(get_balance_limit(program, balance, limit_id, version))
    except NotFound:
        return None
    return limit.model_copy(update={"balance_definition_id": balance})


async def _rewards(
    brevo: Brevo, program: str, wanted: Collection[str] | None, version: Version
) -> tuple[Reward, ...]:
    listed: list[RewardSummary] = []
    while True:
        page = (
            await brevo.send(list_rewards(program, limit=PAGE, offset=len(listed), version=version))
        ).items
        listed += page
        if len(page) < PAGE:
            break
    whole = [each for each in listed if wanted is None or key(each.name) in wanted]
    read = await together(*[brevo.send(get_reward(program, each.id, version)) for each in whole])
    texts: dict[str, Reward] = {reward.id: reward for reward in read}
    return tuple(texts.get(each.id) or Reward(id=each.id, name=each.name) for each in listed)


async def _groups(brevo: Brevo, program: str, version: Version) -> tuple[TierGroup, ...]:
    return tuple((await brevo.send(list_tier_groups(program, version))).items)


async def _tiers(brevo: Brevo, program: str, version: Version) -> tuple[Tier, ...]:
    return tuple((await brevo.send(list_tiers(program, version))).items)


def reading_costs(existing: Existing, spec: ProgramSpec) -> int:
    """How many requests one whole reading takes, once everything exists."""
    limits = sum(len(balance.limits) for balance in spec.balances)
    return 5 + len(spec.rewards) + max(limits, len(existing.limits))


def cost(spec: ProgramSpec, existing: Existing, *, publish: bool) -> int:
    """How many requests carrying a plan out takes, its checks included.

    After a publish whose answer is lost, the draft and what is live are read whole.
    """
    steps = changing(plan(spec, existing))
    limits = [step for step in steps if step.kind == "limit" and step.action == "create"]
    readings = 3 if publish else 1
    return len(steps) + 2 * len(limits) + readings * reading_costs(existing, spec) + publish


def reward_names(spec: ProgramSpec) -> list[str]:
    """The rewards that a description names."""
    return [reward.name for reward in spec.rewards]


async def carry_out(brevo: Brevo, spec: ProgramSpec, existing: Existing | None = None) -> Existing:
    """Make a program as it is described; what is so already is left alone.

    Each step is decided from what exists. After a lost answer everything is read again, and what
    is not there is not sent a second time while the first may still arrive.

    Args:
        brevo: the upstream client.
        spec: what is wanted.
        existing: what there is, if it was read just now.

    Returns:
        what exists afterwards, read anew and compared with the description.

    Raises:
        OutcomeUnknown: an answer was lost, and what it was about is not there yet.
        Refused: a part was done, and the rest was not; it can go on.
        LoyaltyError: nothing was changed.
    """
    existing = existing or await _read(brevo, spec)
    taken: list[Step] = []
    while steps := changing(plan(spec, existing)):
        step = steps[0]
        await report(len(taken), len(taken) + len(steps), step.words)
        if any(step.identity == each.identity for each in taken):
            raise Refused(
                f"Brevo took the call to {step.words}, and yet it is otherwise: {step.details}."
            )
        try:
            existing = await _take(brevo, existing, step)
        except OutcomeUnknown as lost:
            existing = await _after_loss(brevo, spec, step, lost, taken)
        except LoyaltyError as error:
            found = await _after_refusal(brevo, spec, step)
            if found is None and not taken:
                raise
            if found is None:
                raise Refused(f"Could not {step.words}: {error} {_so_far(taken)}") from None
            existing = found
        taken.append(step)
    return await _verified(brevo, spec, existing, taken) if taken else existing


async def _read(brevo: Brevo, spec: ProgramSpec) -> Existing:
    return await read_existing(brevo, spec.program.name, reward_names(spec))


def _so_far(taken: list[Step]) -> str:
    return f"{len(taken)} step(s) before it were done and stay; {GOES_ON}."


async def _take(brevo: Brevo, existing: Existing, step: Step) -> Existing:
    """Carry out one step; what exists afterwards, by the API's own answer."""
    if step.request is None:
        raise AssertionError(f"the first step has all that it needs: {step.identity}")
    if step.limit is None:
        return after(existing, await brevo.send(step.request))
    return await _make_limit(brevo, existing, step)


async def _make_limit(brevo: Brevo, existing: Existing, step: Step) -> Existing:
    """Make a limit, and remember its id, for nothing lists it.

    It is written down before it is sent, so that a lost answer is known of for ever.
    """
    if existing.program is None or step.limit is None or step.request is None:
        raise AssertionError("a limit is made in a program")
    balance, spec = step.limit
    mark = {"balance": balance, "sent": spec.model_dump(mode="json", exclude_none=True)}
    known = [entry for entry in remembered(existing.program) if not _is_mark(entry, mark)]
    existing = after(existing, await brevo.send(remembering(existing.program, [*known, mark])))
    program = existing.program
    if program is None:
        raise AssertionError("a program that was changed is there")
    try:
        made = await brevo.send(step.request)
    except OutcomeUnknown:
        raise
    except LoyaltyError:
        await brevo.send(remembering(program, known))
        raise
    made = made.model_copy(update={"balance_definition_id": balance})
    entry = {"balance": balance, "id": made.id}
    return after(after(existing, await _remembered(brevo, program, [*known, entry])), made)


async def _remembered(brevo: Brevo, program: Program, entries: list[dict[str, Any]]) -> Program:
    """Write down what is remembered, twice if need be: the same text again does no harm."""
    try:
        return await brevo.send(remembering(program, entries))
    except OutcomeUnknown:
        return await brevo.send(remembering(program, entries))


def _is_mark(entry: dict[str, Any], mark: dict[str, Any]) -> bool:
    """Whether an entry says that this very limit was sent before, its value aside."""
    sent = entry.get("sent")
    return (
        "id" not in entry
        and entry["balance"] == mark["balance"]
        and isinstance(sent, dict)
        and {**sent, "value": None} == {**mark["sent"], "value": None}
    )


async def _after_loss(
    brevo: Brevo, spec: ProgramSpec, step: Step, lost: OutcomeUnknown, taken: list[Step]
) -> Existing:
    """What exists after the answer to a step was lost, if the step turns out to be done.

    Raises:
        OutcomeUnknown: it is not there, or cannot be read; it may still arrive.
    """
    try:
        existing = await _read(brevo, spec)
        left = changing(plan(spec, existing))
    except LoyaltyError as error:
        raise OutcomeUnknown(
            f"{lost} It was to {step.words}, and it cannot be read now: {error} {_later(taken)}"
        ) from None
    if any(each.identity == step.identity for each in left):
        raise OutcomeUnknown(
            f"{lost} It was to {step.words}, and it is not there yet. {_later(taken)}"
        )
    return existing


async def _after_refusal(brevo: Brevo, spec: ProgramSpec, step: Step) -> Existing | None:
    """What exists after a step was refused, if it was done all the same; None if it was not.

    A gateway may refuse what was done behind it.
    """
    try:
        existing = await _read(brevo, spec)
        left = changing(plan(spec, existing))
    except LoyaltyError:
        return None
    return None if any(each.identity == step.identity for each in left) else existing


def _later(taken: list[Step]) -> str:
    return (
        f"{len(taken)} step(s) before it were done. check_intent tells in a moment what is left; "
        "then apply_program goes on where it stopped."
    )


async def _verified(
    brevo: Brevo, spec: ProgramSpec, before: Existing, taken: list[Step]
) -> Existing:
    """What exists, all that is described read back.

    Raises:
        OutcomeUnknown: it cannot be read.
        Refused: it is not as described.
    """
    made = {key(step.name) for step in taken if step.kind == "reward"}
    try:
        existing = await _read_back(brevo, spec, before, made)
        left = [*changing(plan(spec, existing)), *unlike(spec, existing, made)]
    except LoyaltyError as error:
        raise OutcomeUnknown(
            f"All {len(taken)} step(s) were taken, and cannot be read back now: {error}"
        ) from None
    if left:
        listed = "; ".join(f"{step.words}: {step.details}" for step in left)
        raise Refused(f"All steps were taken, and read back it differs: {listed}.")
    return existing


async def _read_back(
    brevo: Brevo, spec: ProgramSpec, before: Existing, made: Collection[str]
) -> Existing:
    """What there is of what a description names, read anew; the rest stays as it was read before.

    Of rewards only those just made are read whole, where they have texts: others cannot change.
    """
    program = await _find_program(brevo, spec.program.name)
    if program is None:
        return Existing()
    texts = {key(each.name) for each in spec.rewards if has_texts(each)}
    readings: dict[str, Any] = {}
    if spec.balances:
        readings["balances"] = _balances(brevo, program.id, "draft")
    if any(balance.limits for balance in spec.balances):
        readings["limits"] = _limits(brevo, program, "draft")
    if spec.rewards:
        readings["rewards"] = _rewards(brevo, program.id, texts.intersection(made), "draft")
    if spec.tier_groups:
        readings["groups"] = _groups(brevo, program.id, "draft")
        readings["tiers"] = _tiers(brevo, program.id, "draft")
    found = dict(zip(readings, await together(*readings.values()), strict=True))
    return replace(before, program=program, unsure=unsure(program), **found)


async def make_live(brevo: Brevo, program: Program) -> None:
    """Make the draft live.

    Raises:
        OutcomeUnknown: the answer was lost, and the program is not seen to be live.
        Refused: the draft is as described, and was not published.
    """
    try:
        await brevo.send(publish_program(program.id))
    except OutcomeUnknown as lost:
        try:
            live = await is_live(brevo, program.id)
        except LoyaltyError:
            live = False
        if not live:
            raise OutcomeUnknown(
                f"{lost} The draft is as described; whether it was published is not seen yet. "
                "check_intent tells in a moment."
            ) from None
    except LoyaltyError as error:
        raise Refused(
            f"The draft is as described, but it was not published: {error} Call apply_program "
            "again, or publish_program."
        ) from None


async def is_live(brevo: Brevo, program_id: str) -> bool:
    """Whether members see a program as its draft describes it.

    Raises:
        LoyaltyError: it cannot be read.
    """
    program = await brevo.send(get_program(program_id))
    if program.state != "active":
        return False
    draft, live = await together(
        read_program(brevo, program, None, "draft"), read_program(brevo, program, None, "active")
    )
    return described(draft) == described(live)
