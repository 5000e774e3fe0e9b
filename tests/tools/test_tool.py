"""A tool is one declaration: its signature is what is checked, published and passed on."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from loyalty_mcp.brevo.types import (
    Amount,
    BalanceId,
    ContactId,
    Input,
    Instant,
    Meta,
    Number,
    ProgramId,
    Reference,
    Reply,
    RewardId,
)
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.argument_model import as_given, reference_in
from loyalty_mcp.tools.tool import Tool, said


class Condition(Input):
    """A part of an argument that has a reference in it."""

    balance: BalanceId
    minimum_value: int


class Found(Reply):
    """An answer."""

    value: Number


async def example(
    _context: Any,
    program: ProgramId,
    member: ContactId,
    amount: Amount,
    balance: BalanceId,
    reward: RewardId | None = None,
    others: tuple[ContactId, ...] = (),
    conditions: tuple[Condition, ...] | None = None,
    kind: Literal["a", "b"] = "a",
    count: Annotated[int | None, Field(ge=1, le=5, description="How many")] = None,
    flag: bool | None = None,
    since: Instant | None = None,
    meta: Meta | None = None,
) -> Found:
    """Do something.

    It takes two lines.

    Raises:
        Refused: never shown.
    """
    raise NotImplementedError


def tool(*, guarded: bool = False, **pinned: str) -> Tool:
    """The example as a tool."""
    risk: Literal["write", "read"] = "write" if guarded else "read"
    return Tool("example", risk, example, Found, example, skip=1, pinned=pinned)


LEAST: dict[str, Any] = {"member": "101", "amount": 5}


def refusal(**given: Any) -> str:
    """The sentence with which arguments are refused."""
    with pytest.raises(InvalidArgument) as caught:
        tool().validated({**LEAST, **given})
    return str(caught.value)


def test_description_is_the_docstring_in_a_line() -> None:
    """What the assistant reads has no line breaks and nothing of what it raises."""
    assert tool().description == "Do something. It takes two lines."


def test_least_arguments() -> None:
    """Program and balance may be left out: often there is only one."""
    given = tool().validated(LEAST)

    assert said(given) == {"member": "101", "amount": 5, "others": [], "kind": "a"}


def test_a_contact_id_may_be_a_number() -> None:
    """101 and "101" are the same member, and the same call."""
    assert said(tool().validated({**LEAST, "member": 101})) == said(tool().validated(LEAST))


@pytest.mark.parametrize("amount", [5, 5.0, Decimal(5)])
def test_equal_amounts_are_the_same_call(amount: Any) -> None:
    """5 and 5.0 are one amount, so a confirmation of one is good for the other."""
    text = amount if not isinstance(amount, Decimal) else float(amount)

    assert said(tool().validated({**LEAST, "amount": text}))["amount"] == 5


def test_amounts_are_exact() -> None:
    """An amount is the decimal that was written."""
    assert getattr(tool().validated({**LEAST, "amount": 0.1}), "amount") == Decimal("0.1")  # noqa: B009 - made at run time


AMOUNT = "a number above 0 and at most 1,000,000,000, written like 1250.5"
MEMBER = "an email address, a phone number such as +33612345678, a contact id or an own id"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"nonsense": 1}, 'Argument "nonsense" is unknown; this tool takes: program, member,'),
        ({"Amount": 1}, 'Argument "Amount" is unknown; this tool calls it amount: a number'),
        ({"_context": 1}, 'Argument "_context" is unknown'),
        ({"amount": "5,00"}, f'Argument "amount" must be {AMOUNT}'),
        ({"amount": "1,250"}, f'Argument "amount" must be {AMOUNT}'),
        ({"amount": True}, f'Argument "amount" must be {AMOUNT}'),
        ({"amount": None}, f'Argument "amount" is missing: {AMOUNT}'),
        ({"amount": 0}, f'Argument "amount" must be {AMOUNT}'),
        ({"amount": -1}, f'Argument "amount" must be {AMOUNT}'),
        ({"amount": 1e10}, f'Argument "amount" must be {AMOUNT}'),
        ({"amount": float("nan")}, f'Argument "amount" must be {AMOUNT}'),
        ({"amount": float("inf")}, f'Argument "amount" must be {AMOUNT}'),
        ({"amount": 0.0000001}, 'Argument "amount" must have at most 6 decimals.'),
        ({"member": ""}, f'Argument "member" must be {MEMBER}.'),
        ({"member": "  "}, f'Argument "member" must be {MEMBER}.'),
        ({"member": None}, f'Argument "member" is missing: {MEMBER}.'),
        ({"member": True}, f'Argument "member" must be {MEMBER}.'),
        ({"member": 1.5}, f'Argument "member" must be {MEMBER}.'),
        ({"member": ["101"]}, f'Argument "member" must be {MEMBER}.'),
        ({"member": "x" * 321}, f'Argument "member" must be {MEMBER}.'),
        ({"others": [None]}, f'Argument "others.0" must be {MEMBER}.'),
        ({"kind": "c"}, 'Argument "kind" must be one of a, b.'),
        ({"count": 6}, 'Argument "count" must be a whole number from 1 to 5.'),
        ({"count": "six"}, 'Argument "count" must be a whole number from 1 to 5.'),
        ({"count": 1.5}, 'Argument "count" must be a whole number from 1 to 5.'),
        ({"count": True}, 'Argument "count" must be a whole number from 1 to 5.'),
        ({"flag": 1}, 'Argument "flag" must be true or false.'),
        ({"flag": "yes"}, 'Argument "flag" must be true or false.'),
        (
            {"since": "2026-01-01T00:00:00"},
            'Argument "since" must be a moment with its offset, such as 2026-12-31T18:00:00+01:00',
        ),
        ({"since": "2026-02-30"}, 'Argument "since" must be a moment with its offset'),
        ({"since": "yesterday"}, 'Argument "since" must be a moment with its offset'),
        (
            {"conditions": [{"balance": "b"}]},
            'Argument "conditions.0.minimum_value" is missing: a whole number.',
        ),
        (
            {"conditions": [{"balance": "b", "minimum_value": 1, "x": 1}]},
            'Argument "conditions.0.x" is unknown; a condition takes: balance, minimum_value.',
        ),
        (
            {"conditions": [{"balance": "b", "threshold": 1}]},
            'Argument "conditions.0.threshold" is unknown; a condition calls it minimum_value: a',
        ),
        (
            {"minimum": 5},
            'Argument "minimum" is unknown; give minimum_value in each of conditions.',
        ),
        ({"conditions": 7}, 'Argument "conditions.0" must be an object with balance, minimum'),
        ({"meta": []}, 'Argument "meta" must be a JSON object, such as {"crm_id": "42"}.'),
        ({"meta": "x"}, 'Argument "meta" must be a JSON object, such as {"crm_id": "42"}.'),
    ],
)
def test_wrong_argument_is_named(given: dict[str, Any], sentence: str) -> None:
    """A wrong argument is answered with its name and with what would be right."""
    assert sentence in refusal(**given)


def test_a_read_takes_no_confirmation() -> None:
    """Only a change is agreed to; a client that sends an empty one is not refused for it."""
    assert 'Argument "confirmation" is unknown' in refusal(confirmation="x")


@pytest.mark.parametrize("missing", ["member", "amount"])
def test_missing_argument_is_named(missing: str) -> None:
    """What has to be given is asked for, with its form."""
    with pytest.raises(InvalidArgument) as caught:
        tool().validated({key: value for key, value in LEAST.items() if key != missing})

    assert str(caught.value).startswith(f'Argument "{missing}" is missing: a')


def test_at_most_three_problems_are_told() -> None:
    """Many mistakes at once are told in a few sentences."""
    many = refusal(amount="x", count="x", flag="x", kind="x", since="x")
    unknown = refusal(aa=1, bb=1, cc=1, dd=1, ee=1)

    assert many.count("Argument ") == 3
    assert unknown.startswith('Arguments "aa", "bb", "cc" and 2 more are unknown; this tool takes:')
    assert unknown.count("this tool takes") == 1


def test_deep_nonsense_is_refused() -> None:
    """Arguments nested beyond reading are refused like any other."""
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}

    assert refusal(meta=deep) == "The arguments are no JSON object that can be read."


@given(st.dictionaries(st.text(max_size=300), st.text(max_size=300), min_size=1, max_size=4))
def test_no_value_is_ever_echoed(given: dict[str, str]) -> None:
    """Names are quoted, cut to 80 characters; values do not come back at all."""
    text = refusal(**{f"x{name}": f"canary-value{value}" for name, value in given.items()})

    assert "canary-value" not in text
    assert len(text) < 3 * 400


def test_guarded_tools_take_a_confirmation() -> None:
    """The optional argument `confirmation` exists on guarded tools only, and is not said."""
    given = tool(guarded=True).validated({**LEAST, "confirmation": "abc"})

    assert "confirmation" in tool(guarded=True).input_schema["properties"]
    assert "confirmation" not in tool().input_schema["properties"]
    assert "confirmation" not in said(given)


def test_pinned_arguments_are_not_published() -> None:
    """What the settings have fixed cannot be given."""
    pinned = tool(program="VIP Club", member="101")

    assert not {"program", "member"} & set(pinned.input_schema["properties"])
    with pytest.raises(InvalidArgument, match="is unknown"):
        pinned.validated(LEAST)


class Recorder:
    """Resolves every reference to its own words, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    async def __call__(self, reference: Reference, words: str | None) -> str:
        """The id of a reference."""
        self.asked.append((reference.kind, words))
        return f"{reference.kind}-{words}"


