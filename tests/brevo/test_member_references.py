"""Members by reference on the sandbox; never the wrong person."""

from collections.abc import Callable
from typing import Any

import pytest

from loyalty_mcp.brevo.references import CallReferences, References
from loyalty_mcp.brevo.types import Reference
from loyalty_mcp.errors import AmbiguousReference, LoyaltyError, UnknownReference
from loyalty_mcp.server.bootstrap import Runtime
from tests.conftest import Connect, SandboxControl, text_of

CONFIG = "/v3/loyalty/config/programs"
PROGRAM, MEMBER = Reference("program"), Reference("member")


@pytest.fixture
def references(make_runtime: Callable[..., Runtime]) -> References:
    """References of the seeded account."""
    return make_runtime().context.references


async def enrol(
    control: SandboxControl, email: str, own_id: str | None = None, program: str | None = None
) -> int:
    """A new contact who is a member, with an own id if given."""
    contact = int((await control.post("/v3/contacts", {"email": email}))["id"])
    await join(control, contact, own_id, program)
    return contact


async def join(
    control: SandboxControl, contact: int, own_id: str | None = None, program: str | None = None
) -> None:
    """Make a contact a member."""
    body: dict[str, Any] = {"contactId": contact}
    if own_id is not None:
        body["loyaltySubscriptionId"] = own_id
    await control.post(f"{CONFIG}/{program or await control.program()}/subscriptions", body)


async def second_program(control: SandboxControl, *, published: bool, name: str = "Tea") -> str:
    """The id of another program."""
    program = str((await control.post(CONFIG, {"name": name}))["id"])
    if published:
        await control.post(f"{CONFIG}/{program}/publish", {})
    return program


async def vip(control: SandboxControl) -> str:
    """The id of the seeded program, even if there are others."""
    programs = (await control.get(CONFIG))["items"]
    return next(str(item["id"]) for item in programs if item["name"] == "VIP Club")


# Forms


@pytest.mark.parametrize(
    "said",
    [
        "101",
        " 101 ",
        "anna.keller@example.com",
        "Anna.Keller@Example.com",
        "+491511000101",
        "+49 1511 000 101",
        "+49-1511-000101",
        "00491511000101",
        "0049 (0) 1511 000101",
        "VIP-101",
        "own:VIP-101",
        "OWN:VIP-101",
    ],
)
async def test_a_member_is_found_in_every_form(
    references: References, control: SandboxControl, said: str
) -> None:
    """A member is found by contact id, email, phone in any spelling, or own id."""
    assert await references.member(await control.program(), said) == 101


@pytest.mark.parametrize("said", ["+49 1511 000 101", "00491511000101", "(+49) 1511-000.101"])
async def test_a_known_phone_number_is_no_new_contact(connect: Connect, said: str) -> None:
    """Enrolling by a phone number in any spelling finds the contact who has it."""
    async with connect(confirm="token") as client:
        answer = await client.call_tool("enroll_member", {"contact": said, "create_contact": True})

    assert answer.is_error
    assert "is a member already" in text_of(answer)


@pytest.mark.parametrize("said", ["+33 6 12-34.56 78", "0033612345678", "+33 (0)6 12345678"])
async def test_a_new_contact_has_its_number_in_one_spelling(
    connect: Connect, control: SandboxControl, said: str
) -> None:
    """A contact that is created has the phone number in E.164."""
    async with connect(confirm="off") as client:
        answer = await client.call_tool("enroll_member", {"contact": said, "create_contact": True})
        assert not answer.is_error, text_of(answer)

    found = await control.get("/v3/contacts/%2B33612345678?identifierType=phone_id")
    assert found["attributes"]["SMS"] == "+33612345678"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("nobody@example.com", 'No contact has "nobody@example.com".'),
        ("+490000", 'No contact has "+490000".'),
        ("VIP-999", 'No member has the own id "VIP-999".'),
        ("own:anna.keller@example.com", 'No member has the own id "anna.keller@example.com".'),
        ("own:101", 'No member has the own id "101".'),
        ("own:", "No member is named."),
        ("", "No member is named."),
        ("0101", 'No member has the own id "0101".'),
        ("Anna Keller", "Names cannot be searched; give email, phone, contact id or own id."),
        ("01511 000101", "A phone number needs its country code"),
    ],
)
async def test_nobody_is_guessed(
    references: References, control: SandboxControl, said: str, sentence: str
) -> None:
    """The error says what was looked up, and what to use instead."""
    with pytest.raises(UnknownReference) as caught:
        await references.member(await control.program(), said)

    assert sentence in str(caught.value)


