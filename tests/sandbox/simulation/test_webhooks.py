import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.sandbox.club import Club, open_club
from tests.sandbox.conftest import Sandbox


class Receiver:
    """A real server on loopback that keeps what it is sent."""

    def __init__(self, status: int = 204) -> None:
        self.received: list[Any] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                receiver.received.append(json.loads(self.rfile.read(size)))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.status = status
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that is stopped at the end."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
async def club(sandbox: Sandbox) -> Club:
    """A published program with one balance."""
    return await open_club(sandbox)


def drained(club: Club) -> None:
    """Wait until everything was sent, then stop sending."""
    webhooks = club.sandbox.app.state.engine.webhooks
    webhooks.drain()
    webhooks.close()


async def test_events_are_sent_to_an_address(club: Club, receiver: Receiver) -> None:
    """What happens after the address was given is sent there, as it is recorded, in order."""
    await club.join("before")
    await club.sandbox.post("/sandbox/webhooks", {"url": receiver.url})
    contact = await club.join()
    await club.move(contact, 5)
    drained(club)
    events = (await club.sandbox.get("/sandbox/events"))["events"]

    assert receiver.received == events[-2:]
    assert [event["event_name"] for event in receiver.received] == [
        "subscription_created",
        "balance_value_updated",
    ]


async def test_what_is_refused_but_announced_is_sent(club: Club, receiver: Receiver) -> None:
    """The announcement of a refused movement is sent although the request failed."""
    contact = await club.join()
    await club.sandbox.post("/sandbox/webhooks", {"url": receiver.url})
    await club.try_move(contact, -5)
    drained(club)

    names = [event["event_name"] for event in receiver.received]
    assert names == ["balance_transaction_unauthorized"]


async def test_a_receiver_that_fails_fails_no_request(club: Club, receiver: Receiver) -> None:
    """An error of the receiver, or nobody listening, is nothing to the request."""
    receiver.status = 500
    await club.sandbox.post("/sandbox/webhooks", {"url": receiver.url})
    contact = await club.join()
    club.sandbox.app.state.engine.webhooks.drain()
    await club.sandbox.post("/sandbox/webhooks", {"url": "http://127.0.0.1:9/nobody"})

    assert (await club.try_move(contact, 5)).status == 200

    drained(club)

    assert len(receiver.received) == 1


async def test_reset_and_null_stop_the_sending(club: Club, receiver: Receiver) -> None:
    """A reset clears the address, and so does null."""
    await club.sandbox.post("/sandbox/webhooks", {"url": receiver.url})
    await club.sandbox.post("/sandbox/webhooks", {"url": None})
    await club.join()
    await club.sandbox.post("/sandbox/webhooks", {"url": receiver.url})
    await club.sandbox.post("/sandbox/reset")
    await open_club(club.sandbox)

    assert receiver.received == []


@pytest.mark.parametrize(
    "body", [{}, {"url": 5}, {"url": "ftp://x/y"}, {"url": "http://"}, {"to": "http://x/"}]
)
async def test_what_is_no_address_is_refused(sandbox: Sandbox, body: dict[str, Any]) -> None:
    """Only an http or https address, or null, is taken."""
    assert await sandbox.refused("POST", "/sandbox/webhooks", body) == 422
