"""Replies that differ from the declared form are read as far as possible."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations.programs import Programs
from loyalty_mcp.brevo.operations.tiers import Tiers
from loyalty_mcp.brevo.operations.transactions import TransactionHistory
from loyalty_mcp.brevo.operations.vouchers import Vouchers
from loyalty_mcp.brevo.replies import parse_reply
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.brevo.request import get
from loyalty_mcp.errors import Unavailable
from tests.contract.arguments import fewest
from tests.contract.declared import DECLARED, FREE, example
from tests.contract.operations import OPERATIONS

answering = pytest.mark.parametrize(
    "operation",
    [operation for name, operation in OPERATIONS.items() if DECLARED[name]["reply"]],
    ids=lambda operation: operation.name,
)

IDS = {
    *("id", "tierId", "transactionid", "contactId", "ownerContactId"),
    *("balanceDefinitionId", "memberContactId"),
}
"""Without these, an object cannot be identified."""

Odd = Callable[[Mapping[str, Any]], Any]


def odd_example(field: Mapping[str, Any], odd: Odd, name: str = "") -> Any:
    """An example of a field in which every value except ids is unusual."""
    if field["type"] == "array":
        return [odd_example(field["items"], odd)]
    if field["type"] == "object" and name != FREE:
        return {
            key: example(inner) if key in IDS else odd_example(inner, odd, key)
            for key, inner in field.get("fields", {}).items()
        }
    return odd(field)


def is_date(field: Mapping[str, Any]) -> bool:
    """Whether a field is declared as a date."""
    return field.get("format") == "date-time"


ODDITIES: dict[str, Odd] = {
    "null for everything": lambda _field: None,
    "words nobody knows": lambda field: "brand_new" if "enum" in field else example(field),
    "empty dates": lambda field: "" if is_date(field) else example(field),
    "dates that are none": lambda field: "soon" if is_date(field) else example(field),
    "dates without an offset": lambda field: (
        "2026-12-01T10:00:00" if is_date(field) else example(field)
    ),
    "numbers as text": lambda field: (
        str(example(field)) if field["type"] in {"integer", "number"} else example(field)
    ),
    "text as numbers": lambda field: (
        4711
        if field["type"] == "string" and not is_date(field) and "enum" not in field
        else example(field)
    ),
    "empty text for everything": lambda _field: "",
}


@answering
@pytest.mark.parametrize("odd", ODDITIES.values(), ids=ODDITIES)
def test_an_odd_value_never_spoils_a_reply(operation: Operation[..., Any], odd: Odd) -> None:
    """Unusual values in all fields still leave a readable reply with its ids."""
    declared = DECLARED[operation.name]["reply"]
    body = odd_example({"type": "object", "fields": declared}, odd)

    request = operation(**fewest(operation))
    reply = parse_reply(request, 200, json.dumps(body).encode())

    kept = reply.model_dump(by_alias=True)
    assert {name: kept[name] for name in IDS & body.keys()} == {
        name: type(kept[name])(body[name]) for name in IDS & body.keys()
    }


def parsed(model: type[BaseModel], body: Any) -> Any:
    """A reply read from a body."""
    return parse_reply(get("/x", model), 200, json.dumps(body).encode())


def test_an_unknown_word_is_kept() -> None:
    """A state that Brevo adds later is shown as it is."""
    found = parsed(Programs, {"items": [{"id": "p", "name": "VIP", "state": "archived"}]})

    assert found.items[0].state == "archived"


@pytest.mark.parametrize("odd", [None, 7, "text", [], {}, {"name": "no id"}, {"id": {"deep": 1}}])
def test_one_unreadable_item_hides_no_other(odd: Any) -> None:
    """An item that is not a program is omitted, and the others are read."""
    items = [{"id": "a", "name": "A"}, odd, {"id": "b", "name": "B"}]

    assert [item.id for item in parsed(Programs, {"items": items}).items] == ["a", "b"]


def test_an_item_with_nothing_but_its_id_is_read() -> None:
    """Only the id is needed."""
    assert parsed(Tiers, {"items": [{"tierId": "t"}]}).items[0].tier_id == "t"


@pytest.mark.parametrize("odd", [7, "text", {"amount": 5}])
def test_a_history_is_whole_or_not_read(odd: Any) -> None:
    """A missing transaction would look as if it had not happened."""
    with pytest.raises(Unavailable):
        parsed(TransactionHistory, {"transactionHistory": [{"id": "t"}, odd]})


@pytest.mark.parametrize("history", [None, [], [None]])
def test_a_history_of_nothing_is_empty(history: Any) -> None:
    """Null for a list, and null in a list, mean nothing."""
    assert parsed(TransactionHistory, {"transactionHistory": history}).transaction_history == ()


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-12-01T10:00:00", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01 10:00:00", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01T10:00:00Z", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01T12:00:00+02:00", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01T10:00:00.123456789Z", datetime(2026, 12, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        (1796119200, datetime(2026, 12, 1, 10, tzinfo=UTC)),
        (1796119200000, datetime(2026, 12, 1, 10, tzinfo=UTC)),
        (datetime(2026, 12, 1, 10, tzinfo=UTC), datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (" ", None),
        (None, None),
        ("soon", None),
        ({}, None),
    ],
)
def test_a_moment_is_read_in_every_form(value: Any, moment: datetime | None) -> None:
    """Datetimes have an offset after reading: UTC if there was none."""
    assert read_moment(value) == moment


@pytest.mark.parametrize("consumed", ["", " ", None, "0001-01-01T00:00:00Z"])
def test_an_empty_date_is_no_date(consumed: str | None) -> None:
    """A voucher with an empty date of use was not used."""
    body = {"contactRewards": [{"id": "v", "code": "TEN", "consumedAt": consumed}]}

    assert parsed(Vouchers, body).contact_rewards[0].consumed_at is None
