"""No bound is got around by splitting a change into rows, or by waiting."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.applications import Starlette

from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.settings import read_settings
from tests.bulk_caller import BulkCaller, credit_each, new_members, statuses
from tests.conftest import SandboxControl

Make = Callable[..., Runtime]

STOPS: Final = "[caps]\nchanges_per_hour = 1\n"


@pytest.fixture
def policy(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a policy file."""

    def written(text: str) -> Path:
        file = tmp_path / "policy.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return written


class TestSplitting:
    """What one call may not do, rows may not do together."""

    @pytest.mark.parametrize("confirm", ["token", "off", "ask", "dialog"])
    async def test_an_operator_decides_in_every_mode(
        self,
        make_runtime: Make,
        control: SandboxControl,
        policy: Callable[[str], Path],
        confirm: str,
    ) -> None:
        """A total above the threshold waits for an operator, however small its rows are."""
        members = await new_members(control, 4)
        rules = policy("[approval]\noperator_above = 20\n")
        caller = BulkCaller(make_runtime(confirm=confirm, policy=rules))

        answer = await caller.once("bulk_change", **credit_each(members * 3, 2))

        assert answer.structured is not None
        assert answer.structured["status"] == "waiting_for_operator"
        assert [await control.balance(member) for member in members] == [0.0] * 4

    async def test_rows_of_one_member_share_the_cap_of_one_call(
        self, make_runtime: Make, control: SandboxControl, policy: Callable[[str], Path]
    ) -> None:
        """Three rows of 40 are no way around a cap of 100, by whatever name the member has."""
        (member,) = await new_members(control, 1)
        caller = BulkCaller(
            make_runtime(confirm="token", policy=policy("[caps]\ncredit_per_call = 100\n"))
        )
        names = [str(member), "bulk0@example.com", "own:BULK-0"]

        answer = await caller.agreed(**credit_each(names, 40))

        assert statuses(answer) == ["done", "done", "refused"]
        assert "earlier rows move 80 for the same member" in answer["result"]["rows"][2]["reason"]
        assert await control.balance(member) == 80

    async def test_who_shares_a_membership_shares_its_caps(
        self, make_runtime: Make, control: SandboxControl, policy: Callable[[str], Path]
    ) -> None:
        """Another contact of the same member is no second cap."""
        guest = (await control.post("/v3/contacts", {"email": "guest@example.com"}))["id"]
        path = f"/v3/loyalty/config/programs/{await control.program()}/subscription-members"
        await control.post(path, {"contactId": 101, "memberContactIds": [guest]})
        rules = policy("[caps]\ncredit_per_member_per_day = 10\n")
        caller = BulkCaller(make_runtime(confirm="token", policy=rules))
        before = await control.balance(101)

        answer = await caller.agreed(**credit_each([101, guest], 6))

        assert statuses(answer) == ["done", "refused"]
        assert await control.balance(101) == before + 6

    @pytest.mark.parametrize("denied", ["bulk_change", "credit_points"])
    async def test_what_was_denied_since_the_preview_is_not_carried_out(
        self,
        make_runtime: Make,
        control: SandboxControl,
        policy: Callable[[str], Path],
        denied: str,
    ) -> None:
        """An agreement does not lift a denial that came after it."""
        arguments = credit_each([101, 102])
        found = await BulkCaller(make_runtime(confirm="token")).preview(**arguments)
        rules = policy(f'[tools]\ndeny = ["{denied}"]\n')
        caller = BulkCaller(make_runtime(confirm="token", policy=rules))
        before = await control.state_hash()

        answer = await caller.once("bulk_change", **arguments, confirmation=found["confirmation"])

        assert answer.structured is not None
        assert answer.structured["result"]["done"] == 0
        assert f"denies {denied}" in answer.text
        assert await control.state_hash() == before


class TestEndOfItsDay:
    """An agreed batch can be continued for a day, and not a moment longer."""

    class Clock:
        """Our own clock, which a test moves."""

        def __init__(self) -> None:
            self.ahead = timedelta(0)

        def now(self) -> datetime:
            """The time."""
            return datetime.now(UTC) + self.ahead

    @pytest.fixture
    async def clock(self) -> Clock:
        """A clock that runs with the machine's until it is moved."""
        return self.Clock()

    @pytest.fixture
    async def caller(self, sandbox: Starlette, clock: Clock, policy: Callable[[str], Path]) -> Any:
        """A caller whose batches stop after one row an hour."""
        settings = read_settings(confirm="token", policy=policy(STOPS))
        runtime = compose(settings, sandbox, now=clock.now)
        yield BulkCaller(runtime)
        await runtime.http.aclose()
        await runtime.context.journal.close()

    async def test_what_is_left_then_is_not_done(
        self, caller: BulkCaller, clock: Clock, control: SandboxControl
    ) -> None:
        """The repeated call ends it, and says what was done and what was not."""
        members = await new_members(control, 3)
        arguments = credit_each(members, 7)
        stopped = await caller.agreed(**arguments)
        clock.ahead = timedelta(hours=23)
        late = await caller.once("bulk_change", **arguments, confirmation=stopped["confirmation"])
        clock.ahead = timedelta(hours=24, seconds=1)

        ended = await caller.once("bulk_change", **arguments, confirmation=stopped["confirmation"])
        again = await caller.once("check_intent", intent=stopped["intent"])

        assert stopped["status"] == "partly_applied"
        assert late.structured is not None
        assert late.structured["result"]["done"] == 2
        assert ended.structured is not None
        assert ended.structured["status"] == "expired"
        assert (ended.structured["result"]["done"], ended.structured["result"]["left"]) == (2, 1)
        assert "2 of 3 rows were done" in ended.text
        assert again.structured is not None
        assert again.structured["status"] == "expired"
        assert [await control.balance(member) for member in members] == [7.0, 7.0, 0.0]

    async def test_nobody_has_to_come_back_for_it_to_end(
        self, caller: BulkCaller, clock: Clock, control: SandboxControl
    ) -> None:
        """The sweep in the background ends it with what was done."""
        context = caller.runtime.context
        stopped = await caller.agreed(**credit_each(await new_members(control, 2), 7))
        clock.ahead = timedelta(hours=25)

        await context.reconciler.reconcile_all(context)

        ended = await context.journal.open().get(stopped["intent"])
        assert ended is not None
        assert ended.state == "expired"
        assert ended.result is not None
        assert (ended.result["done"], ended.result["left"]) == (1, 1)

    async def test_what_was_done_of_it_can_be_undone(
        self, caller: BulkCaller, clock: Clock, control: SandboxControl
    ) -> None:
        """A batch that expired is undone like any other, as far as it went."""
        members = await new_members(control, 2)
        stopped = await caller.agreed(**credit_each(members, 7))
        clock.ahead = timedelta(hours=25)
        await caller.once("check_intent", intent=stopped["intent"])

        answer = await caller.agreed_to(
            "reverse_transaction", batch=stopped["intent"], reason="Wrong list"
        )

        assert statuses(answer) == ["done"]
        assert [await control.balance(member) for member in members] == [0.0, 0.0]
