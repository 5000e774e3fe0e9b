"""Effects: what a change left behind, read from the sandbox, and what is said where none can be."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from loyalty_mcp.brevo.operations.rewards import create_reward
from loyalty_mcp.brevo.operations.subscriptions import (
    AccountInfo,
    Subscription,
    get_account_info,
)
from loyalty_mcp.brevo.operations.tiers import TierAssignment
from loyalty_mcp.brevo.operations.transactions import (
    BalanceOrder,
    Transaction,
    create_balance_order,
    create_transaction,
)
from loyalty_mcp.brevo.operations.vouchers import Voucher, create_voucher, revoke_vouchers
from loyalty_mcp.brevo.types import Done
from loyalty_mcp.errors import OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import MARKER, Intent, Movement
from loyalty_mcp.intents.policy import Approval, Caps, Policy
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools import effects
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.effects import EFFECT_CHECKS, MovedValue
from loyalty_mcp.tools.points.history import NEWEST
from loyalty_mcp.tools.rewards.member_vouchers import HELD
from loyalty_mcp.tools.send_window import UNRECORDED, NoReadCanTell, new_deadline
from tests.conftest import SandboxControl
from tests.guard.test_agreement_holds import edit_balance
from tests.intents.journal.test_journal import ONE, an_intent

OTHER = "c" * 32
IN_2090 = datetime(2090, 1, 1, tzinfo=UTC)


@dataclass
class Scene:
    """A server on the seeded sandbox, and the ids of what is in it.

    Args:
        context: what tools work with.
        control: the sandbox from outside.
        program: the seeded program.
        balance: its visible balance.
        rewards: ids by name.
        tiers: ids by name.
    """

    context: Context
    control: SandboxControl
    program: str
    balance: str
    rewards: dict[str, str]
    tiers: dict[str, str]

    def arguments(self, **more: Any) -> dict[str, Any]:
        """Arguments about member 101 and the visible balance."""
        return {"program": self.program, "member": 101, "balance": self.balance, **more}

    def intent(self, **changes: Any) -> Intent:
        """An intent that is being sent now."""
        now = self.context.brevo.upstream_now()
        fields = {
            "account": self.context.account,
            "state": "sent",
            "created_at": now,
            "sent_at": now,
            "deadline": new_deadline(self.context),
            **changes,
        }
        return an_intent(**fields)

    async def info(self, member: int = 101) -> AccountInfo:
        """The account of a member, read anew."""
        self.context.brevo.read_afresh()
        return await self.context.brevo.send(get_account_info(self.program, member))

    async def draft(self, amount: int = 7, mark: str | None = ONE) -> str:
        """A draft of member 101, with the mark of an intent or without."""
        meta = None if mark is None else {MARKER: mark}
        request = create_transaction(self.program, 101, self.balance, Decimal(amount), meta=meta)
        return (await self.context.brevo.send(request)).id

    async def voucher(self, reward: str = "ten-euro-voucher", mark: str | None = ONE) -> Voucher:
        """A voucher given to member 101, with the mark of an intent or without."""
        meta = None if mark is None else {MARKER: mark}
        request = create_voucher(self.program, 101, self.rewards[reward], meta=meta)
        return await self.context.brevo.send(request)

    async def coffee(self, **fields: Any) -> None:
        """Change the reward `free-coffee` as Brevo's own app does."""
        path = f"/sandbox/rewards/{self.rewards['free-coffee']}"
        response = await self.control._http.patch(path, json=fields)
        response.raise_for_status()


class LongHistory:
    """An upstream whose first twenty pages of the history are full of what others did."""

    def __init__(self) -> None:
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.requests += 1
        page = [
            {"id": f"t-{self.requests}-{n}", "meta": {MARKER: OTHER}}
            for n in range(100 if self.requests <= 20 else 0)
        ]
        await JSONResponse({"transactionHistory": page})(scope, receive, send)


@pytest.fixture
async def scene(make_runtime: Callable[..., Runtime], control: SandboxControl) -> Scene:
    """The seeded program, its names resolved."""
    context = make_runtime(confirm="token").context
    program = await control.program()
    balances = await context.references.balances(program)
    return Scene(
        context,
        control,
        program,
        next(item.id for item in balances if item.name == "Purchase Points"),
        {str(item.name): item.id for item in await context.references.rewards(program)},
        {str(item.name): str(item.tier_id) for item in await context.references.tiers(program)},
    )


