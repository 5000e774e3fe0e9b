"""Whatever the usual spelling, a call is the same call: tried on every tool."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.argument_forms import (
    BooleanForm,
    ChoiceForm,
    Form,
    IntegerForm,
    ListForm,
    MapForm,
    NumberForm,
    ObjectForm,
    TextForm,
)
from loyalty_mcp.tools.registry import TOOLS
from loyalty_mcp.tools.tool import said
from tests.world import GOOD, World

WORLD = World("t-1", "t-2", "l-1", "v-1", "r-1", "p-1", newcomer="109", shared="110")
every_tool = pytest.mark.parametrize("name", TOOLS)


def spelled(draw: Any, form: Form | None, value: Any) -> Any:
    """One of the accepted spellings of a value."""
    match form:
        case IntegerForm() | NumberForm() if not isinstance(value, bool):
            whole = [float(value)] if float(value).is_integer() else []
            return draw(st.sampled_from([value, json.dumps(value), *whole]))
        case BooleanForm():
            return draw(st.sampled_from([value, str(value), json.dumps(value)]))
        case ChoiceForm():
            return draw(st.sampled_from([value, value.upper(), value.title(), f"{value}s"]))
        case TextForm() if isinstance(value, str) and value.isdigit() and value[0] != "0":
            return draw(st.sampled_from([value, int(value), float(value)]))
        case ListForm():
            items = [spelled(draw, form.item, item) for item in value]
            one = [items[0]] if len(items) == 1 and not isinstance(items[0], str) else []
            return draw(st.sampled_from([items, json.dumps(items), *one]))
        case MapForm():
            found = {key: spelled(draw, form.item, item) for key, item in value.items()}
            return draw(st.sampled_from([found, json.dumps(found)]))
        case ObjectForm():
            found = {key: spelled(draw, form.part(key), item) for key, item in value.items()}
            empty = [name for name in form.fields if name not in form.required | found.keys()]
            left_out = draw(st.lists(st.sampled_from(empty), unique=True)) if empty else []
            found |= {name: draw(st.sampled_from([None, "", " "])) for name in left_out}
            return draw(st.sampled_from([found, json.dumps(found)]))
    return value


def clears(form: Form | None) -> bool:
    """Whether a form takes an empty text for a value of its own."""
    return isinstance(form, TextForm) and form.empty_clears


@every_tool
@given(data=st.data())
def test_spellings_of_one_call(name: str, data: st.DataObject) -> None:
    """Its arguments, and so its digest, do not depend on how they were spelled."""
    tool, good = TOOLS[name], GOOD[name](WORLD)
    arguments = {key: spelled(data.draw, tool.form.part(key), item) for key, item in good.items()}
    unsaid = [key for key in tool.form.fields if key not in tool.form.required | good.keys()]
    for key in unsaid:
        if not clears(tool.form.part(key)):
            arguments[key] = data.draw(st.sampled_from([None, "", "  "]))

    assert said(tool.validated(arguments)) == said(tool.validated(good))


@every_tool
def test_unknown_arguments_are_refused(name: str) -> None:
    """Liberal in spelling, not in meaning: a word that no argument is called is an error."""
    with pytest.raises(InvalidArgument, match='"surprise" is unknown'):
        TOOLS[name].validated({**GOOD[name](WORLD), "surprise": 1})


@every_tool
def test_what_cannot_be_written_is_read_with_a_mark_in_its_place(name: str) -> None:
    """Half an emoji, which no encoding holds, becomes U+FFFD, wherever it stands."""
    tool, good = TOOLS[name], GOOD[name](WORLD)
    for key, form in tool.form.fields.items():
        if isinstance(form, TextForm):
            try:
                found = getattr(tool.validated({**good, key: "half \ud83d"}), key)
            except InvalidArgument as error:
                found = str(error)
            assert "\ud83d" not in str(found)


@pytest.mark.parametrize(
    "name", [name for name, tool in TOOLS.items() if "reason" in tool.form.required]
)
@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0"])
def test_a_reason_has_words(name: str, blank: str) -> None:
    """A reason of blanks explains nothing, so it is refused."""
    with pytest.raises(InvalidArgument, match='Argument "reason" must be'):
        TOOLS[name].validated({**GOOD[name](WORLD), "reason": blank})
