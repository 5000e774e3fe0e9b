"""The forms of a member: how the same text can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.brevo.member_forms import (
    ContactNumber,
    EmailAddress,
    MemberForm,
    OwnId,
    PhoneNumber,
    member_forms,
    phone_number,
    unknown_own_id,
)

ANNA = "+491511000101"


@pytest.mark.parametrize(
    "said",
    [
        "+491511000101",
        "+49 1511 000 101",
        "+49-1511-000101",
        "+49.1511.000.101",
        "+49 (1511) 000-101",
        "(+49) 1511 000101",
        "+49 (0) 1511 000101",
        "+49/1511/000101",
        "00491511000101",
        "0049 1511 000 101",
        "0049 (0)1511-000101",
        " +49\u00a01511\u2009000\u202f101 ",
        "+49\u20101511\u2011000\u2013101",
        "\uff0b\uff14\uff19 1511 000101",
        "tel:+49-1511-000101",
        "+\u202a491511000101\u202c",
    ],
)
def test_a_phone_number_is_read_in_any_spelling(said: str) -> None:
    """Separators, `00` for the plus and a zero in brackets make no difference."""
    assert phone_number(said) == ANNA
    assert PhoneNumber(ANNA) in member_forms(said)


@pytest.mark.parametrize(
    "said",
    ["01511000101", "1511 000101", "+", "+49", "+049151100", "+49 1511 abc", "++491511000101",
     "+1234567890123456", "0000491511000101", "", "49-1511-000101"],
)  # fmt: skip
def test_what_has_no_country_code_is_no_phone_number(said: str) -> None:
    """No country code is guessed."""
    assert phone_number(said) is None


@pytest.mark.parametrize(
    ("said", "forms"),
    [
        ("101", (ContactNumber(101), OwnId("101"))),
        (" 101 ", (ContactNumber(101), OwnId("101"))),
        ("0042", (OwnId("0042"),)),
        ("0", (OwnId("0"),)),
        ("own:0042", (OwnId("0042"),)),
        ("OWN: 42", (OwnId("42"),)),
        ("own:", (OwnId(""),)),
        ("own:anna@example.com", (OwnId("anna@example.com"),)),
        ("own:+491511000101", (OwnId("+491511000101"),)),
        ("own:own:1", (OwnId("own:1"),)),
        ("Anna.Keller@Example.com", (EmailAddress("Anna.Keller@Example.com"),)),
        ("VIP-101", (OwnId("VIP-101"),)),
        ("A/7 #2 ?&", (OwnId("A/7 #2 ?&"),)),
        ("№5", (OwnId("№5"),)),
        ("..", (OwnId(".."),)),
        ("00491511000101", (PhoneNumber(ANNA), OwnId("00491511000101"))),
        ("+49 1511 000101", (PhoneNumber(ANNA),)),
        (str(2**63 - 1), (ContactNumber(2**63 - 1), OwnId(str(2**63 - 1)))),
        (str(2**63), (OwnId(str(2**63)),)),
        ("9" * 30, (OwnId("9" * 30),)),
        ("Anna Keller", (OwnId("Anna Keller"),)),
        ("", (OwnId(""),)),
    ],
)
def test_every_reading_of_the_words(said: str, forms: tuple[MemberForm, ...]) -> None:
    """Digits can be read in two ways; with leading zeros, only one is left."""
    assert member_forms(said) == forms


@given(st.text(max_size=400))
def test_any_text_has_a_reading(said: str) -> None:
    """Any text has at least one reading, and at most one that is not an own id."""
    forms = member_forms(said)

    assert 1 <= len(forms) <= 2
    assert sum(not isinstance(form, OwnId) for form in forms) <= 1


@pytest.mark.parametrize("name", ["Anna", "Anna Keller", "O'Neill, Maeve", "Zoë", "Анна"])
def test_a_name_is_answered_with_what_can_be_searched(name: str) -> None:
    """A name gets the error that members cannot be searched by name."""
    assert "Names cannot be searched; give email, phone, contact id or own id." in unknown_own_id(
        name
    )


@pytest.mark.parametrize("phone", ["01511 000101", "01511000101", "(030) 123-4567"])
def test_a_local_phone_number_is_answered_with_its_country_code(phone: str) -> None:
    """A number without a country code gets an error that asks for it."""
    assert "A phone number needs its country code" in unknown_own_id(phone)


@pytest.mark.parametrize("own_id", ["VIP-999", "0042", "x1"])
def test_another_own_id_is_answered_with_every_form(own_id: str) -> None:
    """An unknown own id gets an error with all accepted forms."""
    assert unknown_own_id(own_id) == (
        f'No member has the own id "{own_id}". '
        "Give email, phone with country code, contact id or own id."
    )
