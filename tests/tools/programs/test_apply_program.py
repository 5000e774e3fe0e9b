"""apply_program: a whole program behind one agreement."""

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import mcp_types as types
import pytest
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from loyalty_mcp.brevo.client import utc_now
from loyalty_mcp.errors import OutcomeUnknown
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.tools.programs.apply_program import reconcile_plan
from loyalty_mcp.tools.programs.spec import ProgramSpec
from tests.conftest import YES, Connect, SandboxControl, text_of
from tests.tools.programs.conftest import RICH, CallerSession, client_on, copy_of_the_seed


async def test_an_export_applied_elsewhere_exports_the_same(
    seeded: CallerSession, session: CallerSession
) -> None:
    """The seeded program, applied to an empty account, exports the same spec."""
    spec = await copy_of_the_seed(seeded)
    answer = await session.call("apply_program", spec=spec)

    assert answer["status"] == "applied"
    assert answer["result"]["published"] is False
    assert await session.exported("Copy") == spec
    assert (await session.call("plan_program", spec=spec))["empty"] is True


async def test_every_setting_that_is_applied_is_exported(session: CallerSession) -> None:
    """Caps, rounding, expiry, limits, rewards and tiers come back as they were described."""
    await session.call("apply_program", spec=RICH)

    assert await session.exported("Rich Club") == RICH


async def test_applying_again_changes_nothing(session: CallerSession) -> None:
    """A spec that the program fulfils already sends nothing."""
    await session.call("apply_program", spec=RICH)
    before = await session.control.state_hash()
    answer = await session.call("apply_program", spec=RICH)

    assert answer["status"] == "applied"
    assert answer["result"].get("changes", []) == []
    assert await session.control.state_hash() == before


async def test_only_what_the_spec_changes_is_changed(session: CallerSession) -> None:
    """Objects keep their ids, and what is not described stays."""
    await session.call("apply_program", spec=RICH)
    program = await session.control.program()
    path = f"/v3/loyalty/balance/programs/{program}/balance-definitions"
    before = {item["name"]: item["id"] for item in (await session.control.get(path))["items"]}
    changed = deepcopy(RICH)
    changed["balances"][1]["maximum"] = 6000
    changed["balances"][1]["limits"][0]["value"] = 400
    changed["tier_groups"][0]["tiers"].insert(1, {"name": "Silver", "minimum": {"Points": 200}})
    part = deepcopy(changed)
    del part["rewards"][0]["public_name"], part["balances"][0]
    answer = await session.call("apply_program", spec=part)

    assert [
        (change["action"], change["kind"], change["name"]) for change in answer["result"]["changes"]
    ] == [
        ("change", "balance", "Points"),
        ("change", "limit", "Points: credit amount per 1 day"),
        ("create", "tier", "Silver"),
        ("change", "tier_order", "Status"),
    ]
    after = {item["name"]: item["id"] for item in (await session.control.get(path))["items"]}
    assert before == after
    assert await session.exported("Rich Club") == changed


async def test_it_is_published_only_when_asked(session: CallerSession) -> None:
    """The draft is published only if `publish` is true."""
    await session.call("apply_program", spec=RICH)
    path = f"/v3/loyalty/config/programs/{await session.control.program()}"
    draft = (await session.control.get(path))["state"]
    answer = await session.call("apply_program", spec=RICH, publish=True)

    assert draft == "inactive"
    assert answer["result"]["published"] is True
    assert (await session.control.get(path))["state"] == "active"


async def test_a_preview_shows_the_whole_plan(connect: Connect, control: SandboxControl) -> None:
    """The preview lists each change, and what has to be done by hand."""
    before = await control.state_hash()
    async with connect() as client:
        result = await client.call_tool("apply_program", {"spec": RICH, "publish": True})

    preview = result.structured_content["preview"]
    assert result.structured_content["status"] == "confirmation_required"
    assert preview["summary"].startswith(
        'Set up program "Rich Club": 11 to create, then publish.\n'
    )
    assert '- Create tier "Gold": in "Status"; from 500 "Points"; image' in text_of(result)
    assert len(preview["after"]["changes"]) == 11
    assert "By hand: reward" in preview["warnings"][0]
    assert "goes live" in preview["warnings"][-1]
    assert await control.state_hash() == before


