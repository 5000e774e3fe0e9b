"""The policy: the operator's word, read strictly and applied without exception."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.brevo.operation import Risk
from loyalty_mcp.errors import BadSetting, Refused
from loyalty_mcp.intents.lifecycle import Movement
from loyalty_mcp.intents.policy import (
    Approval,
    Caps,
    DeniedTools,
    Policy,
    Usage,
    check,
    needs_operator,
    needs_typed_amount,
    read_policy,
)

RISKS: dict[str, Risk] = {
    "debit_points": "moves_value",
    "credit_points": "moves_value",
    "delete_program": "destructive",
    "create_tier": "write",
    "publish_program": "write",
    "apply_program": "write",
    "list_tiers": "read",
}

DESIGNED = """
[caps]
credit_per_call = 1000
debit_per_call = 1000
credit_per_member_per_day = 2000
debit_per_member_per_day = 2000.5
changes_per_hour = 200
[approval]
dialog_amount_above = 200
operator_above = 500
without_question = ["create_tier"]
[tools]
deny = ["delete_program"]
"""

Read = Callable[[str], Policy]
Kind = Literal["credit", "debit"]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a policy from its text."""

    def read_text(text: str) -> Policy:
        file = tmp_path / "policy.toml"
        file.write_text(text, encoding="utf-8")
        return read_policy(file, RISKS)

    return read_text


def movement(kind: Kind, amount: Any) -> Movement:
    """A movement of that size."""
    return Movement(kind, Decimal(amount), 101)


def allowed(policy: Policy, what: Movement | None, usage: Usage | None = None) -> bool:
    """Whether the policy lets a debit pass."""
    try:
        check(policy, "debit_points", what, usage or Usage())
    except Refused:
        return False
    return True


# Reading


def test_without_a_file_everything_is_allowed() -> None:
    """No policy binds nobody."""
    policy = read_policy(None, RISKS)

    assert policy == Policy()
    assert allowed(policy, movement("debit", 10**9), Usage(Decimal(10**9), 10**9))
    assert not needs_operator(policy, movement("debit", 10**9))
    assert not needs_typed_amount(policy, movement("debit", 10**9))


def test_whole_policy_is_read(read: Read) -> None:
    """Every rule of the design is read, with decimals as they are written."""
    policy = read(DESIGNED)

    assert policy.caps.per_call("credit") == Decimal(1000)
    assert policy.caps.per_day("debit") == Decimal("2000.5")
    assert policy.caps.changes_per_hour == 200
    assert policy.approval.without_question == ("create_tier",)
    assert policy.tools.deny == ("delete_program",)


@pytest.mark.parametrize("text", ["", "[caps]", "# nothing\n[tools]\ndeny = []"])
def test_empty_policy_is_no_policy(read: Read, text: str) -> None:
    """What is left out is not bounded."""
    assert read(text) == Policy()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[caps]\ndebit_per_cal = 1", "caps.debit_per_cal is no such rule"),
        ("[cap]\ndebit_per_call = 1", "cap is no such rule"),
        ("debit_per_call = 1", "debit_per_call is no such rule"),
        ('[caps]\ndebit_per_call = "1"', "caps.debit_per_call: "),
        ("[caps]\ndebit_per_call = -1", "caps.debit_per_call: "),
        ("[caps]\ndebit_per_call = nan", "caps.debit_per_call: "),
        ("[caps]\ndebit_per_call = inf", "caps.debit_per_call: "),
        ("[caps]\ndebit_per_call = true", "caps.debit_per_call: input should be a valid number."),
        ("[caps]\nchanges_per_hour = 1.5", "caps.changes_per_hour: "),
        ('[tools]\ndeny = "delete_program"', "tools.deny: "),
        ("[tools]\ndeny = [1]", "tools.deny.0: "),
        ('[tools]\ndeny = ["delete_progam"]', "tools.deny names 'delete_progam', which is no tool"),
        ('[approval]\nwithout_question = ["nothing"]', "which is no tool"),
        ('[approval]\nwithout_question = ["debit_points"]', "only tools that change draft"),
        ('[approval]\nwithout_question = ["delete_program"]', "only tools that change draft"),
        ('[approval]\nwithout_question = ["publish_program"]', "only tools that change draft"),
        ('[approval]\nwithout_question = ["apply_program"]', "only tools that change draft"),
        ('[approval]\nwithout_question = ["list_tiers"]', "only tools that change draft"),
        ("[caps", "the file is no TOML"),
        ("caps = 1", "caps: "),
    ],
)
def test_wrong_policy_refuses_to_start(read: Read, text: str, named: str) -> None:
    """A rule that makes no sense is named; none is ignored."""
    with pytest.raises(BadSetting) as caught:
        read(text)

    assert str(caught.value).startswith("LOYALTY_MCP_POLICY is wrong: ")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_refuses_to_start(tmp_path: Path) -> None:
    """A policy that cannot be read is not the same as none."""
    for file in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(BadSetting, match="cannot be read") as caught:
            read_policy(file, RISKS)
        assert repr(str(file)) in str(caught.value)


def test_a_tool_that_moves_value_is_never_free_of_questions(read: Read) -> None:
    """The whole sentence says which rule, which tool, and what may stand there."""
    with pytest.raises(BadSetting) as caught:
        read('[approval]\nwithout_question = ["create_tier", "debit_points"]')

    assert str(caught.value) == (
        "LOYALTY_MCP_POLICY is wrong: approval.without_question names 'debit_points'; "
        "only tools that change draft configuration may be there."
    )


