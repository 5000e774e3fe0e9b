"""The approvals page in a real browser, as a person meets it."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from loyalty_mcp.intents.lifecycle import Intent, Preview, new_id
from tests.conftest import SandboxControl
from tests.web.conftest import SHARED, Edge, Serve, in_seconds

CHROMIUM: Final = shutil.which("chromium")
QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""A browser that talks to nobody but the page."""

INJECTION: Final = "<img src=x onerror=\"document.title='owned'\"><script>alert(1)</script>"
SCREENSHOTS: Final = Path(__file__).parents[3] / "docs" / "images"
UPDATE: Final = "UPDATE_SCREENSHOTS"
NOTICE: Final = ".notice"


@dataclass
class CallerSession:
    """An operator's browser.

    Args:
        page: shows the approvals.
        faults: what the page's scripts did wrong.
    """

    page: Page
    faults: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop for the module, for the browser lives on it."""
    return "asyncio"


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium; skips the test where it is not installed, except in CI."""
    if CHROMIUM is None:
        reason = "chromium is not installed; .ci/run installs it on Debian"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        await browser.close()


@pytest.fixture
async def edge(serve: Serve) -> AsyncIterator[Edge]:
    """A server where an operator has to agree to everything."""
    async with serve(confirm="operator", secret=SHARED) as found:
        yield found


@pytest.fixture
async def tokens(edge: Edge) -> dict[str, str]:
    """The tokens of all who take part, made before the first call, for a server keeps them."""
    return {
        "agent": await edge.token("agent", "full"),
        "anna": await edge.token("anna", operator=True),
        "bert": await edge.token("bert", operator=True),
    }


@asynccontextmanager
async def logged_in(
    edge: Edge, browser: Browser, name: str, token: str, **options: Any
) -> AsyncIterator[CallerSession]:
    """A browser of their own in which an operator has logged in."""
    context: BrowserContext = await browser.new_context(**options)
    session = CallerSession(await context.new_page())
    session.page.on("pageerror", lambda error: session.faults.append(str(error)))
    session.page.on(
        "console",
        lambda message: session.faults.append(message.text) if message.type == "error" else None,
    )
    session.page.on("dialog", lambda dialog: session.faults.append(dialog.message))
    await session.page.goto(f"{edge.url}/approvals")
    await session.page.get_by_label("Operator token").fill(token)
    await session.page.get_by_role("button", name="Log in").click()
    await session.page.get_by_text(f"operator:{name}").wait_for()
    yield session
    await context.close()
    assert session.faults == [], "the page's own scripts went wrong"


async def ask(edge: Edge, agent: str, **more: Any) -> dict[str, Any]:
    """A debit as an agent asks for it."""
    call = {"member": "101", "amount": 5, "reason": "Broken mug", **more}
    async with edge.client(agent) as client:
        found = await client.call_tool("debit_points", call)
    return dict(found.structured_content or {})


