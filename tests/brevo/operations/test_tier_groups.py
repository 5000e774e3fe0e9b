"""Tier groups: a schedule is checked field by field."""

import pytest
from pydantic import ValidationError

from loyalty_mcp.brevo.operations.tier_groups import Schedule


def test_a_schedule_refuses_what_it_does_not_know() -> None:
    """An unknown field is an error and is not dropped."""
    with pytest.raises(ValidationError):
        Schedule.model_validate({"every": "year"})
