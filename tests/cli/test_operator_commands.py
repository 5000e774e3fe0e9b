"""Operators and typed amounts: agreement that the assistant cannot give."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from anyio.to_thread import run_sync
from click.testing import CliRunner, Result

from loyalty_mcp.cli.commands import main
from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.operator_approval import decide
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.settings import state_folder
from tests.conftest import YES, Connect, SandboxControl, text_of

CREDIT: dict[str, Any] = {"member": "101", "amount": 50, "reason": "Goodwill"}
Write = Callable[[str], Path]


@pytest.fixture
def policy(tmp_path: Path) -> Write:
    """Writes a policy file."""

    def write(text: str) -> Path:
        file = tmp_path / "policy.toml"
        file.write_text(text)
        return file

    return write


async def command(*arguments: str) -> Result:
    """Run `loyalty-mcp` with these arguments next to the server, on the same journal."""
    return await run_sync(lambda: CliRunner().invoke(main, list(arguments)))


async def asked(client: Any, **more: Any) -> tuple[str, dict[str, Any]]:
    """A credit that waits for an operator: its intent, and the call that carries it out."""
    call = {**CREDIT, **more}
    waiting = (await client.call_tool("credit_points", call)).structured_content
    assert waiting["status"] == "waiting_for_operator"
    assert "confirmation" not in waiting
    assert waiting["preview"]["summary"]
    return waiting["intent"], {**call, "confirmation": waiting["intent"]}


class TestOperator:
    """Mode `operator`: a person outside the conversation decides."""

    async def test_nobody_approves_their_own_intent(
        self, connect: Connect, control: SandboxControl
    ) -> None:
        """However often the assistant confirms, the intent keeps waiting, and nothing is moved."""
        async with connect(lambda _: YES, confirm="operator") as client:
            intent, confirmed = await asked(client)
            again = [await client.call_tool("credit_points", confirmed) for _ in range(3)]

        assert {answer.structured_content["status"] for answer in again} == {"waiting_for_operator"}
        assert {answer.structured_content["intent"] for answer in again} == {intent}
        assert await control.balance(101) == 280

    async def test_an_approved_intent_is_carried_out_by_the_same_call(
        self, connect: Connect, control: SandboxControl
    ) -> None:
        """The approval moves nothing; the call does, once, and the trail says who approved."""
        async with connect(confirm="operator") as client:
            intent, confirmed = await asked(client)
            approval = await command("intents", "approve", intent)
            assert await control.balance(101) == 280
            done = await client.call_tool("credit_points", confirmed)
            again = await client.call_tool("credit_points", confirmed)
            shown = await client.call_tool("check_intent", {"intent": intent})
        trail = json.loads((await command("audit", "show", "--json")).output)
        verified = await command("audit", "verify")

        assert approval.exit_code == 0
        assert done.structured_content["status"] == "applied"
        assert done.structured_content == again.structured_content
        assert shown.structured_content["agreed_by"].startswith("operator:")
        assert await control.balance(101) == 330
        steps = [entry["step"] for entry in trail if entry["intent"] == intent]
        assert steps == ["proposed", "approved", "sent", "drafted", "applied"]
        assert verified.exit_code == 0

    async def test_what_nobody_decided_in_time_is_shown_as_over(self, connect: Connect) -> None:
        """The operator is not told that it still waits."""
        async with connect(confirm="operator") as client:
            intent, _ = await asked(client)
        journal = sqlite3.connect(state_folder() / "sandbox-journal.db")
        with journal:
            journal.execute("UPDATE intents SET expires_at = created_at WHERE id = ?", (intent,))
        journal.close()

        waiting = await command("intents", "list", "--state", "proposed")
        listed = json.loads((await command("intents", "list", "--json")).output)
        shown = json.loads((await command("intents", "show", intent, "--json")).output)

        assert waiting.output == "There are no intents.\n"
        assert [item["state"] for item in listed] == ["expired"]
        assert (shown["status"], shown["state"]) == ("expired", "expired")

    async def test_a_declined_intent_is_over(
        self, connect: Connect, control: SandboxControl
    ) -> None:
        """Neither the call nor a later approval revives it."""
        async with connect(confirm="operator") as client:
            intent, confirmed = await asked(client)
            declined = await command("intents", "decline", intent)
            late = await command("intents", "approve", intent)
            answer = await client.call_tool("credit_points", confirmed)

        assert declined.exit_code == 0
        assert late.exit_code == 2
        assert answer.structured_content["status"] == "declined"
        assert await control.balance(101) == 280

    async def test_what_waits_for_a_confirmation_can_be_vetoed(
        self, connect: Connect, control: SandboxControl
    ) -> None:
        """Whoever holds the confirmation moves nothing after somebody at the shell said no."""
        async with connect(confirm="token") as client:
            preview = (await client.call_tool("credit_points", CREDIT)).structured_content
            approved = await command("intents", "approve", preview["intent"][:8])
            declined = await command("intents", "decline", preview["intent"][:8])
            answer = await client.call_tool(
                "credit_points", {**CREDIT, "confirmation": preview["confirmation"]}
            )

        assert approved.exit_code == 2
        assert "it can only be declined here" in approved.stderr
        assert declined.exit_code == 0
        assert answer.structured_content["status"] == "declined"
        assert await control.balance(101) == 280

    async def test_what_was_approved_is_for_exactly_its_call(
        self, connect: Connect, control: SandboxControl
    ) -> None:
        """Other arguments are refused, and the approval stays valid."""
        async with connect(confirm="operator") as client:
            intent, confirmed = await asked(client)
            await command("intents", "approve", intent)
            other = await client.call_tool("credit_points", {**confirmed, "amount": 51})
            done = await client.call_tool("credit_points", confirmed)

        assert "other arguments" in text_of(other)
        assert done.structured_content["status"] == "applied"
        assert await control.balance(101) == 330

    async def test_an_approval_rests_on_its_facts(
        self, connect: Connect, control: SandboxControl
    ) -> None:
        """If the balance changes after the approval, an operator has to decide again."""
        async with connect(confirm="operator") as client:
            first, confirmed = await asked(client)
            other, other_confirmed = await asked(client, amount=1)
            for intent in (first, other):
                await command("intents", "approve", intent)
            await client.call_tool("credit_points", other_confirmed)
            answer = await client.call_tool("credit_points", confirmed)

        assert answer.structured_content["status"] == "waiting_for_operator"
        assert answer.structured_content["intent"] != first
        assert "balance" in answer.structured_content["reason"]
        assert await control.balance(101) == 281

    async def test_of_many_decisions_one_counts(
        self, make_runtime: Callable[..., Runtime], control: SandboxControl
    ) -> None:
        """Of simultaneous approvals and declines, the first one counts."""
        made = make_runtime(confirm="operator")
        async with connected_to(made) as client:
            intent, confirmed = await asked(client)
            outcomes: list[str] = []

            async def deciding(number: int) -> None:
                target: Any = ("approved", "declined")[number % 2]
                try:
                    await decide(made.context, intent, target, f"operator:{number}")
                except Refused:
                    return
                outcomes.append(target)

            async with anyio.create_task_group() as group:
                for number in range(8):
                    group.start_soon(deciding, number)
            answer = await client.call_tool("credit_points", confirmed)

        assert len(outcomes) == 1
        expected = {"approved": ("applied", 330), "declined": ("declined", 280)}[outcomes[0]]
        assert (answer.structured_content["status"], await control.balance(101)) == expected

    async def test_an_intent_that_waits_for_nobody_is_not_for_operators(
        self, make_runtime: Callable[..., Runtime]
    ) -> None:
        """An operator cannot approve what the assistant may confirm itself."""
        made = make_runtime(confirm="token")
        async with connected_to(made) as client:
            preview = await client.call_tool("credit_points", CREDIT)
            intent = preview.structured_content["intent"]

            with pytest.raises(Refused, match="does not wait for an operator"):
                await decide(made.context, intent, "approved", "operator:somebody")

    async def test_an_operator_who_asked_does_not_decide(
        self, make_runtime: Callable[..., Runtime]
    ) -> None:
        """The caller and the operator have to be different."""
        made = make_runtime(confirm="operator")
        async with connected_to(made) as client:
            intent, _ = await asked(client)

            with pytest.raises(Refused, match="own intent"):
                await decide(made.context, intent, "approved", "local")


def connected_to(runtime: Runtime) -> Any:
    """A client of a server on this runtime."""
    from mcp import Client  # noqa: PLC0415 - only for tests without eras

    return Client(runtime.server())


class TestAbove:
    """`operator_above` and `dialog_amount_above`: larger amounts need more."""

    @pytest.mark.parametrize("confirm", ["ask", "dialog", "token", "operator", "off"])
    async def test_above_an_operator_has_to_approve_in_every_mode(
        self, connect: Connect, control: SandboxControl, policy: Write, confirm: str
    ) -> None:
        """This applies whatever the assistant or its dialog answers, and in mode `off`."""
        rules = policy("[approval]\noperator_above = 49")
        async with connect(lambda _: YES, confirm=confirm, policy=rules) as client:
            intent, confirmed = await asked(client)
            still = await client.call_tool("credit_points", confirmed)
            before = await control.balance(101)
            await command("intents", "approve", intent)
            done = await client.call_tool("credit_points", confirmed)

        assert still.structured_content["status"] == "waiting_for_operator"
        assert before == 280
        assert done.structured_content["status"] == "applied"
        assert await control.balance(101) == 330

    @pytest.mark.parametrize(
        ("tool", "more"),
        [
            ("create_transaction", {"amount": 50, "auto_complete": True}),
            ("create_transaction", {"amount": -50}),
            (
                "create_balance_order",
                {"amount": 50, "source": "user", "due_at": "2090-01-01T00:00:00Z"},
            ),
        ],
    )
    async def test_bare_operations_are_no_way_around(
        self,
        connect: Connect,
        control: SandboxControl,
        policy: Write,
        tool: str,
        more: dict[str, Any],
    ) -> None:
        """The same amount through another tool waits as well."""
        before = await control.state_hash()
        rules = policy("[approval]\noperator_above = 49")
        async with connect(confirm="off", policy=rules) as client:
            answer = await client.call_tool(tool, {"member": "101", **more})

        assert answer.structured_content["status"] == "waiting_for_operator"
        assert before == await control.state_hash()

    async def test_exactly_at_it_no_operator_is_needed(
        self, connect: Connect, control: SandboxControl, policy: Write
    ) -> None:
        """The threshold itself is not above the threshold."""
        rules = policy("[approval]\noperator_above = 50")
        async with connect(confirm="off", policy=rules) as client:
            answer = await client.call_tool("credit_points", CREDIT)

        assert answer.structured_content["status"] == "applied"
        assert await control.balance(101) == 330

    @pytest.mark.parametrize("confirm", ["ask", "dialog"])
    async def test_the_typed_amount_is_the_amount(
        self, connect: Connect, control: SandboxControl, policy: Write, confirm: str
    ) -> None:
        """Above the threshold, the form asks for the amount, and the right one agrees."""
        shown: list[types.ElicitRequestParams] = []

        def type_it(params: types.ElicitRequestParams) -> types.ElicitResult:
            shown.append(params)
            return types.ElicitResult(action="accept", content={"agree": True, "amount": 50})

        rules = policy("[approval]\ndialog_amount_above = 49")
        async with connect(type_it, confirm=confirm, policy=rules) as client:
            answer = await client.call_tool("credit_points", CREDIT)

        (dialog,) = shown
        assert isinstance(dialog, types.ElicitRequestFormParams)
        assert set(dialog.requested_schema["properties"]) == {"agree", "amount"}
        assert answer.structured_content["status"] == "applied"
        assert await control.balance(101) == 330

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param({"agree": True, "amount": 5}, id="smaller"),
            pytest.param({"agree": True, "amount": 500}, id="larger"),
            pytest.param({"agree": True, "amount": 50.01}, id="a little more"),
            pytest.param({"agree": True, "amount": -50}, id="negative"),
            pytest.param({"agree": True, "amount": "50"}, id="text"),
            pytest.param({"agree": True}, id="missing"),
            pytest.param({"agree": False, "amount": 50}, id="unticked"),
        ],
    )
    async def test_any_other_amount_declines(
        self, connect: Connect, control: SandboxControl, policy: Write, content: dict[str, Any]
    ) -> None:
        """Nothing is moved, and no confirmation is issued."""
        before = await control.state_hash()
        rules = policy("[approval]\ndialog_amount_above = 49")
        answers = types.ElicitResult(action="accept", content=content)
        async with connect(lambda _: answers, policy=rules) as client:
            answer = await client.call_tool("credit_points", CREDIT)
            intent = answer.structured_content["intent"]
            confirmed = await client.call_tool("credit_points", {**CREDIT, "confirmation": intent})

        assert answer.structured_content["status"] == "declined"
        assert "confirmation" not in answer.structured_content
        assert confirmed.structured_content["status"] == "declined"
        assert before == await control.state_hash()

    async def test_below_the_threshold_ticking_is_enough(
        self, connect: Connect, control: SandboxControl, policy: Write
    ) -> None:
        """The form has only one box."""
        rules = policy("[approval]\ndialog_amount_above = 50")
        async with connect(lambda _: YES, policy=rules) as client:
            answer = await client.call_tool("credit_points", CREDIT)

        assert answer.structured_content["status"] == "applied"
        assert await control.balance(101) == 330
