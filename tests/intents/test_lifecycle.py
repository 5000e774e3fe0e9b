"""The life of an intent: what may follow on what, and that an end is an end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.intents import lifecycle as intents
from loyalty_mcp.intents.lifecycle import (
    ENDED,
    MOVES,
    IllegalMove,
    Intent,
    Movement,
    Preparation,
    Preview,
    State,
    call_digest,
    changed_parts,
    check_move,
    in_state,
    is_batch,
    lapsed,
    new_confirmation,
    new_id,
    order_reference,
    reference_of,
    reversal_reference,
    row_intent_id,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATES: tuple[State, ...] = get_args(State)
DRAWN: set[tuple[State, State]] = {
    ("proposed", "approved"),
    ("proposed", "declined"),
    ("proposed", "expired"),
    ("approved", "sent"),
    ("approved", "not_applied"),
    ("approved", "expired"),
    ("sent", "applied"),
    ("sent", "not_applied"),
    ("sent", "unknown"),
    ("unknown", "applied"),
    ("unknown", "not_applied"),
    ("not_applied", "applied"),
}

INTENT = Intent(
    id="0" * 32,
    tool="debit_points",
    digest="d",
    caller="local",
    account="a",
    scope="full",
    arguments={},
    resolved=(),
    facts={},
    preview=Preview("Debit 1 point."),
    route="token",
    state="proposed",
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=10),
)

states = st.sampled_from(STATES)


def test_legal_moves_are_those_of_the_drawing() -> None:
    """There are no other moves than those that the module draws."""
    assert {(origin, target) for origin in MOVES for target in MOVES[origin]} == DRAWN
    assert set(MOVES) == set(STATES)


def test_drawing_names_every_state() -> None:
    """The drawing in the module shows every state there is."""
    assert all(state in (intents.__doc__ or "") for state in STATES)


@given(st.lists(states, max_size=12))
def test_no_path_leaves_an_end(targets: list[State]) -> None:
    """Whatever is tried in whatever order, an ended intent stays as it ended."""
    intent, path = INTENT, ["proposed"]
    for target in targets:
        try:
            intent = in_state(intent, target)
        except IllegalMove:
            assert (intent.state, target) not in DRAWN
        else:
            assert path[-1] not in ENDED or (path[-1], target) == ("not_applied", "applied")
            path.append(target)

    assert path.count("sent") <= 1
    assert path.count("approved") <= 1
    corrected = path[-2:] == ["not_applied", "applied"]
    assert "applied" not in path or corrected or path.index("sent") < path.index("applied")
    assert not ({"declined", "expired"} & set(path) and "sent" in path)


@given(states, states)
def test_a_move_is_legal_or_refused(origin: State, target: State) -> None:
    """A move that is not drawn is refused, and says which."""
    if (origin, target) in DRAWN:
        check_move(origin, target)
    else:
        with pytest.raises(IllegalMove, match=f"from {origin} to {target}"):
            check_move(origin, target)


def test_ends_are_the_states_without_a_way_out() -> None:
    """An intent has ended where no move leads on, or only the correction of an outcome."""
    assert {state for state in STATES if MOVES[state] <= {"applied"}} == ENDED
    assert MOVES["not_applied"] == {"applied"}


def test_a_move_leaves_the_rest_as_it_was() -> None:
    """A move changes the state and what it makes known, in a new record."""
    found = in_state(INTENT, "declined", reason="No.")

    assert found == replace(INTENT, state="declined", reason="No.")
    assert INTENT.state == "proposed"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("seconds", "late"), [(-1, False), (0, True), (1, True)])
def test_only_what_waits_can_lapse(state: State, seconds: int, late: bool) -> None:
    """An intent lapses at its very expiry, while it waits and at no other time."""
    found = lapsed(replace(INTENT, state=state), INTENT.expires_at + timedelta(seconds=seconds))

    assert found == (late and state in {"proposed", "approved"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
arguments = st.dictionaries(st.text(max_size=5), JSON, max_size=4)


@given(arguments, st.randoms(use_true_random=False))
def test_digest_does_not_depend_on_order(given_: dict[str, Any], chance: Any) -> None:
    """The same arguments in another order are the same call."""
    names = list(given_)
    chance.shuffle(names)

    assert call_digest("a", "t", given_) == call_digest(
        "a", "t", {name: given_[name] for name in names}
    )


@given(arguments, arguments)
def test_digest_tells_arguments_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Other arguments, or another tool, are another call."""
    assert call_digest("a", "t", one) != call_digest("a", "u", one)
    if repr(_sorted(one)) != repr(_sorted(other)):
        assert call_digest("a", "t", one) != call_digest("a", "t", other)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def test_ids_are_128_random_bits() -> None:
    """Ids are in hexadecimal, and do not repeat."""
    ids = {new_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(len(item) == 32 and int(item, 16) >= 0 for item in ids)


def test_confirmations_are_128_random_bits() -> None:
    """A confirmation cannot be guessed, and is not that of another intent."""
    made = {new_confirmation() for _ in range(1000)}

    assert len(made) == 1000
    assert all(len(item) == 32 and int(item, 16) >= 0 for item in made)


def test_a_row_has_one_id_whoever_carries_it_out() -> None:
    """It is as long as any id, and differs from row to row and from batch to batch."""
    ids = [row_intent_id(batch, row) for batch in ("a" * 32, "b" * 32) for row in range(1, 4)]

    assert ids == [row_intent_id(batch, row) for batch in ("a" * 32, "b" * 32) for row in (1, 2, 3)]
    assert len(set(ids)) == 6
    assert {len(item) for item in ids} == {32}


def test_what_keeps_rows_is_a_batch() -> None:
    """An intent with planned rows stands for many, and no other does."""
    assert is_batch(replace(INTENT, kept={"rows": []}))
    assert not is_batch(INTENT)


@pytest.mark.parametrize(
    ("kept", "given_", "reference"),
    [
        ({}, {}, None),
        ({}, {"order_id": "A-1"}, "order A-1"),
        ({}, {"order_id": 17}, "order 17"),
        ({"transaction": "t-1"}, {}, "reverses t-1"),
        ({"transaction": "t-1"}, {"order_id": "A-1"}, "reverses t-1"),
    ],
)
def test_an_intent_refers_to_what_it_reverses_or_to_its_order(
    kept: dict[str, Any], given_: dict[str, Any], reference: str | None
) -> None:
    """By its reference the journal finds whether the same was asked for before."""
    assert reference_of(replace(INTENT, kept=kept, arguments=given_)) == reference


def test_a_reference_fits_its_column() -> None:
    """A very long order is found by its beginning."""
    assert order_reference("x" * 200) == "order " + "x" * 154
    assert reversal_reference("x" * 200) == "reverses " + "x" * 151


@pytest.mark.parametrize(
    ("before", "now", "names"),
    [
        ({}, {}, ()),
        ({"balance": 1, "tier": "a"}, {"tier": "a", "balance": 1}, ()),
        ({"balance": 1, "tier": "a"}, {"balance": 2, "tier": "b"}, ("balance", "tier")),
        ({"balance": 1}, {}, ("balance",)),
        ({}, {"drafts": ["x"]}, ("drafts",)),
    ],
)
def test_changed_facts_are_named(
    before: dict[str, Any], now: dict[str, Any], names: tuple[str, ...]
) -> None:
    """Which facts changed is said by name, in order."""
    agreed = replace(INTENT, facts=before)

    assert changed_parts(agreed, Preparation(INTENT.preview, now)) == names


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"before": {"balance": Decimal("330.0")}}, ()),
        ({"before": {"balance": Decimal("12345678901234567.1")}}, ("balance",)),
        ({"after": {"text": "x" * 80 + "never expire"}}, ("text",)),
        ({"warnings": ("It is lost.",)}, ("warnings",)),
        ({"summary": "Debit 2 points."}, ("the description",)),
        ({"typed": "2"}, ("the description",)),
    ],
)
def test_every_value_of_a_preview_is_compared_in_full(
    change: dict[str, Any], names: tuple[str, ...]
) -> None:
    """Long texts and long numbers too, and not as they are displayed."""
    text = "x" * 80 + "expire at once"
    preview = Preview("Debit 1 point.", {"balance": 330}, {"text": text})
    agreed = replace(INTENT, preview=preview)

    assert changed_parts(agreed, Preparation(replace(preview, **change))) == names


@pytest.mark.parametrize("where", ["facts", "before", "after"])
def test_a_name_that_stands_in_several_places_is_compared_in_each(where: str) -> None:
    """A balance that is another before, and at its ceiling the same after, is not what was seen."""
    agreed_balance: dict[str, Any] = {"balance": 330}
    preview = Preview("Credit 100 points.", agreed_balance, {"balance": 340})
    agreed = replace(INTENT, facts=agreed_balance, preview=preview)
    other: dict[str, Any] = {"balance": 335}
    now = Preparation(preview, agreed_balance)
    if where == "facts":
        now = replace(now, facts=other)
    else:
        changes: dict[str, Any] = {where: other}
        now = replace(now, preview=replace(preview, **changes))

    assert changed_parts(agreed, now) == ("balance",)


def test_another_amount_voids_a_preview() -> None:
    """What the caps count is part of what was agreed to."""
    agreed = replace(INTENT, movement=Movement("debit", Decimal(5), 101))
    now = Preparation(INTENT.preview, movement=Movement("debit", Decimal("5.000001"), 101))

    assert changed_parts(agreed, now) == ("what moves",)
    assert changed_parts(agreed, replace(now, movement=agreed.movement)) == ()
