"""The switches: other answers that the real API might give."""

from dataclasses import asdict, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from loyalty_mcp.cli.commands import main
from loyalty_mcp.sandbox import serve
from loyalty_mcp.sandbox.differences import DIFFERENCES
from loyalty_mcp.sandbox.settings import SandboxSettings
from tests.sandbox.club import open_club
from tests.sandbox.conftest import CONFIG, Account, Json, MakeSandbox, Sandbox, open_account

BY_FLAG: dict[str, tuple[list[str], object]] = {
    "no_meta_in_history": (["--no-meta-in-history"], True),
    "ttl_minutes": (["--ttl-minutes"], True),
    "history_lag": (["--history-lag", "2.5"], 2.5),
    "drafts_in_balance": (["--drafts-in-balance"], True),
    "complete_twice": (["--complete-twice"], "ignored"),
    "filters_ignored": (["--filters-ignored"], True),
    "history_oldest_first": (["--history-oldest-first"], True),
}
FIXED = {"database", "empty", "api_key", "webhook_hosts"}


async def account_with(make_sandbox: MakeSandbox, **switches: Any) -> Account:
    """Make a member of a program on an engine with these switches."""
    return await open_account(await make_sandbox(**switches))


async def switch(sandbox: Sandbox, **switches: Any) -> Json:
    """Change switches of a running engine."""
    changed: Json = await sandbox.post("/sandbox/switches", switches)
    return changed


async def test_the_control_api_shows_every_switch_at_its_default(sandbox: Sandbox) -> None:
    """All settings but the place of the data and the key are switches."""
    defaults = asdict(SandboxSettings(rate_limit=0))

    assert await sandbox.get("/sandbox/switches") == {
        name: value for name, value in defaults.items() if name not in FIXED
    }


async def test_switches_change_at_run_time_and_a_reset_sets_them_back(
    make_sandbox: MakeSandbox,
) -> None:
    """What is left out stays as it is; a reset goes back to how the engine was started."""
    sandbox = await make_sandbox(ttl_minutes=True)

    changed = await switch(sandbox, complete_twice="applied", rate_limit=5)
    assert (changed["complete_twice"], changed["ttl_minutes"]) == ("applied", True)
    answer = await sandbox.http.get(CONFIG)
    assert answer.headers["x-sib-ratelimit-limit"] == "5"
    await sandbox.post("/sandbox/reset")
    assert (await sandbox.get("/sandbox/switches"))["complete_twice"] == "refused"
    assert (await sandbox.get("/sandbox/switches"))["ttl_minutes"] is True


@pytest.mark.parametrize(
    "body", [{"colour": 1}, {"complete_twice": "maybe"}, {"history_lag": -1}, {"ttl_minutes": 1}]
)
async def test_a_switch_that_does_not_exist_is_refused(sandbox: Sandbox, body: Json) -> None:
    """A misspelled switch or an impossible value is a 422."""
    assert await sandbox.refused("POST", "/sandbox/switches", body) == 422


def test_every_switch_is_explained() -> None:
    """`differences.py` names each switch once; flags and documentation use the same name."""
    explained = [item.switch for item in DIFFERENCES if item.switch]
    switches = {each.name for each in fields(SandboxSettings)} - FIXED

    assert sorted(explained) == sorted(switches)
    assert BY_FLAG.keys() <= switches


