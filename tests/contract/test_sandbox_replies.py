"""The sandbox answers what the API declares, field by field."""

import json
import typing
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import anyio
import httpx2
import pytest

from loyalty_mcp.brevo.operations.tier_groups import Schedule
from loyalty_mcp.brevo.operations.tiers import AccessCondition
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.types import number
from loyalty_mcp.sandbox.app import create_app
from tests.contract.declared import DECLARED, FREE
from tests.contract.operations import OPERATIONS

Answer = tuple[int, Any]
NOW = datetime.now(UTC)


class Recorder:
    """Sends operations to a fresh sandbox and records each status and body."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self.answers: dict[str, list[Answer]] = defaultdict(list)

    async def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Send one operation that has to succeed."""
        request: Request[Any] = OPERATIONS[name](*args, **kwargs)
        response = await self._http.request(
            request.method,
            f"/v3{request.path}",
            params={key: _parameter(value) for key, value in request.query.items()},
            content=None if request.body is None else json.dumps(request.body, default=_spelled),
        )
        assert response.is_success, f"{name}: {response.status_code} {response.text}"
        body = response.json() if response.content else None
        self.answers[name].append((response.status_code, body))
        return body

    async def refused(self, name: str, *args: Any) -> None:
        """Send one operation that a rule refuses."""
        request: Request[Any] = OPERATIONS[name](*args)
        response = await self._http.request(request.method, f"/v3{request.path}")
        assert response.status_code == 422, response.text

    async def set_by_app(self, reward: str, fields: dict[str, Any]) -> None:
        """Set what only Brevo's app can set for a reward."""
        response = await self._http.patch(f"/sandbox/rewards/{reward}", json=fields)
        assert response.is_success, response.text

    async def contact(self, email: str) -> int:
        """Make a contact."""
        response = await self._http.post("/v3/contacts", json={"email": email})
        found: int = response.json()["id"]
        return found