class TestMovement:
    """What a change moves, for the caps."""

    @pytest.mark.parametrize(
        ("amount", "moves"),
        [
            ("5", Movement("credit", Decimal(5), 101)),
            ("0.5", Movement("credit", Decimal(1), 101)),
            ("1", Movement("credit", Decimal(1), 101)),
            ("-5", Movement("debit", Decimal(5), 101)),
            ("-0.5", Movement("debit", Decimal("0.5"), 101)),
        ],
    )
    async def test_a_transaction_moves_what_the_balance_rounds_it_to(
        self, scene: Scene, amount: str, moves: Movement
    ) -> None:
        """Credits of this balance are rounded up, debits are not rounded."""
        await edit_balance(scene.control, balanceOptionCreditRounding="upper")
        arguments = scene.arguments(amount=Decimal(amount))

        found = await effects.movement_of_transaction(scene.context, arguments, await scene.info())

        assert found == MovedValue(moves)

    async def test_a_transaction_of_a_guest_moves_the_owners_points(self, scene: Scene) -> None:
        """Who shares a membership shares its caps."""
        guest = (await scene.control.post("/v3/contacts", {"email": "guest@example.com"}))["id"]
        path = f"/v3/loyalty/config/programs/{scene.program}/subscription-members"
        await scene.control.post(path, {"contactId": 101, "memberContactIds": [guest]})
        arguments = scene.arguments(member=guest, amount=Decimal(5))

        found = await effects.movement_of_transaction(
            scene.context, arguments, await scene.info(guest)
        )

        assert found.movement == Movement("credit", Decimal(5), 101)

    async def test_a_transaction_of_an_unknown_balance_moves_what_is_asked_for(
        self, scene: Scene
    ) -> None:
        """The API will refuse it."""
        arguments = scene.arguments(balance=OTHER, amount=Decimal("0.5"))

        found = await effects.movement_of_transaction(scene.context, arguments, await scene.info())

        assert found == MovedValue(Movement("credit", Decimal("0.5"), 101))

    async def test_a_voucher_of_a_guest_takes_the_owners_points(self, scene: Scene) -> None:
        """Who shares a membership shares its caps."""
        guest = (await scene.control.post("/v3/contacts", {"email": "guest@example.com"}))["id"]
        path = f"/v3/loyalty/config/programs/{scene.program}/subscription-members"
        await scene.control.post(path, {"contactId": 101, "memberContactIds": [guest]})
        await scene.coffee(subtractBalanceStrategy="attribution")
        arguments = scene.arguments(member=guest, reward=scene.rewards["free-coffee"], value=None)

        found = await effects.price_and_worth_of_voucher(
            scene.context, arguments, await scene.info(guest)
        )

        assert found.movement == Movement("debit", Decimal(40), 101)

    @pytest.mark.parametrize(
        ("fields", "value", "moves"),
        [
            ({}, None, None),
            ({}, Decimal(3), None),
            (
                {"subtractBalanceStrategy": "attribution"},
                None,
                Movement("debit", Decimal(40), 101),
            ),
            (
                {"subtractBalanceStrategy": "attribution", "subtractTotalBalance": True},
                None,
                Movement("debit", Decimal(280), 101),
            ),
            ({"subtractBalanceStrategy": "attribution", "subtractBalanceValue": 0}, None, None),
        ],
    )
    async def test_a_voucher_moves_its_price_where_it_is_taken_as_it_is_given(
        self, scene: Scene, fields: dict[str, Any], value: Decimal | None, moves: Movement | None
    ) -> None:
        """Otherwise it moves nothing before it is redeemed."""
        await scene.coffee(**fields)
        arguments = scene.arguments(reward=scene.rewards["free-coffee"], value=value)

        found = await effects.price_and_worth_of_voucher(
            scene.context, arguments, await scene.info()
        )

        assert found.movement == moves

    @pytest.mark.parametrize("fields", [{}, {"subtractBalanceStrategy": "attribution"}])
    @pytest.mark.parametrize(("value", "worth"), [(None, "10 EUR"), (Decimal(3), "3 EUR")])
    async def test_a_voucher_is_worth_what_its_reward_is_or_what_is_asked_for(
        self, scene: Scene, fields: dict[str, Any], value: Decimal | None, worth: str
    ) -> None:
        """A value of its own comes before that of the reward."""
        reward = scene.rewards["ten-euro-voucher"]
        response = await scene.control._http.patch(f"/sandbox/rewards/{reward}", json=fields)
        response.raise_for_status()
        arguments = scene.arguments(reward=reward, value=value)

        found = await effects.price_and_worth_of_voucher(
            scene.context, arguments, await scene.info()
        )

        assert found.worth == worth

    @pytest.mark.parametrize(
        ("policy", "refused"),
        [
            (Policy(), False),
            (Policy(caps=Caps(changes_per_hour=5)), False),
            (Policy(caps=Caps(debit_per_call=500)), True),
            (Policy(approval=Approval(operator_above=500)), True),
        ],
    )
    async def test_a_whole_balance_is_not_taken_where_amounts_are_bounded(
        self, scene: Scene, policy: Policy, refused: bool
    ) -> None:
        """How much it takes is known only once it is taken, so no cap could hold it."""
        await scene.coffee(subtractBalanceStrategy="attribution", subtractTotalBalance=True)
        arguments = scene.arguments(reward=scene.rewards["free-coffee"], value=None)
        context, info = replace(scene.context, policy=policy), await scene.info()

        if not refused:
            whole = await effects.price_and_worth_of_voucher(context, arguments, info)
            assert whole.movement == Movement("debit", Decimal(280), 101)
            return
        with pytest.raises(Refused) as error:
            await effects.price_and_worth_of_voucher(context, arguments, info)
        assert str(error.value) == (
            "That reward takes a whole balance, and the operator's policy bounds amounts."
        )
        await scene.coffee(subtractTotalBalance=False)
        scene.context.brevo.read_afresh()
        found = await effects.price_and_worth_of_voucher(context, arguments, info)
        assert found.movement == Movement("debit", Decimal(40), 101)

    async def test_a_reward_that_is_not_live_moves_nothing(self, scene: Scene) -> None:
        """The API will refuse to give it."""
        made = await scene.context.brevo.send(create_reward(scene.program, "not yet"))
        worth = {"value": 5, "unit": "EUR"}
        response = await scene.control._http.patch(f"/sandbox/rewards/{made.id}", json=worth)
        response.raise_for_status()
        arguments = scene.arguments(reward=made.id, value=None)

        found = await effects.price_and_worth_of_voucher(
            scene.context, arguments, await scene.info()
        )

        assert found == MovedValue(None)


