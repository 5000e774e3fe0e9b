"""Who has to agree to a change, by the policy, the mode and what the client can show."""

from decimal import Decimal

import pytest

from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.confirmation import Call, Caller
from loyalty_mcp.guard.route import route_of
from loyalty_mcp.intents.lifecycle import Movement, Preparation, Preview, Route
from loyalty_mcp.intents.policy import Approval, Policy
from loyalty_mcp.settings import Confirm
from loyalty_mcp.tools.registry import TOOLS

CREDIT = TOOLS["credit_points"]
GIVEN = CREDIT.validated({"member": "101", "amount": 5, "reason": "Test"})
PLAIN = Caller("local", can_ask=False)
DIALOGS = Caller("local", can_ask=True)
CARDS = Caller("local", can_ask=False, shows_cards=True)
FREE = Policy(approval=Approval(without_question=("credit_points",)))
STRICT = Policy(approval=Approval(operator_above=100, without_question=("credit_points",)))


def moving(amount: int, total: int | None = None) -> Preparation:
    """A credit of an amount, alone or as the row of a batch with a total."""
    whole = None if total is None else Movement("credit", Decimal(total), 101)
    return Preparation(Preview("."), movement=Movement("credit", Decimal(amount), 101), total=whole)


@pytest.mark.parametrize(
    ("caller", "preparation", "policy", "confirm", "route"),
    [
        (DIALOGS, moving(5), Policy(), "ask", "dialog"),
        (DIALOGS, moving(5), Policy(), "dialog", "dialog"),
        (DIALOGS, moving(5), Policy(), "token", "token"),
        (DIALOGS, moving(5), Policy(), "operator", "operator"),
        (DIALOGS, moving(5), Policy(), "off", "none"),
        (DIALOGS, moving(5), FREE, "ask", "none"),
        (CARDS, moving(5), Policy(), "ask", "card"),
        (CARDS, moving(5), Policy(), "token", "token"),
        (PLAIN, moving(5), Policy(), "ask", "token"),
        (DIALOGS, moving(100), STRICT, "ask", "none"),
        (DIALOGS, moving(101), STRICT, "ask", "operator"),
        (DIALOGS, moving(101), STRICT, "off", "operator"),
        (DIALOGS, moving(5, total=101), STRICT, "off", "operator"),
        (DIALOGS, Preparation(Preview(".")), STRICT, "ask", "none"),
    ],
)
def test_who_has_to_agree(
    caller: Caller, preparation: Preparation, policy: Policy, confirm: Confirm, route: Route
) -> None:
    """The operator's threshold comes first, then the mode, then what the client can show."""
    assert route_of(Call(CREDIT, GIVEN, caller), preparation, policy, confirm) == route


@pytest.mark.parametrize("caller", [PLAIN, CARDS])
def test_a_server_that_wants_dialogs_says_so_where_there_are_none(caller: Caller) -> None:
    """Nothing is changed, and the operator learns what to set."""
    with pytest.raises(Refused) as refused:
        route_of(Call(CREDIT, GIVEN, caller), moving(5), Policy(), "dialog")

    assert str(refused.value) == (
        "This server asks a person in a dialog, and this client shows none; nothing was "
        "changed. The operator can set LOYALTY_MCP_CONFIRM to ask or token."
    )
