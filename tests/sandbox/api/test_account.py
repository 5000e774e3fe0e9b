"""The account that the sandbox plays."""

from tests.sandbox.conftest import Sandbox, open_account


async def test_the_account_tells_its_organization_owner_and_plan(sandbox: Sandbox) -> None:
    """`GET /v3/account` names the organization whose number the Loyalty API shows."""
    account = await open_account(sandbox)
    found = await sandbox.get("/v3/account")
    opened = await sandbox.post(
        f"{account.path}/subscriptions/{account.contact}/balances",
        {"balanceDefinitionId": account.definition},
    )

    assert found["organization_id"] == str(opened["organizationId"])
    assert found["email"] == "owner@example.com"
    assert [plan["type"] for plan in found["plan"]] == ["free"]


async def test_the_account_needs_a_key(sandbox: Sandbox) -> None:
    """Without a key the account is not told."""
    answer = await sandbox.http.get("/v3/account", headers={"api-key": ""})

    assert answer.status_code == 401