def _parameter(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _spelled(value: Any) -> Any:
    return number(value) if isinstance(value, Decimal) else value.isoformat()


async def _configure(brevo: Recorder) -> dict[str, str]:
    """A program with a balance, a limit, rewards and tiers, read back and published."""
    created = await brevo.call(
        "create_program",
        "Contract",
        "All of it",
        document_id="0b8e4a52-6a8c-4c6e-9d0e-1f2a3b4c5d6e",
        meta={"a": 1},
    )
    program = created["id"]
    await brevo.call("update_program", program, "Contract", "All of it", {"a": 2})
    await brevo.call("patch_program", program, description="Everything")
    settings: dict[str, Any] = {
        "description": "Points",
        "image_ref": "https://img.example/p.png",
        "min_amount": Decimal(-10),
        "max_amount": Decimal(100_000),
        "max_credit_amount_limit": Decimal(5_000),
        "max_debit_amount_limit": Decimal(5_000),
        "balance_option_amount_overtaking_strategy": "strict",
        "balance_option_credit_rounding": "natural",
        "balance_option_debit_rounding": "natural",
        "meta": {"isInternal": False},
    }
    duration: dict[str, Any] = {
        "balance_availability_duration_value": 12,
        "balance_availability_duration_unit": "month",
        "balance_availability_duration_modifier": "noModification",
    }
    points = await brevo.call(
        "create_balance_definition", program, "Points", "POINTS", **settings, **duration
    )
    yearly = await brevo.call(
        "create_balance_definition",
        program,
        "Yearly",
        "EUR",
        balance_expiration_date="31/12",
    )
    balance, other = points["id"], yearly["id"]
    await brevo.call(
        "update_balance_definition", program, balance, "Points", "POINTS", **settings, **duration
    )
    await brevo.call(
        "update_balance_definition",
        program,
        other,
        "Yearly",
        "EUR",
        balance_expiration_date="30/06",
    )
    for definition in (balance, other):
        await brevo.call("get_balance_definition", program, definition)
    await brevo.call("list_balance_definitions", program, limit=10)
    spare = await brevo.call("create_balance_definition", program, "Spare", "POINTS")
    await brevo.call("delete_balance_definition", program, spare["id"])
    window: dict[str, Any] = {
        "constraint_type": "transaction",
        "transaction_type": "credit",
        "duration_value": 1,
        "duration_unit": "day",
        "value": 50,
        "sliding_schedule": True,
    }
    limit = (await brevo.call("create_balance_limit", program, balance, **window))["id"]
    await brevo.call("update_balance_limit", program, balance, limit, **window)
    await brevo.call("get_balance_limit", program, balance, limit)
    await brevo.call("delete_balance_limit", program, balance, limit)
    reward = await _reward(brevo, program, balance)
    ids = {"program": program, "balance": balance, "reward": reward}
    ids |= await _tiers(brevo, program, balance, reward)
    await brevo.call("publish_program", program)
    await brevo.call("get_program", program)
    await brevo.call("list_programs")
    return ids


async def _reward(brevo: Recorder, program: str, balance: str) -> str:
    created = await brevo.call(
        "create_reward",
        program,
        "contract-reward",
        public_name="A gift",
        public_description="For you",
        public_image="https://img.example/r.png",
    )
    reward: str = created["id"]
    await brevo.set_by_app(
        reward,
        {
            "value": 10,
            "valueType": "fixed",
            "unit": "EUR",
            "startDate": (NOW - timedelta(days=2)).isoformat(),
            "endDate": (NOW + timedelta(days=300)).isoformat(),
            "expirationValue": 3,
            "expirationUnit": "month",
            "expirationModifier": "noModification",
            "subtractBalanceDefinitionId": balance,
            "subtractBalanceValue": 5,
            "codes": ["ONE", "TWO", "THREE", "FOUR"],
        },
    )
    return reward


async def _tiers(brevo: Recorder, program: str, balance: str, reward: str) -> dict[str, str]:
    """A group with one tier; another group and another tier are made and deleted."""
    schedule = Schedule(
        duration_value=1,
        duration_unit="year",
        duration_modifier="end_of_period",
        scheduled_date="31/12",
    )
    group = (
        await brevo.call(
            "create_tier_group",
            program,
            "Status",
            upgrade_strategy="real_time",
            downgrade_strategy="tier_anniversary",
            tier_order=(),
            upgrade_schedule=schedule,
            downgrade_schedule=schedule,
        )
    )["id"]
    threshold = (AccessCondition(balance=balance, minimum_value=0),)
    high = (AccessCondition(balance=balance, minimum_value=1000),)
    texts: dict[str, Any] = {
        "tier_rewards": (reward,),
        "image_ref": "https://img.example/t.png",
    }
    tier = (await brevo.call("create_tier", program, group, "Base", threshold))["tierId"]
    top = (await brevo.call("create_tier", program, group, "Top", high, **texts))["tierId"]
    await brevo.call("update_tier", program, top, "Top", high, **texts)
    await brevo.call(
        "update_tier_group",
        program,
        group,
        "Status",
        tier_order=(tier, top),
        upgrade_strategy="real_time",
        downgrade_strategy="tier_anniversary",
    )
    extra = (AccessCondition(balance=balance, minimum_value=2000),)
    spare = (await brevo.call("create_tier", program, group, "Spare", extra))["tierId"]
    await brevo.call("delete_tier", program, spare)
    gone = (await brevo.call("create_tier_group", program, "Gone"))["id"]
    await brevo.call("delete_tier_group", program, gone)
    await brevo.call("get_tier_group", program, group)
    await brevo.call("list_tier_groups", program)
    await brevo.call("list_tiers", program)
    return {"tier": top}


async def _live(brevo: Recorder, ids: dict[str, str]) -> None:
    """A member joins, earns, spends, climbs, redeems and leaves."""
    program, balance, reward = ids["program"], ids["balance"], ids["reward"]
    member = await brevo.contact("owner@example.com")
    guest = await brevo.contact("guest@example.com")
    await brevo.call(
        "create_subscription",
        program,
        member,
        own_id="OWN-1",
        creation_date=NOW - timedelta(days=3),
        meta={"a": 1},
    )
    await brevo.call("add_subscription_members", program, member, (guest,))
    await brevo.call("get_account_info", program, member)
    await brevo.call("create_subscription_balance", program, member, balance)
    draft = await brevo.call(
        "create_transaction",
        program,
        member,
        balance,
        Decimal(200),
        ttl=900,
        event_time=NOW - timedelta(days=1),
        meta={"a": 1},
    )
    await brevo.call("complete_transaction", program, draft["id"])
    await brevo.call("create_transaction", program, member, balance, Decimal(5), auto_complete=True)
    void = await brevo.call("create_transaction", program, member, balance, Decimal(-5))
    await brevo.call("cancel_transaction", program, void["id"])
    huge = await brevo.call("create_transaction", program, member, balance, Decimal(-4000))
    await brevo.refused("complete_transaction", program, huge["id"])
    await brevo.call(
        "create_balance_order",
        program,
        member,
        balance,
        Decimal(20),
        source="user",
        due_at=NOW + timedelta(days=1),
        expires_at=NOW + timedelta(days=9),
        meta={"a": 1},
    )
    await brevo.call("list_transaction_history", program, member, balance)
    await brevo.call("get_subscription_balances", program, member)
    await brevo.call("list_active_balances", program, member, balance)
    await brevo.call("list_contact_balances", program, balance)
    await brevo.call("assign_tier", program, member, ids["tier"])
    await _redeem(brevo, program, member, reward)
    await brevo.call("get_account_info", program, member)
    await brevo.call("remove_subscription_members", program, (guest,))
    await brevo.call("delete_subscription", program, member)
    await brevo.call("delete_program", program)


async def _redeem(brevo: Recorder, program: str, member: int, reward: str) -> None:
    voucher = await brevo.call(
        "create_voucher",
        program,
        member,
        reward,
        value=Decimal(10),
        expiration_date=NOW + timedelta(days=30),
        valid_from=NOW - timedelta(hours=1),
        meta={"a": 1},
    )
    other = await brevo.call("create_voucher", program, member, reward)
    await brevo.call("validate_voucher", program, voucher_id=voucher["id"])
    opened = await brevo.call(
        "redeem_voucher", program, voucher_id=voucher["id"], ttl=600, meta={"a": 1}
    )
    await brevo.call("complete_redemption", program, opened["id"])
    await brevo.call("list_vouchers", program, member)
    await brevo.call("revoke_vouchers", program, (other["id"],))
    await brevo.call("list_rewards", program)
    pool = (await brevo.call("get_reward", program, reward))["codePoolId"]
    await brevo.call("get_code_count", program, pool)


async def _story() -> dict[str, list[Answer]]:
    app = create_app()
    transport = httpx2.ASGITransport(app=app)
    headers = {"api-key": "test", "content-type": "application/json"}
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://sandbox", headers=headers
    ) as http:
        brevo = Recorder(http)
        await _live(brevo, await _configure(brevo))
    app.state.store.close()
    return brevo.answers


