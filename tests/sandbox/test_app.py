import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from loyalty_mcp.sandbox import differences
from loyalty_mcp.sandbox.api.routes import ENDPOINTS
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from tests.sandbox.conftest import (
    CONFIG,
    NO_ID,
    Account,
    MakeSandbox,
    Sandbox,
    StillClock,
    open_account,
)

pytestmark = pytest.mark.anyio

FILLED = {
    "pid": NO_ID,
    "bdid": NO_ID,
    "blid": NO_ID,
    "gid": NO_ID,
    "tid": NO_ID,
    "rid": NO_ID,
    "cpid": NO_ID,
    "cid": "1",
    "identifier": "none@example.com",
}
API = [endpoint for endpoint in ENDPOINTS if endpoint.path.startswith("/v3/")]
EVERY = pytest.mark.parametrize(
    ("method", "template"),
    [(endpoint.method, endpoint.path) for endpoint in API],
    ids=[f"{endpoint.method} {endpoint.path}" for endpoint in API],
)


def filled(template: str, **others: str) -> str:
    """Return a path with an id in each place."""
    path = template
    for name, value in {**FILLED, **others}.items():
        path = path.replace(f"{{{name}}}", value)
    return path


@EVERY
async def test_no_key_is_401(sandbox: Sandbox, method: str, template: str) -> None:
    """Without a key nothing is told, not even whether the path exists."""
    answer = await sandbox.http.request(method, filled(template), headers={"api-key": ""})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_every_answer_carries_the_time_of_the_sandbox(sandbox: Sandbox) -> None:
    """The header `date` follows the sandbox's own clock, also where a request is refused."""
    await sandbox.advance(days=31)
    dates = [
        (await sandbox.http.get(path)).headers["date"]
        for path in (CONFIG, f"{CONFIG}/{NO_ID}", "/nowhere")
    ]

    assert dates == ["Fri, 10 Apr 2026 12:00:00 GMT"] * 3


async def test_one_key_fits_where_one_is_set(make_sandbox: MakeSandbox) -> None:
    """The key appears in no answer and in no repr."""
    sandbox: Sandbox = await make_sandbox(api_key="canary-5e1f")

    assert (await sandbox.get(CONFIG)) == {"items": []}
    answer = await sandbox.http.get(CONFIG, headers={"api-key": "canary-5e1e"})
    assert answer.status_code == 401
    assert "canary" not in answer.text
    assert "canary" not in repr(SandboxSettings(api_key="canary-5e1f"))


@EVERY
@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"name": NaN}',
        b'{"amount": 1' + b"0" * 5000 + b"}",
    ],
    ids=["cut", "text", "bytes", "deep", "nan", "digits"],
)
async def test_a_body_that_is_no_document_is_400(
    sandbox: Sandbox, method: str, template: str, raw: bytes
) -> None:
    """One clear error, whatever the endpoint."""
    before = await sandbox.state()

    answer = await sandbox.http.request(method, filled(template), content=raw)

    assert answer.status_code == 400
    assert answer.json().keys() == {"code", "message"}
    assert await sandbox.state() == before


@EVERY
@pytest.mark.parametrize(
    "body",
    [[], "text", 5, True, {"no such field": 1}, {"name": "a\x00b"}, {"name": "\ud800"}],
    ids=["list", "text", "number", "truth", "unknown", "nul", "surrogate"],
)
async def test_a_document_that_does_not_fit_is_refused(
    sandbox: Sandbox, method: str, template: str, body: Any
) -> None:
    """422 (400 for contacts), and nothing is changed."""
    before = await sandbox.state()

    answer = await sandbox.http.request(
        method, filled(template), content=json.dumps(body, ensure_ascii=True)
    )

    assert answer.status_code in {400, 422}
    assert answer.json().keys() == {"code", "message"}
    assert await sandbox.state() == before


@EVERY
async def test_unknown_query_parameters_are_refused(
    sandbox: Sandbox, method: str, template: str
) -> None:
    """A misspelled filter that is ignored answers another question."""
    status = await sandbox.refused(method, filled(template), colour="red")

    assert status in {400, 422}


