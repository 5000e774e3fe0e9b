"""What a menu costs stays within its budget."""

import pytest

from docs.menu_costs import LISTING_BUDGET, listing_as_sent, menu_of_role
from loyalty_mcp.cli.menu_size import count_tokens, menu_report
from loyalty_mcp.intents.roles import Role, definition_of


@pytest.mark.parametrize("role", Role)
def test_a_menu_is_within_its_budget(role: Role) -> None:
    """Name, description and input schema of all tools of a role cost no more than decided."""
    found = menu_report(menu_of_role(role))

    assert not found["tokens_estimated"]
    assert found["tokens"] <= definition_of(role).menu_tokens


def test_the_whole_listing_is_within_its_budget() -> None:
    """The answer to tools/list for role full, with output schemas and annotations."""
    assert count_tokens(listing_as_sent(menu_of_role(Role.FULL))) <= LISTING_BUDGET


@pytest.mark.parametrize("role", Role)
def test_instructions_are_short(role: Role) -> None:
    """What a client may show its model at the start costs less than 300 tokens."""
    assert count_tokens(definition_of(role).instructions) < 300