@pytest.fixture(scope="module")
def answers() -> dict[str, list[Answer]]:
    """Every operation's answers in one realistic order."""
    return anyio.run(_story)


SOMETIMES: dict[tuple[str, str], set[str]] = {
    ("create_transaction", ""): {"balance"},
    ("list_transaction_history", "transactionHistory[]"): {
        "balanceExpirationDate",
        "cancelledAt",
        "completedAt",
        "rejectReason",
        "rejectedAt",
    },
}
"""A total is only in applied movements, and an end is in the history only after it has come."""

NEVER = {("cancel_transaction", ""): {"balance"}}
"""A cancelled movement was never applied."""


def objects(
    value: Any, field: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Every object of an answer whose fields are declared: its path, itself, its declaration."""
    if value is None or path.endswith(FREE):
        return
    if field["type"] == "array":
        for item in value:
            yield from objects(item, field["items"], f"{path}[]")
    elif "fields" in field:
        yield path, value, field["fields"]
        for name in value.keys() & field["fields"].keys():
            yield from objects(value[name], field["fields"][name], f"{path}.{name}".lstrip("."))


def answered(
    name: str, answers: Mapping[str, list[Answer]]
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """The objects in all answers of one operation."""
    for _, body in answers[name]:
        yield from objects(body, {"type": "object", "fields": DECLARED[name]["reply"]})


every_operation = pytest.mark.parametrize("name", DECLARED)
answering = pytest.mark.parametrize("name", [name for name in DECLARED if DECLARED[name]["reply"]])
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


@every_operation
def test_success_has_the_declared_status(name: str, answers: dict[str, list[Answer]]) -> None:
    """Every operation is answered with its one success status."""
    assert {status for status, _ in answers[name]} == {DECLARED[name]["status"]}


@answering
def test_an_answer_has_exactly_the_declared_fields(
    name: str, answers: dict[str, list[Answer]]
) -> None:
    """No field is invented and none is forgotten, at any depth."""
    for path, said, declared in answered(name, answers):
        missing = declared.keys() - said.keys()

        assert said.keys() <= declared.keys(), path
        assert missing <= SOMETIMES.get((name, path), set()) | NEVER.get((name, path), set()), path


def test_what_is_said_only_sometimes_is_said(answers: dict[str, list[Answer]]) -> None:
    """A field that an answer may lack is present when it applies."""
    for (name, path), fields in SOMETIMES.items():
        seen = {key for where, said, _ in answered(name, answers) if where == path for key in said}

        assert fields <= seen


@answering
def test_values_have_the_declared_types(name: str, answers: dict[str, list[Answer]]) -> None:
    """Numbers are numbers, text is text, choices are declared ones; missing values are null."""
    for path, said, declared in answered(name, answers):
        for key, value in said.items():
            if value is not None:
                assert type(value) in KINDS[declared[key]["type"]], f"{path}.{key}"
                assert value in declared[key].get("enum", [value]), f"{path}.{key}"


@answering
def test_an_answer_names_what_it_speaks_of(name: str, answers: dict[str, list[Answer]]) -> None:
    """Ids of the object itself, and lists, are never null."""
    for path, said, declared in answered(name, answers):
        for key, value in said.items():
            if key in {"id", "tierId", "contactId"} or declared[key]["type"] == "array":
                assert value is not None, f"{path}.{key}"


@answering
def test_our_models_read_what_the_sandbox_answers(
    name: str, answers: dict[str, list[Answer]]
) -> None:
    """Both sides, written separately from the same facts, are compatible."""
    hints = typing.get_type_hints(OPERATIONS[name].describe)
    (model,) = typing.get_args(hints["return"])
    for _, body in answers[name]:
        assert not model.model_validate(body).model_extra


def test_a_call_that_answers_nothing_has_an_empty_body(answers: dict[str, list[Answer]]) -> None:
    """If no reply is declared, there is no body; publishing answers as in the guide."""
    for name, declared in DECLARED.items():
        if name == "publish_program":
            assert all(body["state"] == "active" for _, body in answers[name])
        elif declared["reply"] is None:
            assert all(body in (None, {}) for _, body in answers[name]), name