@EVERY
@pytest.mark.parametrize(
    "hostile",
    ["../", "%2e%2e%2f", "%00", "a%00b", "x" * 10_000, "'%20OR%201=1", "%ff", "-1", "9" * 40],
    ids=["dots", "escaped dots", "nul", "inner nul", "long", "sql", "byte", "minus", "digits"],
)
async def test_hostile_ids_are_refused(
    sandbox: Sandbox, method: str, template: str, hostile: str
) -> None:
    """Never a 500, never an echo, and nothing is changed."""
    before = await sandbox.state()
    names = [name for name in FILLED if f"{{{name}}}" in template]

    for name in names:
        path = filled(template, **{name: hostile})
        answer = await sandbox.http.request(method, path, json={"amount": 1})
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.json().keys() == {"code", "message"}
        assert hostile not in answer.text

    assert await sandbox.state() == before


async def test_what_does_not_exist_is_said_in_the_same_shape(sandbox: Sandbox) -> None:
    """Unknown paths 404, wrong methods 405, long bodies 413, broken queries 400."""
    assert await sandbox.refused("GET", "/v3/loyalty/nothing") == 404
    assert await sandbox.refused("GET", "/") == 404
    assert await sandbox.refused("GET", f"{CONFIG}/") == 404
    assert await sandbox.refused("DELETE", CONFIG) == 405
    assert (await sandbox.http.head(CONFIG)).status_code == 405
    assert await sandbox.refused("POST", CONFIG, {"name": "n" * 2**20}) == 413
    long_query = "&".join(f"a{n}=1" for n in range(200))
    assert (await sandbox.http.get(f"{CONFIG}?{long_query}")).status_code == 400
    assert (await sandbox.http.get(f"{CONFIG}?sort=%ff")).status_code == 400


async def test_unknown_fields_may_be_ignored(make_sandbox: MakeSandbox) -> None:
    """A switch, for clients that send more than the API knows (conflict 2)."""
    sandbox: Sandbox = await make_sandbox(ignore_unknown_fields=True)

    created = await sandbox.post(CONFIG, {"name": "Club", "colour": "red"})

    assert "colour" not in created
    assert (await sandbox.get(CONFIG, colour="red"))["items"] == [created]
    assert await sandbox.refused("POST", CONFIG, {"name": 5, "colour": "red"}) == 422


async def test_the_budget_is_told_and_kept(make_sandbox: MakeSandbox) -> None:
    """600 an hour with three headers; 429 beyond; the window follows the sandbox's clock."""
    sandbox: Sandbox = await make_sandbox(rate_limit=3)

    for left in (2, 1, 0):
        answer = await sandbox.http.get(CONFIG)
        assert answer.headers["x-sib-ratelimit-limit"] == "3"
        assert answer.headers["x-sib-ratelimit-remaining"] == str(left)
    sandbox.clock.pass_(seconds=0.5)
    answer = await sandbox.http.get(CONFIG)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert answer.headers["x-sib-ratelimit-reset"] == "3600"
    assert (await sandbox.call("GET", "/v3/contacts")).status == 200
    await sandbox.advance(hours=1)
    assert (await sandbox.http.get(CONFIG)).headers["x-sib-ratelimit-remaining"] == "2"


async def test_without_a_limit_nothing_is_said(sandbox: Sandbox) -> None:
    """`--rate-limit 0` is no limit."""
    assert "x-sib-ratelimit-limit" not in (await sandbox.http.get(CONFIG)).headers


async def test_the_default_budget_is_600_an_hour() -> None:
    """As on the General tier; contacts have a budget of their own."""
    app = create_app()
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://s", headers={"api-key": "k"}
    ) as http:
        assert (await http.get(CONFIG)).headers["x-sib-ratelimit-remaining"] == "599"
        contacts = await http.get("/v3/contacts")
        assert contacts.headers["x-sib-ratelimit-limit"] == "36000"
    app.state.store.close()


async def test_the_clock_only_runs_ahead(sandbox: Sandbox) -> None:
    """Set or advanced; backwards is refused; time runs on from there."""
    assert await sandbox.get("/sandbox/clock") == {"now": "2026-03-10T12:00:00.000Z"}

    moved = await sandbox.post("/sandbox/clock", {"now": "2026-03-11T00:00:00Z"})
    assert moved == {"now": "2026-03-11T00:00:00.000Z"}
    sandbox.clock.pass_(seconds=5)
    assert (await sandbox.get("/sandbox/clock"))["now"] == "2026-03-11T00:00:05.000Z"
    moved = await sandbox.post("/sandbox/clock", {"advance_seconds": 55})
    assert moved == {"now": "2026-03-11T00:01:00.000Z"}

    for body in (
        {"now": "2026-03-11T00:00:59Z"},
        {"advance_seconds": -1},
        {"advance_seconds": 10**11},
        {"now": "2950-01-01T00:00:00Z"},
        {"now": "now"},
        {},
        {"now": "2027-01-01T00:00:00Z", "advance_seconds": 1},
    ):
        assert await sandbox.refused("POST", "/sandbox/clock", body) == 422


