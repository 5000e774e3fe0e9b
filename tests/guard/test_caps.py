"""Caps: callers, processes, modes and tools together never move more than they allow."""

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
import pytest

from loyalty_mcp.intents.lifecycle import MARKER
from tests.conftest import Connect, SandboxControl, text_of
from tests.storm.engine import Engine, running_engine

ALL_WAYS: Final = (
    *("credit_points", "debit_points", "create_transaction", "auto"),
    *("create_balance_order", "complete_transaction", "redeem_voucher"),
)
A_DAY: Final = 500
A_CALL: Final = 25
WEALTH: Final = 100_000
OUR_DRAFTS: Final = """
SELECT t.program, t.id FROM transactions t WHERE t.meta LIKE ?
AND t.seq NOT IN (SELECT transaction_seq FROM resolutions)
"""
MOVED_A_DAY: Final = """
SELECT t.member, r.applied > 0, r.at / 86400000, SUM(ABS(r.applied)) / 1000000.0,
MAX(ABS(r.applied)) / 1000000.0, COUNT(*)
FROM transactions t JOIN resolutions r ON r.transaction_seq = t.seq
JOIN programs p ON p.id = t.program AND p.name = 'Caps'
WHERE r.status = 'completed' AND r.applied <> ? GROUP BY 1, 2, 3
"""