async def test_one_agreement_carries_it_all_out(connect: Connect) -> None:
    """One dialog sets the program up, and the answer lists each change."""
    async with connect(lambda _params: YES) as client:
        result = await client.call_tool("apply_program", {"spec": RICH})
        exported = await client.call_tool("export_program", {"program": "rich club"})

    assert result.structured_content["status"] == "applied"
    assert '- Created tier order "Status": "Bronze" < "Gold"' in text_of(result)
    assert exported.structured_content == {"spec": RICH, "sandbox": True}


async def test_a_declined_dialog_changes_nothing(connect: Connect, control: SandboxControl) -> None:
    """Nothing is created before a person agrees."""
    before = await control.state_hash()
    no = types.ElicitResult(action="decline")
    async with connect(lambda _params: no) as client:
        result = await client.call_tool("apply_program", {"spec": RICH})

    assert result.structured_content["status"] == "declined"
    assert await control.state_hash() == before


async def test_a_program_changed_since_the_preview_needs_a_new_agreement(
    connect: Connect, control: SandboxControl
) -> None:
    """If what exists changes after the preview, a new preview is made."""
    async with connect() as client:
        first = await client.call_tool("apply_program", {"spec": RICH})
        await control.post("/v3/loyalty/config/programs", {"name": "Rich Club"})
        token = first.structured_content["confirmation"]
        again = await client.call_tool("apply_program", {"spec": RICH, "confirmation": token})

    assert again.structured_content["status"] == "confirmation_required"
    assert "program" in again.structured_content["reason"]
    assert "10 to create, 1 to change" in again.structured_content["preview"]["summary"]


async def test_a_plan_above_the_budget_is_refused_before_it_starts() -> None:
    """A plan that cannot be finished this hour is not begun; the error says when to return."""
    app = create_app(SandboxSettings(empty=True, rate_limit=20))
    async with client_on(app) as session:
        before = await session.control.state_hash()
        answer = await session.answer("apply_program", spec=RICH)

        assert answer.failed
        assert "Come back after" in answer.text
        assert await session.control.state_hash() == before
    app.state.store.close()


async def test_a_pinned_server_refuses_the_spec_of_another_program(sandbox: Starlette) -> None:
    """A server pinned to one program plans and applies that program alone."""
    async with client_on(sandbox, program="VIP Club") as session:
        for tool in ("plan_program", "apply_program"):
            answer = await session.answer(tool, spec=RICH)
            assert answer.failed
            assert 'This server is set to program "VIP Club"' in answer.text
        own = (await session.call("export_program"))["spec"]
        assert (await session.call("plan_program", spec=own))["empty"] is True


def edit_of(balance: dict[str, Any], description: str) -> dict[str, Any]:
    """What a colleague sends from Brevo's app to describe a balance anew."""
    return {"name": balance["name"], "unit": balance["unit"], "description": description}


async def edit_draft(session: CallerSession, name: str, description: str) -> None:
    """Edit a balance of the draft, as a colleague in Brevo's app would."""
    path = f"/v3/loyalty/balance/programs/{await session.control.program()}/balance-definitions"
    listed = (await session.control.get(path))["items"]
    (balance,) = [item for item in listed if item["name"] == name]
    await session.control.put(f"{path}/{balance['id']}", edit_of(balance, description))


PART: Final = {"program": {"name": "Rich Club", "description": "Other."}}
"""A spec that leaves the balances of the rich club alone."""


async def test_a_publication_lists_what_others_have_edited(empty: Starlette) -> None:
    """Whatever goes live is in the preview, also if the spec does not describe it."""
    async with client_on(empty) as session:
        await session.call("apply_program", spec=RICH, publish=True)
        await edit_draft(session, "Euros", "Edited by a colleague.")
    async with client_on(empty, confirm="token") as session:
        answer = await session.call("apply_program", spec=PART, publish=True)

    lines = answer["preview"]["summary"].splitlines()
    assert lines[2] == "Already in the draft, and published with it:"
    assert lines[3].startswith('Balance "Euros": description: none → "Edited by a colleague."')


