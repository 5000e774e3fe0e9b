"""What a form accepts as the same value, and what it leaves for validation to refuse."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.brevo.types import Pairs
from loyalty_mcp.tools.argument_forms import (
    BooleanForm,
    ChoiceForm,
    Form,
    IntegerForm,
    ListForm,
    MapForm,
    MomentForm,
    NumberForm,
    ObjectForm,
    TextForm,
)

PAIRS = MapForm(item=IntegerForm(), pairs=Pairs("tier", "points"))
UNIT = ChoiceForm(choices=("day", "week", "month"))
PARTS = ChoiceForm(choices=("movements", "vouchers"))
SNAP = ChoiceForm(choices=("noModification", "startOfPeriod"))
INNER = ObjectForm(
    fields={"name": TextForm(), "count": IntegerForm(), "tags": ListForm(item=TextForm())},
    required=frozenset({"name"}),
)


@pytest.mark.parametrize(
    ("form", "spelled", "value"),
    [
        (IntegerForm(), "50", 50),
        (IntegerForm(), " 50 ", 50),
        (IntegerForm(), 10.0, 10),
        (IntegerForm(), "10.0", 10),
        (IntegerForm(), "-3", -3),
        (IntegerForm(), "1e3", 1000),
        (NumberForm(), "50", 50),
        (NumberForm(), "0.1", 0.1),
        (NumberForm(), "-2.5", -2.5),
        (NumberForm(), 2.5, 2.5),
        (BooleanForm(), "true", True),
        (BooleanForm(), "False", False),
        (TextForm(), 7001, "7001"),
        (TextForm(), 101.0, "101"),
        (TextForm(), "half \ud83d an emoji", "half \ufffd an emoji"),
        (TextForm(), "whole 😀", "whole 😀"),
        (UNIT, "MONTH", "month"),
        (UNIT, "months", "month"),
        (UNIT, " Days ", "day"),
        (PARTS, "Movement", "movements"),
        (SNAP, "no_modification", "noModification"),
        (SNAP, "START-OF-PERIOD", "startOfPeriod"),
        (MomentForm(), "2026-12-31", "2026-12-31T00:00:00Z"),
        (MomentForm(edge="end"), " 2026-12-31 ", "2026-12-31T23:59:59Z"),
        (MomentForm(edge="after"), "2026-12-31", "2027-01-01T00:00:00Z"),
        (MomentForm(edge="end"), "2026-12-31T12:00:00Z", "2026-12-31T12:00:00Z"),
        (ListForm(item=TextForm()), "movements", ["movements"]),
        (ListForm(item=TextForm()), '["a", 2]', ["a", "2"]),
        (ListForm(item=TextForm()), 7, ["7"]),
        (ListForm(item=TextForm()), [1, "b"], ["1", "b"]),
        (ListForm(item=INNER), {"name": "x"}, [{"name": "x"}]),
        (ListForm(item=INNER), '{"name": 1}', [{"name": "1"}]),
        (ListForm(item=INNER), ['{"name": 1}'], [{"name": "1"}]),
        (MapForm(item=IntegerForm()), '{"Points": "300"}', {"Points": 300}),
        (MapForm(), {"a": "1"}, {"a": "1"}),
        (PAIRS, [{"tier": "Gold", "points": "600"}], {"Gold": 600}),
        (PAIRS, '[{"tier": "Gold", "points": 600}]', {"Gold": 600}),
        (PAIRS, {"Gold": 600}, {"Gold": 600}),
        (PAIRS, {"tier": "Gold", "points": "600"}, {"Gold": 600}),
        (PAIRS, {"tier": "7", "points": "600"}, {"tier": 7, "points": 600}),
        (INNER, '{"name": "x", "count": "2"}', {"name": "x", "count": 2}),
        (INNER, {"name": "x", "count": None, "tags": ""}, {"name": "x"}),
        (INNER, {"name": "x", "count": "", "tags": "a"}, {"name": "x", "tags": ["a"]}),
    ],
)
def test_spelling(form: Form, spelled: Any, value: Any) -> None:
    """The usual spellings of a value are read as the value, of its own type."""
    found = form.read(spelled)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("form", "given"),
    [
        (IntegerForm(), "1,250"),
        (IntegerForm(), "50,00"),
        (IntegerForm(), "007"),
        (IntegerForm(), "+5"),
        (IntegerForm(), "5 points"),
        (IntegerForm(), "0x10"),
        (IntegerForm(), "1_000"),
        (IntegerForm(), "٣"),
        (IntegerForm(), 1.5),
        (IntegerForm(), 1e300),
        (IntegerForm(), True),
        (IntegerForm(), "9" * 400),
        (NumberForm(), "NaN"),
        (NumberForm(), "1.0000000000000000001"),
        (NumberForm(), "1e999"),
        (BooleanForm(), "yes"),
        (BooleanForm(), 1),
        (TextForm(), True),
        (TextForm(), 1.5),
        (TextForm(), ["a"]),
        (UNIT, "fortnight"),
        (UNIT, 1),
        (MomentForm(), "2026-02-30"),
        (MomentForm(), "31.12.2026"),
        (MomentForm(edge="after"), "9999-12-31"),
        (MapForm(), "[1]"),
        (MapForm(), [{"tier": "Gold", "points": 600}]),
        (PAIRS, [{"tier": "Gold"}]),
        (PAIRS, [{"tier": "Gold", "points": 1}, {"tier": "Gold", "points": 2}]),
        (MapForm(), "text"),
        (INNER, "[]"),
        (INNER, "{broken"),
        (INNER, 5),
    ],
)
def test_what_would_be_a_guess_is_left_as_it_is(form: Form, given: Any) -> None:
    """Whatever could mean two things stays untouched, so that validation refuses it."""
    assert form.read(given) is given


@pytest.mark.parametrize(
    ("form", "value", "left_out"),
    [
        (TextForm(), None, True),
        (TextForm(), "", True),
        (TextForm(), "  ", True),
        (TextForm(), "x", False),
        (TextForm(empty_clears=True), "", False),
        (TextForm(empty_clears=True), None, True),
        (IntegerForm(), "", True),
        (IntegerForm(), 0, False),
        (BooleanForm(), False, False),
        (ListForm(), [], False),
        (ListForm(may_be_empty=False), [], True),
        (MapForm(), {}, True),
    ],
)
def test_left_out(form: Form, value: Any, *, left_out: bool) -> None:
    """Null and blanks stand for an optional argument that was left out, unless they mean more."""
    assert form.is_left_out(value) is left_out


def test_a_required_field_is_not_dropped_for_being_blank() -> None:
    """A blank where something is required is refused, not overlooked."""
    assert INNER.read({"name": ""}) == {"name": ""}
    assert INNER.read({"name": None}) == {}


def test_unknown_fields_stay() -> None:
    """What no field is called is left for validation to refuse."""
    assert INNER.read({"name": "x", "surprise": None}) == {"name": "x", "surprise": None}


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_reading_never_fails(value: Any) -> None:
    """Whatever arrives, reading it twice is the same as reading it once."""
    for form in (IntegerForm(), NumberForm(), TextForm(), UNIT, ListForm(item=TextForm()), INNER):
        once = form.read(value)
        assert repr(form.read(once)) == repr(once)
