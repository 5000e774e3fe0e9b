"""Reads of a whole program: draft or live, never from the cache."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    list_balance_definitions,
)
from loyalty_mcp.brevo.operations.limits import BalanceLimit, get_balance_limit
from loyalty_mcp.brevo.operations.programs import Program, get_program, list_programs
from loyalty_mcp.brevo.operations.rewards import Reward, RewardSummary, get_reward, list_rewards
from loyalty_mcp.brevo.operations.tier_groups import TierGroup, list_tier_groups
from loyalty_mcp.brevo.operations.tiers import Tier, list_tiers
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Version
from loyalty_mcp.errors import AmbiguousReference, NotFound
from loyalty_mcp.tools.members.account import together
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration
from loyalty_mcp.tools.programs.limit_memory import remembered_limits, unconfirmed_limits
from loyalty_mcp.tools.programs.reward_steps import has_texts
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.spec_part import name_key
from loyalty_mcp.tools.programs.version_differences import version_differences
from loyalty_mcp.tools.send_window import Sender

PAGE: Final = 100


async def read_named_program(
    brevo: Sender, name: str, rewards: Collection[str], version: Version = "draft"
) -> ProgramConfiguration:
    """Read the program of that name; empty if there is none.

    Args:
        brevo: the upstream client.
        name: of the program, compared without case.
        rewards: the names of the rewards to read completely.
        version: the draft, or what members see.

    Raises:
        AmbiguousReference: several programs have that name.
        LoyaltyError: it cannot be read.
    """
    program = await _find_program(brevo, name)
    if program is None:
        return ProgramConfiguration()
    return await read_program(brevo, program, {name_key(each) for each in rewards}, version)


async def read_program(
    brevo: Sender, program: Program, rewards: Collection[str] | None, version: Version = "draft"
) -> ProgramConfiguration:
    """Read a whole program.

    Args:
        brevo: the upstream client.
        program: which program.
        rewards: the name keys or ids of the rewards to read completely; None for all.
        version: the draft, or what members see.

    Raises:
        LoyaltyError: a part cannot be read.
    """
    balances, limits, found, groups, tiers = await together(
        _balances(brevo, program.id, version),
        read_limits(brevo, program, version),
        _rewards(brevo, program.id, rewards, version),
        _groups(brevo, program.id, version),
        _tiers(brevo, program.id, version),
    )
    return ProgramConfiguration(
        program, balances, limits, unconfirmed_limits(program), found, groups, tiers
    )


async def read_tiers(brevo: Sender, program: Program, version: Version) -> ProgramConfiguration:
    """Read the tier groups and tiers of a program, and nothing else.

    Raises:
        LoyaltyError: a part cannot be read.
    """
    groups, tiers = await together(
        _groups(brevo, program.id, version), _tiers(brevo, program.id, version)
    )
    return ProgramConfiguration(program, tier_groups=groups, tiers=tiers)


async def read_described_parts(
    brevo: Sender, spec: ProgramSpec, before: ProgramConfiguration, created: Collection[str]
) -> ProgramConfiguration:
    """Read what a spec describes again; the rest stays as read before.

    Args:
        brevo: the upstream client.
        spec: determines what to read.
        before: what was read earlier.
        created: the name keys of the rewards just created; only those are read completely, because
            the API cannot change others.

    Raises:
        LoyaltyError: a part cannot be read.
    """
    program = await _find_program(brevo, spec.program.name)
    if program is None:
        return ProgramConfiguration()
    with_texts = {name_key(each.name) for each in spec.rewards if has_texts(each)}
    readings: dict[str, Any] = {}
    if spec.balances:
        readings["balances"] = _balances(brevo, program.id, "draft")
    if any(balance.limits for balance in spec.balances):
        readings["limits"] = read_limits(brevo, program, "draft")
    if spec.rewards:
        whole = with_texts.intersection(created)
        readings["rewards"] = _rewards(brevo, program.id, whole, "draft")
    if spec.tier_groups:
        readings["tier_groups"] = _groups(brevo, program.id, "draft")
        readings["tiers"] = _tiers(brevo, program.id, "draft")
    found = dict(zip(readings, await together(*readings.values()), strict=True))
    return replace(before, program=program, unconfirmed_limits=unconfirmed_limits(program), **found)


async def read_versions(
    brevo: Sender, program: Program
) -> tuple[ProgramConfiguration, ProgramConfiguration]:
    """Read the live version and the draft of a program.

    A reward is read completely only if its list entries differ between the versions.

    Raises:
        LoyaltyError: a part cannot be read.
    """
    live, draft = await together(
        read_program(brevo, program, (), "active"), read_program(brevo, program, (), "draft")
    )
    differing = _differing_rewards(live.rewards, draft.rewards)
    live_rewards, draft_rewards = await together(
        _whole_rewards(brevo, program.id, live.rewards, differing, "active"),
        _whole_rewards(brevo, program.id, draft.rewards, differing, "draft"),
    )
    return replace(live, rewards=live_rewards), replace(draft, rewards=draft_rewards)


def _differing_rewards(live: Sequence[Reward], draft: Sequence[Reward]) -> set[str]:
    """Return the ids of the rewards whose list entries do not prove that they are equal."""
    was, will = {item.id: item for item in live}, {item.id: item for item in draft}
    return {
        identity
        for identity in {**was, **will}
        if was.get(identity) != will.get(identity) or was[identity].updated_at is None
    }


async def is_live(brevo: Sender, program_id: str) -> bool:
    """Whether the live version of a program matches its draft.

    Raises:
        LoyaltyError: it cannot be read.
    """
    program = await brevo.send(get_program(program_id))
    if program.state != "active":
        return False
    live, draft = await read_versions(brevo, program)
    return not version_differences(live, draft)


async def _find_program(brevo: Sender, name: str) -> Program | None:
    found: list[Program] = []
    offset = 0
    while True:
        page = (await brevo.send(list_programs(limit=PAGE, offset=offset))).items
        found += [program for program in page if name_key(program.name) == name_key(name)]
        offset += len(page)
        if len(page) < PAGE:
            break
    if len(found) > 1:
        raise AmbiguousReference(
            f"{len(found)} programs are called {quoted(name)}; rename all but one with "
            "patch_program."
        )
    return found[0] if found else None


async def _balances(brevo: Sender, program: str, version: Version) -> tuple[BalanceDefinition, ...]:
    page = await brevo.send(list_balance_definitions(program, limit=500, offset=0, version=version))
    return tuple(item for item in page.items if item.deleted_at is None)


async def read_limits(
    brevo: Sender, program: Program, version: Version
) -> tuple[BalanceLimit, ...]:
    """Read the stored limits that still exist."""
    known = [entry for entry in remembered_limits(program) if "id" in entry]
    found = await together(
        *[_limit(brevo, program.id, entry["balance"], entry["id"], version) for entry in known]
    )
    return tuple(limit for limit in found if limit is not None)


async def _limit(
    brevo: Sender, program: str, balance: str, limit_id: str, version: Version
) -> BalanceLimit | None:
    try:
        limit = await brevo.send(get_balance_limit(program, balance, limit_id, version))
    except NotFound:
        return None
    return limit.model_copy(update={"balance_definition_id": balance})


async def _rewards(
    brevo: Sender, program: str, wanted: Collection[str] | None, version: Version
) -> tuple[Reward, ...]:
    listed: list[RewardSummary] = []
    while True:
        page = (
            await brevo.send(list_rewards(program, limit=PAGE, offset=len(listed), version=version))
        ).items
        listed += page
        if len(page) < PAGE:
            break
    rewards = [
        Reward.model_validate(each.model_dump(mode="json", by_alias=True, exclude_none=True))
        for each in listed
    ]
    whole = {
        each.id
        for each in listed
        if wanted is None or not {name_key(each.name), each.id}.isdisjoint(wanted)
    }
    return await _whole_rewards(brevo, program, rewards, whole, version)


async def _whole_rewards(
    brevo: Sender,
    program: str,
    rewards: Sequence[Reward],
    whole: Collection[str],
    version: Version,
) -> tuple[Reward, ...]:
    """Read the rewards with these ids completely; the others stay as in the list."""
    wanted = [each.id for each in rewards if each.id in whole]
    read = await together(*[brevo.send(get_reward(program, each, version)) for each in wanted])
    by_id: dict[str, Reward] = {reward.id: reward for reward in read}
    return tuple(by_id.get(each.id, each) for each in rewards)


async def _groups(brevo: Sender, program: str, version: Version) -> tuple[TierGroup, ...]:
    return tuple((await brevo.send(list_tier_groups(program, version))).items)


async def _tiers(brevo: Sender, program: str, version: Version) -> tuple[Tier, ...]:
    return tuple((await brevo.send(list_tiers(program, version))).items)


def described_reward_names(spec: ProgramSpec) -> list[str]:
    """Return the names of the rewards that a spec describes."""
    return [reward.name for reward in spec.rewards]