async def test_what_a_person_approves_happens_once(
    edge: Edge, chromium: Browser, tokens: dict[str, str], control: SandboxControl
) -> None:
    """The debit waits, a person presses the button, and the agent's same call carries it out."""
    agent, before = tokens["agent"], await control.balance(101)
    asked = await ask(edge, agent)
    async with logged_in(edge, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_text("Debit 5 points").first.wait_for()
        await _picture(session.page, "approvals")
        await session.page.get_by_role("button", name="Approve").click()
        await session.page.get_by_text("Approved.").wait_for()
        assert await control.balance(101) == before

    done = await ask(edge, agent, confirmation=asked["intent"])
    again = await ask(edge, agent, confirmation=asked["intent"])

    assert (asked["status"], done["status"]) == ("waiting_for_operator", "applied")
    assert done == again
    assert await control.balance(101) == before - 5


async def test_what_a_person_declines_never_happens(
    edge: Edge, chromium: Browser, tokens: dict[str, str], control: SandboxControl
) -> None:
    """Declining ends it for good."""
    agent, before = tokens["agent"], await control.balance(101)
    asked = await ask(edge, agent)
    async with logged_in(edge, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_role("button", name="Decline").click()
        await session.page.get_by_text("Declined.").wait_for()

    assert (await ask(edge, agent, confirmation=asked["intent"]))["status"] == "declined"
    assert await control.balance(101) == before


async def test_what_arrives_shows_by_itself(
    edge: Edge, chromium: Browser, tokens: dict[str, str]
) -> None:
    """A page that is open shows what comes, without being loaded again, and says so."""
    agent = tokens["agent"]
    async with logged_in(edge, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_text("Nothing waits for you.").wait_for()
        await ask(edge, agent)
        await session.page.get_by_role("button", name="Approve").wait_for()
        assert "One more waits" in await session.page.locator("#news").inner_text()


async def test_what_stays_is_left_alone(
    edge: Edge, chromium: Browser, tokens: dict[str, str]
) -> None:
    """While nothing changes nothing is replaced, under nobody's finger or focus."""
    await ask(edge, tokens["agent"])
    async with logged_in(edge, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_role("button", name="Approve").wait_for()
        await session.page.evaluate("document.querySelector('article').dataset.seen = 'yes'")
        async with session.page.expect_response("**/approvals/waiting"):
            pass
        async with session.page.expect_response("**/approvals/waiting"):
            pass
        assert await session.page.locator("article[data-seen=yes]").count() == 1


async def test_what_expires_goes_by_itself(
    edge: Edge, chromium: Browser, tokens: dict[str, str]
) -> None:
    """What nobody decided in time leaves an open page."""
    intent = Intent(
        id=new_id(),
        tool="debit_points",
        digest="0" * 64,
        caller="token:agent",
        arguments={},
        resolved=(),
        facts={},
        preview=Preview("Debit 1 point of member 101."),
        route="operator",
        state="proposed",
        created_at=in_seconds(0),
        expires_at=in_seconds(4),
    )
    await edge.runtime.context.journal.open().add(intent)
    async with logged_in(edge, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_text("Debit 1 point").first.wait_for()
        await session.page.get_by_text("Nothing waits for you.").wait_for()


async def test_of_two_clicks_one_decides(
    edge: Edge, chromium: Browser, tokens: dict[str, str], control: SandboxControl
) -> None:
    """Two people press at once: one decides, the other is told so, and it happens once."""
    agent, before = tokens["agent"], await control.balance(101)
    asked = await ask(edge, agent)
    said: list[str] = []
    async with (
        logged_in(edge, chromium, "anna", tokens["anna"]) as one,
        logged_in(edge, chromium, "bert", tokens["bert"]) as two,
    ):
        for session in (one, two):
            await session.page.get_by_role("button", name="Approve").wait_for()

        async def press(page: Page) -> None:
            await page.get_by_role("button", name="Approve").click()
            await page.locator(NOTICE).wait_for()
            said.append(await page.locator(NOTICE).inner_text())

        async with anyio.create_task_group() as group:
            group.start_soon(press, one.page)
            group.start_soon(press, two.page)

    await ask(edge, agent, confirmation=asked["intent"])
    assert sorted(text.split(".")[0].split(" ")[0] for text in said) == ["Approved", "Somebody"]
    assert await control.balance(101) == before - 5


async def test_text_from_outside_stays_text(
    edge: Edge, chromium: Browser, tokens: dict[str, str], control: SandboxControl
) -> None:
    """Markup in a member's name and in a reason is shown letter by letter, and does nothing."""
    agent = tokens["agent"]
    async with edge.client(agent) as client:
        call = {"contact": "evil@example.com", "create_contact": True, "own_id": INJECTION[:64]}
        await client.call_tool("enroll_member", call)
    await ask(edge, agent, reason=INJECTION)
    before = await control.state_hash()
    async with logged_in(edge, chromium, "anna", tokens["anna"]) as session:
        await session.page.get_by_role("button", name="Approve").first.wait_for()
        shown = await session.page.locator("#waiting").inner_text()
        assert await session.page.title() == "Approvals"
        assert await session.page.locator("#waiting img, #waiting script").count() == 0

    assert "onerror" in shown
    assert "<script>" in shown
    assert before == await control.state_hash()


async def test_the_keyboard_is_enough(
    edge: Edge, chromium: Browser, tokens: dict[str, str]
) -> None:
    """Tab and Enter log in, reach the button, and press it."""
    agent, token = tokens["agent"], tokens["anna"]
    asked = await ask(edge, agent)
    page = await chromium.new_page()
    await page.goto(f"{edge.url}/approvals")
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

    assert (await ask(edge, agent, confirmation=asked["intent"]))["status"] == "applied"


async def test_a_phone_is_wide_enough(
    edge: Edge, chromium: Browser, tokens: dict[str, str]
) -> None:
    """On a narrow screen nothing scrolls sideways, and a button is as big as a thumb."""
    agent = tokens["agent"]
    await ask(edge, agent)
    size = {"width": 360, "height": 740}
    async with logged_in(
        edge, chromium, "anna", tokens["anna"], viewport=size, is_mobile=True
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
    """Keep a picture for the README, when asked to."""
    if os.environ.get(UPDATE):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SCREENSHOTS / f"{name}.png")
