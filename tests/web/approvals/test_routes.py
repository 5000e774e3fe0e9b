"""The approvals page: operators alone, once, by their own hand, and text stays text."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import anyio
import httpx2
import pytest

from loyalty_mcp.intents.lifecycle import Intent, Preview, new_id
from loyalty_mcp.web.auth.operator_session import LIFETIME, Seal
from tests.conftest import SandboxControl
from tests.web.conftest import SHARED, Edge, Serve, form_token_in, in_seconds

INJECTION = '<script>alert(1)</script><img src=x onerror="alert(2)">\'"&'
DEBIT: dict[str, Any] = {"member": "101", "amount": 5, "reason": 'broken "mug" <b>'}


@pytest.fixture
async def edge(serve: Serve) -> AsyncIterator[Edge]:
    """A server where an operator has to agree to everything."""
    async with serve(confirm="operator", secret=SHARED) as found:
        yield found


@asynccontextmanager
async def logged_in(edge: Edge, token: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser in which an operator has logged in."""
    async with edge.http() as browser:
        answer = await browser.post("/approvals/login", data={"token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/approvals")
        yield browser


@asynccontextmanager
async def operator(edge: Edge) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser in which Anna has logged in."""
    async with logged_in(edge, await edge.token("anna", operator=True)) as browser:
        yield browser


@asynccontextmanager
async def operators(
    edge: Edge,
) -> AsyncIterator[tuple[httpx2.AsyncClient, httpx2.AsyncClient, str]]:
    """Two browsers, Anna's and Bert's, and Anna's token."""
    anna, bert = await edge.token("anna", operator=True), await edge.token("bert", operator=True)
    async with logged_in(edge, anna) as one, logged_in(edge, bert) as two:
        yield one, two, anna


async def ask(edge: Edge, agent: str, **more: Any) -> dict[str, Any]:
    """A debit as an agent asks for it."""
    async with edge.client(agent) as client:
        found = await client.call_tool("debit_points", {**DEBIT, **more})
    assert found.structured_content is not None
    return dict(found.structured_content)


async def decide(browser: httpx2.AsyncClient, intent: str, decision: str) -> httpx2.Response:
    """Press a button of the page."""
    page = (await browser.get("/approvals")).text
    token = form_token_in(page)
    answer = await browser.post(
        f"/approvals/{intent}", data={"form_token": token, "decision": decision}
    )
    assert answer.status_code == 303
    return await browser.get(answer.headers["location"])


async def test_approve(edge: Edge, control: SandboxControl) -> None:
    """What an operator approves, the agent's same call carries out, once."""
    agent, before = await edge.token("agent", "support"), await control.balance(101)
    async with operator(edge) as browser:
        asked = await ask(edge, agent)
        assert asked["status"] == "waiting_for_operator"
        assert (await ask(edge, agent, confirmation=asked["intent"]))["status"] == (
            "waiting_for_operator"
        )

        page = (await browser.get("/approvals")).text
        assert html.escape(asked["preview"]["summary"]) in page
        assert "token:agent" in page
        assert "Approved." in (await decide(browser, asked["intent"], "approved")).text
        assert "Nothing waits for you." in (await browser.get("/approvals")).text

    done = await ask(edge, agent, confirmation=asked["intent"])
    again = await ask(edge, agent, confirmation=asked["intent"])
    assert (done["status"], again["status"]) == ("applied", "applied")
    assert await control.balance(101) == before - 5
    stored = await edge.runtime.context.journal.open().get(asked["intent"])
    assert stored is not None
    assert stored.agreed_by == "operator:anna"


async def test_decline(edge: Edge, control: SandboxControl) -> None:
    """What an operator declines can never be carried out."""
    agent, before = await edge.token("agent", "support"), await control.balance(101)
    async with operator(edge) as browser:
        asked = await ask(edge, agent)
        assert "Declined." in (await decide(browser, asked["intent"], "declined")).text

    found = await ask(edge, agent, confirmation=asked["intent"])
    assert found["status"] == "declined"
    assert await control.balance(101) == before


async def test_two_at_once(edge: Edge) -> None:
    """Of many clicks at the same moment one decides; the others are told so."""
    agent = await edge.token("agent", "support")
    async with operators(edge) as (one, two, _):
        asked = await ask(edge, agent)
        said: list[str] = []

        async def click(browser: httpx2.AsyncClient, decision: str) -> None:
            token = form_token_in((await browser.get("/approvals")).text)
            answer = await browser.post(
                f"/approvals/{asked['intent']}", data={"form_token": token, "decision": decision}
            )
            said.append(answer.headers["location"].partition("=")[2])

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(click, one, "approved")
                group.start_soon(click, two, "declined")

    assert sorted(set(said) - {"gone"}) in (["approved"], ["declined"])
    assert said.count("gone") == 19
    stored = await edge.runtime.context.journal.open().get(asked["intent"])
    assert stored is not None
    assert stored.state in said


async def test_nobody_decides_on_their_own(edge: Edge) -> None:
    """An operator who asks sees the intent without buttons, and a forged click changes nothing."""
    async with operators(edge) as (browser, other, token):
        asked = await ask(edge, token)
        page = (await browser.get("/approvals")).text
        assert "This is your own" in page
        assert 'value="approved"' not in page
        answer = await browser.post(
            f"/approvals/{asked['intent']}",
            data={"form_token": form_token_in(page), "decision": "approved"},
        )
        assert answer.headers["location"] == "/approvals?said=gone"
        assert "Approved." in (await decide(other, asked["intent"], "approved")).text


class Elements(HTMLParser):
    """What a browser makes of a page: its elements and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element."""
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


def waiting_intent(edge: Edge, **more: Any) -> Intent:
    """An intent that waits for an operator."""
    now = edge.runtime.context.now()
    values: dict[str, Any] = {
        "id": new_id(),
        "tool": "debit_points",
        "digest": "0" * 64,
        "caller": "token:agent",
        "arguments": {"member": "101"},
        "resolved": [],
        "facts": {},
        "preview": Preview("Debit 5 points."),
        "route": "operator",
        "state": "proposed",
        "created_at": now,
        "expires_at": now + timedelta(minutes=10),
        **more,
    }
    return Intent(**values)


async def test_text_stays_text(edge: Edge) -> None:
    """Whatever outside text an intent holds, and wherever, none of it becomes markup."""
    hostile = waiting_intent(
        edge,
        caller=f"oauth:{INJECTION}",
        arguments={"reason": INJECTION, INJECTION: INJECTION},
        preview=Preview(
            INJECTION, {INJECTION: INJECTION}, {"after": {"deep": [INJECTION]}}, (INJECTION,)
        ),
    )
    async with operator(edge) as browser:
        await edge.runtime.context.journal.open().add(hostile)
        for path in ("/approvals", "/approvals/waiting"):
            page = (await browser.get(path)).text
            assert "alert(1)" in page
            found = Elements()
            found.feed(page)
            assert found.tags.isdisjoint({"img", "b", "iframe", "svg"})
            assert found.scripts == (["/approvals/approvals.js"] if path == "/approvals" else [])
            assert not [name for name in found.attributes if name.startswith("on")]


async def test_expired(edge: Edge) -> None:
    """What has expired is not shown, and a late click decides nothing."""
    late = waiting_intent(edge, expires_at=in_seconds(-1))
    async with operator(edge) as browser:
        soon = waiting_intent(edge)
        journal = edge.runtime.context.journal.open()
        await journal.add(late)
        await journal.add(soon)
        page = (await browser.get("/approvals")).text
        assert late.id not in page
        assert soon.id in page
        answer = await browser.post(
            f"/approvals/{late.id}",
            data={"form_token": form_token_in(page), "decision": "approved"},
        )
        assert answer.headers["location"] == "/approvals?said=gone"
        stored = await journal.get(late.id)
        assert stored is not None
        assert stored.state == "expired"


@pytest.mark.parametrize("given", ["", "wrong", "lmcp_wrong", "x" * 5_000])
async def test_wrong_login(edge: Edge, given: str) -> None:
    """A wrong token opens nothing, and says nothing back."""
    await edge.token("anna", operator=True)
    async with edge.http() as browser:
        answer = await browser.post("/approvals/login", content=f"token={given}&x=1")

        assert answer.status_code in {400, 401}
        assert "set-cookie" not in answer.headers
        assert "wrong" not in answer.text.replace("said=wrong-token", "")


async def test_no_operator(edge: Edge) -> None:
    """A token that is good for tools alone does not open the page; a bearer token neither."""
    token = await edge.token("agent", "full")
    async with edge.http(token) as browser:
        assert (await browser.post("/approvals/login", data={"token": token})).status_code == 401
        assert "Operator token" in (await browser.get("/approvals")).text
        assert (await browser.get("/approvals/waiting")).status_code == 401
        answer = await browser.post("/approvals/1", data={"decision": "approved"})
        assert answer.headers["location"] == "/approvals?said=ended"


async def test_forged_forms(edge: Edge) -> None:
    """A form from another site, or without the session's own word, decides nothing."""
    async with operators(edge) as (browser, other, _):
        intent = waiting_intent(edge)
        journal = edge.runtime.context.journal.open()
        await journal.add(intent)
        path = f"/approvals/{intent.id}"
        good = {"form_token": form_token_in((await browser.get("/approvals")).text)}
        good["decision"] = "approved"
        foreign = form_token_in((await other.get("/approvals")).text)
        for data in ({}, {**good, "form_token": ""}, {**good, "form_token": foreign}):
            assert (await browser.post(path, data=data)).status_code in {400, 403}
        for headers in (
            {"origin": "http://localhost:1"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            assert (await browser.post(path, data=good, headers=headers)).status_code == 403
        wrong = await browser.post(path, data={**good, "decision": "applied"})
        assert wrong.status_code == 400
        stored = await journal.get(intent.id)
        assert stored is not None
        assert stored.state == "proposed"
        answer = await browser.post(path, data=good, headers={"origin": edge.url})
        assert answer.headers["location"] == "/approvals?said=approved"


async def test_cookie(edge: Edge, serve: Serve) -> None:
    """The cookie is out of reach of scripts and other sites, and tells nothing of the token."""
    token = await edge.token("anna", operator=True)
    async with edge.http() as browser:
        answer = await browser.post("/approvals/login", data={"token": token})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert token.lower() not in cookie
    async with serve(public_url="https://loyalty.example") as safe, safe.http() as browser:
        token = await safe.token("bert", operator=True)
        answer = await browser.post(
            "/approvals/login", data={"token": token}, headers={"host": "loyalty.example"}
        )
        assert answer.headers["set-cookie"].startswith("__Host-")
        assert "; Secure" in answer.headers["set-cookie"]


async def test_log_out(edge: Edge) -> None:
    """Logging out forgets the session in this browser."""
    async with operator(edge) as browser:
        await browser.post("/approvals/logout")
        assert "Operator token" in (await browser.get("/approvals")).text


async def test_any_replica_knows_the_session() -> None:
    """A session that one process began another one knows by the shared secret, and only by it."""
    one, two, other = Seal(SHARED), Seal(SHARED), Seal(None)
    now = in_seconds(0)
    session = one.begin("anna", now)
    cookie = one.cookie(session)

    assert two.session(cookie, now) == session
    assert two.is_form_token(session, one.form_token(session))
    assert other.session(cookie, now) is None
    assert two.session(cookie, now + LIFETIME) is None
    assert two.session(f"{cookie[:-1]}x", now) is None
    for nonsense in ("", ".", "a.b", "é.é", cookie.replace(".", "")):
        assert two.session(nonsense, now) is None


async def test_the_page_works_without_scripts(edge: Edge) -> None:
    """The page has no script or style inside, and its files come from here with their types."""
    async with operator(edge) as browser:
        page = (await browser.get("/approvals")).text
        assert not re.search(r"<script(?![^>]*src=)|<style|style=", page)
        for path in re.findall(r'(?:src|href)="([^"]+)"', page):
            assert path.startswith("/approvals/")
            assert (await browser.get(path)).status_code == 200
        script = await browser.get("/approvals/approvals.js")
        assert "javascript" in script.headers["content-type"]
        assert (await browser.get("/approvals/page.html")).status_code in {404, 405}
        assert (await browser.get("/approvals/..%2fapp.py")).status_code in {404, 405}
