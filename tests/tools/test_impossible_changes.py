"""Changes of memberships that cannot succeed, or may not, are told before anybody agrees."""

from collections.abc import Callable
from typing import Any

import pytest

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer
from tests.conftest import SandboxControl
from tests.world import World

Say = Callable[..., Any]


@pytest.fixture
def say(make_runtime: Callable[..., Runtime]) -> Say:
    """The answer of a tool of one server that stays."""
    runtime = make_runtime(confirm="token")

    async def answered(tool: str, **arguments: Any) -> Answer:
        answer = await runtime.dispatcher.call(tool, arguments, Caller(LOCAL, can_ask=False))
        assert isinstance(answer, Answer)
        return answer

    return answered


@pytest.mark.parametrize("tool", ["enroll_member", "create_subscription"])
async def test_who_is_a_member_is_not_enrolled_again(say: Say, world: World, tool: str) -> None:
    """A member and a contact who shares a membership are named, and nobody is asked."""
    member = await say(tool, contact="anna.keller@example.com")
    guest = await say(tool, contact=str(world.shared))

    assert member.failed
    assert 'Contact 101 (own id "VIP-101") is a member already' in member.text
    assert guest.failed
    assert f"Contact {world.shared} (shares the membership of 101" in guest.text


@pytest.mark.parametrize("tool", ["enroll_member", "create_subscription"])
async def test_an_own_id_is_given_once(say: Say, world: World, tool: str) -> None:
    """Brevo refuses an own id that another member has, so it is refused before."""
    taken = await say(tool, contact=str(world.newcomer), own_id="VIP-101")
    free = await say(tool, contact=str(world.newcomer), own_id="VIP-1010")

    assert taken.failed
    assert 'Own id "VIP-101" belongs to another member, contact 101' in taken.text
    assert not free.failed


async def test_a_contact_that_is_not_there_is_not_enrolled(say: Say) -> None:
    """An id that no contact has is refused without naming forms that cannot name a contact."""
    answer = await say("create_subscription", contact="99999")

    assert answer.failed
    assert answer.text == (
        "[sandbox] There is no contact 99999. Check it, or give another: email, phone or "
        "contact id."
    )


async def test_removal_says_whose_membership_is_left(say: Say, world: World) -> None:
    """Each contact once, with the owner."""
    answer = await say("remove_subscription_members", members=[str(world.shared)] * 2)

    assert f"Detach contact {world.shared} (" in answer.text
    sentence = f'Contact {world.shared} shares the membership of member 101 (own id "VIP-101").'
    assert answer.text.count(sentence) == 1


@pytest.mark.parametrize(
    ("who", "sentence"),
    [
        ("newcomer", "does not seem to share a membership; Brevo may refuse this."),
        ("101", "seems to have a membership of their own; Brevo may refuse this."),
    ],
)
async def test_removal_of_who_is_not_attached_is_told(
    say: Say, world: World, who: str, sentence: str
) -> None:
    """How Brevo shows the account of who shares one is not documented, so this only warns."""
    member = str(world.newcomer) if who == "newcomer" else who

    answer = await say("remove_subscription_members", members=[member])

    assert not answer.failed
    assert sentence in answer.text


async def test_nobody_is_attached_twice(say: Say, world: World) -> None:
    """Who shares this membership is refused; who has one of their own is told."""
    twice = await say("add_subscription_members", member="101", members=[str(world.shared)])
    other = await say("add_subscription_members", member="101", members=["102"])

    assert twice.failed
    assert "shares this membership already; leave them out." in twice.text
    assert 'Contact 102 (own id "VIP-102") is a member already; Brevo may refuse' in other.text


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("create_program", {"name": "vip club"}),
        ("create_reward", {"name": "free-coffee"}),
        ("create_tier_group", {"name": "Status"}),
    ],
)
async def test_a_name_that_is_there_is_told(say: Say, tool: str, arguments: dict[str, Any]) -> None:
    """A second object of the same name may be meant, so the preview says that there is one."""
    answer = await say(tool, **arguments)

    assert f'called "{arguments["name"]}" already.' in answer.text


async def test_nothing_is_sent_for_a_preview(
    say: Say, control: SandboxControl, world: World
) -> None:
    """Looking changes nothing."""
    before = await control.state_hash()
    await say("remove_subscription_members", members=[str(world.shared)])
    await say("enroll_member", contact=str(world.newcomer), own_id="VIP-101")

    assert await control.state_hash() == before
