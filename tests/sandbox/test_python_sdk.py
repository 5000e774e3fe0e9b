"""The official Python SDK runs the core operations against the sandbox, and reads back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import brevo
import httpx
import pytest
from brevo.core.api_error import ApiError

from tests.ports import free_port
from tests.sandbox.test_serve import process


@pytest.fixture
def sdk() -> Iterator[brevo.Brevo]:
    """The SDK, on a sandbox of its own that listens on a free port."""
    port = free_port()
    with process(port), httpx.Client() as http:
        yield brevo.Brevo(api_key="any", base_url=f"http://127.0.0.1:{port}/v3", httpx_client=http)


def test_the_core_operations_run_and_are_read_back(sdk: brevo.Brevo) -> None:
    """Programs, subscriptions, definitions, balances, transactions and contacts."""
    program = sdk.program.create_new_lp(name="Club", description="d", meta={"a": 1})
    pid = program.id or ""
    assert sdk.program.get_loyalty_program_info(pid).name == "Club"
    assert sdk.program.update_loyalty_program(pid, name="Circle").description is None
    changed = sdk.program.partially_update_loyalty_program(pid, description="e")
    assert (changed.name, changed.description, changed.state) == ("Circle", "e", "inactive")
    assert [each.id for each in sdk.program.get_lp_list(limit=5, sort="asc").items or []] == [pid]

    definition = sdk.balance.create_balance_definition(
        pid,
        name="Points",
        unit="POINTS",
        max_amount=1000,
        balance_availability_duration_value=1,
        balance_availability_duration_unit="year",
        balance_availability_duration_modifier="endOfPeriod",
    )
    bdid = definition.id or ""
    updated = sdk.balance.update_balance_definition(
        pid, bdid, name="Stars", unit="POINTS", balance_expiration_date="31/12"
    )
    assert (updated.name, updated.max_amount) == ("Stars", None)
    assert sdk.balance.get_balance_definition(pid, bdid) == updated
    spare = sdk.balance.create_balance_definition(pid, name="Spare", unit="EUR")
    listed = sdk.balance.get_balance_definition_list(pid, sort_field="name", sort="asc")
    assert [each.name for each in listed.items or []] == ["Spare", "Stars"]
    sdk.balance.delete_balance_definition(pid, spare.id or "")
    sdk.program.publish_loyalty_program(pid)
    live = sdk.balance.get_balance_definition_list(pid, version="active")
    assert [each.id for each in live.items or []] == [bdid]

    contacts = [
        sdk.contacts.create_contact(email=f"{name}@example.com").id or 0 for name in ("a", "b")
    ]
    anna, bob = contacts
    assert sdk.contacts.get_contact_info("a@example.com").id == anna
    assert sdk.contacts.get_contacts(limit=10).count == 2
    enrolled = sdk.program.subscribe_to_loyalty_program(
        pid,
        contact_id=anna,
        loyalty_subscription_id="own-1",
        creation_date=datetime.now(UTC) - timedelta(days=10),
    )
    assert enrolled.loyalty_subscription_id == "own-1"
    attached = sdk.program.subscribe_member_to_a_subscription(
        pid, contact_id=anna, member_contact_ids=[bob]
    )
    assert attached.member_contact_ids == [bob]
    sdk.program.delete_contact_members(pid, member_contact_ids=str(bob))

    opened = sdk.balance.create_subscription_balances(
        pid=pid, cid=str(anna), balance_definition_id=bdid
    )
    assert (opened.contact_id, opened.amount) == (anna, 0)
    credit = sdk.balance.begin_transaction(
        pid, amount=100.5, balance_definition_id=bdid, contact_id=anna, meta={"orderId": "A"}
    )
    assert (credit.status, credit.balance) == ("draft", None)
    done = sdk.balance.complete_transaction(pid, credit.id or "")
    assert (done.status, done.balance, done.meta) == ("completed", 100.5, {"orderId": "A"})
    debit = sdk.balance.begin_transaction(
        pid, amount=-30, balance_definition_id=bdid, loyalty_subscription_id="own-1", ttl=60
    )
    assert sdk.balance.cancel_transaction(pid, debit.id or "").status == "cancelled"
    bonus = sdk.balance.begin_transaction(
        pid,
        amount=10,
        balance_definition_id=bdid,
        contact_id=anna,
        auto_complete=True,
        balance_expiry_in_minutes=60,
        event_time=datetime.now(UTC),
    )
    assert bonus.balance == 110.5
    order = sdk.balance.create_balance_order(
        pid,
        amount=25,
        balance_definition_id=bdid,
        contact_id=anna,
        source="user",
        due_at=(datetime.now(UTC) + timedelta(days=1)).isoformat(),
    )
    processed = sdk.balance.complete_transaction(pid, order.transactionid or "")
    assert processed.balance == 135.5

    totals = sdk.balance.get_subscription_balances(pid=pid, cid=str(anna))
    assert [each.value for each in totals.balance or []] == [135.5]
    lots = sdk.balance.get_active_balances_api(
        pid, contact_id=anna, balance_definition_id=bdid, sort="asc"
    )
    assert [each.amount for each in lots.active_balances or []] == [100.5, 10, 25]
    holders = sdk.balance.get_contact_balances(pid, balance_definition_id=bdid)
    assert [each.value for each in holders.balances or []] == [135.5]
    history = sdk.balance.get_transaction_history_api(
        pid, contact_id=anna, balance_definition_id=bdid, limit=10
    )
    assert history.count == 4
    info = sdk.program.get_parameter_subscription_info(pid, contact_id=str(anna))
    assert info.membership is not None
    assert info.membership.loyalty_subscription_id == "own-1"

    sdk.program.delete_contact_subscription(pid=pid, cid=anna)
    with pytest.raises(ApiError) as absent:
        sdk.balance.get_subscription_balances(pid=pid, cid=str(anna))
    assert absent.value.status_code == 404
    sdk.program.delete_loyalty_program(pid)
    with pytest.raises(ApiError) as gone:
        sdk.program.get_loyalty_program_info(pid)
    assert gone.value.status_code == 404


def test_the_calls_of_the_reference_pages(sdk: brevo.Brevo) -> None:
    """Four pages show a call; each works in the form of the current SDK, with what it shows."""
    pid = sdk.program.create_new_lp(name="Pages").id or ""
    bdid = sdk.balance.create_balance_definition(pid, name="P", unit="POINTS").id or ""
    sdk.program.publish_loyalty_program(pid)
    contact = sdk.contacts.create_contact(email="pages@example.com").id or 0
    sdk.program.subscribe_to_loyalty_program(pid, contact_id=contact)

    (definition,) = sdk.balance.get_balance_definition_list(pid).items or []
    limit = sdk.balance.create_balance_limit(
        pid,
        bdid,
        constraint_type="transaction",
        duration_unit="day",
        duration_value=1,
        transaction_type="credit",
        value=1,
    )
    balance = sdk.balance.create_subscription_balances(
        pid, str(contact), balance_definition_id=bdid
    )
    listed = sdk.balance.get_contact_balances(pid, balance_definition_id=bdid)

    assert (definition.id, definition.unit) == (bdid, "POINTS")
    assert (limit.balance_definition_id, limit.value, limit.sliding_schedule) == (bdid, 1, False)
    assert (balance.amount, balance.contact_id) == (0, contact)
    assert (listed.count, (listed.balances or [])[0].contact_id) == (1, contact)


def test_the_account_is_read(sdk: brevo.Brevo) -> None:
    """The SDK's account client finds every field that it requires."""
    account = sdk.account.get_account()

    assert (account.organization_id, account.email) == ("1000001", "owner@example.com")
    assert account.plan[0].type == "free"
