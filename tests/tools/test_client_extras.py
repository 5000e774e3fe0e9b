"""Arguments that clients add by themselves are dropped; a tool's own are not."""

from typing import Any

import pytest

from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.client_extras import CLIENT_EXTRAS, without_client_extras
from loyalty_mcp.tools.registry import TOOLS

N8N = {"sessionId": "s", "action": "sendMessage", "chatInput": "hi", "tool": "t", "toolCallId": "c"}


@pytest.mark.parametrize("extra", sorted(CLIENT_EXTRAS))
def test_a_known_extra_is_dropped(extra: str) -> None:
    """A read and a change are the same call with it and without it."""
    for name, given in (
        ("get_program", {"program": "VIP Club"}),
        ("credit_points", {"member": "101", "amount": 5, "reason": "r"}),
    ):
        assert TOOLS[name].validated({**given, extra: "x"}) == TOOLS[name].validated(given)


def test_all_that_n8n_adds_is_dropped() -> None:
    """Its action and tool go together with its ids."""
    assert without_client_extras({"program": "p", **N8N}, {"program"}) == {"program": "p"}


@pytest.mark.parametrize("given", [{"action": "delete"}, {"tool": "x"}, {"toolcallid": "x"}])
def test_what_may_be_a_mistake_is_refused(given: dict[str, Any]) -> None:
    """A word that a person may have meant is not dropped in silence."""
    with pytest.raises(InvalidArgument, match="is unknown"):
        TOOLS["get_program"].validated(given)


def test_a_tools_own_argument_is_never_dropped() -> None:
    """An argument of the name of an extra keeps its value."""
    given = {"action": "credit", "toolCallId": "c"}

    assert without_client_extras(given, {"action"}) == {"action": "credit"}
