"""The sandbox as a process of its own, on a port."""

import concurrent.futures
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.ports import free_port
from tests.sandbox.conftest import CONFIG

LAUNCH = """
import sys
from pathlib import Path
from loyalty_mcp.sandbox.serve import serve
from loyalty_mcp.sandbox.settings import SandboxSettings
file = Path(sys.argv[2]) if sys.argv[2] else None
serve(SandboxSettings(database=file, empty=True, rate_limit=0), "127.0.0.1", int(sys.argv[1]))
"""


@contextmanager
def process(port: int, database: Path | str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run a sandbox until the block ends."""
    running = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(port), str(database)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(port, running)
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
        running.communicate(timeout=20)


def wait_for(port: int, running: subprocess.Popen[bytes]) -> None:
    """Return once the sandbox answers."""
    waiting = threading.Event()
    for _ in range(400):
        assert running.poll() is None, running.communicate()
        try:
            httpx2.get(f"http://127.0.0.1:{port}/sandbox/clock")
        except httpx2.TransportError:
            waiting.wait(0.05)
        else:
            return
    pytest.fail("the sandbox does not answer")


class Member:
    """A member of a sandbox that runs elsewhere."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http
        contact = self._post("/v3/contacts", {"email": "a@example.com"})["id"]
        program = self._post(CONFIG, {"name": "Club"})["id"]
        self.path = f"/v3/loyalty/balance/programs/{program}"
        fields = {"name": "Points", "unit": "POINTS"}
        definition = self._post(f"{self.path}/balance-definitions", fields)["id"]
        http.post(f"{CONFIG}/{program}/publish")
        self._post(f"{CONFIG}/{program}/subscriptions", {"contactId": contact})
        self.of = {"balanceDefinitionId": definition, "contactId": contact}

    def credit(self, http: httpx2.Client) -> str:
        """Credit one point and return the transaction's id."""
        body = {"amount": 1, "autoComplete": True, **self.of}
        answer = http.post(f"{self.path}/transactions", json=body)
        assert answer.status_code == 200, answer.text
        number: str = answer.json()["id"]
        return number

    def completed(self, http: httpx2.Client) -> set[str]:
        """Return the ids of all completed transactions."""
        found: set[str] = set()
        while True:
            page = http.get(
                f"{self.path}/transaction-history",
                params={**self.of, "limit": 500, "offset": len(found), "status": "completed"},
            ).json()
            found |= {each["id"] for each in page["transactionHistory"]}
            if not page["transactionHistory"]:
                return found

    def value(self, http: httpx2.Client) -> int:
        """Return the balance."""
        contact = self.of["contactId"]
        answer = http.get(f"{self.path}/subscriptions/{contact}/balances").json()
        number: int = answer["balance"][0]["value"]
        return number

    def _post(self, path: str, body: Mapping[str, object]) -> dict[str, str]:
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, str] = answer.json()
        return found


def client(port: int) -> httpx2.Client:
    """Return a client of the sandbox on a port."""
    return httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"api-key": "k"})


def test_killed_under_load_it_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """`kill -9` at any moment: each acknowledged credit is there, and the sum is exact."""
    port, database = free_port(), tmp_path / "sandbox.db"
    enough = threading.Semaphore(0)

    def load() -> list[str]:
        acknowledged = []
        with client(port) as http:
            while True:
                try:
                    acknowledged.append(member.credit(http))
                except httpx2.TransportError:
                    return acknowledged
                enough.release()

    with process(port, database) as running, client(port) as http:
        member = Member(http)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            loads = [pool.submit(load) for _ in range(8)]
            for _ in range(150):
                assert enough.acquire(timeout=30)
            running.kill()
            acknowledged = {number for each in loads for number in each.result(timeout=30)}

    assert len(acknowledged) >= 150
    with process(port, database), client(port) as http:
        kept = member.completed(http)
        assert acknowledged <= kept
        assert member.value(http) == len(kept)
        member.credit(http)
        assert member.value(http) == len(kept) + 1


def test_a_dropped_answer_is_a_cut_connection() -> None:
    """The work is done, and the client sees the connection break."""
    port = free_port()
    with process(port), client(port) as http:
        member = Member(http)
        fault = {"method": "POST", "path": "*/transactions", "kind": "drop_after_commit"}
        http.post("/sandbox/faults", json={"faults": [fault]})

        with pytest.raises(httpx2.RemoteProtocolError):
            member.credit(http)

        assert member.value(http) == 1


def test_it_prints_nothing_on_standard_output() -> None:
    """Standard output belongs to whoever starts it; it ends when told to."""
    port = free_port()
    with process(port) as running:
        httpx2.get(f"http://127.0.0.1:{port}/nothing")
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate(timeout=20)

    assert out == b""