class TestTransaction:
    """A transaction is ours by its mark, or by the id that the journal has."""

    async def test_it_is_found_by_its_mark(self, scene: Scene) -> None:
        """Among those of others, and of no other member."""
        wanted = await scene.draft()
        await scene.draft(amount=8, mark=OTHER)
        await scene.draft(amount=9, mark=None)

        found = await effects.marked_transaction(scene.context, scene.intent(), scene.arguments())
        other = await effects.marked_transaction(
            scene.context, scene.intent(), scene.arguments(member=102)
        )

        assert isinstance(found, Transaction)
        assert (found.id, found.amount, found.status) == (wanted, Decimal(7), "draft")
        assert other is None

    async def test_it_is_found_by_its_id(self, scene: Scene) -> None:
        """Where the history shows no marks."""
        wanted = await scene.draft(mark=None)
        intent = scene.intent(transaction_id=wanted)

        found = await effects.marked_transaction(scene.context, intent, scene.arguments())

        assert isinstance(found, Transaction)
        assert found.id == wanted

    async def test_it_is_looked_for_in_five_pages(self) -> None:
        """What an intent made is among the newest, and the budget is the caller's."""
        upstream = LongHistory()
        runtime = compose(read_settings(), upstream)
        arguments = {"program": OTHER, "member": 101, "balance": OTHER}
        intent = an_intent(state="sent")

        assert await effects.marked_transaction(runtime.context, intent, arguments) is None
        assert upstream.requests == 5
        assert await effects.marked_order(runtime.context, intent, arguments) is None
        assert upstream.requests == 10
        await runtime.http.aclose()
        await runtime.context.journal.close()

    async def test_an_order_is_told_by_its_transaction(self, scene: Scene) -> None:
        """The order itself cannot be read, so its own id is not known."""
        request = create_balance_order(
            scene.program,
            101,
            scene.balance,
            Decimal(20),
            source="user",
            due_at=IN_2090,
            meta={MARKER: ONE},
        )
        made = await scene.context.brevo.send(request)

        found = await effects.marked_order(scene.context, scene.intent(), scene.arguments())
        none = await effects.marked_order(scene.context, scene.intent(id=OTHER), scene.arguments())

        assert found == BalanceOrder.model_validate(
            {
                "id": None,
                "transactionid": made.transaction_id,
                "amount": 20,
                "contactId": 101,
                "balanceDefinitionId": scene.balance,
                "loyaltyProgramId": scene.program,
            }
        )
        assert none is None

    async def test_one_without_a_mark_could_be_it(self, scene: Scene) -> None:
        """Unless it was there before, or this account shows marks."""
        seen = await scene.draft(mark=None)
        known = scene.intent(kept={NEWEST: seen})
        await effects.require_no_transaction(scene.context, known, scene.arguments())
        strange = await scene.draft(mark=None)

        with pytest.raises(OutcomeUnknown) as unknown:
            await effects.require_no_transaction(scene.context, known, scene.arguments())
        assert str(unknown.value).startswith(f"Transaction {strange} could be it: ")

        await scene.draft(mark=OTHER)
        await effects.marked_transaction(scene.context, scene.intent(), scene.arguments())
        await effects.require_no_transaction(scene.context, known, scene.arguments())

    @pytest.mark.parametrize(
        ("arguments", "refused"),
        [({"auto_complete": True}, True), ({"auto_complete": False}, False), ({}, False)],
    )
    def test_one_that_was_to_be_completed_was_not_rejected(
        self, arguments: dict[str, Any], refused: bool
    ) -> None:
        """Brevo can answer with 200 although nothing was moved."""
        fields = {"id": "t", "amount": 5, "status": "rejected"}
        rejected = Transaction.model_validate(fields)

        if refused:
            with pytest.raises(Refused):
                effects.require_movement(rejected, arguments)
        else:
            effects.require_movement(rejected, arguments)
        effects.require_movement(
            Transaction.model_validate({**fields, "status": "completed"}), arguments
        )
        effects.require_movement(Done(), arguments)

    @pytest.mark.parametrize(
        ("operation", "reply"),
        [
            ("create_transaction", Transaction.model_validate({"id": "t-1", "amount": 5})),
            ("create_balance_order", BalanceOrder.model_validate({"transactionid": "t-1"})),
        ],
    )
    def test_its_id_is_in_the_reply(self, operation: str, reply: Any) -> None:
        """An order tells its transaction, which is what counts for the caps."""
        draft = EFFECT_CHECKS[operation].draft
        assert draft is not None
        assert draft(reply) == "t-1"


