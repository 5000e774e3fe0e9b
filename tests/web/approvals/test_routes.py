"""The approvals page: who may decide, sessions, forms and escaping."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from loyalty_mcp.intents.lifecycle import Intent, Preview, new_id
from loyalty_mcp.web.approvals.routes import is_own_origin
from loyalty_mcp.web.auth.operator_session import LIFETIME, SessionSigner
from tests.conftest import SandboxControl
from tests.web.conftest import SHARED, RunningServer, Serve, form_token_in, in_seconds

INJECTION = '<script>alert(1)</script><img src=x onerror="alert(2)">\'"&'
DEBIT: dict[str, Any] = {"member": "101", "amount": 5, "reason": 'broken "mug" <b>'}
OWN_SCRIPTS = ["/approvals/picture.js", "/approvals/approvals.js"]
DRAWN = re.compile(r' data-change="[^"]*"')
"""What the page's script draws instead of the words."""


@pytest.fixture
async def server(serve: Serve) -> AsyncIterator[RunningServer]:
    """A server where an operator must approve every change."""
    async with serve(confirm="operator", secret=SHARED) as found:
        yield found


@asynccontextmanager
async def logged_in(server: RunningServer, token: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser in which an operator is logged in."""
    async with server.http() as browser:
        answer = await browser.post("/approvals/login", data={"token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/approvals")
        yield browser


@asynccontextmanager
async def operator(server: RunningServer) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser in which Anna is logged in."""
    async with logged_in(server, await server.token("anna", operator=True)) as browser:
        yield browser


@asynccontextmanager
async def operators(
    server: RunningServer,
) -> AsyncIterator[tuple[httpx2.AsyncClient, httpx2.AsyncClient, str]]:
    """Two browsers, Anna's and Bert's, and Anna's token."""
    anna, bert = (
        await server.token("anna", operator=True),
        await server.token("bert", operator=True),
    )
    async with logged_in(server, anna) as one, logged_in(server, bert) as two:
        yield one, two, anna


async def ask(server: RunningServer, agent: str, **more: Any) -> dict[str, Any]:
    """The result of a debit that an agent asks for."""
    async with server.client(agent) as client:
        found = await client.call_tool("debit_points", {**DEBIT, **more})
    assert found.structured_content is not None
    return dict(found.structured_content)


async def decide(browser: httpx2.AsyncClient, intent: str, decision: str) -> httpx2.Response:
    """Submit a decision as the page does."""
    page = (await browser.get("/approvals")).text
    token = form_token_in(page)
    answer = await browser.post(
        f"/approvals/{intent}", data={"form_token": token, "decision": decision}
    )
    assert answer.status_code == 303
    return await browser.get(answer.headers["location"])


async def test_an_approved_intent_is_carried_out_once(
    server: RunningServer, control: SandboxControl
) -> None:
    """Once an operator has approved, the agent's repeated call carries the change out, once."""
    agent, before = await server.token("agent", "support"), await control.balance(101)
    async with operator(server) as browser:
        asked = await ask(server, agent)
        assert asked["status"] == "waiting_for_operator"
        assert (await ask(server, agent, confirmation=asked["intent"]))["status"] == (
            "waiting_for_operator"
        )

        page = (await browser.get("/approvals")).text
        assert html.escape(asked["preview"]["summary"]) in page
        assert "token:agent" in page
        assert "Approved." in (await decide(browser, asked["intent"], "approved")).text
        assert "Nothing waits for you." in (await browser.get("/approvals")).text

    done = await ask(server, agent, confirmation=asked["intent"])
    again = await ask(server, agent, confirmation=asked["intent"])
    assert (done["status"], again["status"]) == ("applied", "applied")
    assert await control.balance(101) == before - 5
    stored = await server.runtime.context.journal.open().get(asked["intent"])
    assert stored is not None
    assert stored.agreed_by == "operator:anna"


async def test_a_declined_intent_is_never_carried_out(
    server: RunningServer, control: SandboxControl
) -> None:
    """A declined intent cannot be carried out."""
    agent, before = await server.token("agent", "support"), await control.balance(101)
    async with operator(server) as browser:
        asked = await ask(server, agent)
        assert "Declined." in (await decide(browser, asked["intent"], "declined")).text

    found = await ask(server, agent, confirmation=asked["intent"])
    assert found["status"] == "declined"
    assert await control.balance(101) == before


async def test_only_one_of_many_decisions_counts(server: RunningServer) -> None:
    """Of twenty concurrent decisions one counts, and the others are told."""
    agent = await server.token("agent", "support")
    async with operators(server) as (one, two, _):
        asked = await ask(server, agent)
        notices: list[str] = []

        async def click(browser: httpx2.AsyncClient, decision: str) -> None:
            token = form_token_in((await browser.get("/approvals")).text)
            answer = await browser.post(
                f"/approvals/{asked['intent']}", data={"form_token": token, "decision": decision}
            )
            notices.append(answer.headers["location"].partition("=")[2])

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(click, one, "approved")
                group.start_soon(click, two, "declined")

    assert sorted(set(notices) - {"gone"}) in (["approved"], ["declined"])
    assert notices.count("gone") == 19
    stored = await server.runtime.context.journal.open().get(asked["intent"])
    assert stored is not None
    assert stored.state in notices


async def test_an_operator_cannot_approve_their_own_intent(server: RunningServer) -> None:
    """An operator sees their own intent without buttons, and a forged form changes nothing."""
    async with operators(server) as (browser, other, token):
        asked = await ask(server, token)
        page = (await browser.get("/approvals")).text
        assert "This is your own" in page
        assert 'value="approved"' not in page
        answer = await browser.post(
            f"/approvals/{asked['intent']}",
            data={"form_token": form_token_in(page), "decision": "approved"},
        )
        assert answer.headers["location"] == "/approvals?notice=own"
        assert "somebody else has to decide" in (await browser.get("/approvals?notice=own")).text
        assert "Approved." in (await decide(other, asked["intent"], "approved")).text


class Elements(HTMLParser):
    """Collects the elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect one element."""
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


def waiting_intent(server: RunningServer, **more: Any) -> Intent:
    """An intent that waits for an operator."""
    now = server.runtime.context.now()
    values: dict[str, Any] = {
        "id": new_id(),
        "tool": "debit_points",
        "digest": "0" * 64,
        "caller": "token:agent",
        "account": "a",
        "scope": "full",
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


async def test_outside_text_is_escaped(server: RunningServer) -> None:
    """Outside text in any part of an intent is shown as text, never as markup."""
    hostile = waiting_intent(
        server,
        caller=f"oauth:{INJECTION}",
        arguments={"reason": INJECTION, INJECTION: INJECTION},
        preview=Preview(
            INJECTION, {INJECTION: INJECTION}, {"after": {"deep": [INJECTION]}}, (INJECTION,)
        ),
    )
    async with operator(server) as browser:
        await server.runtime.context.journal.open().add(hostile)
        for path in ("/approvals", "/approvals/waiting"):
            page = (await browser.get(path)).text
            assert "alert(1)" in page
            found = Elements()
            found.feed(page)
            assert found.tags.isdisjoint({"img", "b", "iframe", "svg"})
            assert found.scripts == (OWN_SCRIPTS if path == "/approvals" else [])
            assert not [name for name in found.attributes if name.startswith("on")]


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\x07", "\u2028", "\U000e0041"])
async def test_characters_that_hide_text_are_shown(server: RunningServer, hidden: str) -> None:
    """A character that reverses, hides or controls text is shown by its number."""
    text = f"Credit 5{hidden}000 points."
    intent = waiting_intent(server, arguments={"reason": text}, preview=Preview(text))
    async with operator(server) as browser:
        await server.runtime.context.journal.open().add(intent)
        page = (await browser.get("/approvals")).text

    assert hidden not in page
    assert f"Credit 5[U+{ord(hidden):04X}]000 points." in page


async def test_values_are_shown_in_words(server: RunningServer) -> None:
    """Structures are lines of words, line breaks stay, and the sandbox is marked."""
    intent = waiting_intent(
        server,
        arguments={"tiers": [{"name": "Gold", "minimum": 500}], "publish": True, "until": None},
        preview=Preview(
            "Set up:\ncreate tier Gold",
            {"tiers": {"Status": "Bronze"}},
            {"tiers": {"Status": "Gold"}},
        ),
        expires_at=in_seconds(86_399),
    )
    async with operator(server) as browser:
        await server.runtime.context.journal.open().add(intent)
        page = html.unescape(DRAWN.sub("", (await browser.get("/approvals")).text))
        style = (await browser.get("/approvals/approvals.css")).text

    assert '">Set up:</h2>' in page
    assert '<p class="lines">create tier Gold</p>' in page
    assert "white-space: pre-wrap" in style
    assert "<dt>tiers</dt><dd>Status: Bronze</dd>" in page
    assert "<dt>tiers</dt><dd>minimum: 500; name: Gold</dd>" in page
    assert "<dt>publish</dt><dd>yes</dd>" in page
    assert ">23 h 59 min<" in page
    assert "Sandbox." in page
    assert "{" not in page


async def test_personal_data_are_masked(server: RunningServer) -> None:
    """Email addresses and phone numbers are shown only as far as they identify somebody."""
    address, phone = "anna.keller@example.com", "+49 151 12345678"
    intent = waiting_intent(
        server,
        arguments={"member": address, "contact": "4915112345678", "reason": f"Call {phone}"},
        preview=Preview(f"Debit {address}.", {"email": address}, {"sms": phone}, (address,)),
    )
    async with operator(server) as browser:
        await server.runtime.context.journal.open().add(intent)
        await server.runtime.context.journal.open().add(
            waiting_intent(server, state="declined", preview=Preview(address))
        )
        page = (await browser.get("/approvals")).text

    assert "keller" not in page
    assert "1234567" not in page
    assert "Debit a***@e***.com." in page
    assert "Call +49***678" in page


async def test_decided_intents_show_who_decided(server: RunningServer) -> None:
    """What was decided in the last days is listed with who decided and what became of it."""
    journal = server.runtime.context.journal.open()
    agent = await server.token("agent", "support")
    async with operator(server) as browser:
        asked = await ask(server, agent)
        await decide(browser, asked["intent"], "approved")
        page = (await browser.get("/approvals")).text
        assert "Approved by operator:anna; waits for the agent to carry it out." in page
        await ask(server, agent, confirmation=asked["intent"])
        await journal.add(waiting_intent(server, state="declined", agreed_by="operator:bert"))
        await journal.add(
            waiting_intent(server, state="expired", created_at=in_seconds(-8 * 86_400))
        )
        page = (await browser.get("/approvals")).text

    assert "Approved by operator:anna; carried out." in page
    assert "Declined by operator:bert." in page
    assert "Asked by token:agent" in page
    assert "nobody decided in time" not in page


async def test_an_expired_intent_cannot_be_approved(server: RunningServer) -> None:
    """An expired intent is not shown, and a late decision changes nothing."""
    late = waiting_intent(server, expires_at=in_seconds(-1))
    async with operator(server) as browser:
        soon = waiting_intent(server)
        journal = server.runtime.context.journal.open()
        await journal.add(late)
        await journal.add(soon)
        page = (await browser.get("/approvals")).text
        assert late.id not in page
        assert soon.id in page
        answer = await browser.post(
            f"/approvals/{late.id}",
            data={"form_token": form_token_in(page), "decision": "approved"},
        )
        assert answer.headers["location"] == "/approvals?notice=gone"
        stored = await journal.get(late.id)
        assert stored is not None
        assert stored.state == "expired"


@pytest.mark.parametrize("given", ["", "wrong", "lmcp_wrong", "x" * 5_000])
async def test_a_wrong_token_does_not_log_in(server: RunningServer, given: str) -> None:
    """A wrong token starts no session and is not echoed."""
    await server.token("anna", operator=True)
    async with server.http() as browser:
        answer = await browser.post("/approvals/login", content=f"token={given}&x=1")

        assert answer.status_code in {400, 401}
        assert "set-cookie" not in answer.headers
        assert "wrong" not in answer.text.replace("said=wrong-token", "")


async def test_only_operator_tokens_open_the_page(server: RunningServer) -> None:
    """A token without --operator does not open the page, neither typed nor as bearer."""
    token = await server.token("agent", "full")
    async with server.http(token) as browser:
        assert (await browser.post("/approvals/login", data={"token": token})).status_code == 401
        assert "Operator token" in (await browser.get("/approvals")).text
        assert (await browser.get("/approvals/waiting")).status_code == 401
        answer = await browser.post("/approvals/1", data={"decision": "approved"})
        assert answer.headers["location"] == "/approvals?notice=ended"


async def test_forged_forms_are_refused(server: RunningServer) -> None:
    """A form from another site or without the session's form token decides nothing."""
    async with operators(server) as (browser, other, _):
        intent = waiting_intent(server)
        journal = server.runtime.context.journal.open()
        await journal.add(intent)
        path = f"/approvals/{intent.id}"
        good = {"form_token": form_token_in((await browser.get("/approvals")).text)}
        good["decision"] = "approved"
        foreign = form_token_in((await other.get("/approvals")).text)
        for data in ({}, {**good, "form_token": ""}, {**good, "form_token": foreign}):
            assert (await browser.post(path, data=data)).status_code in {400, 403}
        for headers in (
            {"origin": "http://localhost:1"},
            {"origin": "http://127.0.0.1"},
            {"origin": server.url.replace("127.0.0.1", "localhost")},
            {"origin": "null"},
            {"origin": ""},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            assert (await browser.post(path, data=good, headers=headers)).status_code == 403
        wrong = await browser.post(path, data={**good, "decision": "applied"})
        assert wrong.status_code == 400
        stored = await journal.get(intent.id)
        assert stored is not None
        assert stored.state == "proposed"
        answer = await browser.post(path, data=good, headers={"origin": server.url})
        assert answer.headers["location"] == "/approvals?notice=approved"


@pytest.mark.parametrize("path", ["/approvals", "/approvals/waiting"])
async def test_a_page_of_another_port_gets_nothing(server: RunningServer, path: str) -> None:
    """Another port of this machine is another origin, although the cookie is sent along."""
    async with operator(server) as browser:
        foreign = await browser.get(path, headers={"origin": "http://localhost:5173"})
        assert foreign.status_code == 403
        assert (await browser.get(path, headers={"origin": server.url})).status_code == 200


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ("https://loyalty.example", True),
        ("HTTPS://Loyalty.Example", True),
        ("http://loyalty.example", False),
        ("https://loyalty.example:8443", False),
        ("https://loyalty.example.evil.example", False),
        ("https://evil.example", False),
        ("http://127.0.0.1:8000", False),
        ("null", False),
        ("loyalty.example", False),
    ],
)
def test_an_origin_is_compared_with_its_scheme_and_port(origin: str, *, own: bool) -> None:
    """Only the page's own scheme, name and port is its origin."""
    url = "https://loyalty.example/base"
    assert is_own_origin(origin, "loyalty.example", url, https=True) is own


def test_an_operator_may_come_directly_to_loopback() -> None:
    """Behind HTTPS, the page still works for whoever reaches the process on its own machine."""
    url = "https://loyalty.example"
    assert is_own_origin("http://127.0.0.1:8000", "127.0.0.1:8000", url, https=True)
    assert not is_own_origin("http://127.0.0.1:8001", "127.0.0.1:8000", url, https=True)


async def test_cookie_attributes(server: RunningServer, serve: Serve) -> None:
    """The cookie is HttpOnly and SameSite=Strict, Secure over HTTPS, and without the token."""
    token = await server.token("anna", operator=True)
    async with server.http() as browser:
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


async def test_logging_out_ends_the_session(server: RunningServer) -> None:
    """After logging out the login form is shown, and a copy of the cookie opens nothing."""
    async with operator(server) as browser:
        page = (await browser.get("/approvals")).text
        copied = dict(browser.cookies)
        intent = waiting_intent(server)
        await server.runtime.context.journal.open().add(intent)
        await browser.post("/approvals/logout")
        assert "Operator token" in (await browser.get("/approvals")).text
    async with server.http(cookies=copied) as thief:
        assert "Operator token" in (await thief.get("/approvals")).text
        assert (await thief.get("/approvals/waiting")).status_code == 401
        answer = await thief.post(
            f"/approvals/{intent.id}",
            data={"form_token": form_token_in(page), "decision": "approved"},
        )
        assert answer.headers["location"] == "/approvals?notice=ended"
        assert (await thief.post("/approvals/logout")).status_code == 303


async def test_logging_out_ends_the_session_on_every_replica(serve: Serve, tmp_path: Path) -> None:
    """A session that was ended at one replica is ended at the other; others go on."""
    shared = {"database_url": f"sqlite:///{tmp_path / 'journal.db'}", "secret": SHARED}
    async with serve(**shared) as one, serve(**shared) as two:
        token = await one.token("anna", operator=True)
        async with logged_in(one, token) as browser, logged_in(two, token) as other:
            copied = dict(browser.cookies)
            async with two.http(cookies=copied) as elsewhere:
                assert "Log out" in (await elsewhere.get("/approvals")).text
                await browser.post("/approvals/logout")
                assert "Operator token" in (await elsewhere.get("/approvals")).text
            assert "Log out" in (await other.get("/approvals")).text


async def test_sessions_are_shared_through_the_secret() -> None:
    """A session is valid in every process with the same secret, and in no other."""
    one, two, other = SessionSigner([SHARED]), SessionSigner([SHARED]), SessionSigner()
    now = in_seconds(0)
    session = one.new_session("anna", now)
    cookie = one.cookie_of(session)

    assert two.read_cookie(cookie, now) == session
    assert two.is_form_token(session, one.form_token(session))
    assert other.read_cookie(cookie, now) is None
    assert two.read_cookie(cookie, now + LIFETIME) is None
    assert two.read_cookie(f"x{cookie[1:]}", now) is None
    for nonsense in ("", ".", "a.b", "é.é", cookie.replace(".", "")):
        assert two.read_cookie(nonsense, now) is None


def test_a_secret_is_replaced_without_ending_sessions() -> None:
    """While two secrets are set, what the old one signed is accepted, and the new one signs."""
    new, now = "the next secret, as long as the first", in_seconds(0)
    before, during, after = (SessionSigner(keys) for keys in ([SHARED], [new, SHARED], [new]))
    old, fresh = before.new_session("anna", now), during.new_session("bert", now)

    assert during.read_cookie(before.cookie_of(old), now) == old
    assert during.is_form_token(old, before.form_token(old))
    assert after.read_cookie(during.cookie_of(fresh), now) == fresh
    assert after.read_cookie(before.cookie_of(old), now) is None
    assert before.read_cookie(during.cookie_of(fresh), now) is None


async def test_the_page_has_no_inline_scripts_or_styles(server: RunningServer) -> None:
    """Scripts and styles are files of this server, with the right types."""
    async with operator(server) as browser:
        page = (await browser.get("/approvals")).text
        assert not re.search(r"<script(?![^>]*src=)|<style|style=", page)
        for path in re.findall(r'(?:src|href)="([^"]+)"', page):
            assert path.startswith("/approvals/")
            assert (await browser.get(path)).status_code == 200
        script = await browser.get("/approvals/approvals.js")
        assert "javascript" in script.headers["content-type"]
        assert (await browser.get("/approvals/page.html")).status_code in {404, 405}
        assert (await browser.get("/approvals/..%2fapp.py")).status_code in {404, 405}


@pytest.mark.parametrize("prefix", ["/loyalty", ""], ids=["prefix kept", "prefix removed"])
async def test_the_page_works_under_a_base_path(serve: Serve, prefix: str) -> None:
    """Links and redirects have the public URL's path, whether or not the proxy removes it."""
    settings = {"confirm": "operator", "public_url": "http://loyalty.example/loyalty"}
    async with serve(**settings) as server:
        token = await server.token("anna", operator=True)
        headers = {"host": "loyalty.example"}
        await server.runtime.context.journal.open().add(waiting_intent(server))
        async with server.http(headers=headers) as browser:
            answer = await browser.post(f"{prefix}/approvals/login", data={"token": token})
            assert answer.headers["location"] == "/loyalty/approvals"
            page = (await browser.get(f"{prefix}/approvals")).text

    paths = re.findall(r'(?:src|href|action|data-home)="([^"]+)"', page)
    assert len(paths) > 5
    assert all(path.startswith("/loyalty/approvals") for path in paths)
