"""Which requests the served sandbox accepts."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from loyalty_mcp.sandbox.access import LocalRequestsOnly
from loyalty_mcp.sandbox.api.routes import ENDPOINTS
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from tests.cli.test_commands import run
from tests.ports import free_port

CONTROL: dict[str, Any] = {
    "/sandbox/reset": None,
    "/sandbox/clock": {"advance_seconds": 1},
    "/sandbox/faults": {"faults": []},
    "/sandbox/switches": {"drafts_reserve": True},
    "/sandbox/webhooks": {"url": "http://127.0.0.1:9/?secret"},
}
FORBIDDEN = [
    pytest.param({"host": "rebind.evil.example"}, 421, id="another Host"),
    pytest.param({"host": "localhost.evil.example:8585"}, 421, id="a Host like ours"),
    pytest.param({"host": "sandbox"}, 421, id="a Host that was not allowed"),
    pytest.param({"origin": "https://evil.example"}, 403, id="another Origin"),
    pytest.param({"origin": "null"}, 403, id="Origin null"),
    pytest.param({"origin": "http://127.0.0.1:1"}, 403, id="another port"),
    pytest.param({"sec-fetch-site": "cross-site"}, 403, id="cross-site"),
    pytest.param({"sec-fetch-site": "same-site"}, 403, id="same-site"),
    pytest.param({"content-type": "text/plain"}, 415, id="text"),
    pytest.param({"content-type": "text/plain;application/json"}, 415, id="almost JSON"),
    pytest.param({"content-type": "application/x-www-form-urlencoded"}, 415, id="a form"),
    pytest.param({"content-type": ""}, 415, id="no type"),
]


@contextmanager
def served(*flags: str) -> Iterator[httpx2.Client]:
    """A client of a sandbox process."""
    port = free_port()
    command = [sys.executable, "-m", "loyalty_mcp", "sandbox", "--port", str(port), *flags]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
                wait_for(http)
                yield http
        finally:
            process.terminate()


def wait_for(http: httpx2.Client) -> None:
    """Return once the sandbox answers."""
    pause = threading.Event()
    for _ in range(400):
        try:
            http.get("/sandbox/clock")
        except httpx2.TransportError:
            pause.wait(0.05)
        else:
            return
    pytest.fail("the sandbox does not answer")


def client(settings: SandboxSettings | None = None, hosts: tuple[str, ...] = ()) -> Any:
    """A client of a sandbox in this process, behind its checks."""
    app = create_app(settings or SandboxSettings())
    transport = httpx2.ASGITransport(app=LocalRequestsOnly(app, hosts))
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8585")


@pytest.fixture(scope="module")
def process() -> Iterator[httpx2.Client]:
    """A client of a sandbox process with default flags."""
    with served() as http:
        yield http


@pytest.mark.parametrize(("headers", "status"), FORBIDDEN)
def test_a_page_of_another_site_cannot_drive_the_sandbox(
    process: httpx2.Client, headers: dict[str, str], status: int
) -> None:
    """By rebinding, by Origin or by a simple body: no control route of a real process obeys."""
    before = process.get("/sandbox/switches").json()
    for path, body in CONTROL.items():
        given = {"content-type": "application/json", **headers}
        answer = process.post(path, content=json.dumps(body), headers=given)
        assert answer.status_code == status, path

    assert process.get("/sandbox/switches").json() == before
    assert process.get("/sandbox/webhooks").json() == {"url": None}


@pytest.mark.parametrize(("headers", "status"), FORBIDDEN)
async def test_every_route_is_checked(headers: dict[str, str], status: int) -> None:
    """No route of the engine answers such a request."""
    async with client() as http:
        for endpoint in ENDPOINTS:
            given = {"api-key": "k", "content-type": "application/json", **headers}
            answer = await http.request(
                endpoint.method, endpoint.path, content=b"{}", headers=given
            )
            assert answer.status_code == status, endpoint.path
            assert set(answer.json()) == {"code", "message"}


async def test_own_pages_and_programs_are_accepted() -> None:
    """JSON from this machine is accepted, and so is a request without a body."""
    async with client() as http:
        for path, body in CONTROL.items():
            own = {"origin": "http://127.0.0.1:8585", "sec-fetch-site": "same-origin"}
            answer = await http.post(path, json=body, headers=own)
            assert answer.status_code == 200, path
        assert (await http.post("/sandbox/reset")).status_code == 200
        typed = {"content-type": "application/json; charset=utf-8"}
        assert (await http.post("/sandbox/clock", content=b"{}", headers=typed)).status_code == 422


async def test_an_allowed_host_is_accepted() -> None:
    """A name given by --allowed-host is accepted, with any port."""
    async with client(hosts=("sandbox",)) as http:
        answer = await http.get("/sandbox/clock", headers={"host": "sandbox:8585"})

    assert answer.status_code == 200


@pytest.mark.parametrize("key", [None, "wrong", ""])
async def test_the_control_api_needs_the_key_that_was_given(key: str | None) -> None:
    """With --api-key, every route under /sandbox/ and /v3/ needs it."""
    headers = {} if key is None else {"api-key": key}
    async with client(SandboxSettings(api_key="secret")) as http:
        for endpoint in ENDPOINTS:
            answer = await http.request(endpoint.method, endpoint.path, headers=headers)
            assert answer.status_code == 401, endpoint.path
        right = await http.get("/sandbox/clock", headers={"api-key": "secret"})

    assert right.status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/hook",
        "http://192.0.2.7/hook",
        "http://127.0.0.1@evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://0.0.0.0/",
        "http://[::ffff:192.0.2.7]/",
        "http://[/",
    ],
)
async def test_webhooks_stay_on_this_machine(url: str) -> None:
    """An address elsewhere is refused, and the one before stays."""
    async with client() as http:
        await http.post("/sandbox/webhooks", json={"url": "http://127.0.0.1:9/hook"})
        refused = await http.post("/sandbox/webhooks", json={"url": url})
        shown = await http.get("/sandbox/webhooks")
        await http.post("/sandbox/webhooks", json={"url": None})

    assert refused.status_code == 422
    assert shown.json() == {"url": "http://127.0.0.1:9/hook"}


async def test_an_allowed_host_may_receive_webhooks() -> None:
    """--webhook-host allows one host besides this machine."""
    settings = SandboxSettings(webhook_hosts=("hooks.example",))
    async with client(settings) as http:
        allowed = await http.post("/sandbox/webhooks", json={"url": "https://hooks.example/x"})
        refused = await http.post("/sandbox/webhooks", json={"url": "https://a.hooks.example/x"})
        await http.post("/sandbox/webhooks", json={"url": None})

    assert (allowed.status_code, refused.status_code) == (200, 422)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])  # noqa: S104 - refused
def test_a_sandbox_for_others_needs_a_key(host: str) -> None:
    """A bind that others can reach needs --api-key, or it does not start."""
    result = run("sandbox", "--host", host, "--port", "0")

    assert result.exit_code == 2
    assert "--api-key" in result.stderr
