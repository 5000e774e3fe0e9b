"""The card of an approval by keyboard, on a phone, read aloud, and with all kinds of changes."""

from pathlib import Path
from typing import Any

import anyio

from tests.cards.conftest import OpenHost
from tests.conftest import SandboxControl

DEBIT: dict[str, Any] = {"member": "101", "amount": 50, "reason": "Goodwill correction"}
POLICY = "[approval]\ndialog_amount_above = 40\n"
BATCH: dict[str, Any] = {
    "action": "credit",
    "reason": "Goodwill",
    "rows": [
        *({"member": "101", "amount": 5 + each} for each in range(11)),
        {"member": "nobody@example.com", "amount": 5},
    ],
}


async def test_a_batch_shows_every_row(open_host: OpenHost, control: SandboxControl) -> None:
    """The rows are a table, including those that the text of the preview omits."""
    before = await control.balance(101)
    async with open_host(width=360) as host:
        await host.show("bulk_change", **BATCH)
        rows = host.card.get_by_role("region", name="Rows").locator("tbody tr")
        assert await rows.count() == 12
        assert "375 points → 390 points" in await rows.nth(10).inner_text()
        assert "Cannot be done: " in await rows.nth(11).inner_text()
        assert "11 rows of 12 would be done" in await host.text()
        assert await host.card.locator("html").evaluate("node => node.scrollWidth") <= 360
        assert await host.serious_violations() == []
        await host.ready()
        await host.card.get_by_role("button", name="Agree").click()
        await host.card.get_by_role("heading", name="Done", exact=True).wait_for()

    assert await control.balance(101) == before + sum(range(5, 16))


async def test_after_its_time_a_press_shows_the_preview_anew(
    open_host: OpenHost, control: SandboxControl
) -> None:
    """The card says that nothing was done and keeps the focus; the new preview can be agreed to."""
    async with open_host() as host:
        await host.show("debit_points", **DEBIT)
        await host.ready()
        host.clock.advance(601)
        await host.card.get_by_role("button", name="Agree").click()
        await host.card.get_by_text("no longer holds").wait_for()
        focused, held = await host.focused(), await control.balance(101)
        await host.ready()
        await host.card.get_by_role("button", name="Agree").click()
        await host.card.get_by_role("heading", name="Done", exact=True).wait_for()

    assert (focused, held) == ("H1 Do this?", 280)
    assert await control.balance(101) == 230


async def test_the_keyboard_keeps_its_place(open_host: OpenHost, control: SandboxControl) -> None:
    """Tab leads to Agree, Enter presses it once, and the outcome gets the focus."""
    async with open_host() as host:
        await host.show("debit_points", **DEBIT)
        await host.ready()
        host.held = anyio.Event()
        await host.page.keyboard.press("Tab")
        reached = await host.focused()
        await host.page.keyboard.press("Enter")
        await host.card.get_by_text("Sent; waiting").wait_for()
        waiting = await host.focused()
        await host.page.keyboard.press("Enter")
        host.held.set()
        await host.card.get_by_role("heading", name="Done", exact=True).wait_for()
        outcome = await host.focused()

    assert (reached, waiting, outcome) == ("BUTTON Agree", "BUTTON Agree", "H1 Done")
    assert len(host.calls) == 1
    assert await control.balance(101) == 230


async def test_a_wrong_amount_leads_back_to_the_field(
    open_host: OpenHost, control: SandboxControl, tmp_path: Path
) -> None:
    """With the keyboard alone, the error is shown and the text can be corrected."""
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    async with open_host(width=360, policy=str(policy)) as host:
        await host.show("debit_points", **DEBIT)
        await host.ready()
        await host.page.keyboard.press("Tab")
        await host.page.keyboard.type("5")
        await host.page.keyboard.press("Tab")
        await host.page.keyboard.press("Enter")
        field = host.card.get_by_role("textbox", name="Type 50 to agree")
        await host.card.get_by_role("status").get_by_text("as the preview shows it").wait_for()
        assert (await host.focused()).startswith("INPUT")
        assert await field.get_attribute("aria-invalid") == "true"
        assert await host.serious_violations() == []
        held = await control.balance(101)
        await host.page.keyboard.type("0")
        await host.page.keyboard.press("Tab")
        await host.page.keyboard.press("Enter")
        await host.card.get_by_role("heading", name="Done", exact=True).wait_for()

    assert held == 280
    assert await control.balance(101) == 230


async def test_a_phone_shows_the_whole_change(open_host: OpenHost) -> None:
    """At 360 px nothing is cut off, and the buttons are large enough for a thumb."""
    async with open_host(width=360) as host:
        await host.show("debit_points", **DEBIT)
        await host.ready()
        assert await host.card.locator("html").evaluate("node => node.scrollWidth") <= 360
        for name in ("Agree", "Decline"):
            box = await host.card.get_by_role("button", name=name).bounding_box()
            assert box is not None
            assert box["height"] >= 40


async def test_everything_has_a_name(open_host: OpenHost) -> None:
    """A screen reader gets a heading, both values with their unit, and the buttons."""
    async with open_host() as host:
        await host.show("debit_points", **DEBIT)
        await host.ready()
        said = await host.card.locator("main").aria_snapshot()

    for line in (
        'heading "Do this?" [level=1]',
        'region "Before and after"',
        'progressbar "Balance before"',
        'progressbar "Balance after"',
        'button "Agree"',
        'button "Decline"',
    ):
        assert line in said


async def test_values_that_are_no_numbers(open_host: OpenHost) -> None:
    """Texts are shown next to each other, old and new; axe reports no problem in either theme."""
    async with open_host() as host:
        for theme in ("light", "dark"):
            await host.show("update_program", theme=theme, name="Espresso Club")
            await host.ready()
            assert "VIP Club" in await host.text()
            assert "Espresso Club" in await host.text()
            assert await host.serious_violations() == []
