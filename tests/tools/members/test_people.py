"""People in answers: nobody is only a number, and no address is shown in full."""

from collections.abc import Callable
from typing import Any

import pytest

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.tools.registry import TOOLS
from tests.brevo.test_member_references import enrol
from tests.conftest import SandboxControl
from tests.world import BALANCE, CONFIG

NEWCOMER = {"email": "nora.lind@example.com", "attributes": {"FIRSTNAME": "Nora", "LASTNAME": "Li"}}
MARKS = '("Nora L.", "n***@e***.com")'


@pytest.fixture
def runtime(make_runtime: Callable[..., Runtime]) -> Runtime:
    """One server that stays, and gives confirmations as text."""
    return make_runtime(confirm="token")


async def said(runtime: Runtime, tool: str, **arguments: Any) -> Answer:
    """What a tool answers."""
    answer = await runtime.dispatcher.call(tool, arguments, Caller(LOCAL, can_ask=False))
    assert isinstance(answer, Answer)
    return answer


@pytest.fixture
async def newcomer(control: SandboxControl) -> int:
    """A contact with a name, who is no member."""
    return int((await control.post("/v3/contacts", NEWCOMER))["id"])


@pytest.mark.parametrize("tool", ["enroll_member", "create_subscription"])
@pytest.mark.parametrize("by_email", [False, True])
async def test_an_enrolment_names_the_contact(
    runtime: Runtime, newcomer: int, tool: str, by_email: bool
) -> None:
    """Whoever agrees sees name and masked email, however the contact was given."""
    contact = NEWCOMER["email"] if by_email else str(newcomer)

    preview = await said(runtime, tool, contact=contact)

    assert f"Enrol contact {newcomer} {MARKS} in program" in preview.text
    assert "nora.lind@" not in preview.text.replace(str(contact), "")


async def test_a_contact_without_a_name_or_email_shows_the_phone(
    runtime: Runtime, control: SandboxControl
) -> None:
    """The masked number is better than none."""
    contact = await control.post("/v3/contacts", {"attributes": {"SMS": "+33612345678"}})

    preview = await said(runtime, "enroll_member", contact=str(contact["id"]))

    assert f'contact {contact["id"]} ("+33***678")' in preview.text


@pytest.mark.parametrize("tool", ["credit_points", "assign_tier", "delete_subscription"])
async def test_an_own_id_that_brevo_made_tells_nothing(
    runtime: Runtime, control: SandboxControl, newcomer: int, tool: str
) -> None:
    """Where nobody chose an own id, name and masked email stand for it; within the bound."""
    await control.post(f"{CONFIG}/{await control.program()}/subscriptions", {"contactId": newcomer})
    more: dict[str, Any] = {"credit_points": {"amount": 5, "reason": "x"}}.get(tool, {})
    if tool == "assign_tier":
        more = {"tier": "Gold"}
    before = runtime.context.brevo.requests_sent

    preview = await said(runtime, tool, member=str(newcomer), **more)
    confirmation = (preview.structured or {})["confirmation"]
    done = await said(runtime, tool, member=str(newcomer), **more, confirmation=confirmation)

    assert f"member {newcomer} {MARKS}" in preview.text
    assert f"ember {newcomer} {MARKS}" in done.text
    assert runtime.context.brevo.requests_sent - before <= TOOLS[tool].requests


@pytest.mark.parametrize(
    "tool",
    [
        *("list_vouchers", "list_transaction_history"),
        *("list_active_balances", "get_subscription_balances"),
    ],
)
@pytest.mark.parametrize("member", ["103", "VIP-103"])
async def test_a_list_names_the_member(runtime: Runtime, tool: str, member: str) -> None:
    """However the member was given, the heading has the own id."""
    assert 'of member 103 (own id "VIP-103")' in (await said(runtime, tool, member=member)).text


async def test_a_list_does_not_need_the_member(runtime: Runtime, control: SandboxControl) -> None:
    """Where the account cannot be read now, the number is told."""
    fault = {"path": "*/account-info", "kind": "refuse_before", "status": 403, "times": 9}
    await control.post("/sandbox/faults", {"faults": [fault]})

    answer = await said(runtime, "list_vouchers", member="chloe.dubois@example.com")

    assert "Vouchers of member 103:" in answer.text


async def test_who_shares_a_membership_is_named_with_its_owner(
    runtime: Runtime, control: SandboxControl, newcomer: int
) -> None:
    """The points of a shared account are the owner's, so the preview says whose."""
    program = await control.program()
    body = {"contactId": 101, "memberContactIds": [newcomer]}
    await control.post(f"{CONFIG}/{program}/subscription-members", body)

    preview = await said(runtime, "credit_points", member=str(newcomer), amount=5, reason="x")

    assert f'member {newcomer} (shares the membership of 101, own id "VIP-101"): ' in preview.text


@pytest.mark.parametrize(("amount", "words"), [(1, "1 point is lost"), (2, "2 points are lost")])
async def test_the_verb_agrees_with_the_amount(
    runtime: Runtime, control: SandboxControl, amount: int, words: str
) -> None:
    """One point is, two points are."""
    program = await control.program()
    definition = {
        "name": "Stamps",
        "unit": "POINTS",
        "maxAmount": 5,
        "balanceOptionAmountOvertakingStrategy": "partial",
    }
    await control.post(f"{BALANCE}/{program}/balance-definitions", definition)
    await control.post(f"{CONFIG}/{program}/publish", {})
    member = await enrol(control, "stamps@example.com", "S-1")

    preview = await said(
        runtime,
        "credit_points",
        member=str(member),
        balance="Stamps",
        amount=5 + amount,
        reason="x",
    )

    assert f"Only 5 points fit under the highest balance; {words}." in preview.text
