"""What sandbox tests share: a clock that stands still, a fresh engine, and a client on it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx2
import pytest
from starlette.applications import Starlette

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings

Json = dict[str, Any]

CONFIG = "/v3/loyalty/config/programs"
NO_ID = "00000000-0000-4000-8000-000000000000"


class StillClock:
    """A real time that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def pass_(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


class Answer(NamedTuple):
    """A status and a body."""

    status: int
    body: Any


@dataclass
class Sandbox:
    """A client on a fresh engine."""

    app: Starlette
    http: httpx2.AsyncClient
    clock: StillClock

    async def call(self, method: str, path: str, body: Any = None, /, **query: Any) -> Answer:
        """Send a request and return what came back."""
        answer = await self.http.request(
            method, path, json=body, params={k: str(v) for k, v in query.items()}
        )
        return Answer(answer.status_code, answer.json() if answer.content else None)

    async def get(self, path: str, **query: Any) -> Any:
        """Read, and expect 200."""
        return self._good(await self.call("GET", path, **query))

    async def post(self, path: str, body: Any = None) -> Any:
        """Post, and expect success."""
        return self._good(await self.call("POST", path, body))

    async def refused(self, method: str, path: str, body: Any = None, /, **query: Any) -> int:
        """Expect `{code, message}` and no change; return the status."""
        before = await self.state()
        status, problem = await self.call(method, path, body, **query)

        assert problem.keys() == {"code", "message"}, problem
        assert len(problem["message"]) < 300
        assert await self.state() == before
        return status

    async def state(self) -> str:
        """Return the digest of the state."""
        digest: str = (await self.get("/sandbox/state-hash"))["state_hash"]
        return digest

    async def events(self) -> list[str]:
        """Return the names of the events."""
        return [event["event_name"] for event in (await self.get("/sandbox/events"))["events"]]

    async def advance(self, **span: float) -> None:
        """Step the sandbox's clock ahead."""
        seconds = timedelta(**span).total_seconds()
        await self.post("/sandbox/clock", {"advance_seconds": seconds})

    async def contact(self, name: str = "a") -> int:
        """Make a contact and return its id."""
        number: int = (await self.post("/v3/contacts", {"email": f"{name}@example.com"}))["id"]
        return number

    async def program(self, name: str = "Club") -> str:
        """Make a program and return its id."""
        number: str = (await self.post(CONFIG, {"name": name}))["id"]
        return number

    async def publish(self, program: str) -> None:
        """Publish a program."""
        await self.post(f"{CONFIG}/{program}/publish")

    async def define(self, program: str, **fields: Any) -> str:
        """Define a balance in the draft and return its id."""
        body = {"name": "Points", "unit": "POINTS", **fields}
        # What the reference has no field for is set by the door of the set-up guide.
        guided = "expiryPolicy" in fields
        door = f"{CONFIG}/{program}" if guided else self.balance(program)
        found: str = (await self.post(f"{door}/balance-definitions", body))["id"]
        return found

    async def enrol(self, program: str, contact: int, **fields: Any) -> Json:
        """Enrol a contact."""
        found: Json = await self.post(
            f"{CONFIG}/{program}/subscriptions", {"contactId": contact, **fields}
        )
        return found

    @staticmethod
    def balance(program: str) -> str:
        """Return where the balances of a program live."""
        return f"/v3/loyalty/balance/programs/{program}"

    @staticmethod
    def _good(answer: Answer) -> Any:
        assert 200 <= answer.status < 300, answer
        return answer.body


@dataclass
class Account:
    """One member of a published program with one balance."""

    sandbox: Sandbox
    program: str
    definition: str
    contact: int

    @property
    def path(self) -> str:
        """Where the balances of the program live."""
        return self.sandbox.balance(self.program)

    async def draft(self, amount: float, **fields: Any) -> Json:
        """Open a transaction."""
        body = {
            "amount": amount,
            "balanceDefinitionId": self.definition,
            "contactId": self.contact,
            **fields,
        }
        found: Json = await self.sandbox.post(f"{self.path}/transactions", body)
        return found

    async def move(self, amount: float, **fields: Any) -> Json:
        """Make a transaction and complete it at once."""
        return await self.draft(amount, autoComplete=True, **fields)

    async def try_move(self, amount: float, **fields: Any) -> Answer:
        """Make a transaction that may be refused."""
        body = {
            "amount": amount,
            "balanceDefinitionId": self.definition,
            "contactId": self.contact,
            "autoComplete": True,
            **fields,
        }
        return await self.sandbox.call("POST", f"{self.path}/transactions", body)

    async def resolve(self, transaction: Json, how: str = "complete") -> Answer:
        """Complete or cancel a transaction."""
        path = f"{self.path}/transactions/{transaction['id']}/{how}"
        return await self.sandbox.call("POST", path)

    async def value(self) -> float:
        """Return the balance."""
        answer = await self.sandbox.get(f"{self.path}/subscriptions/{self.contact}/balances")
        found: float = next(
            each["value"]
            for each in answer["balance"]
            if each["balanceDefinitionId"] == self.definition
        )
        return found

    async def lots(self) -> list[Json]:
        """Return the lots, oldest first."""
        answer = await self.sandbox.get(
            f"{self.path}/active-balance",
            contactId=self.contact,
            balanceDefinitionId=self.definition,
            sort="asc",
        )
        found: list[Json] = answer["activeBalances"]
        assert answer["count"] == len(found)
        return found

    async def history(self, **query: Any) -> list[Json]:
        """Return the history, newest first."""
        answer = await self.sandbox.get(
            f"{self.path}/transaction-history",
            contactId=self.contact,
            balanceDefinitionId=self.definition,
            **query,
        )
        found: list[Json] = answer["transactionHistory"]
        return found


MakeSandbox = Callable[..., Any]


@pytest.fixture
async def make_sandbox() -> AsyncIterator[MakeSandbox]:
    """Make an engine with these settings, empty and without a rate limit unless said otherwise."""
    async with AsyncExitStack() as stack:

        async def make(**choices: Any) -> Sandbox:
            clock = StillClock()
            settings = SandboxSettings(**{"empty": True, "rate_limit": 0, **choices})
            app = create_app(settings, clock=clock)
            stack.callback(app.state.store.close)
            http = httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app),
                base_url="http://sandbox",
                headers={"api-key": settings.api_key or "any"},
            )
            return Sandbox(app, await stack.enter_async_context(http), clock)

        yield make


@pytest.fixture
async def sandbox(make_sandbox: MakeSandbox) -> Sandbox:
    """An empty engine."""
    made: Sandbox = await make_sandbox()
    return made


async def open_account(sandbox: Sandbox, **fields: Any) -> Account:
    """Make a member of a published program whose one balance has these settings."""
    program = await sandbox.program()
    definition = await sandbox.define(program, **fields)
    await sandbox.publish(program)
    contact = await sandbox.contact()
    await sandbox.enrol(program, contact)
    return Account(sandbox, program, definition, contact)


@pytest.fixture
async def account(sandbox: Sandbox) -> Account:
    """A member with a balance that has no settings."""
    return await open_account(sandbox)