class TestVoucher:
    """A voucher is ours by its mark; one without a mark could be ours."""

    async def test_it_is_found_by_its_mark(self, scene: Scene) -> None:
        """Among those of others, and of no other member."""
        made = await scene.voucher()
        await scene.voucher(mark=OTHER)
        await scene.voucher(mark=None)

        found = await effects.marked_voucher(scene.context, scene.intent(), scene.arguments())
        other = await effects.marked_voucher(
            scene.context, scene.intent(), scene.arguments(member=102)
        )

        assert isinstance(found, Voucher)
        assert (found.id, found.code) == (made.id, made.code)
        assert other is None

    async def test_one_without_a_mark_could_be_it(self, scene: Scene) -> None:
        """If it is of that reward, new, and was not there before."""
        await scene.voucher(reward="free-coffee", mark=None)
        await scene.voucher(mark=OTHER)
        arguments = scene.arguments(reward=scene.rewards["ten-euro-voucher"])
        intent = scene.intent()
        await effects.require_no_voucher(scene.context, intent, arguments)
        strange = await scene.voucher(mark=None)

        with pytest.raises(OutcomeUnknown) as unknown:
            await effects.require_no_voucher(scene.context, intent, arguments)

        assert str(unknown.value) == (
            f"Voucher {strange.id} could be it: it does not show who gave it. Compare it with the "
            "shop; then an operator closes the intent."
        )
        assert strange.created_at is not None
        at_once = scene.intent(deadline=strange.created_at + UNRECORDED)
        with pytest.raises(OutcomeUnknown):
            await effects.require_no_voucher(scene.context, at_once, arguments)
        held = scene.intent(facts={HELD: [strange.id]})
        await effects.require_no_voucher(scene.context, held, arguments)
        later = scene.intent(deadline=intent.deadline + timedelta(hours=2))  # type: ignore[operator] # it is there
        await effects.require_no_voucher(scene.context, later, arguments)
        await effects.require_no_voucher(
            scene.context, intent, scene.arguments(member=102, reward=arguments["reward"])
        )


