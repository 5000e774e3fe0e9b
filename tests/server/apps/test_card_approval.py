"""A host that shows cards: the button of the card agrees, and nothing else does."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import anyio
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext

from loyalty_mcp.server.apps.confirmation_meta import CONFIRMATION_KEY
from loyalty_mcp.server.bootstrap import Runtime
from tests.conftest import YES, Connect, Mode, SandboxControl, text_of
from tests.server.apps.hosts import SHOWS_CARDS, CardHost, confirmation_in_card, host_factory
from tests.server.conftest import Clock

DEBIT: Final[dict[str, Any]] = {"member": "101", "amount": 10, "reason": "Correction"}
Host = Callable[..., AbstractAsyncContextManager[CardHost]]


@pytest.fixture
def host(make_runtime: Callable[..., Runtime], mode: Mode) -> Host:
    """Connects a host that shows cards and no dialogs, in both eras."""
    return host_factory(make_runtime, mode)


def status_of(result: types.CallToolResult) -> str:
    """What became of a call."""
    return str((result.structured_content or {})["status"])


async def test_the_button_of_the_card_moves_the_points_once(
    host: Host, control: SandboxControl
) -> None:
    """Agree carries out the change; a second press answers the first outcome."""
    before = await control.balance(101)
    async with host() as chat:
        shown = await chat.model_calls("debit_points", DEBIT)
        unchanged = await control.balance(101)
        done = await chat.person_agrees(shown)
        again = await chat.person_agrees(shown)

    assert (status_of(shown), unchanged) == ("confirmation_required", before)
    assert (status_of(done), status_of(again)) == ("applied", "applied")
    assert "Done before, not again" in text_of(again)
    assert await control.balance(101) == before - 10


async def test_two_presses_at_once_move_the_points_once(
    host: Host, control: SandboxControl
) -> None:
    """A double click is one agreement."""
    before = await control.balance(101)
    async with host() as chat:
        shown = await chat.model_calls("debit_points", DEBIT)
        async with anyio.create_task_group() as presses:
            presses.start_soon(chat.person_agrees, shown)
            presses.start_soon(chat.person_agrees, shown)

    assert await control.balance(101) == before - 10


async def test_the_model_sees_no_confirmation_and_cannot_agree(
    host: Host, control: SandboxControl
) -> None:
    """Nothing that a model may see holds a confirmation, and nothing it can say is one."""
    before = await control.state_hash()
    secrets: list[str] = []
    async with host() as chat:
        shown = await chat.model_calls("debit_points", DEBIT)
        intent = shown.structured_content["intent"]
        guesses = (intent, intent[:8], "yes", "agree", f"{intent}:10", "0" * 32, "")
        for guess in guesses:
            answer = await chat.model_calls("debit_points", {**DEBIT, "confirmation": guess})
            assert status_of(answer) == "confirmation_required"
            secrets.append(confirmation_in_card(answer))
        checked = await chat.model_calls("check_intent", {"intent": intent})
        await chat.model_reads_all()
        secrets.append(confirmation_in_card(shown))

        assert status_of(checked) == "confirmation_required"
        assert len(set(secrets)) == len(guesses) + 1
        seen = "\n".join(chat.seen_by_model)
        assert [secret for secret in secrets if secret in seen] == []
        assert all("confirmation" not in page for page in map(structure_of, (shown, checked)))
    assert await control.state_hash() == before


def structure_of(result: types.CallToolResult) -> dict[str, Any]:
    """The structured content of an answer."""
    return dict(result.structured_content or {})


async def test_the_text_tells_the_model_to_wait(host: Host) -> None:
    """The text names the card and what tells the outcome, and asks for no second call."""
    async with host() as chat:
        shown = await chat.model_calls("debit_points", DEBIT)
        waiting = await chat.model_calls("check_intent", {"intent": structure_of(shown)["intent"]})
        await chat.person_agrees(shown)
        checked = await chat.model_calls("check_intent", {"intent": structure_of(shown)["intent"]})

    assert "decides in the card" in text_of(shown)
    assert f'check_intent "{structure_of(shown)["intent"]}"' in text_of(shown)
    assert "repeat the call" not in text_of(shown)
    assert "has not decided" in text_of(waiting)
    assert (status_of(checked), structure_of(checked)["agreed_by"]) == ("applied", "card")


async def test_declining_in_the_card_ends_the_change(host: Host, control: SandboxControl) -> None:
    """After a no the same card agrees to nothing any more."""
    before = await control.state_hash()
    async with host() as chat:
        shown = await chat.model_calls("debit_points", DEBIT)
        declined = await chat.person_declines(shown)
        late = await chat.person_agrees(shown)
        checked = await chat.model_calls("check_intent", {"intent": structure_of(shown)["intent"]})

    assert [status_of(item) for item in (declined, late, checked)] == ["declined"] * 3
    assert "the person said no in the card" in text_of(checked)
    assert await control.state_hash() == before


async def test_a_card_that_is_too_old_shows_a_new_preview(
    host: Host, control: SandboxControl, clock: Clock
) -> None:
    """After its time a press changes nothing, and the new preview can be agreed to."""
    before = await control.balance(101)
    async with host() as chat:
        shown = await chat.model_calls("debit_points", DEBIT)
        clock.advance(601)
        renewed = await chat.person_agrees(shown)
        unchanged = await control.balance(101)
        once_more = await chat.person_agrees(shown)
        done = await chat.person_agrees(renewed)

    assert (status_of(renewed), unchanged) == ("confirmation_required", before)
    assert "no longer holds" in text_of(renewed)
    assert confirmation_in_card(renewed) not in text_of(renewed)
    assert status_of(once_more) == "confirmation_required"
    assert status_of(done) == "applied"
    assert await control.balance(101) == before - 10


async def test_what_moved_since_the_preview_is_shown_anew(
    host: Host, control: SandboxControl
) -> None:
    """A press on a preview that no longer holds changes nothing and shows what moved."""
    before = await control.balance(101)
    async with host() as chat:
        first = await chat.model_calls("debit_points", DEBIT)
        other = await chat.model_calls("debit_points", {**DEBIT, "amount": 3})
        await chat.person_agrees(other)
        renewed = await chat.person_agrees(first)
        moved = await control.balance(101)
        done = await chat.person_agrees(renewed)

    assert (status_of(renewed), moved) == ("confirmation_required", before - 3)
    assert "Changed since the preview" in text_of(renewed)
    assert structure_of(renewed)["preview"]["after"]["balance"] == before - 13
    assert status_of(done) == "applied"
    assert await control.balance(101) == before - 13


async def test_above_the_amount_of_the_policy_a_person_types_it(
    host: Host, control: SandboxControl, tmp_path: Path
) -> None:
    """The card knows what to ask for; without it nothing is done, and the card still works."""
    policy = tmp_path / "policy.toml"
    policy.write_text("[approval]\ndialog_amount_above = 5\n", encoding="utf-8")
    before = await control.balance(101)
    async with host(policy=policy) as chat:
        shown = await chat.model_calls("debit_points", DEBIT)
        nothing = await chat.person_agrees(shown)
        wrong = await chat.person_agrees(shown, typed="100")
        unchanged = await control.balance(101)
        done = await chat.person_agrees(shown, typed="10")

    assert structure_of(shown)["preview"]["typed"] == "10"
    assert nothing.is_error
    assert wrong.is_error
    assert unchanged == before
    assert status_of(done) == "applied"
    assert await control.balance(101) == before - 10


async def test_the_confirmation_is_for_exactly_its_call(
    host: Host, control: SandboxControl
) -> None:
    """With other arguments it is refused, and not used up."""
    before = await control.balance(101)
    async with host() as chat:
        shown = await chat.model_calls("debit_points", DEBIT)
        secret = confirmation_in_card(shown)
        altered = await chat.model_calls(
            "debit_points", {**DEBIT, "amount": 11, "confirmation": secret}
        )
        done = await chat.person_agrees(shown)

    assert altered.is_error
    assert status_of(done) == "applied"
    assert await control.balance(101) == before - 10


@pytest.mark.parametrize(
    ("confirm", "status"),
    [("token", "confirmation_required"), ("operator", "waiting_for_operator")],
)
async def test_other_modes_give_a_card_nothing(host: Host, confirm: str, status: str) -> None:
    """Where the operator chose who agrees, it stays so."""
    async with host(confirm=confirm) as chat:
        result = await chat.model_calls("debit_points", DEBIT)

    assert status_of(result) == status
    assert CONFIRMATION_KEY not in (result.meta or {})
    assert ("confirmation" in structure_of(result)) == (confirm == "token")


async def test_where_only_a_dialog_may_agree_a_card_does_not(
    host: Host, control: SandboxControl
) -> None:
    """In mode dialog a host without dialogs changes nothing."""
    before = await control.state_hash()
    async with host(confirm="dialog") as chat:
        result = await chat.model_calls("debit_points", DEBIT)

    assert result.is_error
    assert CONFIRMATION_KEY not in (result.meta or {})
    assert await control.state_hash() == before


async def test_a_host_with_dialogs_and_cards_shows_the_dialog(
    make_runtime: Callable[..., Runtime], mode: Mode, control: SandboxControl
) -> None:
    """The dialog stays first; no confirmation is made for the card."""
    before = await control.balance(101)

    async def agree(
        context: ClientRequestContext,  # noqa: ARG001 - the protocol of the client names it
        params: types.ElicitRequestParams,  # noqa: ARG001 - same reason
    ) -> types.ElicitResult:
        return YES

    server = make_runtime().server()
    async with Client(
        server, mode=mode, elicitation_callback=agree, extensions=SHOWS_CARDS
    ) as client:
        result = await client.call_tool("debit_points", DEBIT)

    assert status_of(result) == "applied"
    assert CONFIRMATION_KEY not in (result.meta or {})
    assert await control.balance(101) == before - 10


async def test_a_client_without_cards_is_answered_as_before(connect: Connect) -> None:
    """The confirmation is in the answer, and nothing is there for a card."""
    async with connect() as client:
        result = await client.call_tool("debit_points", DEBIT)

    assert structure_of(result)["confirmation"] in text_of(result)
    assert set(result.meta or {}) <= {"sandbox", types.SERVER_INFO_META_KEY}


async def test_the_card_of_a_batch_has_every_row(host: Host) -> None:
    """A row that can be done says what it does, and one that cannot says why."""
    rows = [{"member": "101", "amount": 5}, {"member": "nobody@example.com", "amount": 5}]
    async with host() as chat:
        shown = await chat.model_calls(
            "bulk_change", {"action": "credit", "rows": rows, "reason": "Goodwill"}
        )

    first, second = structure_of(shown)["preview"]["rows"]
    assert (first["number"], "5 points" in first["summary"]) == (1, True)
    assert (second["member"], "refused" in second) == ("nobody@example.com", True)
