"""Many members behind one agreement: previewed, carried out, and told row by row."""

from typing import Any

from tests.bulk_caller import BulkCaller, credit_each, statuses
from tests.conftest import SandboxControl


async def test_every_row_is_credited_once(caller: BulkCaller, control: SandboxControl) -> None:
    """Three members, one agreement: each gets the points, and the answer names each row."""
    before = [await control.balance(member) for member in (101, 102, 103)]

    answer = await caller.agreed(**credit_each([101, "bruno.marchetti@example.com", "own:VIP-103"]))

    after = [await control.balance(member) for member in (101, 102, 103)]
    assert answer["status"] == "applied"
    assert statuses(answer) == ["done"] * 3
    assert [new - old for new, old in zip(after, before, strict=True)] == [100] * 3
    assert [row["new_balance"] for row in answer["result"]["rows"]] == after


async def test_the_preview_tells_who_how_much_and_what_cannot_be_done(caller: BulkCaller) -> None:
    """Rows that cannot be done are named with their reason, and do not stop the others."""
    arguments: dict[str, Any] = credit_each([101, "nobody@example.com", 104])

    answer = await caller.once("bulk_change", **arguments)

    assert answer.structured is not None
    preview = answer.structured["preview"]
    assert preview["after"]["total"] == 200
    assert [row["row"] for row in preview["after"]["cannot_be_done"]] == [2]
    assert "2 rows, 200 points in all; 1 of 3 cannot be done" in answer.text
    assert 'No contact has "nobody@example.com"' in answer.text
    assert 'member 101 (own id "VIP-101")' in answer.text


async def test_rows_that_cannot_be_done_are_refused_and_the_others_done(
    caller: BulkCaller, control: SandboxControl
) -> None:
    """The batch is at its end when no row is left, also where some were refused."""
    answer = await caller.agreed(**credit_each([101, "nobody@example.com", 104]))

    assert answer["status"] == "applied"
    assert statuses(answer) == ["done", "refused", "done"]
    assert answer["result"]["refused"] == 1
    assert await control.balance(104) == 145
