"""Dialogs that no person saw: answered too fast, failed, or not answered at all."""

from collections.abc import Callable
from typing import Any, Final

import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.client.session import ClientRequestContext

from loyalty_mcp.server.bootstrap import Runtime
from tests.conftest import Connect, Mode, SandboxControl, text_of
from tests.server.conftest import Clock

DEBIT: Final[dict[str, Any]] = {"member": "101", "amount": 10, "reason": "Correction"}
SETTING: Final = "LOYALTY_MCP_CONFIRM"

Make = Callable[..., Runtime]


def failing(_params: types.ElicitRequestParams) -> Any:
    """A client that cannot show what it announced."""
    return types.ErrorData(code=-32603, message="no screen")


@pytest.mark.parametrize("seconds", [0, 0.25])
async def test_a_decline_that_no_person_can_have_given_names_the_setting(
    connect: Connect, control: SandboxControl, clock: Clock, seconds: float
) -> None:
    """Under 0.3 seconds the client declined by itself; the reason says what helps."""
    before = await control.state_hash()

    def answer(_params: types.ElicitRequestParams) -> types.ElicitResult:
        clock.advance(seconds)
        return types.ElicitResult(action="decline")

    async with connect(answer) as client:
        clock.stop()
        result = await client.call_tool("debit_points", DEBIT)

    assert result.structured_content["status"] == "declined"
    assert "faster than a person can read" in text_of(result)
    assert f"{SETTING} to token" in text_of(result)
    assert before == await control.state_hash()


async def test_a_decline_of_a_person_is_taken_at_their_word(
    connect: Connect, control: SandboxControl, clock: Clock
) -> None:
    """A no that took its time is a no, without advice how to get round it."""
    before = await control.state_hash()

    def answer(_params: types.ElicitRequestParams) -> types.ElicitResult:
        clock.advance(2)
        return types.ElicitResult(action="decline")

    async with connect(answer) as client:
        result = await client.call_tool("debit_points", DEBIT)

    assert result.structured_content["status"] == "declined"
    assert "the person said no" in text_of(result)
    assert SETTING not in text_of(result)
    assert before == await control.state_hash()


@pytest.mark.parametrize("mode", ["legacy"])
async def test_a_dialog_that_fails_is_replaced_by_a_confirmation(
    connect: Connect, control: SandboxControl
) -> None:
    """A bridge that announces dialogs and cannot show them leaves a way on."""
    before = await control.balance(101)
    async with connect(failing) as client:
        preview = await client.call_tool("debit_points", DEBIT)
        confirmed = {**DEBIT, "confirmation": preview.structured_content["confirmation"]}
        assert await control.balance(101) == before
        done = await client.call_tool("debit_points", confirmed)

    assert preview.structured_content["status"] == "confirmation_required"
    assert f"{SETTING} to token" in text_of(preview)
    assert done.structured_content["status"] == "applied"
    assert await control.balance(101) == before - 10


@pytest.mark.parametrize("mode", ["legacy"])
async def test_where_only_a_dialog_may_agree_a_failed_one_declines(
    connect: Connect, control: SandboxControl
) -> None:
    """In mode dialog nothing takes the place of a dialog."""
    before = await control.state_hash()
    async with connect(failing, confirm="dialog") as client:
        result = await client.call_tool("debit_points", DEBIT)

    assert result.structured_content["status"] == "declined"
    assert "confirmation" not in result.structured_content
    assert SETTING in text_of(result)
    assert before == await control.state_hash()


@pytest.mark.parametrize("mode", ["auto"])
async def test_a_modern_client_ends_its_call_when_its_dialog_fails(
    connect: Connect, control: SandboxControl, mode: Mode
) -> None:
    """The server learns nothing of it: the client never comes back, and nothing is done."""
    assert mode == "auto"
    before = await control.state_hash()
    async with connect(failing) as client:
        with pytest.raises(MCPError, match="no screen"):
            await client.call_tool("debit_points", DEBIT)

    assert before == await control.state_hash()


async def resumed_without_answer(make_runtime: Make, confirm: str) -> Any:
    """The result of a suspended call that comes back without an answer to its dialog."""

    async def unused(
        context: ClientRequestContext,  # noqa: ARG001 - the protocol of the client names it
        params: types.ElicitRequestParams,  # noqa: ARG001 - same reason
    ) -> types.ElicitResult:
        raise AssertionError("this call is resumed by hand")

    server = make_runtime(confirm=confirm).server()
    async with Client(server, mode="auto", elicitation_callback=unused) as client:
        session = client.session
        waiting = await session.call_tool("debit_points", DEBIT, allow_input_required=True)
        assert isinstance(waiting, types.InputRequiredResult)
        return await session.call_tool(
            "debit_points",
            DEBIT,
            allow_input_required=True,
            request_state=waiting.request_state,
            input_responses={},
        )


@pytest.mark.parametrize("confirm", ["ask", "dialog"])
async def test_a_call_that_is_resumed_without_an_answer_is_declined(
    make_runtime: Make, control: SandboxControl, confirm: str
) -> None:
    """A modern client that goes on without an answer has agreed to nothing."""
    before = await control.state_hash()
    result = await resumed_without_answer(make_runtime, confirm)

    assert result.structured_content["status"] == "declined"
    assert f"{SETTING} to token" in text_of(result)
    assert before == await control.state_hash()


async def test_an_outcome_that_is_an_error_carries_its_status_as_code(
    connect: Connect, clock: Clock
) -> None:
    """Programs read `_meta`; the code of an outcome is its status."""
    async with connect(intent_ttl=60) as client:
        preview = await client.call_tool("debit_points", DEBIT)
        clock.advance(61)
        confirmed = {**DEBIT, "confirmation": preview.structured_content["confirmation"]}
        late = await client.call_tool("debit_points", confirmed)

    assert late.is_error
    assert late.meta is not None
    assert late.meta["loyalty-mcp/error"] == {"code": "expired"}
