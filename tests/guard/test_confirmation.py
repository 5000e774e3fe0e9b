"""What passes between a call and whoever agrees: what is compared, and what is answered."""

from typing import Any, get_args

import pytest

from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.confirmation import (
    Call,
    Caller,
    Envelope,
    Reaction,
    confirmable,
    confirmable_in_card,
    outcome_of,
    pressed_in_card,
    require_same_call,
    waiting_for_operator,
)
from loyalty_mcp.intents.lifecycle import Intent, Preview, State
from loyalty_mcp.tools.registry import TOOLS
from tests.intents.journal.test_journal import ACCOUNT, ONE, an_intent

ME = Caller("local", can_ask=False)
CREDIT = TOOLS["credit_points"]
GIVEN = {"member": "101", "amount": 5, "reason": "Test"}


def call_of(caller: Caller = ME, scope: str = "full", **changes: Any) -> Call:
    """A call of credit_points."""
    return Call(CREDIT, CREDIT.validated({**GIVEN, **changes}), caller, scope)


def intent_of(call: Call, **changes: Any) -> Intent:
    """The intent that a call was previewed as."""
    return an_intent(**{"digest": call.digest(ACCOUNT), "scope": call.scope, **changes})


@pytest.mark.parametrize(
    ("typed", "expected", "same"),
    [
        (None, None, True),
        ("anything", None, True),
        (None, "500", False),
        ("500", "500", True),
        (" 500 ", "500", True),
        ("500.0", "500", True),
        ("1,500", "1500", True),
        ("1500", "1,500", True),
        ("501", "500", False),
        ("five hundred", "500", False),
        ("500", "Gold Club", False),
        ("Gold Club", "Gold Club", True),
        (" Gold Club\n", "Gold Club", True),
        ("gold club", "Gold Club", False),
    ],
)
def test_what_is_typed_is_compared_with_what_is_shown(
    typed: str | None, expected: str | None, same: bool
) -> None:
    """Numbers as numbers, names to the letter; blanks around them do not count."""
    assert Reaction(agreed=True, typed=typed).matches(expected) == same


def test_a_confirmation_holds_for_the_call_it_was_given_for() -> None:
    """The same tool, account, scope and arguments."""
    require_same_call(call_of(), intent_of(call_of()), ACCOUNT)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"tool": "debit_points"},
            "That confirmation is for debit_points, not for credit_points.",
        ),
        (
            {"account": "c" * 32},
            "That confirmation is for another Brevo account; ask for a new preview.",
        ),
        (
            {"scope": "support"},
            (
                "That confirmation was given under another role, program or member; ask for a new "
                "preview."
            ),
        ),
        (
            {"digest": call_of(amount=6).digest(ACCOUNT)},
            (
                "That confirmation is for other arguments; repeat the call exactly as it was "
                "previewed, or leave the confirmation out for a new preview."
            ),
        ),
    ],
)
def test_a_confirmation_of_another_call_says_what_differs(
    changes: dict[str, Any], says: str
) -> None:
    """The assistant learns whether to repeat the call otherwise or to begin anew."""
    with pytest.raises(Refused) as refused:
        require_same_call(call_of(), intent_of(call_of(), **changes), ACCOUNT)

    assert str(refused.value) == says


@pytest.mark.parametrize("moved", [None, "Changed since the preview."])
def test_a_preview_says_how_it_can_be_agreed_to(moved: str | None) -> None:
    """Each route has its own answer, with the same preview and the same last moment."""
    intent = an_intent()
    shared: dict[str, Any] = {"expires_at": intent.expires_at, "reason": moved}

    assert waiting_for_operator(intent, moved) == Envelope(
        "waiting_for_operator", ONE, intent.preview, **shared
    )
    assert confirmable(intent, "secret", moved) == Envelope(
        "confirmation_required", ONE, intent.preview, confirmation="secret", **shared
    )
    in_card = confirmable_in_card(intent, "secret", moved)
    assert in_card == Envelope(
        "confirmation_required", ONE, intent.preview, card_confirmation="secret", rows=[], **shared
    )
    assert "secret" not in repr(in_card)


def test_what_a_card_sends_is_answered_in_a_card() -> None:
    """Also where the session that it comes by shows none."""
    call = call_of()

    pressed = pressed_in_card(call)

    assert pressed.caller == Caller("local", can_ask=False, shows_cards=True)
    assert pressed.whole == call.whole


def test_a_card_shows_of_each_row_what_a_person_needs() -> None:
    """Its number, member and summary, and why it is refused; nothing else."""
    rows = [
        {"number": 1, "member": "101", "summary": "Credit 5.", "arguments": {"amount": 5}},
        {"number": 2, "member": "no one", "summary": "", "refused": "No such member."},
    ]

    shown = confirmable_in_card(an_intent(kept={"rows": rows}), "secret").rows

    assert shown == [
        {"number": 1, "member": "101", "summary": "Credit 5."},
        {"number": 2, "member": "no one", "summary": "", "refused": "No such member."},
    ]


@pytest.mark.parametrize("state", get_args(State))
def test_an_intent_answers_by_its_state(state: State) -> None:
    """What has ended is told as it was; what has not is neither applied nor refused."""
    preview = Preview("Credit 5 points.", done="Credited 5 points.")
    intent = an_intent(state=state, preview=preview, result={"new_balance": 6}, reason="Because.")
    ended = Envelope(
        state if state not in {"proposed", "approved", "sent"} else "unknown",  # type: ignore[arg-type] # narrowed by the words
        ONE,
        result={"new_balance": 6},
        reason="Because.",
        again=True,
        done="Credited 5 points.",
    )
    under_way = Envelope("unknown", ONE, reason="It is still under way; check_intent will tell.")

    open_ = state in {"proposed", "approved", "sent"}
    assert outcome_of(intent) == (under_way if open_ else ended)


def test_an_envelope_is_an_error_where_the_change_did_not_happen() -> None:
    """A client that looks at the error flag alone learns the truth."""
    failed = {status for status in get_args(State) if outcome_of(an_intent(state=status)).failed}

    assert failed == {"not_applied", "unknown", "expired", "proposed", "approved", "sent"}
