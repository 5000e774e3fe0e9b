"""What others publish while a batch runs: rows that it changes are not done, or told truly."""

from collections.abc import Callable
from typing import Any

import pytest

from loyalty_mcp.intents.journal import Journal
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.tools.progress import reporting_to
from tests.bulk_caller import BulkCaller, credit_each, new_members, statuses
from tests.conftest import SandboxControl
from tests.guard.test_agreement_holds import edit_balance, publish

Json = dict[str, Any]
CUT: Json = {"maxAmount": 30, "balanceOptionAmountOvertakingStrategy": "partial"}


@pytest.fixture
def sandbox() -> Any:
    """A seeded engine without a limit."""
    app = create_app(SandboxSettings(rate_limit=0))
    yield app
    app.state.store.close()


@pytest.fixture
def caller(make_runtime: Callable[..., Runtime]) -> BulkCaller:
    """A caller of a server with the usual settings."""
    return BulkCaller(make_runtime(confirm="token"))


async def lower_threshold(control: SandboxControl) -> None:
    """Publish that the lowest tier with a threshold needs no more than 40 points."""
    tiers = f"/v3/loyalty/tier/programs/{await control.program()}/tiers"
    silver = next(tier for tier in (await control.get(tiers))["items"] if tier["name"] == "Silver")
    balance = silver["accessConditions"][0]["balanceDefinitionId"]
    condition = {"balanceDefinitionId": balance, "minimumValue": 40}
    body = {"name": "Silver", "accessConditions": [condition], "tierRewards": []}
    await control.put(f"{tiers}/{silver['tierId']}", body)
    await publish(control)


async def carried_out(
    caller: BulkCaller, arguments: Json, before_row: int, publishing: Callable[[], Any]
) -> Json:
    """The answer to a batch before one row of which something is published."""
    found = await caller.preview(**arguments)
    published = []

    async def listener(done: int, _total: int, now: str) -> None:
        if now.startswith("Row") and done == before_row - 1:
            await publishing()
            published.append(now)

    with reporting_to(listener):
        answer = await caller.once("bulk_change", **arguments, confirmation=found["confirmation"])
    assert published
    assert answer.structured is not None, answer.text
    return dict(answer.structured)


@pytest.mark.parametrize("count", [4, 12], ids=["few rows", "many rows"])
async def test_a_ceiling_that_is_published_meanwhile_refuses_the_rows_that_it_cuts(
    caller: BulkCaller, control: SandboxControl, count: int
) -> None:
    """Rows before it are done as agreed; of those after it nothing is moved otherwise."""
    members = await new_members(control, count)

    answer = await carried_out(
        caller, credit_each(members, 50), 3, lambda: edit_balance(control, **CUT)
    )

    assert statuses(answer) == ["done"] * 2 + ["refused"] * (count - 2)
    assert "Changed since the preview" in answer["result"]["rows"][2]["reason"]
    assert [await control.balance(member) for member in members] == [50.0] * 2 + [0.0] * (count - 2)


async def test_a_threshold_that_is_published_meanwhile_refuses_the_rows_that_it_moves(
    caller: BulkCaller, control: SandboxControl
) -> None:
    """A tier that nobody was shown is not given."""
    members = await new_members(control, 4)

    answer = await carried_out(
        caller, credit_each(members, 50), 3, lambda: lower_threshold(control)
    )

    assert statuses(answer) == ["done", "done", "refused", "refused"]
    assert "Changed since the preview: tiers" in answer["result"]["rows"][2]["reason"]


async def test_a_publication_that_changes_nothing_for_a_row_does_not_stop_it(
    caller: BulkCaller, control: SandboxControl
) -> None:
    """A ceiling far above: every row still does what was agreed to."""
    members = await new_members(control, 4)

    answer = await carried_out(
        caller, credit_each(members, 50), 3, lambda: edit_balance(control, maxAmount=9_000)
    )

    assert statuses(answer) == ["done"] * 4


async def test_a_row_that_was_moved_otherwise_is_told(
    caller: BulkCaller, control: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published after the last look at a row: no read can tell, and the answer says it after."""
    members = await new_members(control, 2)
    arguments = credit_each(members, 50)
    found = await caller.preview(**arguments)
    send = Journal.send

    async def then_published(*given: Any, **named: Any) -> bool:
        sent = await send(*given, **named)
        await edit_balance(control, **CUT)
        return sent

    monkeypatch.setattr(Journal, "send", then_published)

    answer = await caller.once("bulk_change", **arguments, confirmation=found["confirmation"])

    assert answer.structured is not None
    row = answer.structured["result"]["rows"][0]
    assert (row["status"], row["new_balance"]) == ("done", 30)
    assert "Brevo moved 30 points instead of the agreed 50 points" in row["reason"]
    assert 'Row 1, "109", done: Brevo moved 30 points instead' in answer.text
