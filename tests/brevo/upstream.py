"""A scripted upstream: the network replaced by a function, at the edge of the process."""

from collections.abc import Callable
from typing import Any

import anyio
import httpx2
import pytest

from loyalty_mcp.brevo.client import Brevo
from loyalty_mcp.brevo.operations.programs import create_program, list_programs
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.errors import LoyaltyError

CANARY = "xkeysib-canary-7f3a"
PROGRAM = "11111111-2222-4333-8444-555555555555"

Handler = Callable[[httpx2.Request], Any]
Open = Callable[[Handler], Brevo]

READ: Request[Any] = list_programs()
CHANGE: Request[Any] = create_program("Tea Club")


class Upstream:
    """Answers each request with the next given answer, and then always with the last one."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self._answers = answers
        self.received: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """The next answer."""
        self.received.append(request)
        answer = self._answers[min(len(self.received), len(self._answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


class Gate:
    """An upstream that delays reads until it is opened, and answers changes immediately."""

    def __init__(self, content: bytes = b'{"items": []}', status: int = 200) -> None:
        self.opened = anyio.Event()
        self.received: list[httpx2.Request] = []
        self._content, self._status = content, status

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, once the gate is open."""
        self.received.append(request)
        if request.method == "GET":
            await self.opened.wait()
        return httpx2.Response(self._status, content=self._content)


def answer(status: int, content: bytes | str = b"", **headers: str) -> httpx2.Response:
    """An answer of the upstream."""
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, content=content, headers=spelled)


def limited(seconds: int) -> httpx2.Response:
    """A refusal because the budget is used up; it is full again in `seconds`."""
    return answer(
        429,
        b'{"code": "too_many_requests", "message": "slow down"}',
        x_sib_ratelimit_limit="600",
        x_sib_ratelimit_remaining="0",
        x_sib_ratelimit_reset=str(seconds),
    )


GOOD = answer(200, b'{"items": []}')


async def error_of(brevo: Brevo, request: Request[Any]) -> LoyaltyError:
    """The error that a request ends in."""
    with pytest.raises(LoyaltyError) as caught:
        await brevo.send(request)
    return caught.value