class Club:
    """A program whose balance rounds up, with three rich members, one of them shared by two.

    Args:
        engine: where it is.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = "Caps"
        self.members: list[int] = []
        self.contacts: list[int] = []
        self.drafts: list[tuple[str, str]] = []
        self.vouchers: list[tuple[str, str]] = []

    async def found(self) -> "Club":
        """Set it up by the bare API."""
        post = self.engine.post
        config = "/v3/loyalty/config/programs"
        program = (await post(config, {"name": self.name}))["id"]
        points = f"/v3/loyalty/balance/programs/{program}"
        rules = {"balanceOptionCreditRounding": "upper", "balanceOptionDebitRounding": "natural"}
        fields = {"name": "Points", "unit": "POINTS", **rules}
        balance = (await post(f"{points}/balance-definitions", fields))["id"]
        offers = f"/v3/loyalty/offer/programs/{program}"
        reward = (await post(f"{offers}/offers", {"name": "priced"}))["id"]
        price = {"subtractBalanceDefinitionId": balance, "subtractBalanceValue": 20}
        await self._patch(f"/sandbox/rewards/{reward}", price)
        await post(f"{config}/{program}/publish")
        for number_ in range(4):
            email = {"email": f"caps{number_}@example.com"}
            self.contacts.append((await post("/v3/contacts", email))["id"])
        self.members = self.contacts[:3]
        for contact in self.members:
            await post(f"{config}/{program}/subscriptions", {"contactId": contact})
        shared = {"contactId": self.members[0], "memberContactIds": [self.contacts[3]]}
        await post(f"{config}/{program}/subscription-members", shared)
        for contact in self.members:
            mine = {"contactId": contact, "balanceDefinitionId": balance}
            rich = {**mine, "amount": WEALTH, "autoComplete": True}
            await post(f"{points}/transactions", rich)
            for turn in range(20):
                foreign = {**mine, "amount": 5 + turn}
                draft = (await post(f"{points}/transactions", foreign))["id"]
                self.drafts.append((str(contact), draft))
                issued = {"contactId": contact, "rewardId": reward}
                voucher = (await post(f"{offers}/rewards/attribute", issued))["id"]
                self.vouchers.append((str(contact), voucher))
        return self

    async def _patch(self, path: str, body: Any) -> None:
        (await self.engine.http.patch(path, json=body)).raise_for_status()

    async def complete_drafts(self) -> None:
        """Complete every draft that the product has made and left open, by the bare API."""
        with sqlite3.connect(self.engine.database) as ledger:
            found = ledger.execute(OUR_DRAFTS, (f"%{MARKER}%",)).fetchall()
        ledger.close()
        for program, draft in found:
            path = f"/v3/loyalty/balance/programs/{program}/transactions/{draft}/complete"
            await self.engine.post(path)

    def moved(self) -> list[tuple[int, int, int, float, float, int]]:
        """Member, direction, day, sum, largest and count, of all but the wealth of the start."""
        with sqlite3.connect(self.engine.database) as ledger:
            found = ledger.execute(MOVED_A_DAY, (WEALTH * 1_000_000,)).fetchall()
        ledger.close()
        return found


@pytest.fixture
async def club(state_home: Path) -> AsyncIterator[Club]:
    """A club on a sandbox of its own."""
    async with running_engine(state_home) as engine:
        yield await Club(engine).found()


async def movers(
    club: Club,
    folder: Path,
    policy: str,
    modes: Sequence[str],
    count: int,
    tools: Sequence[str] = ALL_WAYS,
) -> Counter[str]:
    """Run one process for each mode, all at once; gives how often each status came about."""
    rules = folder / "policy.toml"
    rules.write_text(policy)
    total: Counter[str] = Counter()

    async def one(place: int, mode: str) -> None:
        task = {
            "base_url": club.engine.base_url,
            "journal": f"sqlite+aiosqlite:///{folder / 'journal.db'}",
            "program": club.name,
            "mode": mode,
            "policy": str(rules),
            "seed": place,
            "count": count,
            "members": club.contacts,
            "amount": A_CALL + 5,
            "tools": list(tools),
            "drafts": club.drafts,
            "vouchers": club.vouchers[place :: len(modes)],
        }
        done = await anyio.run_process(
            [sys.executable, "-m", "tests.storm.movers"],
            input=json.dumps(task).encode(),
            stderr=None,
        )
        total.update(json.loads(done.stdout))

    async with anyio.create_task_group() as group:
        for place, mode in enumerate(modes):
            group.start_soon(one, place, mode)
    return total


@pytest.mark.long
async def test_movements_of_four_processes_never_pass_a_cap(club: Club, state_home: Path) -> None:
    """From four processes, each in another mode, by every tool that moves points.

    Two contacts share a membership, amounts are rounded up, drafts come from elsewhere, and
    vouchers have a price.
    """
    policy = f"""
    [caps]
    credit_per_call = {A_CALL}
    debit_per_call = {A_CALL}
    credit_per_member_per_day = {A_DAY}
    debit_per_member_per_day = {A_DAY}
    """

    statuses = await movers(club, state_home, policy, ("off", "token", "dialog", "operator"), 75)

    # A draft counts when it is made: completing them all may not pass a cap either.
    await club.complete_drafts()
    moved = club.moved()
    assert sum(statuses.values()) == 300
    assert statuses["applied"] >= 100
    # Whoever agreed to a balance that another movement has changed meanwhile is asked anew.
    assert max(total for _, _, _, total, _, _ in moved) > A_DAY - 8 * A_CALL
    assert [row for row in moved if row[3] > A_DAY or row[4] > A_CALL] == []


async def test_changes_an_hour_count_over_processes(club: Club, state_home: Path) -> None:
    """Of eighty credits from four processes, exactly as many as the policy allows."""
    policy = "[caps]\nchanges_per_hour = 20"

    statuses = await movers(club, state_home, policy, ("off",) * 4, 20, ("credit_points",))

    assert statuses["applied"] == 20
    assert sum(count for *_, count in club.moved()) == 20


Call = tuple[str, dict[str, Any]]


class TestBounds:
    """Each cap by each tool, through a client."""

    @pytest.fixture
    def policy(self, tmp_path: Path) -> Any:
        """Writes a policy file."""

        def write(text: str) -> Path:
            file = tmp_path / "policy.toml"
            file.write_text(text)
            return file

        return write

    @pytest.mark.parametrize(
        "call",
        [
            pytest.param(("credit_points", {"amount": 11, "reason": "x"}), id="credit"),
            pytest.param(("debit_points", {"amount": 11, "reason": "x"}), id="debit"),
            pytest.param(("create_transaction", {"amount": 11}), id="draft"),
            pytest.param(("create_transaction", {"amount": -11}), id="draft of a debit"),
            pytest.param(("create_transaction", {"amount": 11, "auto_complete": True}), id="auto"),
            pytest.param(
                (
                    "create_balance_order",
                    {"amount": 11, "source": "user", "due_at": "2090-01-01T00:00:00Z"},
                ),
                id="order",
            ),
            pytest.param(("redeem_for_member", {"reward": "free-coffee"}), id="redemption"),
            pytest.param(
                ("redeem_voucher", {"reward": "free-coffee", "auto_complete": True}),
                id="bare redemption",
            ),
        ],
    )
    @pytest.mark.parametrize("confirm", ["token", "off", "operator", "ask"])
    async def test_one_call_is_bounded(
        self, connect: Connect, control: SandboxControl, policy: Any, call: Call, confirm: str
    ) -> None:
        """In every mode it is refused before anybody is asked, and nothing is sent."""
        rules = policy("[caps]\ncredit_per_call = 10\ndebit_per_call = 10")
        before = await control.state_hash()
        tool, arguments = call
        async with connect(confirm=confirm, policy=rules) as client:
            result = await client.call_tool(tool, {"member": "101", **arguments})

        assert result.is_error
        assert "allows at most 10 in one" in text_of(result)
        assert before == await control.state_hash()

    async def test_a_foreign_draft_is_bounded(
        self, connect: Connect, control: SandboxControl, policy: Any
    ) -> None:
        """What somebody else opened is completed within the caps, or not at all."""
        draft = await _draft(control, 11)
        async with connect(confirm="off", policy=policy("[caps]\ncredit_per_call = 10")) as client:
            hidden = await client.call_tool("complete_transaction", {"transaction_id": draft})
            named = {"transaction_id": draft, "member": "101", "balance": "Purchase Points"}
            answer = await client.call_tool("complete_transaction", named)

        assert "Give member" in text_of(hidden)
        assert "allows at most 10" in text_of(answer)
        assert await control.balance(101) == 280

    async def test_a_draft_of_ours_counts_once(
        self, connect: Connect, control: SandboxControl, policy: Any
    ) -> None:
        """When it is made; completing it on the same day is not counted again."""
        rules = policy("[caps]\ncredit_per_member_per_day = 10")
        async with connect(confirm="off", policy=rules) as client:
            made = await client.call_tool("create_transaction", {"member": "101", "amount": 10})
            draft = made.structured_content["result"]["id"]
            more = await client.call_tool("create_transaction", {"member": "101", "amount": 1})
            done = await client.call_tool("complete_transaction", {"transaction_id": draft})

        assert "0 is left today" in text_of(more)
        assert done.structured_content["status"] == "applied"
        assert await control.balance(101) == 290

    async def test_who_shares_a_membership_shares_its_cap(
        self, connect: Connect, control: SandboxControl, policy: Any
    ) -> None:
        """Another contact of the same member is no second cap."""
        guest = (await control.post("/v3/contacts", {"email": "guest@example.com"}))["id"]
        shared = {"contactId": 101, "memberContactIds": [guest]}
        program = await control.program()
        path = f"/v3/loyalty/config/programs/{program}/subscription-members"
        await control.post(path, shared)
        rules = policy("[caps]\ncredit_per_member_per_day = 10")
        credit = {"amount": 6, "reason": "x"}
        async with connect(confirm="off", policy=rules) as client:
            first = await client.call_tool("credit_points", {"member": "101", **credit})
            second = await client.call_tool("credit_points", {"member": str(guest), **credit})
            draft = {"member": str(guest), "amount": 6, "auto_complete": True}
            third = await client.call_tool("create_transaction", draft)

        assert first.structured_content["status"] == "applied"
        assert "4 is left today" in text_of(second)
        assert "4 is left today" in text_of(third)
        assert await control.balance(101) == 286

    async def test_a_voucher_that_takes_points_when_given_is_bounded(
        self, connect: Connect, control: SandboxControl, policy: Any, sandbox: Any
    ) -> None:
        """Its price counts when it is issued, and not again when it is redeemed."""
        await _patch_reward(sandbox, {"subtractBalanceStrategy": "attribution"})
        rules = policy("[caps]\ndebit_per_member_per_day = 60")
        give = {"member": "101", "reward": "free-coffee"}
        async with connect(confirm="off", policy=rules) as client:
            first = await client.call_tool("create_voucher", give)
            second = await client.call_tool("create_voucher", give)
            redeemed = await client.call_tool("redeem_for_member", give)

        assert first.structured_content["status"] == "applied"
        assert "20 is left today" in text_of(second)
        assert redeemed.structured_content["status"] == "applied"
        assert await control.balance(101) == 240

    async def test_the_cap_is_asked_again_when_it_is_carried_out(
        self, connect: Connect, control: SandboxControl, policy: Any
    ) -> None:
        """Two previews fit under it; only the first confirmation does."""
        rules = policy("[caps]\ncredit_per_member_per_day = 10")
        calls = [
            {"member": "101", "amount": 6, "reason": "first"},
            {"member": "101", "amount": 6, "reason": "second"},
        ]
        async with connect(confirm="token", policy=rules) as client:
            previews = [await client.call_tool("credit_points", call) for call in calls]
            tokens = [preview.structured_content["confirmation"] for preview in previews]
            await client.call_tool("credit_points", {**calls[0], "confirmation": tokens[0]})
            # The balance moved as well, so the second is looked at anew, and refused.
            second = await client.call_tool(
                "credit_points", {**calls[1], "confirmation": tokens[1]}
            )

        assert second.is_error
        assert "4 is left today" in text_of(second)
        assert await control.balance(101) == 286

    @pytest.mark.parametrize("confirm", ["token", "off", "operator"])
    async def test_what_is_denied_is_denied_in_every_mode(
        self, connect: Connect, control: SandboxControl, policy: Any, confirm: str
    ) -> None:
        """Before anything is previewed."""
        before = await control.state_hash()
        rules = policy('[tools]\ndeny = ["credit_points"]')
        async with connect(confirm=confirm, policy=rules) as client:
            result = await client.call_tool(
                "credit_points", {"member": "101", "amount": 1, "reason": "x"}
            )

        assert "policy denies credit_points" in text_of(result)
        assert before == await control.state_hash()

    async def test_what_was_denied_since_the_preview_is_not_carried_out(
        self, connect: Connect, control: SandboxControl, policy: Any
    ) -> None:
        """A confirmation does not lift a denial that came after it."""
        call = {"member": "101", "amount": 1, "reason": "x"}
        async with connect(confirm="token") as client:
            preview = await client.call_tool("credit_points", call)
        confirmed = {**call, "confirmation": preview.structured_content["confirmation"]}
        rules = policy('[tools]\ndeny = ["credit_points"]')
        async with connect(confirm="token", policy=rules) as client:
            result = await client.call_tool("credit_points", confirmed)

        assert result.structured_content["status"] == "not_applied"
        assert "denies credit_points" in result.structured_content["reason"]
        assert await control.balance(101) == 280

    async def test_what_needs_no_question_is_done_at_once(
        self, connect: Connect, policy: Any
    ) -> None:
        """Only the named tools; all others still ask."""
        rules = policy('[approval]\nwithout_question = ["create_tier_group"]')
        async with connect(confirm="token", policy=rules) as client:
            named = await client.call_tool("create_tier_group", {"name": "Second"})
            other = await client.call_tool("create_reward", {"name": "second"})

        assert named.structured_content["status"] == "applied"
        assert other.structured_content["status"] == "confirmation_required"

    async def test_a_redemption_takes_no_more_than_was_agreed_to(
        self, connect: Connect, control: SandboxControl, sandbox: Any
    ) -> None:
        """A price that rose between agreement and execution is not taken."""
        held = {"member": "101", "reward": "free-coffee"}
        async with connect(confirm="token") as client:
            preview = await client.call_tool("redeem_for_member", held)
            await _patch_reward(sandbox, {"subtractBalanceValue": 41})
            confirmed = {**held, "confirmation": preview.structured_content["confirmation"]}
            result = await client.call_tool("redeem_for_member", confirmed)

        assert result.structured_content["status"] == "confirmation_required"
        assert "cost" in result.structured_content["reason"]
        assert await control.balance(101) == 280


async def _draft(control: SandboxControl, amount: int) -> str:
    """A draft that somebody else made for member 101."""
    program = await control.program()
    points = f"/v3/loyalty/balance/programs/{program}"
    definitions = await control.get(f"{points}/balance-definitions?version=active")
    fields = {
        "contactId": 101,
        "balanceDefinitionId": definitions["items"][0]["id"],
        "amount": amount,
    }
    return str((await control.post(f"{points}/transactions", fields))["id"])


async def _patch_reward(sandbox: Any, fields: dict[str, Any]) -> None:
    """Change the seeded coffee as Brevo's own app would."""
    transport = httpx2.ASGITransport(app=sandbox)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://sandbox", headers={"api-key": "test"}
    ) as http:
        program = (await http.get("/v3/loyalty/config/programs")).json()["items"][0]["id"]
        path = f"/v3/loyalty/offer/programs/{program}/offers"
        rewards = (await http.get(path, params={"version": "active"})).json()["items"]
        coffee = next(reward["id"] for reward in rewards if reward["name"] == "free-coffee")
        (await http.patch(f"/sandbox/rewards/{coffee}", json=fields)).raise_for_status()