async def test_an_edit_of_others_after_the_preview_needs_a_new_agreement(
    empty: Starlette,
) -> None:
    """What would go live is compared in full, also where the spec does not describe it."""
    async with client_on(empty) as session:
        await session.call("apply_program", spec=RICH, publish=True)
    async with client_on(empty, confirm="token") as session:
        first = await session.call("apply_program", spec=PART, publish=True)
        await edit_draft(session, "Euros", "Edited by a colleague.")
        again = await session.call(
            "apply_program", spec=PART, publish=True, confirmation=first["confirmation"]
        )

    assert again["status"] == "confirmation_required"
    assert "Edited by a colleague" in again["preview"]["summary"]


async def test_an_edit_of_others_while_the_plan_is_carried_out_is_not_published(
    empty: Starlette,
) -> None:
    """Before the publication the draft is read again, and an edit by somebody else stops it."""

    class Colleague:
        """An engine whose draft is edited as soon as a plan changes the program's texts."""

        state = empty.state

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            """Serve a request; after a change of texts, edit a balance."""
            await empty(scope, receive, send)
            if scope["method"] == "PATCH":
                async with client_on(empty) as other:
                    await edit_draft(other, "Euros", "Edited by a colleague.")

    async with client_on(empty) as session:
        await session.call("apply_program", spec=RICH, publish=True)
    async with client_on(Colleague()) as session:
        answer = await session.answer("apply_program", spec=PART, publish=True)

    assert answer.structured is not None
    assert answer.structured["status"] == "not_applied"
    assert 'somebody has changed "Euros" meanwhile' in answer.text


async def test_a_plan_of_stale_values_needs_a_new_agreement(empty: Starlette) -> None:
    """An edit that keeps every displayed line still changes what the plan rests on."""
    long = "x" * 200
    spec = deepcopy(RICH)
    spec["balances"][1]["maximum"] = 6000
    async with client_on(empty) as session:
        await session.call("apply_program", spec=RICH)
    async with client_on(empty, confirm="token") as session:
        first = await session.call("apply_program", spec=spec)
        await edit_draft(session, "Points", long)
        again = await session.call("apply_program", spec=spec, confirmation=first["confirmation"])

    assert again["status"] == "confirmation_required"


async def test_an_edit_after_the_publication_does_not_hide_it(session: CallerSession) -> None:
    """What is live is compared with the spec and what was agreed to, not with today's draft."""
    answer = await session.call("apply_program", spec=RICH, publish=True)
    await edit_draft(session, "Euros", "Edited by a colleague.")
    context = session.runtime.context
    intent = await context.journal.open().get(answer["intent"])
    assert intent is not None
    arguments: dict[str, Any] = {"close": True, "may_come": False, "publish": True}
    found = await reconcile_plan(
        context, intent, spec=ProgramSpec.model_validate(RICH), **arguments
    )

    assert found.published


async def test_an_edit_after_a_plan_leaves_its_outcome_unknown(session: CallerSession) -> None:
    """If somebody has changed a described object since, no read tells whether the plan was done."""
    await session.call("apply_program", spec=RICH)
    spec = deepcopy(RICH)
    spec["balances"][0]["description"] = "Wanted."
    answer = await session.call("apply_program", spec=spec)
    await edit_draft(session, "Euros", "Edited by a colleague.")
    context = session.runtime.context
    intent = await context.journal.open().get(answer["intent"])
    assert intent is not None
    later = replace(context, now=lambda: utc_now() + timedelta(minutes=2))
    arguments: dict[str, Any] = {"close": True, "may_come": False}

    with pytest.raises(OutcomeUnknown, match='Somebody else has changed "Euros" since'):
        await reconcile_plan(later, intent, spec=ProgramSpec.model_validate(spec), **arguments)