async def test_references_are_resolved_wherever_they_stand() -> None:
    """References at the top, in lists and inside objects all become ids, in the order declared."""
    recorder = Recorder()
    given = tool().validated(
        {
            **LEAST,
            "conditions": [{"balance": "Points", "minimum_value": 3}],
            "others": ["102", 103],
        }
    )
    received = await tool().received(given, recorder)

    assert recorder.asked == [
        ("program", None),
        ("member", "101"),
        ("balance", None),
        ("member", "102"),
        ("member", "103"),
        ("balance", "Points"),
    ]
    assert received["reward"] is None
    assert received["others"] == ("member-102", "member-103")
    assert received["conditions"] == (Condition(balance="balance-Points", minimum_value=3),)


def test_tool_without_anything_new_to_pin_stays_as_it_is() -> None:
    """A start builds no model of arguments that no call may ever need."""
    pinned = tool(program="VIP Club")

    assert tool().with_pinned({"unknown": "x"}).__dict__.keys().isdisjoint({"arguments", "form"})
    assert pinned.with_pinned({"program": "VIP Club"}) is pinned


async def test_pinned_references_are_resolved() -> None:
    """A pinned argument is passed on like one that was given."""
    recorder = Recorder()
    pinned = tool(program="VIP Club")
    await pinned.received(pinned.validated(LEAST), recorder)

    assert recorder.asked[0] == ("program", "VIP Club")


async def test_other_values_are_passed_on_as_they_are() -> None:
    """What is no reference is passed on untouched."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    given = tool().validated(
        {**LEAST, "since": moment.isoformat(), "meta": {"a": [1]}, "count": 2, "flag": False}
    )
    received = await tool().received(given, Recorder())

    assert (received["since"], received["meta"]) == (moment, {"a": [1]})
    assert (received["count"], received["flag"], received["amount"]) == (2, False, Decimal(5))


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (ProgramId, "program"),
        (RewardId | None, "reward"),
        (Annotated[RewardId | None, Field(description="x")], "reward"),
        (str, None),
        (int | None, None),
        (tuple[ContactId, ...], None),
    ],
)
def test_reference_is_found_in_an_annotation(annotation: Any, kind: str | None) -> None:
    """An argument is a reference also where it may be left out; a list of them is none itself."""
    found = reference_in(annotation)

    assert (found.kind if found else None) == kind


def test_annotation_as_given_has_no_ids_left() -> None:
    """Every reference is given as text, whatever its id is made of."""
    assert str(as_given(tuple[ContactId, ...])).startswith("tuple[typing.Annotated[str,")
    assert as_given(int) is int
