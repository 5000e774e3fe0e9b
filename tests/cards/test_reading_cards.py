"""The cards that show what was read: members and programs."""

from typing import Any

from tests.cards.conftest import OpenHost

ANNA = "anna.keller@example.com"
BRUNO = "bruno.marchetti@example.com"
INJECTION = "<img src=x onerror=alert(1)>\u202eedis rehto"
SPEC: dict[str, Any] = {
    "program": {"name": "VIP Club"},
    "balances": [
        {
            "name": "Purchase Points",
            "unit": "POINTS",
            "maximum": 5000,
            "limits": [
                {
                    "transaction_type": "credit",
                    "constraint_type": "amount",
                    "value": 500,
                    "per": {"value": 1, "unit": "day"},
                }
            ],
        }
    ],
    "rewards": [{"name": "mug", "public_name": "Mug"}, {"name": "gold-gift"}],
    "tier_groups": [
        {
            "name": "Status",
            "tiers": [
                {"name": "Bronze", "minimum": {"Purchase Points": 0}},
                {"name": "Silver", "minimum": {"Purchase Points": 400}, "rewards": ["mug"]},
                {"name": "Gold", "minimum": {"Purchase Points": 1000}, "rewards": ["gold-gift"]},
            ],
        }
    ],
}


async def test_the_overview_of_a_member(open_host: OpenHost) -> None:
    """Balances, progress to the next tier, vouchers and movements; axe reports no problem."""
    async with open_host() as host:
        await host.show("get_member_overview", member=ANNA, include=["movements"])
        shown = await host.text()
        progress = host.card.get_by_role("progressbar")
        assert await progress.get_attribute("aria-valuenow") == "93"
        assert await host.card.get_by_role("img").count() == 1
        assert await host.serious_violations() == []

    assert "280 points" in shown.replace("\n", " ")
    assert "280 of 300; 20 points of Purchase Points missing" in shown
    assert "free-coffee" in shown
    assert "\u221250" in shown


async def test_points_that_expire(open_host: OpenHost) -> None:
    """Points that expire soon stand on a line of time, and in words below it."""
    async with open_host() as host:
        await host.show("get_member_overview", member=BRUNO, include=["movements"])
        place = host.card.get_by_role("img", name="Expiring: ")
        assert "60 points of Purchase Points: " in str(await place.get_attribute("aria-label"))
        assert "in 5 days" in await host.text()
        assert await host.serious_violations() == []
        await host.picture("member")


async def test_how_a_balance_came_about(open_host: OpenHost) -> None:
    """The balance is drawn over twelve months, with a line for what moved it; also in the dark."""
    async with open_host() as host:
        await host.show("explain_balance", member=ANNA, balance="Purchase Points", theme="dark")
        drawn = host.card.get_by_role("img", name="Balance from ")
        assert "280 points at the end" in str(await drawn.get_attribute("aria-label"))
        assert await host.card.locator("tbody tr").count() == 3
        assert await host.serious_violations() == []
        await host.picture("explanation")


async def test_the_shape_of_a_program(open_host: OpenHost) -> None:
    """Tiers are steps with their thresholds and rewards; balances tell how long points live."""
    async with open_host() as host:
        await host.show("export_program")
        steps = host.card.locator("ol.steps > li")
        assert await steps.count() == 3
        assert "From 500 Purchase Points" in await steps.nth(2).inner_text()
        assert "gold-gift" in await steps.nth(2).inner_text()
        assert "Points live 12 months after their credit" in await host.text()
        assert await host.serious_violations() == []


async def test_the_marks_of_a_plan(open_host: OpenHost) -> None:
    """A plan's diagram marks what is new and what changes, and tells who would move."""
    async with open_host() as host:
        await host.show("plan_program", spec=SPEC)
        silver = host.card.locator("ol.steps > li").nth(1)
        assert "Changed" in await silver.inner_text()
        shown = await host.text()
        assert "At most 500 credited a day" in shown
        assert "1 member: Silver → Bronze" in shown
        assert "expire" not in shown
        assert await host.serious_violations() == []
        await host.picture("program")


async def test_draft_beside_live(open_host: OpenHost) -> None:
    """What publishing would change stands in two columns: live, and the draft."""
    async with open_host(confirm="off") as host:
        await host.client.call_tool("apply_program", {"spec": SPEC})
        await host.show("get_unpublished_changes")
        row = host.card.locator("tbody tr", has_text="Tier Silver").first
        assert "300" in await row.locator("td").nth(2).inner_text()
        assert "400 points" in await row.locator("td").nth(3).inner_text()
        assert "New" in await host.card.locator("tbody tr", has_text="Reward mug").inner_text()
        assert await host.serious_violations() == []


async def test_the_report_of_a_program(open_host: OpenHost) -> None:
    """Members are drawn by their balance and by their tier."""
    async with open_host() as host:
        await host.show("get_program_report", balance="Purchase Points")
        drawn = host.card.get_by_role("img")
        assert "from 100: 2 members" in str(await drawn.get_attribute("aria-label"))
        assert await host.card.get_by_role("progressbar").count() == 3
        assert await host.serious_violations() == []
        await host.picture("report")


async def test_text_from_outside_stays_text(open_host: OpenHost) -> None:
    """Markup in a name is shown as it is written, and nothing can turn the text around it."""
    async with open_host(confirm="off") as host:
        call = {"contact": "evil@example.com", "create_contact": True, "own_id": INJECTION}
        await host.client.call_tool("enroll_member", call)
        await host.show("get_member_overview", member=f"own:{INJECTION}")
        assert "<img src=x onerror=alert(1)>\ufffdedis rehto" in await host.text()
        assert await host.card.locator("main img, main script").count() == 0


async def test_a_card_fits_a_phone(open_host: OpenHost) -> None:
    """A screen of 360 px needs no horizontal scrolling."""
    async with open_host(width=360) as host:
        for tool in ("get_member_overview", "explain_balance", "export_program"):
            arguments = {} if tool == "export_program" else {"member": ANNA}
            await host.show(tool, **arguments)
            width = await host.card.locator("html").evaluate("node => node.scrollWidth")
            assert width <= 360


async def test_a_card_follows_the_theme_of_its_host(open_host: OpenHost) -> None:
    """A host that goes dark takes the open card along."""
    read = "node => getComputedStyle(node).backgroundColor"
    async with open_host() as host:
        await host.show("get_member_overview", member=ANNA)
        light = await host.card.locator("body").evaluate(read)
        await host.page.evaluate("window.setTheme('dark')")
        await host.card.locator("html[data-theme=dark]").wait_for()
        assert await host.card.locator("body").evaluate(read) != light