async def test_the_state_hash_follows_the_data_alone(account: Account) -> None:
    """Not the clock, the events, the faults or the counters."""
    sandbox = account.sandbox
    before = await sandbox.state()

    await sandbox.advance(days=1)
    await sandbox.post("/sandbox/faults", {"faults": []})
    await account.value()
    assert await sandbox.state() == before
    await account.draft(1)
    assert await sandbox.state() != before


async def test_reset_goes_back_to_the_start(make_sandbox: MakeSandbox) -> None:
    """Data, clock, events, faults and the budget."""
    sandbox: Sandbox = await make_sandbox(rate_limit=600)
    start = await sandbox.state()
    account = await open_account(sandbox)
    await account.move(5)
    await sandbox.advance(days=30)
    await sandbox.post("/sandbox/faults", {"faults": [{"path": "/v3/*", "kind": "refuse_before"}]})

    assert await sandbox.post("/sandbox/reset") == {}

    assert await sandbox.state() == start
    assert (await sandbox.get("/sandbox/clock"))["now"] == "2026-03-10T12:00:00.000Z"
    assert await sandbox.events() == []
    assert await sandbox.get("/sandbox/faults") == {"faults": []}
    answer = await sandbox.http.get(CONFIG)
    assert answer.headers["x-sib-ratelimit-remaining"] == "599"


async def test_faults_refuse_lose_delay_and_break_answers(account: Account) -> None:
    """Each kind does, or does not do, the work; GET shows what is left."""
    sandbox, path = account.sandbox, f"{account.path}/transactions"
    kinds = ["refuse_before", "status_after_commit", "malformed", "drop_after_commit", "delay"]
    faults = [
        {"method": "POST", "path": "*/transactions", "kind": kind, "status": 502} for kind in kinds
    ]
    listed = await sandbox.post("/sandbox/faults", {"faults": faults})
    assert [fault["times"] for fault in listed["faults"]] == [1] * 5
    body = {
        "amount": 1,
        "balanceDefinitionId": account.definition,
        "contactId": account.contact,
        "autoComplete": True,
    }

    refused = await sandbox.http.post(path, json=body)
    assert (refused.status_code, await account.value()) == (502, 0)
    failed = await sandbox.http.post(path, json=body)
    assert (failed.status_code, await account.value()) == (502, 1)
    broken = await sandbox.http.post(path, json=body)
    assert await account.value() == 2
    with pytest.raises(ValueError, match=r"."):
        broken.json()
    with pytest.raises(ConnectionResetError):
        await sandbox.http.post(path, json=body)
    assert await account.value() == 3
    assert (await sandbox.get("/sandbox/faults"))["faults"][0]["kind"] == "delay"
    delayed = await sandbox.http.post(path, json=body)
    assert (delayed.status_code, await account.value()) == (200, 4)
    assert await sandbox.get("/sandbox/faults") == {"faults": []}


async def test_a_fault_counts_down_and_minds_its_method(sandbox: Sandbox) -> None:
    """`times` of them, on the requests that fit."""
    fault = {"method": "GET", "path": CONFIG, "kind": "refuse_before", "status": 429, "times": 2}
    await sandbox.post("/sandbox/faults", {"faults": [fault]})

    assert (await sandbox.call("POST", CONFIG, {"name": "n"})).status == 200
    statuses = [(await sandbox.call("GET", CONFIG)).status for _ in range(3)]
    assert statuses == [429, 429, 200]
    for bad in ({"kind": "explode"}, {"status": 200}, {"times": 0}, {"delay_seconds": -1}):
        body = {"faults": [{"path": "*", "kind": "delay", **bad}]}
        assert await sandbox.refused("POST", "/sandbox/faults", body) == 422


