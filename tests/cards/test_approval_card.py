"""The card of an approval: only a press in it carries a change out, and only once."""

from pathlib import Path
from typing import Any

from tests.cards.conftest import CardHost, OpenHost
from tests.conftest import SandboxControl

DEBIT: dict[str, Any] = {"member": "101", "amount": 50, "reason": "Goodwill correction"}
INJECTION = "<img src=x onerror=alert(1)>"
POLICY = "[approval]\ndialog_amount_above = 40\n"


async def press(host: CardHost, button: str, *, times: int = 1) -> None:
    """Press a button of the card, once it can be pressed."""
    await host.card.get_by_role("button", name=button).click(click_count=times)
    await host.card.get_by_role("button", name=button).wait_for(state="detached")


async def test_agree_moves_the_points_once(open_host: OpenHost, control: SandboxControl) -> None:
    """A double click is one agreement, and the card shows the outcome."""
    async with open_host() as host:
        await host.show("debit_points", **DEBIT)
        before = await control.balance(101)
        asked = await host.text()
        assert await host.serious_violations() == []
        await host.ready()
        await host.picture("approval")
        await press(host, "Agree", times=2)
        outcome = await host.text()

    assert (before, await control.balance(101)) == (280, 230)
    assert "280" in asked
    assert "230" in asked
    assert "Done" in outcome
    assert len(host.calls) == 1


async def test_decline_moves_nothing(open_host: OpenHost, control: SandboxControl) -> None:
    """The change is declined, and cannot be carried out afterwards."""
    async with open_host() as host:
        await host.show("debit_points", **DEBIT)
        await press(host, "Decline")
        outcome = await host.text()
        call = host.calls[0]
        secret = call["arguments"]["confirmation"].removeprefix("decline:")
        late = await host.client.call_tool("debit_points", {**DEBIT, "confirmation": secret})

    assert "Declined" in outcome
    assert late.structured_content is not None
    assert late.structured_content["status"] == "declined"
    assert await control.balance(101) == 280


async def test_what_was_published_meanwhile_brings_a_new_preview(
    open_host: OpenHost, control: SandboxControl
) -> None:
    """Pressing a button on an outdated preview only shows the new one."""
    async with open_host() as host:
        await host.show("debit_points", **DEBIT)
        other = await host.client.call_tool("debit_points", {**DEBIT, "amount": 30})
        assert other.meta is not None
        confirmed = {"confirmation": other.meta["loyalty-mcp/confirmation"]}
        await host.client.call_tool("debit_points", {**DEBIT, "amount": 30, **confirmed})
        await host.card.get_by_role("button", name="Agree").click()
        await host.card.get_by_text("200").first.wait_for()
        held = await control.balance(101)
        await press(host, "Agree")

    assert held == 250
    assert await control.balance(101) == 200


async def test_text_from_outside_stays_text(open_host: OpenHost, control: SandboxControl) -> None:
    """Markup in a reason is shown as text."""
    async with open_host() as host:
        await host.show("debit_points", **{**DEBIT, "reason": INJECTION})
        shown = await host.text()
        images = await host.card.locator("main img").count()

    assert INJECTION in shown
    assert images == 0
    assert await control.balance(101) == 280


async def test_the_amount_is_typed_where_the_policy_asks(
    open_host: OpenHost, control: SandboxControl, tmp_path: Path
) -> None:
    """Another text moves nothing and can be corrected; the displayed text agrees."""
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    async with open_host(policy=str(policy)) as host:
        shown = await host.show("debit_points", **DEBIT)
        assert shown.structured_content is not None
        typed = shown.structured_content["preview"]["typed"]
        await host.card.locator("#typed").fill("5")
        await host.card.get_by_role("button", name="Agree").click()
        await host.card.get_by_role("status").first.wait_for()
        held = await control.balance(101)
        await host.card.locator("#typed").fill(typed)
        await press(host, "Agree")

    assert held == 280
    assert await control.balance(101) == 230