async def test_own_id_needs_a_program(references: References) -> None:
    """An own id belongs to a program."""
    with pytest.raises(UnknownReference, match="not an email, a phone number or a contact id"):
        await references.member(None, "VIP-101")


@pytest.mark.parametrize(
    "own_id", ["A/7", "a b", "..", ".", "50%", "x?y=1&z#", "own:5", "é@ü", "+5"]
)
async def test_an_own_id_may_hold_any_character(
    references: References, control: SandboxControl, own_id: str
) -> None:
    """With the prefix `own:`, an own id with any characters finds its member."""
    contact = await enrol(control, "odd@example.com", own_id)

    assert await references.member(await control.program(), f"own:{own_id}") == contact


# Digits


async def test_zeros_in_front_are_kept(references: References, control: SandboxControl) -> None:
    """`0042` is the own id 0042, and never contact 42."""
    contact = await enrol(control, "zeros@example.com", "0042")
    program = await control.program()

    assert await references.member(program, "0042") == contact
    assert await references.member(program, "own:0042") == contact


async def test_digits_that_nobody_has_as_contact_id_are_an_own_id(
    references: References, control: SandboxControl
) -> None:
    """The own id 4711 finds its member, because no member is contact 4711."""
    contact = await enrol(control, "shop@example.com", "4711")

    assert await references.member(await control.program(), "4711") == contact


async def test_digits_of_two_people_are_refused(
    references: References, control: SandboxControl
) -> None:
    """Digits that are one member's contact id and another's own id get an error that names both."""
    contact = await enrol(control, "mimic@example.com", "101")
    program = await control.program()
    with pytest.raises(AmbiguousReference) as caught:
        await references.member(program, "101")

    assert str(caught.value) == (
        f'"101" means two people: contact 101, and contact {contact}, whose own id it is. '
        'Give "own:VIP-101" for the first, or "own:101" for the second.'
    )
    assert await references.member(program, "own:101") == contact
    assert await references.member(program, "own:VIP-101") == 101


async def test_a_member_may_have_their_contact_id_as_own_id(
    references: References, control: SandboxControl
) -> None:
    """If both readings match the same person, there is no ambiguity."""
    contact = int((await control.post("/v3/contacts", {"email": "same@example.com"}))["id"])
    await join(control, contact, str(contact))

    assert await references.member(await control.program(), str(contact)) == contact


async def test_a_phone_number_that_is_an_own_id_of_another_is_refused(
    references: References, control: SandboxControl
) -> None:
    """A leading `00` can be a phone number or an own id; if two people match, neither is chosen."""
    contact = await enrol(control, "number@example.com", "00491511000101")
    program = await control.program()
    with pytest.raises(AmbiguousReference, match="means two people"):
        await references.member(program, "00491511000101")

    assert await references.member(program, "+491511000101") == 101
    assert await references.member(program, "own:00491511000101") == contact


@pytest.mark.parametrize("tool", ["get_member_overview", "find_member"])
async def test_tools_refuse_digits_of_two_people(
    connect: Connect, control: SandboxControl, tool: str
) -> None:
    """Reads refuse ambiguous digits, as changes do."""
    await enrol(control, "mimic@example.com", "101")
    async with connect(confirm="token") as client:
        read = await client.call_tool(tool, {"member": "101"})
        change = await client.call_tool(
            "credit_points", {"member": "101", "amount": 5, "reason": "x"}
        )

    for answer in (read, change):
        assert answer.is_error
        assert "means two people" in text_of(answer)
        assert answer.meta is not None
        assert answer.meta["loyalty-mcp/error"] == {
            "code": "ambiguous_reference",
            **({} if answer is read and tool == "find_member" else {"argument": "member"}),
        }


async def test_an_own_id_with_zeros_is_found_by_find_member(
    connect: Connect, control: SandboxControl
) -> None:
    """`find_member` accepts the same forms as every other tool."""
    contact = await enrol(control, "zeros@example.com", "0042")
    async with connect() as client:
        answer = await client.call_tool("find_member", {"member": "0042"})

    assert answer.structured_content["contact_id"] == contact