class TestMembership:
    """What a contact is a member of, and on which tier."""

    @pytest.mark.parametrize("own_id", [None, "VIP-101"])
    async def test_it_is_found_where_the_contact_is_a_member(
        self, scene: Scene, own_id: str | None
    ) -> None:
        """A contact is a member once or not at all."""
        arguments = {"program": scene.program, "contact": 101, "own_id": own_id}

        found = await effects.membership(scene.context, scene.intent(), arguments)

        info = await scene.info()
        assert info.membership is not None
        assert info.membership.created_at is not None
        assert found == Subscription.model_validate(
            {
                "contactId": 101,
                "loyaltyProgramId": scene.program,
                "loyaltySubscriptionId": "VIP-101",
                "createdAt": info.membership.created_at,
            }
        )

    @pytest.mark.parametrize("changes", [{"contact": 999}, {"own_id": "VIP-102"}])
    async def test_it_is_not_that_of_another(self, scene: Scene, changes: dict[str, Any]) -> None:
        """Neither of a contact who is no member, nor one with another id of the shop."""
        arguments = {"program": scene.program, "contact": 101, **changes}

        assert await effects.membership(scene.context, scene.intent(), arguments) is None

    async def test_a_tier_is_held_or_not(self, scene: Scene) -> None:
        """Member 101 is on one tier of the group."""
        info = await scene.info()
        held = info.tier[0]
        others = [tier for tier in scene.tiers.values() if tier != held.tier_id]

        found = await effects.assigned_tier(
            scene.context, scene.intent(), scene.arguments(tier=held.tier_id)
        )
        none = await effects.assigned_tier(
            scene.context, scene.intent(), scene.arguments(tier=others[0])
        )

        assert found == TierAssignment.model_validate(
            {
                "id": held.tier_id,
                "contactId": 101,
                "groupId": held.group_id,
                "loyaltyProgramId": scene.program,
            }
        )
        assert held.group_id
        assert none is None

    async def test_contacts_are_attached_if_all_of_them_are(self, scene: Scene) -> None:
        """Some of them are not enough."""
        guests = [
            (await scene.control.post("/v3/contacts", {"email": f"guest{n}@example.com"}))["id"]
            for n in range(3)
        ]
        path = f"/v3/loyalty/config/programs/{scene.program}/subscription-members"
        await scene.control.post(path, {"contactId": 101, "memberContactIds": guests[:2]})

        async def attached(members: list[int]) -> Any:
            arguments = scene.arguments(members=members)
            return await effects.attached_members(scene.context, scene.intent(), arguments)

        assert await attached(guests[:1]) == Done(id="101")
        assert await attached(guests[:2]) == Done(id="101")
        assert await attached(guests[1:]) is None


class TestRevocation:
    """Whether a voucher was revoked or redeemed, no read tells."""

    async def test_nothing_was_revoked_while_all_can_be_redeemed(self, scene: Scene) -> None:
        """As long as none is gone, nothing happened."""
        vouchers = [(await scene.voucher()).id for _ in range(2)]
        intent = scene.intent(facts={"redeemable": vouchers})

        assert await effects.revocation(scene.context, intent, scene.arguments()) is None

    async def test_what_is_gone_may_have_been_redeemed(self, scene: Scene) -> None:
        """The sentence says how many."""
        vouchers = [(await scene.voucher()).id for _ in range(3)]
        await scene.context.brevo.send(revoke_vouchers(scene.program, tuple(vouchers[:2])))
        intent = scene.intent(facts={"redeemable": vouchers})

        with pytest.raises(OutcomeUnknown) as unknown:
            await effects.revocation(scene.context, intent, scene.arguments())

        assert str(unknown.value) == (
            "2 of the vouchers can no longer be redeemed. Whether they were revoked, or "
            "redeemed by the shop, no read can tell; an operator closes the intent."
        )

    @pytest.mark.parametrize("facts", [{}, {"redeemable": []}])
    async def test_what_could_not_be_redeemed_before_tells_nothing(
        self, scene: Scene, facts: dict[str, Any]
    ) -> None:
        """The refusal of the API stands then."""
        with pytest.raises(NoReadCanTell) as unknown:
            await effects.revocation(scene.context, scene.intent(facts=facts), scene.arguments())

        assert str(unknown.value) == (
            "These vouchers could not be redeemed before either, so no read can tell whether they "
            "were revoked."
        )
