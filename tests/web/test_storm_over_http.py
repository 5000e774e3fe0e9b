"""Exactly once over HTTP: two replicas on PostgreSQL that are killed repeatedly."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.storm.http_replica import HttpReplica
from tests.storm.postgres import Postgres
from tests.storm.storm import Plan, storm
from tests.storm.weather import Climate


@pytest.mark.long
async def test_exactly_once_with_replicas_killed_over_http(
    postgres: Postgres, tell: Callable[[str], None]
) -> None:
    """No failure duplicates or loses a change, and nothing stays unknown once reconciled."""
    climate = Climate(fault_every=3, death_every=30)
    plan = Plan(intents=120, agents=10, seed=6, climate=climate, journal=postgres.fresh())

    found = await storm(replace(plan, server=HttpReplica))

    tell(found.table())
    assert found.holds, found.problems
    assert found.sums["servers killed"] >= 2
    assert found.sums["applied"] >= 50