@pytest.mark.parametrize("name", BY_FLAG)
def test_a_flag_sets_its_switch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`loyalty-mcp sandbox` passes each flag on to the engine."""
    started: list[SandboxSettings] = []
    monkeypatch.setattr(serve, "serve", lambda settings, *_: started.append(settings))
    flags, value = BY_FLAG[name]

    result = CliRunner().invoke(main, ["sandbox", *flags])

    assert result.exit_code == 0, result.output
    assert getattr(started[0], name) == value
    assert flags[0] in (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")


async def test_meta_can_be_left_out_of_answers_about_members(make_sandbox: MakeSandbox) -> None:
    """Transactions, history, enrolment and vouchers come without `meta`; configuration keeps it."""
    club = await open_club(await make_sandbox(no_meta_in_history=True), meta={"isInternal": False})
    contact = await club.sandbox.contact()
    member = await club.sandbox.enrol(club.program, contact, meta={"a": 1})
    moved = await club.move(contact, 5, meta={"order": "7"})
    await club.issue(await club.reward(), contact, meta={"b": 2})
    history = await club.sandbox.get(
        f"{club.balance}/transaction-history", contactId=contact, balanceDefinitionId=club.points
    )
    definition = await club.sandbox.get(f"{club.balance}/balance-definitions/{club.points}")

    assert "meta" not in member
    assert "meta" not in moved
    assert "meta" not in history["transactionHistory"][0]
    assert "meta" not in (await club.vouchers(contact))[0]
    assert "meta" not in str(await club.account(contact))
    assert definition["meta"] == {"isInternal": False}
    await switch(club.sandbox, no_meta_in_history=False)
    assert (await club.vouchers(contact))[0]["meta"] == {"b": 2}


async def test_a_ttl_can_count_minutes(make_sandbox: MakeSandbox) -> None:
    """A ttl of 10 lapses after ten minutes, not after ten seconds."""
    account = await account_with(make_sandbox, ttl_minutes=True)
    await account.draft(5, ttl=10)

    await account.sandbox.advance(minutes=9)
    assert (await account.history())[0]["status"] == "draft"
    await account.sandbox.advance(minutes=1)
    assert (await account.history())[0]["status"] == "expired"


async def test_reads_about_members_can_lag(make_sandbox: MakeSandbox) -> None:
    """History, balances and account show a write only after the lag; the write itself is done."""
    account = await account_with(make_sandbox, history_lag=5)
    sandbox = account.sandbox
    await sandbox.advance(seconds=6)
    moved = await account.move(100)
    assert moved["balance"] == 100

    info = f"{CONFIG}/{account.program}/account-info"
    for seconds, value in ((0, 0), (4, 0), (2, 100)):
        await sandbox.advance(seconds=seconds)

        assert await account.value() == value
        assert len(await account.history()) == len(await account.lots()) == bool(value)
        shown = await sandbox.get(info, contactId=account.contact)
        assert shown["balance"]["balances"][0]["value"] == value


async def test_a_lag_shows_writes_in_their_order(make_sandbox: MakeSandbox) -> None:
    """Each write becomes visible in its turn."""
    account = await account_with(make_sandbox, history_lag=10)
    await account.sandbox.advance(seconds=20)
    for amount in (1, 2):
        await account.move(amount)
        await account.sandbox.advance(seconds=5)

    seen = []
    for _ in range(4):
        seen.append(await account.value())
        await account.sandbox.advance(seconds=4)

    assert seen == [0, 1, 3, 3]


async def test_a_lag_begins_when_it_is_switched_on(account: Account) -> None:
    """What was there before stays visible; switching it off shows everything at once."""
    await account.move(10)
    await switch(account.sandbox, history_lag=3600)
    await account.move(5)

    assert await account.value() == 10
    await switch(account.sandbox, history_lag=0)
    assert await account.value() == 15


async def test_many_writes_keep_few_copies(make_sandbox: MakeSandbox) -> None:
    """A busy engine that lags keeps a bounded number of copies of itself."""
    account = await account_with(make_sandbox, history_lag=10)
    for _ in range(60):
        await account.move(1)
        account.sandbox.clock.now += timedelta(milliseconds=400)

    replica = account.sandbox.app.state.store._replica
    assert len(replica._copies) <= 13


async def test_open_drafts_can_show_in_balances(make_sandbox: MakeSandbox) -> None:
    """An open draft changes the balances shown, until it is cancelled; it still moves nothing."""
    account = await account_with(make_sandbox, drafts_in_balance=True)
    await account.move(100)
    draft = await account.draft(-30)
    holdings = await account.sandbox.get(
        f"{account.path}/contact-balances", balanceDefinitionId=account.definition
    )

    assert await account.value() == 70
    assert holdings["balances"][0]["value"] == 70
    assert (await account.lots())[0]["amount"] == 100
    await account.resolve(draft, "cancel")
    assert await account.value() == 100


@pytest.mark.parametrize(
    ("mode", "status", "value", "entries"),
    [("refused", 422, 50, 1), ("ignored", 200, 50, 1), ("applied", 200, 100, 2)],
)
async def test_a_second_completion_has_three_modes(
    make_sandbox: MakeSandbox, mode: str, status: int, value: int, entries: int
) -> None:
    """Refused by default; ignored moves nothing; applied moves the amount once more."""
    account = await account_with(make_sandbox, complete_twice=mode)
    draft = await account.draft(50)
    await account.resolve(draft)

    again = await account.resolve(draft)

    assert again.status == status
    assert status == 422 or (again.body["id"], again.body["status"]) == (draft["id"], "completed")
    assert await account.value() == value
    assert len(await account.history()) == entries


async def test_only_a_completed_transaction_is_completed_twice(
    make_sandbox: MakeSandbox,
) -> None:
    """A cancelled one is refused in every mode."""
    account = await account_with(make_sandbox, complete_twice="applied")
    draft = await account.draft(50)
    await account.resolve(draft, "cancel")

    assert (await account.resolve(draft)).status == 422


async def test_filters_can_be_ignored(make_sandbox: MakeSandbox) -> None:
    """The lists answer as if no filter had been sent."""
    club = await open_club(await make_sandbox(filters_ignored=True))
    contact = await club.join()
    reward, other = await club.reward("tea"), await club.reward("cake")
    await club.move(contact, 10)
    await club.move(contact, -3)
    await club.issue(reward, contact, meta={"a": "b"})
    history = await club.sandbox.get(
        f"{club.balance}/transaction-history",
        contactId=contact,
        balanceDefinitionId=club.points,
        transactionType="debit",
        status="draft",
        loyaltySubscriptionId="somebody-else",
    )

    assert [each["amount"] for each in history["transactionHistory"]] == [-3, 10]
    assert history["count"] == 2
    assert len(await club.vouchers(contact, rewardId=other, metadata_key_value="x:y")) == 1
    rewards = await club.sandbox.get(f"{club.offer}/offers", state="ended")
    assert rewards["totalCount"] == 2


async def test_history_can_be_oldest_first(make_sandbox: MakeSandbox) -> None:
    """The order is the same whatever `sort` asks for."""
    account = await account_with(make_sandbox, history_oldest_first=True)
    for amount in (1, 2, 3):
        await account.move(amount)

    for sort in ("desc", "asc"):
        assert [each["amount"] for each in await account.history(sort=sort)] == [1, 2, 3]


@pytest.mark.parametrize("status", [401, 403, 409, 429])
async def test_a_change_can_be_made_and_then_refused(account: Account, status: int) -> None:
    """The fault `status_after_commit` answers with a 4xx after the change was committed."""
    fault = {
        "method": "POST",
        "path": "/v3/loyalty/balance/*",
        "kind": "status_after_commit",
        "status": status,
    }
    await account.sandbox.post("/sandbox/faults", {"faults": [fault]})

    assert (await account.try_move(10)).status == status
    assert await account.value() == 10