async def test_faults_come_before_the_key_and_the_key_before_the_budget(
    make_sandbox: MakeSandbox,
) -> None:
    """The order of the checks at the edge."""
    sandbox: Sandbox = await make_sandbox(rate_limit=5)
    fault = {"path": CONFIG, "kind": "refuse_before", "status": 500}
    await sandbox.post("/sandbox/faults", {"faults": [fault]})

    first = await sandbox.http.get(CONFIG, headers={"api-key": ""})
    assert first.status_code == 500
    second = await sandbox.http.get(CONFIG, headers={"api-key": ""})
    assert second.status_code == 401
    assert second.headers["x-sib-ratelimit-remaining"] == "5"


async def test_a_file_keeps_everything_and_wins_over_the_settings(tmp_path: Path) -> None:
    """Kept data win over `--empty` and over the seed; the clock is kept, too."""
    file, clock = tmp_path / "sandbox.db", StillClock()
    settings = SandboxSettings(database=file, empty=True)
    first = create_app(settings, clock=clock)
    first.state.engine.step_clock(first.state.store.now() + timedelta(days=3))
    first.state.store.close()

    again = create_app(SandboxSettings(database=file), clock=clock)

    with again.state.store.unit() as unit:
        assert unit.number("SELECT COUNT(*) FROM programs") == 0
    assert again.state.store.now() == clock.now + timedelta(days=3)
    again.state.store.close()


async def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    """Better no sandbox than one that misreads its data."""
    file = tmp_path / "sandbox.db"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(ValueError, match="another version"):
        create_app(SandboxSettings(database=file))


async def test_a_file_of_the_version_before_is_brought_up(tmp_path: Path) -> None:
    """Its members and balances are there, and move on."""
    file = tmp_path / "sandbox.db"
    create_app(SandboxSettings(database=file)).state.store.close()
    with closing(sqlite3.connect(file)) as older:
        older.executescript(
            "ALTER TABLE due RENAME COLUMN due_kind TO lane;"
            " ALTER TABLE resolutions ADD COLUMN lot_expires_at INTEGER; PRAGMA user_version = 1"
        )

    app = create_app(SandboxSettings(database=file))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://sandbox", headers={"api-key": "any"}
    ) as http:
        (program,) = (await http.get(CONFIG)).json()["items"]
        balance = Sandbox.balance(program["id"])
        points = (await http.get(f"{balance}/balance-definitions")).json()["items"][0]["id"]
        moved = await http.post(
            f"{balance}/transactions",
            json={
                "contactId": 101,
                "amount": 5,
                "balanceDefinitionId": points,
                "autoComplete": True,
            },
        )
    app.state.store.close()

    assert moved.json()["status"] == "completed"


async def test_what_is_left_of_lots_agrees_with_the_entries(make_sandbox: MakeSandbox) -> None:
    """The index over open lots is what the entries sum to."""
    sandbox: Sandbox = await make_sandbox()
    account = await open_account(sandbox, minAmount=-20)
    for amount in (10, -25, 8, 30, -7.5, -3):
        await account.move(amount)

    with sandbox.app.state.store.unit() as unit:
        open_lots = unit.all("SELECT lot, remaining FROM open_lots ORDER BY lot")
        entries = unit.all(
            "SELECT lot, SUM(amount) FROM entries GROUP BY lot HAVING SUM(amount) <> 0 ORDER BY lot"
        )
        assert [tuple(row) for row in open_lots] == [tuple(row) for row in entries]
    assert await account.value() == 12.5


async def test_an_unforeseen_failure_is_a_json_500_and_logged(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody sees a stack trace."""
    sandbox.app.state.store.close()

    answer = await sandbox.http.get(CONFIG)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "closed database" not in answer.text
    assert "closed database" in caplog.text


async def test_every_choice_is_stated_and_its_switch_exists() -> None:
    """Differences are data; each switch is a field of the settings."""
    fields = SandboxSettings.__dataclass_fields__
    switches = {each.switch for each in differences.DIFFERENCES if each.switch is not None}

    assert switches <= fields.keys()
    assert fields.keys() - switches == {"database", "empty", "api_key", "webhook_hosts"}
    subjects = [each.subject for each in differences.DIFFERENCES]
    assert len(subjects) == len(set(subjects))
    assert all(each.choice and each.why and each.source for each in differences.DIFFERENCES)
