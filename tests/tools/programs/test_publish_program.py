"""publish_program and get_unpublished_changes: every difference, before it is agreed to."""

import pytest

from loyalty_mcp.errors import OutcomeUnknown
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.tools.programs.publish_program import reconcile_publication
from loyalty_mcp.tools.send_window import DidNotHappen
from tests.conftest import Connect, SandboxControl, text_of
from tests.tools.programs.conftest import RICH, CallerSession

GOLD = {
    "tier": "gold",
    "name": "Gold",
    "access_conditions": [{"balance": "purchase points", "minimum_value": 600}],
    "tier_rewards": ["gold-gift"],
}
LIMIT = {
    "balance": "Purchase Points",
    "constraint_type": "amount",
    "transaction_type": "credit",
    "duration_value": 1,
    "duration_unit": "day",
    "value": 50,
}


async def test_publishing_previews_what_differs(connect: Connect, control: SandboxControl) -> None:
    """The preview lists every difference between the draft and what is live, in words."""
    async with connect(confirm="off") as client:
        await client.call_tool("update_tier", GOLD)
        await client.call_tool("create_balance_definition", {"name": "Stars", "unit": "EUR"})
        await client.call_tool("create_balance_limit", LIMIT)
    before = await control.state_hash()
    async with connect(confirm="token") as client:
        result = await client.call_tool("publish_program", {})

    assert result.structured_content["status"] == "confirmation_required"
    assert result.structured_content["preview"]["summary"].splitlines() == [
        'Publish program "VIP Club": 3 changes for its members.',
        'New balance "Stars": unit: EUR; expiry: never.',
        'New limit "Purchase Points": at most 50 points credited per member each calendar day.',
        'Tier "Gold": 500 → 600 "Purchase Points"; keeps reward "gold-gift".',
    ]
    assert before == await control.state_hash()


async def test_the_tool_lists_what_publishing_would_change(
    connect: Connect, control: SandboxControl
) -> None:
    """get_unpublished_changes answers the differences that publish_program previews."""
    async with connect(confirm="off") as client:
        await client.call_tool("update_tier", GOLD)
        before = await control.state_hash()
        result = await client.call_tool("get_unpublished_changes", {})
        await client.call_tool("publish_program", {})
        after = await client.call_tool("get_unpublished_changes", {})

    assert result.structured_content == {
        "program": "VIP Club",
        "first_publication": False,
        "differences": [
            {
                "action": "change",
                "kind": "tier",
                "name": "Gold",
                "details": '500 → 600 points; keeps reward "gold-gift"',
            }
        ],
        "empty": False,
        "sandbox": True,
    }
    assert text_of(result).splitlines()[:2] == [
        '[sandbox] Program "VIP Club" is live; 1 unpublished change:',
        'Tier "Gold": 500 → 600 points; keeps reward "gold-gift".',
    ]
    assert before != await control.state_hash()
    assert after.structured_content["empty"] is True
    assert 'the draft of "VIP Club" is what is live' in text_of(after)


async def test_the_preview_says_that_there_is_nothing_to_publish(connect: Connect) -> None:
    """If draft and live version are the same, the preview says so."""
    async with connect(confirm="token") as client:
        result = await client.call_tool("publish_program", {})

    assert "its draft does not differ from what is live" in text_of(result)


async def test_a_publication_is_answered_in_a_sentence(connect: Connect) -> None:
    """The answer says which program is live."""
    async with connect(confirm="off") as client:
        await client.call_tool("update_tier", GOLD)
        result = await client.call_tool("publish_program", {})

    assert 'Published "VIP Club"; live now.' in text_of(result)


BALANCES = "/v3/loyalty/balance/programs"


async def never_expire(control: SandboxControl, program: str, end: str) -> None:
    """Edit the long text of a balance, as a colleague in Brevo's app would."""
    listed = await control.get(f"{BALANCES}/{program}/balance-definitions")
    (balance,) = listed["items"]
    text = f"{'Points of the club, which members collect in all our shops and online, '}{end}"
    await control.put(
        f"{BALANCES}/{program}/balance-definitions/{balance['id']}",
        {"name": balance["name"], "unit": balance["unit"], "description": text},
    )


