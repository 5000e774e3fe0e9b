"""The read cache: identical reads share a request, and a change empties the cache."""

from typing import Any

import anyio
import pytest

from loyalty_mcp.brevo.operations.programs import list_programs, publish_program
from loyalty_mcp.errors import LoyaltyError, NotFound
from tests.brevo.upstream import (
    CHANGE,
    GOOD,
    PROGRAM,
    READ,
    Gate,
    Open,
    Upstream,
    answer,
    error_of,
)
from tests.hasty import HASTY


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """A loop with a simulated clock, so that tests do not wait."""
    return HASTY


async def test_identical_reads_at_once_are_one_request(open_brevo: Open) -> None:
    """Identical simultaneous reads share one request."""
    gate = Gate()
    brevo = open_brevo(gate)
    found: list[Any] = []

    async def ask() -> None:
        found.append(await brevo.send(READ))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        gate.opened.set()

    assert len(gate.received) == 1
    assert [found[0]] * 10 == found


async def test_different_reads_are_not_joined(open_brevo: Open) -> None:
    """Reads of different pages are different requests."""
    gate = Gate()
    gate.opened.set()
    brevo = open_brevo(gate)

    async with anyio.create_task_group() as group:
        group.start_soon(brevo.send, list_programs(limit=1))
        group.start_soon(brevo.send, list_programs(limit=2))

    assert len(gate.received) == 2


async def test_joined_reads_share_a_failure(open_brevo: Open) -> None:
    """Reads that share a request share its error."""
    gate = Gate(b'{"message": "gone"}', 404)
    brevo = open_brevo(gate)
    failures: list[LoyaltyError] = []

    async def ask() -> None:
        failures.append(await error_of(brevo, READ))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        gate.opened.set()

    assert [type(failure) for failure in failures] == [NotFound] * 3
    assert len(gate.received) == 1


async def test_a_cancelled_read_does_not_fail_those_who_joined_it(open_brevo: Open) -> None:
    """When the first of several readers is cancelled, the others still get their answer."""
    gate = Gate()
    brevo = open_brevo(gate)
    found: list[Any] = []

    async def ask() -> None:
        found.append(await brevo.send(READ))

    first = anyio.CancelScope()

    async def leave() -> None:
        with first:
            await brevo.send(READ)

    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        gate.opened.set()

    assert len(found) == 1


async def test_reads_are_not_kept(open_brevo: Open) -> None:
    """Members' data is read again each time."""
    upstream = Upstream(GOOD)
    brevo = open_brevo(upstream)
    await brevo.send(READ)
    await brevo.send(READ)

    assert len(upstream.received) == 2


async def test_configuration_is_kept_for_a_minute(open_brevo: Open) -> None:
    """Configuration is cached for a minute."""
    upstream = Upstream(GOOD)
    brevo = open_brevo(upstream)
    first = await brevo.configuration(READ)
    await anyio.sleep(59)
    assert await brevo.configuration(READ) is first
    assert len(upstream.received) == 1
    await anyio.sleep(2)
    await brevo.configuration(READ)

    assert len(upstream.received) == 2


@pytest.mark.parametrize("status", [200, 422, 500])
async def test_our_own_change_drops_what_is_kept(open_brevo: Open, status: int) -> None:
    """After one of our changes, even a refused or unclear one, configuration is read again."""
    upstream = Upstream(GOOD, answer(status, b'{"id": "p", "name": "x"}'), GOOD)
    brevo = open_brevo(upstream)
    await brevo.configuration(READ)
    try:
        await brevo.send(CHANGE)
    except LoyaltyError:
        assert status != 200
    await brevo.configuration(READ)

    assert [request.method for request in upstream.received] == ["GET", "POST", "GET"]


async def test_what_was_read_during_a_change_is_not_kept(open_brevo: Open) -> None:
    """A read that started before a change may be outdated, so it is not cached."""
    gate = Gate(b'{"id": "p", "name": "x", "items": []}')
    brevo = open_brevo(gate)

    async with anyio.create_task_group() as group:
        group.start_soon(brevo.configuration, READ)
        await anyio.wait_all_tasks_blocked()
        await brevo.send(CHANGE)
        gate.opened.set()
    await brevo.configuration(READ)

    assert [request.method for request in gate.received] == ["GET", "POST", "GET"]


async def test_a_read_after_a_change_does_not_join_one_from_before(open_brevo: Open) -> None:
    """A read after a change sees its effect, even while an older read is in flight."""
    gate = Gate(b'{"id": "p", "name": "x", "items": []}')
    brevo = open_brevo(gate)

    async with anyio.create_task_group() as group:
        group.start_soon(brevo.send, READ)
        await anyio.wait_all_tasks_blocked()
        await brevo.send(CHANGE)
        group.start_soon(brevo.send, READ)
        await anyio.wait_all_tasks_blocked()
        gate.opened.set()

    assert [request.method for request in gate.received] == ["GET", "POST", "GET"]


async def test_one_call_reads_the_same_once(open_brevo: Open) -> None:
    """A call sends identical reads once; the next call sends them again."""
    brevo = open_brevo(Upstream(GOOD, GOOD, GOOD))

    with brevo.call_cache():
        assert await brevo.send(READ) == await brevo.send(READ)
        assert brevo.requests_sent == 1
    await brevo.send(READ)
    with brevo.call_cache():
        await brevo.send(READ)

    assert brevo.requests_sent == 3


async def test_a_change_ends_the_cache_of_its_call(open_brevo: Open) -> None:
    """After a change, its call sends every read again."""
    made = answer(200, b'{"id": "p", "name": "x"}')
    brevo = open_brevo(Upstream(GOOD, made, GOOD, GOOD))

    with brevo.call_cache():
        await brevo.send(READ)
        await brevo.send(CHANGE)
        await brevo.send(READ)
        await brevo.send(READ)

    assert brevo.requests_sent == 4


async def test_two_accounts_are_not_mixed_up(open_brevo: Open) -> None:
    """Two clients share neither replies nor the end of their caches."""
    first, second = Upstream(GOOD), Upstream(GOOD)
    ours, other = open_brevo(first), open_brevo(second)
    with ours.call_cache():
        await ours.send(READ)
        await other.send(READ)
        await other.send(publish_program(PROGRAM))
        await ours.send(READ)

    assert (len(first.received), len(second.received)) == (1, 2)


async def test_a_call_can_read_afresh(open_brevo: Open) -> None:
    """Reconciling a change uses no earlier read."""
    brevo = open_brevo(Upstream(GOOD, GOOD, GOOD))

    with brevo.call_cache():
        await brevo.send(READ)
        brevo.forget_call()
        await brevo.send(READ)
        await brevo.send(READ)

    assert brevo.requests_sent == 3
