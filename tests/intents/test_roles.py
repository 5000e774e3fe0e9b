"""Roles: each is defined whole, and a word that is no role is offered nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty_mcp.intents.access_token import Token
from loyalty_mcp.intents.roles import Role, definition_of, is_known, offers
from loyalty_mcp.server.prompts import PROMPTS
from loyalty_mcp.tools.registry import TOOLS

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize("role", Role)
def test_a_role_names_only_what_exists(role: Role) -> None:
    """Its tools, groups and prompts exist; it is offered at least one tool."""
    definition = definition_of(role)

    assert set(definition.tools) <= set(TOOLS)
    assert set(definition.groups) <= {tool.group for tool in TOOLS.values()}
    assert set(definition.prompts) <= set(PROMPTS)
    assert definition.tools or definition.everything


def test_an_unknown_role_is_offered_nothing() -> None:
    """A word that is no role has no definition, not that of some other role."""
    stranger: Any = "auditor"

    assert not is_known(stranger)
    with pytest.raises(AssertionError):
        definition_of(stranger)
    with pytest.raises(AssertionError):
        offers(stranger, "get_program", "programs", moves_value=False)


def test_the_holder_of_a_token_of_an_unknown_role_is_nobody() -> None:
    """A token that another version made for a role of its own does not hold here."""
    known = Token("kim", "digest", "support", None, operator=False, created_at=NOW)
    unknown = Token("kim", "digest", "auditor", None, operator=True, created_at=NOW)

    assert known.is_active(NOW)
    assert not unknown.is_active(NOW)