@pytest.mark.parametrize("end", ["expire at once.", "never expire and are never lost."])
async def test_an_edit_after_the_preview_needs_a_new_agreement(
    connect: Connect, control: SandboxControl, end: str
) -> None:
    """Any edit is seen, also one after the 80th character of a text."""
    program = await control.program()
    await never_expire(control, program, "never expire.")
    async with connect(confirm="token") as client:
        first = await client.call_tool("publish_program", {})
    await never_expire(control, program, end)
    async with connect(confirm="token") as client:
        confirmation = first.structured_content["confirmation"]
        again = await client.call_tool("publish_program", {"confirmation": confirmation})

    assert again.structured_content["status"] == "confirmation_required"
    assert "differences" in again.structured_content["reason"]
    assert end in again.structured_content["preview"]["summary"]


async def test_a_limit_made_after_the_preview_needs_a_new_agreement(connect: Connect) -> None:
    """A limit is part of the difference, although the API lists no limits."""
    async with connect(confirm="token") as client:
        first = await client.call_tool("publish_program", {})
    async with connect(confirm="off") as client:
        await client.call_tool("create_balance_limit", LIMIT)
    async with connect(confirm="token") as client:
        confirmation = first.structured_content["confirmation"]
        again = await client.call_tool("publish_program", {"confirmation": confirmation})

    assert again.structured_content["status"] == "confirmation_required"
    assert "at most 50 points" in again.structured_content["preview"]["summary"]


async def test_a_first_publication_lists_everything(session: CallerSession) -> None:
    """Nothing is live before it, so every object of the draft is new."""
    await session.call("apply_program", spec=RICH)
    answer = await session.call("get_unpublished_changes", program="Rich Club")

    assert answer["first_publication"] is True
    kinds = [each["kind"] for each in answer["differences"]]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "balance": 2,
        "limit": 2,
        "reward": 2,
        "tier group": 1,
        "tier": 2,
    }
    assert {each["action"] for each in answer["differences"]} == {"create"}


async def publication(session: CallerSession, kind: str) -> Intent:
    """Publish the rich club while Brevo fails, and give the intent of it."""
    await session.call("apply_program", spec=RICH)
    await session.faults({"method": "POST", "path": "*/publish", "kind": kind, "status": 503})
    answer = await session.answer("publish_program", program="Rich Club")
    assert answer.structured is not None
    intent = await session.runtime.context.journal.open().get(answer.structured["intent"])
    assert intent is not None
    return intent


async def edit_draft(session: CallerSession, name: str) -> None:
    """Rename the first balance of the draft, as a colleague in Brevo's app would."""
    path = f"{BALANCES}/{await session.control.program()}/balance-definitions"
    balance = (await session.control.get(path))["items"][0]
    await session.control.put(f"{path}/{balance['id']}", {"name": name, "unit": balance["unit"]})


async def test_a_lost_answer_is_found_by_reading(session: CallerSession) -> None:
    """A publication whose answer was lost is applied if what is live is what was agreed to."""
    intent = await publication(session, "drop_after_commit")

    assert intent.state == "applied"


async def test_an_edit_after_the_publication_does_not_hide_it(session: CallerSession) -> None:
    """What is live is compared with what was agreed to, not with the draft of today."""
    intent = await publication(session, "drop_after_commit")
    await edit_draft(session, "Edited since")
    program = await session.control.program()
    context = session.runtime.context
    found = await reconcile_publication(context, intent, may_come=False, program=program)

    assert found.program == "Rich Club"


async def test_a_publication_that_was_not_done_is_known_once_it_cannot_arrive(
    session: CallerSession,
) -> None:
    """While the request may arrive its outcome is unknown; afterwards it was not published."""
    intent = await publication(session, "refuse_before")
    program, context = await session.control.program(), session.runtime.context

    assert intent.state == "unknown"
    with pytest.raises(OutcomeUnknown, match="may still arrive"):
        await reconcile_publication(context, intent, may_come=True, program=program)
    with pytest.raises(DidNotHappen):
        await reconcile_publication(context, intent, may_come=False, program=program)


async def test_a_publication_by_somebody_else_is_not_taken_for_ours(
    session: CallerSession,
) -> None:
    """If something else is live than was agreed to, the outcome stays unknown."""
    intent = await publication(session, "refuse_before")
    await edit_draft(session, "Edited since")
    program, context = await session.control.program(), session.runtime.context
    await session.control.post(f"/v3/loyalty/config/programs/{program}/publish", {})

    with pytest.raises(OutcomeUnknown, match="somebody else may have published"):
        await reconcile_publication(context, intent, may_come=False, program=program)
