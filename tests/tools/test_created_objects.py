"""Objects that an intent created: known by its mark, ruled out by their name."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from loyalty_mcp.brevo.operations.balance_definitions import create_balance_definition
from loyalty_mcp.brevo.operations.programs import create_program
from loyalty_mcp.brevo.operations.rewards import create_reward
from loyalty_mcp.brevo.operations.tier_groups import create_tier_group
from loyalty_mcp.brevo.operations.tiers import AccessCondition, create_tier
from loyalty_mcp.errors import OutcomeUnknown
from loyalty_mcp.intents.lifecycle import MARKER
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.created_objects import (
    NAMESAKES,
    created_object,
    namesakes,
    require_no_namesake,
)
from loyalty_mcp.tools.effects import _creation
from tests.conftest import SandboxControl
from tests.intents.journal.test_journal import ONE, an_intent

OTHER: Final = "c" * 32
KINDS: Final = ("program", "balance", "tier_group", "tier", "reward")
NAME: Final = "Brand New"
MARKED: Final = {MARKER: ONE}


@pytest.fixture
def context(make_runtime: Callable[..., Runtime]) -> Context:
    """A server on the seeded sandbox."""
    return make_runtime().context


@pytest.fixture
async def program(control: SandboxControl) -> str:
    """The seeded program."""
    return await control.program()


async def created(
    context: Context,
    kind: str,
    program: str,
    meta: dict[str, Any] | None = None,
    *,
    name: str = NAME,
) -> str:
    """The id of a new object of a kind, in the draft."""
    send = context.brevo.send
    match kind:
        case "program":
            return (await send(create_program(name, meta=meta))).id
        case "balance":
            return (await send(create_balance_definition(program, name, "POINTS", meta=meta))).id
        case "tier_group":
            return (await send(create_tier_group(program, NAME))).id
        case "reward":
            return str((await send(create_reward(program, NAME))).id)
    group = (await context.references.tier_groups(program))[0]
    balance = (await context.references.balances(program))[0]
    conditions = (AccessCondition(balance=balance.id, minimum_value=7777),)
    return str((await send(create_tier(program, group.id, NAME, conditions))).tier_id)


@pytest.mark.parametrize("kind", ["program", "balance"])
async def test_an_object_is_ours_by_its_mark(context: Context, program: str, kind: str) -> None:
    """One without it, or with another, is not."""
    arguments = {"program": program, "name": NAME}
    intent = an_intent()
    await created(context, kind, program, name="Without")
    await created(context, kind, program, {MARKER: OTHER}, name="Of another")
    context.brevo.read_afresh()
    assert await created_object(kind, context, intent, arguments) is None

    made = await created(context, kind, program, MARKED)
    context.brevo.read_afresh()
    found = await created_object(kind, context, intent, arguments)

    assert found is not None
    assert getattr(found, "id", None) == made


@pytest.mark.parametrize("kind", KINDS)
async def test_an_object_of_that_name_could_be_ours(
    context: Context, program: str, kind: str
) -> None:
    """Unless it was there before; names are compared without case and blanks around them."""
    arguments = {"program": program, "name": f" {NAME.upper()} "}
    assert await namesakes(kind, context, arguments) == []
    await require_no_namesake(kind, context, an_intent(facts={}), arguments)
    made = await created(context, kind, program)
    context.brevo.read_afresh()

    assert await namesakes(kind, context, arguments) == [made]
    await require_no_namesake(kind, context, an_intent(facts={NAMESAKES: [made]}), arguments)
    with pytest.raises(OutcomeUnknown) as unknown:
        await require_no_namesake(kind, context, an_intent(facts={NAMESAKES: [OTHER]}), arguments)

    assert str(unknown.value) == (
        f'There is a {kind.replace("_", " ")} called " {NAME.upper()} " now. Whether '
        "this call created it or somebody else, no read can tell; an operator closes the intent."
    )


@pytest.mark.parametrize("kind", ["program", "balance"])
async def test_a_creation_is_checked_by_mark_and_by_name(
    context: Context, program: str, kind: str
) -> None:
    """Its mark proves it, and a name that has not appeared rules it out."""
    arguments = {"program": program, "name": NAME}
    check, intent = _creation(kind), an_intent(facts={})
    assert check.require_absence is not None
    assert await check.found(context, intent, arguments) is None
    await check.require_absence(context, intent, arguments)
    await created(context, kind, program, MARKED)
    context.brevo.read_afresh()

    assert await check.found(context, intent, arguments) is not None
    with pytest.raises(OutcomeUnknown):
        await check.require_absence(context, intent, arguments)


async def test_nothing_else_can_be_listed(context: Context) -> None:
    """A kind that is forgotten here is a mistake of ours, and not an absence."""
    with pytest.raises(AssertionError) as mistake:
        await namesakes("coupon", context, {"name": NAME})

    assert str(mistake.value) == "objects of kind coupon cannot be listed"