@pytest.mark.parametrize("rule", ["tools.deny", "approval.without_question"])
def test_an_unknown_tool_is_named_with_its_rule(read: Read, rule: str) -> None:
    """Whoever wrote the file finds the line."""
    section, name = rule.split(".")
    with pytest.raises(BadSetting) as caught:
        read(f'[{section}]\n{name} = ["debit_pionts"]')

    assert str(caught.value) == (
        f"LOYALTY_MCP_POLICY is wrong: {rule} names 'debit_pionts', which is no tool."
    )


def test_file_that_is_no_text_refuses_to_start(tmp_path: Path) -> None:
    """A policy in an unknown encoding is not guessed at."""
    file = tmp_path / "policy.toml"
    file.write_bytes(b"\xff\xfe[caps]")

    with pytest.raises(BadSetting, match="cannot be read"):
        read_policy(file, RISKS)


# Applying


@pytest.mark.parametrize("amount", ["0.000001", "1"])
def test_denied_tool_is_refused(amount: str) -> None:
    """Nobody may use a tool that the operator denies."""
    policy = Policy(tools=DeniedTools(deny=("debit_points",)))

    assert not allowed(policy, movement("debit", amount))
    check(policy, "credit_points", movement("credit", amount))


@given(st.decimals(0, 2000, places=3), st.decimals(0, 2000, places=3))
def test_cap_of_a_call(most: Decimal, amount: Decimal) -> None:
    """A movement may be as large as its cap, and not the least more."""
    policy = Policy(caps=Caps(debit_per_call=float(most)))

    assert allowed(policy, movement("debit", amount)) == (amount <= most)
    assert allowed(policy, movement("credit", amount))


@given(*(st.decimals(0, 2000, places=3) for _ in range(3)))
def test_cap_of_a_day(most: Decimal, moved: Decimal, amount: Decimal) -> None:
    """All movements of a day together may be as large as their cap."""
    policy = Policy(caps=Caps(debit_per_member_per_day=float(most)))

    assert allowed(policy, movement("debit", amount), Usage(moved)) == (moved + amount <= most)


@pytest.mark.parametrize("kind", ["credit", "debit"])
def test_the_caps_of_credits_and_debits_are_their_own(kind: Kind) -> None:
    """Each direction has its cap of a call and its cap of a day."""
    caps = Caps(
        credit_per_call=1,
        debit_per_call=2,
        credit_per_member_per_day=3,
        debit_per_member_per_day=4,
    )
    call, day = (1, 3) if kind == "credit" else (2, 4)

    assert caps.per_call(kind) == call
    assert caps.per_day(kind) == day
    assert allowed(Policy(caps=caps), movement(kind, call), Usage(Decimal(day - call)))
    assert not allowed(Policy(caps=caps), movement(kind, call), Usage(Decimal(day)))


def test_refusal_says_what_is_left() -> None:
    """Who is refused learns which rule it was, and how much is left of it."""
    policy = Policy(caps=Caps(debit_per_member_per_day=100))
    with pytest.raises(Refused, match=r"allows 100 of debit a member a day; 30 is left today"):
        check(policy, "debit_points", movement("debit", 31), Usage(Decimal(70)))
    with pytest.raises(Refused, match=r"; 0 is left today"):
        check(policy, "debit_points", movement("debit", 1), Usage(Decimal(170)))


@pytest.mark.parametrize(("done", "passes"), [(0, True), (2, True), (3, False), (9, False)])
def test_cap_of_an_hour(done: int, passes: bool) -> None:
    """The cap of changes binds whatever moves no points, too."""
    policy = Policy(caps=Caps(changes_per_hour=3))

    assert allowed(policy, None, Usage(changes_this_hour=done)) == passes


@pytest.mark.parametrize("rule", ["debit_per_call", "debit_per_member_per_day"])
def test_cap_of_nothing_forbids_all(rule: str) -> None:
    """A cap of 0 is a cap, and not the lack of one."""
    policy = Policy.model_validate({"caps": {rule: 0}})

    assert not allowed(policy, movement("debit", "0.000001"))


@pytest.mark.parametrize("rule", ["debit_per_call", "debit_per_member_per_day"])
def test_cap_of_nothing_binds_points(rule: str) -> None:
    """A cap of 0 makes the size of a movement matter."""
    assert Policy.model_validate({"caps": {rule: 0}}).caps.bind_points


@pytest.mark.parametrize(
    "rule",
    [
        *("credit_per_call", "debit_per_call"),
        *("credit_per_member_per_day", "debit_per_member_per_day"),
    ],
)
def test_caps_on_points_bind_points(rule: str) -> None:
    """It is known whether the size of a movement matters at all."""
    assert Policy.model_validate({"caps": {rule: 5}}).caps.bind_points
    assert not Policy.model_validate({"caps": {"changes_per_hour": 5}}).caps.bind_points
    assert not Policy().caps.bind_points


@pytest.mark.parametrize(("amount", "over"), [("500", False), ("500.000001", True), ("9999", True)])
@pytest.mark.parametrize("kind", ["credit", "debit"])
def test_thresholds_of_approval(amount: str, kind: Kind, over: bool) -> None:
    """Above its threshold, and not at it, a movement needs more than a nod."""
    policy = Policy(approval=Approval(operator_above=500, dialog_amount_above=500))

    assert needs_operator(policy, movement(kind, amount)) == over
    assert needs_typed_amount(policy, movement(kind, amount)) == over
    assert not needs_operator(policy, None)
    assert not needs_typed_amount(policy, None)


def test_policy_never_changes() -> None:
    """What was read once is what holds."""
    with pytest.raises(ValueError, match="frozen"):
        Policy().caps = Caps()  # type: ignore[misc] # frozen: that is the point
