"""The whole path of a guarded debit, beside bare requests to the same upstream."""

import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx2
from contenders import folder, product
from conversation import Conversation
from figure import Figure, compared, interleaved, milliseconds
from process import sandbox
from world import KEY, balance_path, seeded

REQUESTS = 6
OURS, BARE = "ours", "6 bare requests"
DELAY = 0.020
MANY = 1_000_000
MEMBER = 102


def figures(*, quick: bool) -> list[Figure]:
    """Preview, confirmation, draft, completion and journal, against the same requests bare."""
    rounds, times = (5, 5) if quick else (20, 10)
    with ExitStack() as stack:
        upstream = f"http://127.0.0.1:{stack.enter_context(sandbox()).port}/v3"
        state = stack.enter_context(folder())
        program, balance = seeded(upstream)
        http = stack.enter_context(httpx2.Client(base_url=upstream, headers=KEY))
        server = stack.enter_context(Conversation(product(state, upstream, confirm="token")))

        def bare() -> float:
            begun = time.perf_counter()
            for _ in range(times):
                same_requests(http, program, balance)
            return (time.perf_counter() - begun) / times

        def whole_path() -> float:
            begun = time.perf_counter()
            for _ in range(times):
                move(server, "debit_points", 1)
            return (time.perf_counter() - begun) / times

        move(server, "credit_points", 100_000)
        move(server, "debit_points", 1)
        needed = requests_of(http, program, lambda: move(server, "debit_points", 1))
        at_once = interleaved(rounds, {OURS: whole_path, BARE: bare})
        answer_late(http, DELAY)
        late = interleaved(rounds, {OURS: whole_path, BARE: bare})
    requests_counted = {OURS: [float(needed)], BARE: [float(REQUESTS)]}
    return [
        compared("debit: requests", requests_counted, OURS, BARE, "{:.0f}".format, 1),
        compared("debit: whole path, upstream 20 ms", late, OURS, BARE, milliseconds, 1),
        compared("debit: whole path, upstream at once", at_once, OURS, BARE, milliseconds),
    ]


def answer_late(http: httpx2.Client, seconds: float) -> None:
    """Let the engine answer every request after some time, as a network does."""
    fault = {"kind": "delay", "method": "*", "path": "*", "times": MANY, "delay_seconds": seconds}
    root = http.base_url.copy_with(path="/sandbox/faults")
    http.post(root, json={"faults": [fault]}).raise_for_status()


def move(server: Conversation, tool: str, amount: float) -> None:
    """A movement: previewed, then confirmed."""
    asked = {"program": "VIP Club", "member": str(MEMBER), "amount": amount, "reason": "benchmark"}
    preview = server.call(tool, **asked)["structuredContent"]
    assert preview["status"] == "confirmation_required", preview
    done = server.call(tool, **asked, confirmation=preview["confirmation"])
    assert done["structuredContent"]["status"] == "applied", done


def same_requests(http: httpx2.Client, program: str, balance: str) -> None:
    """The requests of a guarded debit, bare: look twice, create, complete."""
    place = f"/loyalty/balance/programs/{program}"
    asked: dict[str, str | int] = {"contactId": MEMBER, "balanceDefinitionId": balance}
    for _ in range(2):
        http.get(f"/loyalty/config/programs/{program}/account-info", params={"contactId": MEMBER})
        http.get(f"{place}/transaction-history", params=asked)
    made = http.post(f"{place}/transactions", json={**asked, "amount": -1}).raise_for_status()
    http.post(f"{place}/transactions/{made.json()['id']}/complete").raise_for_status()


def requests_of(http: httpx2.Client, program: str, work: Callable[[], None]) -> int:
    """How many upstream requests some work sends, by what it takes from the budget."""

    def left() -> int:
        answer = http.get(balance_path(program, MEMBER))
        return int(answer.headers["x-sib-ratelimit-remaining"])

    before = left()
    work()
    return before - left() - 1