async def test_a_lookup_of_digits_is_kept_for_a_while(
    make_runtime: Callable[..., Runtime], control: SandboxControl
) -> None:
    """The second call with a contact id needs no request to check it."""
    context, program = make_runtime().context, await control.program()
    await context.references.member(program, "101")
    before = context.brevo.requests_sent
    await context.references.member(program, "101")

    assert context.brevo.requests_sent == before


# Which program


async def test_an_unpublished_program_needs_no_choice(
    connect: Connect, control: SandboxControl
) -> None:
    """A second program that is only a draft does not make `program` required."""
    await second_program(control, published=False)
    async with connect() as client:
        overview = await client.call_tool("get_member_overview", {"member": "101"})
        listed = await client.call_tool("list_rewards", {})

    assert not overview.is_error, text_of(overview)
    assert listed.is_error
    assert 'give program: "Tea", "VIP Club"' in text_of(listed)


@pytest.mark.parametrize("said", ["101", "anna.keller@example.com", "VIP-101", "+491511000101"])
async def test_the_only_program_of_a_member_is_meant(
    references: References, control: SandboxControl, said: str
) -> None:
    """Of two live programs, the one that the member belongs to is used."""
    tea = await second_program(control, published=True)
    other = await enrol(control, "tea@example.com", "TEA-1", tea)
    program = await vip(control)

    assert await CallReferences(references, member=said)(PROGRAM, None) == program
    assert await CallReferences(references, member="TEA-1")(PROGRAM, None) == tea
    assert await CallReferences(references, member=str(other))(PROGRAM, None) == tea


async def test_a_member_of_two_programs_has_to_choose(
    references: References, control: SandboxControl
) -> None:
    """If a member belongs to two programs, the error names these two only."""
    tea = await second_program(control, published=True)
    await second_program(control, published=True, name="Books")
    await join(control, 101, "TEA-101", tea)
    with pytest.raises(AmbiguousReference) as caught:
        await CallReferences(references, member="101")(PROGRAM, None)

    assert '"Tea"' in str(caught.value)
    assert '"VIP Club"' in str(caught.value)
    assert "Books" not in str(caught.value)


async def test_a_member_of_no_program_has_to_choose(
    references: References, control: SandboxControl
) -> None:
    """If a person belongs to no program, the error names all live ones."""
    await second_program(control, published=True)
    with pytest.raises(AmbiguousReference) as caught:
        await CallReferences(references, member="999999")(PROGRAM, None)

    assert '"Tea", "VIP Club"' in str(caught.value)


async def test_a_named_program_is_not_second_guessed(
    references: References, control: SandboxControl
) -> None:
    """A named program is used, whatever programs the member belongs to."""
    tea = await second_program(control, published=True)

    assert await CallReferences(references, member="101")(PROGRAM, "tea") == tea


async def test_a_debit_finds_the_program_of_its_member(
    connect: Connect, control: SandboxControl
) -> None:
    """A change needs no program either, if its member belongs to only one."""
    await second_program(control, published=True)
    path = f"/v3/loyalty/balance/programs/{await vip(control)}/subscriptions/101/balances"
    before = (await control.get(path))["balance"][0]["value"]
    async with connect(confirm="off") as client:
        answer = await client.call_tool(
            "debit_points", {"member": "101", "amount": 5, "reason": "Test"}
        )

    assert not answer.is_error, text_of(answer)
    assert (await control.get(path))["balance"][0]["value"] == before - 5


async def test_a_pinned_member_decides_too(references: References, control: SandboxControl) -> None:
    """A server for one member uses the program of that member."""
    await second_program(control, published=True)
    resolve = CallReferences(references, pinned_member="102")

    assert await resolve(PROGRAM, None) == await vip(control)
    assert await resolve(MEMBER, "101") == 102


async def test_a_failing_upstream_is_not_taken_for_no_membership(
    references: References, control: SandboxControl
) -> None:
    """If Brevo does not answer, no program is chosen."""
    await second_program(control, published=True)
    await references.programs()
    fault = {
        "method": "GET",
        "path": f"{CONFIG}/{await vip(control)}/account-info",
        "kind": "refuse_before",
        "status": 503,
        "times": 50,
    }
    await control.post("/sandbox/faults", {"faults": [fault]})
    with pytest.raises(LoyaltyError) as caught:
        await CallReferences(references, member="101")(PROGRAM, None)

    assert not isinstance(caught.value, AmbiguousReference)
