"""Each field of each endpoint with values that do not fit, on objects that do exist."""

from collections.abc import Iterator
from typing import Any

import pytest

from loyalty_mcp.sandbox.api.endpoint import Endpoint
from loyalty_mcp.sandbox.api.fields import Fields
from loyalty_mcp.sandbox.api.routes import ENDPOINTS
from tests.sandbox.conftest import CONFIG, Json, MakeSandbox, Sandbox

WRONG: list[Any] = [
    None,
    [],
    {},
    [[]],
    [{"a": 1}],
    True,
    -1,
    0,
    1.5,
    10**30,
    1e300,
    "",
    " ",
    "x" * 10_000,
    "../../etc/passwd",
    "'; DROP TABLE vouchers; --",
    "2026-13-45T99:99:99Z",
    "31/02",
]
WORDS = ["", " ", "-1", "1.5", "9" * 40, "x" * 5_000, "null", "true", "%", "a,b", "٣", "🙂"]
SERVED = [
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.path.startswith("/v3/") or endpoint.path == "/sandbox/rewards/{rid}"
]


def names(model: type[Fields]) -> Iterator[str]:
    """The fields of a model, as they are sent."""
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        yield alias if isinstance(alias, str) else field.alias or name


async def world(sandbox: Sandbox) -> tuple[dict[str, str], dict[str, Json]]:
    """The ids of the seeded world for paths, and a good body for each function that needs one."""
    pid = (await sandbox.get(CONFIG))["items"][0]["id"]
    balance = f"/v3/loyalty/balance/programs/{pid}"
    tier = f"/v3/loyalty/tier/programs/{pid}"
    offer = f"/v3/loyalty/offer/programs/{pid}"
    bdid = (await sandbox.get(f"{balance}/balance-definitions"))["items"][0]["id"]
    window = {
        "constraintType": "amount",
        "transactionType": "credit",
        "durationValue": 1,
        "durationUnit": "day",
        "value": 10**6,
    }
    blid = (await sandbox.post(f"{balance}/balance-definitions/{bdid}/limits", window))["id"]
    gid = (await sandbox.get(f"{tier}/tier-groups"))["items"][0]["id"]
    tiers = (await sandbox.get(f"{tier}/tiers"))["items"]
    reward = (await sandbox.get(f"{offer}/offers"))["items"][0]["id"]
    condition = {"balanceDefinitionId": bdid, "minimumValue": 777}
    strategies = {"upgradeStrategy": "real_time", "downgradeStrategy": "real_time"}
    movement = {"amount": 1, "balanceDefinitionId": bdid, "contactId": 101}
    voucher = {"rewardId": reward, "contactId": 101}
    due = {"source": "user", "dueAt": "2026-04-01T00:00:00Z"}
    bodies: dict[str, Json] = {
        "create_program": {"name": "New"},
        "update_program": {"name": "New"},
        "create_subscription": {"contactId": 109},
        "add_subscription_members": {"memberContactIds": [109], "contactId": 101},
        "create_balance_definition": {"name": "New", "unit": "EUR"},
        "update_balance_definition": {"name": "New", "unit": "POINTS"},
        "create_balance_limit": window,
        "update_balance_limit": window,
        "create_subscription_balance": {"balanceDefinitionId": bdid},
        "create_transaction": movement,
        "create_balance_order": {**movement, **due},
        "create_tier_group": {"name": "New"},
        "update_tier_group": {"name": "New", "tierOrder": [], **strategies},
        "create_tier": {"name": "New", "accessConditions": [condition]},
        "update_tier": {"name": "New", "accessConditions": [condition], "tierRewards": []},
        "create_reward": {"name": "New"},
        "create_voucher": voucher,
        "validate_voucher": voucher,
        "redeem_voucher": voucher,
        "create_contact": {"email": "new@example.com"},
    }
    ids = {
        "pid": pid,
        "bdid": bdid,
        "blid": blid,
        "gid": gid,
        "cid": "101",
        "rid": reward,
        "cpid": (await sandbox.get(f"{offer}/rewards/{reward}"))["codePoolId"] or pid,
        "tid": tiers[1]["tierId"],
        "identifier": "101",
    }
    return ids, bodies


def path_of(endpoint: Endpoint, ids: dict[str, str]) -> str:
    """The path of an endpoint on objects that exist."""
    path = endpoint.path
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    return path


@pytest.mark.parametrize("endpoint", SERVED, ids=[each.answer.__name__ for each in SERVED])
async def test_no_value_breaks_a_field(make_sandbox: MakeSandbox, endpoint: Endpoint) -> None:
    """A value that does not fit is refused in one shape and changes nothing; never a 500."""
    sandbox: Sandbox = await make_sandbox(empty=False)
    await sandbox.post("/v3/contacts", {"email": "spare@example.com"})
    ids, bodies = await world(sandbox)
    path, good = path_of(endpoint, ids), bodies.get(endpoint.answer.__name__, {})
    for name in names(endpoint.body):
        for value in WRONG:
            await tried(sandbox, endpoint.method, path, {**good, name: value}, {})
    for name in names(endpoint.query):
        for word in WORDS:
            await tried(sandbox, endpoint.method, path, None, {name: word})


async def tried(
    sandbox: Sandbox, method: str, path: str, body: Json | None, query: dict[str, str]
) -> None:
    """Send what may not fit."""
    before = await sandbox.state()
    answer = await sandbox.http.request(method, path, json=body, params=query)
    sent = str(body)[:200], str(query)[:200]

    assert answer.status_code < 500, (sent, answer.text)
    if answer.status_code >= 400:
        problem = answer.json()
        assert problem.keys() == {"code", "message"}, sent
        assert len(problem["message"]) < 300, sent
        assert await sandbox.state() == before, sent


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"offset": "-1"}, "offset: must be 0 or more"),
        ({"limit": "0"}, "limit: must be 1 or more"),
        ({"limit": "501"}, "limit: must be 500 or less"),
        ({"offset": "1.5"}, "offset: must be a whole number"),
        ({"offset": ""}, "offset: must be a whole number"),
    ],
)
async def test_a_page_outside_its_bounds_is_told_the_bound(
    sandbox: Sandbox, query: dict[str, str], message: str
) -> None:
    """The sentence says what would be right."""
    answer = await sandbox.call("GET", CONFIG, **query)

    assert (answer.status, answer.body["message"]) == (422, message)
