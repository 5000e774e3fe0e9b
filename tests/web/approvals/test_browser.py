"""The approvals page in Chromium."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from playwright.async_api import Browser, BrowserContext, Page

from loyalty_mcp.intents.lifecycle import Intent, Preview, new_id
from tests.browser import running_chromium, serious_violations
from tests.conftest import SandboxControl
from tests.web.conftest import SHARED, RunningServer, Serve, in_seconds

INJECTION: Final = "<img src=x onerror=\"document.title='owned'\"><script>alert(1)</script>"
SCREENSHOTS: Final = Path(__file__).parents[3] / "docs" / "images"
UPDATE: Final = "UPDATE_SCREENSHOTS"
NOTICE: Final = ".notice"


@dataclass
class OperatorBrowser:
    """An operator's browser.

    Args:
        page: the open page.
        errors: errors of the page's scripts.
    """

    page: Page
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop for the module, because the browser is bound to it."""
    return "asyncio"


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for the module."""
    async with running_chromium() as browser:
        yield browser


@pytest.fixture
async def server(serve: Serve) -> AsyncIterator[RunningServer]:
    """A server where an operator must approve every change."""
    async with serve(confirm="operator", secret=SHARED) as found:
        yield found


@pytest.fixture
async def tokens(server: RunningServer) -> dict[str, str]:
    """Tokens for an agent and two operators."""
    return {
        "agent": await server.token("agent", "full"),
        "anna": await server.token("anna", operator=True),
        "bert": await server.token("bert", operator=True),
    }


@asynccontextmanager
async def logged_in(
    server: RunningServer, browser: Browser, name: str, token: str, **options: Any
) -> AsyncIterator[OperatorBrowser]:
    """A separate browser context in which an operator is logged in."""
    context: BrowserContext = await browser.new_context(**options)
    session = OperatorBrowser(await context.new_page())
    session.page.on("pageerror", lambda error: session.errors.append(str(error)))
    session.page.on(
        "console",
        lambda message: session.errors.append(message.text) if message.type == "error" else None,
    )
    session.page.on("dialog", lambda dialog: session.errors.append(dialog.message))
    await session.page.goto(f"{server.url}/approvals")
    await session.page.get_by_label("Operator token").fill(token)
    await session.page.get_by_role("button", name="Log in").click()
    await session.page.get_by_text(f"operator:{name}").wait_for()
    yield session
    await context.close()
    assert session.errors == [], "the page's scripts had errors"


async def ask(server: RunningServer, agent: str, **more: Any) -> dict[str, Any]:
    """The result of a debit that an agent asks for."""
    call = {"member": "101", "amount": 5, "reason": "Broken mug", **more}
    async with server.client(agent) as client:
        found = await client.call_tool("debit_points", call)
    return dict(found.structured_content or {})


async def test_approve_in_the_browser(
    server: RunningServer, chromium: Browser, tokens: dict[str, str], control: SandboxControl
) -> None:
    """The debit waits, a person approves it, and the agent's repeated call carries it out."""
    agent, before = tokens["agent"], await control.balance(101)
    asked = await ask(server, agent)
    async with logged_in(server, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_text("Debit 5 points").first.wait_for()
        after = session.page.get_by_role("progressbar", name="Balance after")
        assert await after.get_attribute("aria-valuetext") == "275 points"
        assert await serious_violations(session.page.main_frame) == []
        await _picture(session.page, "approvals")
        await session.page.get_by_role("button", name="Approve").click()
        await session.page.get_by_text("Approved.").wait_for()
        assert await control.balance(101) == before

    done = await ask(server, agent, confirmation=asked["intent"])
    again = await ask(server, agent, confirmation=asked["intent"])

    assert (asked["status"], done["status"]) == ("waiting_for_operator", "applied")
    assert done == again
    assert await control.balance(101) == before - 5


async def test_decline_in_the_browser(
    server: RunningServer, chromium: Browser, tokens: dict[str, str], control: SandboxControl
) -> None:
    """A declined intent is never carried out."""
    agent, before = tokens["agent"], await control.balance(101)
    asked = await ask(server, agent)
    async with logged_in(server, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_role("button", name="Decline").click()
        await session.page.get_by_text("Declined.").wait_for()

    assert (await ask(server, agent, confirmation=asked["intent"]))["status"] == "declined"
    assert await control.balance(101) == before


async def test_a_batch_waits_with_all_its_rows(
    server: RunningServer, chromium: Browser, tokens: dict[str, str]
) -> None:
    """The picture of a batch is that of its card: a table with every row."""
    rows = [{"member": "101", "amount": 5 + each} for each in range(11)]
    call = {"action": "credit", "rows": [*rows, {"member": "nobody@example.com", "amount": 5}]}
    async with server.client(tokens["agent"]) as client:
        await client.call_tool("bulk_change", {**call, "reason": "Goodwill"})
    async with logged_in(server, chromium, "anna", tokens["anna"]) as session:
        listed = session.page.get_by_role("region", name="Rows").locator("tbody tr")
        await listed.first.wait_for()
        assert await listed.count() == 12
        assert "Cannot be done" in await listed.nth(11).inner_text()
        assert "nobody@" not in await session.page.locator("main").inner_text()
        assert await serious_violations(session.page.main_frame) == []


async def test_new_intents_appear_without_reload(
    server: RunningServer, chromium: Browser, tokens: dict[str, str]
) -> None:
    """A new intent appears on the open page and is announced."""
    agent = tokens["agent"]
    async with logged_in(server, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_text("Nothing waits for you.").wait_for()
        await ask(server, agent)
        await session.page.get_by_role("button", name="Approve").wait_for()
        assert "One more waits" in await session.page.locator("#news").inner_text()


async def test_an_unchanged_list_is_not_replaced(
    server: RunningServer, chromium: Browser, tokens: dict[str, str]
) -> None:
    """While nothing changes, the elements of the list stay the same."""
    await ask(server, tokens["agent"])
    async with logged_in(server, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_role("button", name="Approve").wait_for()
        await session.page.evaluate("document.querySelector('article').dataset.seen = 'yes'")
        async with session.page.expect_response("**/approvals/waiting"):
            pass
        async with session.page.expect_response("**/approvals/waiting"):
            pass
        assert await session.page.locator("article[data-seen=yes]").count() == 1


async def test_expired_intents_disappear(
    server: RunningServer, chromium: Browser, tokens: dict[str, str]
) -> None:
    """An intent that expires disappears from the open page."""
    intent = Intent(
        id=new_id(),
        tool="debit_points",
        digest="0" * 64,
        caller="token:agent",
        account="a",
        scope="full",
        arguments={},
        resolved=(),
        facts={},
        preview=Preview("Debit 1 point of member 101."),
        route="operator",
        state="proposed",
        created_at=in_seconds(0),
        expires_at=in_seconds(4),
    )
    await server.runtime.context.journal.open().add(intent)
    async with logged_in(server, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_text("Debit 1 point").first.wait_for()
        await session.page.get_by_text("Nothing waits for you.").wait_for()


async def test_only_one_of_two_clicks_decides(
    server: RunningServer, chromium: Browser, tokens: dict[str, str], control: SandboxControl
) -> None:
    """Of two concurrent clicks one decides, and the change happens once."""
    agent, before = tokens["agent"], await control.balance(101)
    asked = await ask(server, agent)
    notices: list[str] = []
    async with (
        logged_in(server, chromium, "anna", tokens["anna"]) as one,
        logged_in(server, chromium, "bert", tokens["bert"]) as two,
    ):
        for session in (one, two):
            await session.page.get_by_role("button", name="Approve").wait_for()

        async def press(page: Page) -> None:
            await page.get_by_role("button", name="Approve").click()
            await page.locator(NOTICE).wait_for()
            notices.append(await page.locator(NOTICE).inner_text())

        async with anyio.create_task_group() as group:
            group.start_soon(press, one.page)
            group.start_soon(press, two.page)

    await ask(server, agent, confirmation=asked["intent"])
    assert sorted(text.split(".")[0].split(" ")[0] for text in notices) == ["Approved", "Somebody"]
    assert await control.balance(101) == before - 5


async def test_outside_text_is_shown_literally(
    server: RunningServer, chromium: Browser, tokens: dict[str, str], control: SandboxControl
) -> None:
    """Markup in an own id and a reason is shown as text and has no effect."""
    agent = tokens["agent"]
    async with server.client(agent) as client:
        call = {"contact": "evil@example.com", "create_contact": True, "own_id": INJECTION[:64]}
        await client.call_tool("enroll_member", call)
    await ask(server, agent, reason=INJECTION)
    before = await control.state_hash()
    async with logged_in(server, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_role("button", name="Approve").first.wait_for()
        shown = await session.page.locator("#waiting").inner_text()
        assert await session.page.title() == "Approvals"
        assert await session.page.locator("#waiting img, #waiting script").count() == 0

    assert "onerror" in shown
    assert "<script>" in shown
    assert before == await control.state_hash()


async def test_the_page_works_by_keyboard(
    server: RunningServer, chromium: Browser, tokens: dict[str, str]
) -> None:
    """Tab and Enter suffice to log in and approve."""
    agent, token = tokens["agent"], tokens["anna"]
    asked = await ask(server, agent)
    page = await chromium.new_page()
    await page.goto(f"{server.url}/approvals")
    await page.keyboard.type(token)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Approve").wait_for()
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.value") == "approved":
            break
    await page.keyboard.press("Enter")
    await page.get_by_text("Approved.").wait_for()
    await page.close()

    assert (await ask(server, agent, confirmation=asked["intent"]))["status"] == "applied"


async def test_the_page_fits_a_phone(
    server: RunningServer, chromium: Browser, tokens: dict[str, str]
) -> None:
    """A 360 px screen needs no horizontal scrolling, and buttons are at least 40 px high."""
    agent = tokens["agent"]
    await ask(server, agent)
    size = {"width": 360, "height": 740}
    async with logged_in(
        server, chromium, "anna", tokens["anna"], viewport=size, is_mobile=True
    ) as session:
        button = session.page.get_by_role("button", name="Approve")
        await button.wait_for()
        await _picture(session.page, "approvals-phone")
        box = await button.bounding_box()
        width = await session.page.evaluate("document.documentElement.scrollWidth")

    assert width <= size["width"]
    assert box is not None
    assert box["height"] >= 40


async def _picture(page: Page, name: str) -> None:
    """Save a screenshot for the README, if asked to."""
    if os.environ.get(UPDATE):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SCREENSHOTS / f"{name}.png")
