"""A fast local upstream with the sandbox's own answers: asked once, then given from memory."""

import asyncio
import sys
from typing import Any

import httpx2

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings

MEMBERS = 64
MANY = 1_000_000_000
"""A budget that no run uses up: the headers that tell it are a part of every answer."""


class Answers:
    """What the engine answered, as bytes on the wire."""

    def __init__(self) -> None:
        app = create_app(SandboxSettings(rate_limit=MANY))
        self._http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://sandbox"
        )
        self._known: dict[bytes, bytes] = {}

    def known(self, head: bytes, body: bytes) -> bytes | None:
        """The answer, if the same was asked before."""
        return self._known.get(head + b"\n" + body)

    async def enrol(self, members: int) -> None:
        """Make the seeded program larger, so that each caller can ask for another member."""
        headers = {"api-key": "benchmark"}
        programs = await self._http.get("/v3/loyalty/config/programs", headers=headers)
        place = f"/v3/loyalty/config/programs/{programs.json()['items'][0]['id']}/subscriptions"
        for number in range(members):
            contact = {"email": f"caller{number}@example.com"}
            made = await self._http.post("/v3/contacts", json=contact, headers=headers)
            body = {"contactId": made.json()["id"]}
            (await self._http.post(place, json=body, headers=headers)).raise_for_status()

    async def ask(self, head: bytes, body: bytes) -> bytes:
        """Ask the engine, and remember."""
        method, target, _ = head.decode().split(" ")
        headers = {"api-key": "benchmark", "content-type": "application/json"}
        response = await self._http.request(method, target, content=body, headers=headers)
        response_head = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
        start = f"HTTP/1.1 {response.status_code} OK\r\n{response_head}\r\n"
        answer = self._known[head + b"\n" + body] = start.encode() + response.content
        return answer


class Connection(asyncio.Protocol):
    """One connection: reads requests one after the other, and answers after `delay` seconds."""

    def __init__(self, answers: Answers, delay: float) -> None:
        self._answers = answers
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            size = _length(head)
            if len(self._received) < end + 4 + size:
                return
            body = self._received[end + 4 : end + 4 + size]
            self._received = self._received[end + 4 + size :]
            self._answer(head.partition(b"\r\n")[0], body)

    def _answer(self, line: bytes, body: bytes) -> None:
        answer = self._answers.known(line, body)
        if answer is None:
            task = self._loop.create_task(self._first(line, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif self._delay:
            self._loop.call_later(self._delay, self._write, answer)
        else:
            self._write(answer)

    async def _first(self, line: bytes, body: bytes) -> None:
        self._write(await self._answers.ask(line, body))

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _length(head: bytes) -> int:
    place = head.lower().find(b"content-length:")
    return 0 if place < 0 else int(head[place + 15 :].split(b"\r\n", 1)[0])


async def serve(delay: float) -> None:
    """Serve on any free port, told on standard output, until the process is ended."""
    answers = Answers()
    await answers.enrol(MEMBERS)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answers, delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0))
