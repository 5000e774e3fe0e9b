"""The budget: learned from the headers of any loyalty answer."""

from datetime import timedelta
from typing import Any

import pytest

from tests.brevo.conftest import START
from tests.brevo.upstream import CHANGE, READ, Open, Upstream, answer, error_of
from tests.hasty import HASTY


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """A loop whose clock jumps: no test here waits."""
    return HASTY


async def test_budget_is_learned(open_brevo: Open) -> None:
    """The headers of any loyalty answer tell what is left of the hour."""
    headers = {
        "x_sib_ratelimit_limit": "600",
        "x_sib_ratelimit_remaining": "42",
        "x_sib_ratelimit_reset": "90",
    }
    brevo = open_brevo(Upstream(answer(422, b"", **headers)))
    await error_of(brevo, CHANGE)

    assert brevo.budget is not None
    assert (brevo.budget.limit, brevo.budget.remaining) == (600, 42)
    assert brevo.budget.resets_at - START == pytest.approx(
        timedelta(seconds=90), abs=timedelta(seconds=1)
    )


@pytest.mark.parametrize("reset", ["", "soon", "1e9999", "9" * 20])
async def test_unreadable_budget_is_ignored(open_brevo: Open, reset: str) -> None:
    """Headers that make no sense teach nothing and break nothing."""
    headers = {
        "x_sib_ratelimit_limit": "600",
        "x_sib_ratelimit_remaining": "1",
        "x_sib_ratelimit_reset": reset,
    }
    brevo = open_brevo(Upstream(answer(200, b'{"items": []}', **headers)))
    await brevo.send(READ)

    assert brevo.budget is None
