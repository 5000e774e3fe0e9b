"""Plans that are interrupted, refused or unanswered, and then continued."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from loyalty_mcp.brevo.client import Brevo, open_http_client, utc_now
from loyalty_mcp.errors import OutcomeUnknown, Refused
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.tools.programs.apply_program import reconcile_plan
from loyalty_mcp.tools.programs.limit_memory import LIMITS_KEY
from loyalty_mcp.tools.programs.plan_execution import carry_out_plan
from loyalty_mcp.tools.programs.spec import ProgramSpec
from tests.tools.programs.conftest import RICH, CallerSession, client_on, copy_of_the_seed


class Writes:
    """An engine behind a counter of the requests that change something.

    Args:
        app: the engine.
        meet: called with the number of each, from 0, once before and once after it is served.
    """

    def __init__(
        self, app: Starlette, meet: Callable[[int, str], None] = lambda _number, _when: None
    ) -> None:
        self._app = app
        self._meet = meet
        self.count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        number, self.count = self.count, self.count + 1
        self._meet(number, "before")
        await anyio.lowlevel.checkpoint()
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        self._meet(number, "after")
        await anyio.lowlevel.checkpoint()
        for message in messages:
            await send(message)


@asynccontextmanager
async def brevo_on(app: Any) -> AsyncIterator[Brevo]:
    """An upstream client on an engine."""
    transport = httpx2.ASGITransport(app=app)
    http = open_http_client("http://sandbox/v3", "key", timeout=20, transport=transport)
    yield Brevo(http, timeout=20)
    await http.aclose()


def fresh() -> Starlette:
    """An empty engine without a budget."""
    return create_app(SandboxSettings(empty=True, rate_limit=0))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_plan_killed_at_any_step_can_be_continued(seeded: CallerSession, when: str) -> None:
    """Wherever the process ends, the next one creates what is missing, and nothing twice."""
    spec = ProgramSpec.model_validate(await copy_of_the_seed(seeded))
    clean = Writes(app := fresh())
    async with brevo_on(clean) as brevo:
        await carry_out_plan(brevo, spec)
    app.state.store.close()
    assert clean.count == 10

    for victim in range(clean.count):
        app = fresh()
        with anyio.CancelScope() as life:

            def meet(number: int, moment: str, victim: int = victim) -> None:
                if (number, moment) == (victim, when):
                    life.cancel()

            async with brevo_on(Writes(app, meet)) as brevo:
                await carry_out_plan(brevo, spec)
        assert life.cancelled_caught
        rest = Writes(app)
        async with brevo_on(rest) as brevo:
            await carry_out_plan(brevo, spec)
        async with client_on(app) as session:
            assert await session.exported("Copy") == spec.model_dump(
                mode="json", exclude_defaults=True
            )
        left = clean.count - victim - (when == "after")
        # The engine orders tiers by threshold, so an order that is right already is not sent.
        assert rest.count == (0 if left == 1 else left), "nothing is created twice"
        app.state.store.close()


METHODS = ["POST", "POST", "POST", "POST", "POST", "POST", "POST", "POST", "POST", "PUT"]
"""The methods of the requests that create the copy of the seeded program, in order."""


def nth(number: int, **fault: Any) -> list[dict[str, Any]]:
    """A fault for the request of that number among those that change something."""
    method = METHODS[number]
    earlier = METHODS[:number].count(method)
    here = {"method": method, "path": "*"}
    wait = [{**here, "kind": "delay", "times": earlier}] if earlier else []
    return [*wait, {**here, **fault}]


@pytest.mark.parametrize("number", range(len(METHODS)))
async def test_a_step_whose_answer_was_lost_is_found_by_reading(
    seeded: CallerSession, session: CallerSession, number: int
) -> None:
    """What was created although its answer was lost is found by name, and not created again."""
    spec = await copy_of_the_seed(seeded)
    await session.faults(*nth(number, kind="drop_after_commit"))
    answer = await session.call("apply_program", spec=spec)

    assert answer["status"] == "applied"
    assert (await session.control.get("/sandbox/faults"))["faults"] == []
    assert await session.exported("Copy") == spec


@pytest.mark.parametrize("number", range(len(METHODS) - 1))
@pytest.mark.parametrize(
    ("status", "outcome"), [(422, "not_applied"), (503, "unknown")], ids=["refused", "failed"]
)
async def test_a_plan_continues_after_a_refused_step(
    seeded: CallerSession, session: CallerSession, number: int, status: int, outcome: str
) -> None:
    """The steps before it stay, the answer says how to continue, and the next call does."""
    spec = await copy_of_the_seed(seeded)
    await session.faults(*nth(number, kind="refuse_before", status=status))
    stopped = await session.answer("apply_program", spec=spec)
    assert stopped.structured is not None
    assert stopped.structured["status"] == outcome
    assert number == 0 or f"{number} step" in stopped.text
    # What was sent can arrive for a while, and so long the next call would wait.
    await session.control.post("/sandbox/clock", {"advance_seconds": 3600})
    answer = await session.call("apply_program", spec=spec)
    reconciled = await session.call("check_intent", intent=stopped.structured["intent"])

    assert answer["status"] == "applied"
    kinds = [change["kind"] for change in answer["result"]["changes"]]
    assert len(kinds) - ("tier_order" in kinds) == len(METHODS) - 1 - number
    assert await session.exported("Copy") == spec
    assert reconciled["status"] == ("applied" if outcome == "unknown" else outcome)


async def test_what_is_left_is_known_once_nothing_can_arrive_any_more(
    session: CallerSession,
) -> None:
    """The outcome is unknown while a request may arrive or the plan may still be running."""
    await session.faults(*nth(3, kind="refuse_before", status=503))
    stopped = await session.answer("apply_program", spec=RICH)
    assert stopped.structured is not None
    context = session.runtime.context
    intent = await context.journal.open().get(stopped.structured["intent"])
    assert intent is not None
    arguments: dict[str, Any] = {
        "close": True,
        "may_come": False,
        "spec": ProgramSpec.model_validate(RICH),
    }
    soon = await session.call("check_intent", intent=intent.id)
    with pytest.raises(OutcomeUnknown, match="Not all of it shows yet; left: "):
        await reconcile_plan(context, intent, **arguments)
    later = replace(context, now=lambda: utc_now() + timedelta(minutes=2))
    with pytest.raises(
        Refused, match=r"It stopped before the end; left: .*call apply_program again"
    ):
        await reconcile_plan(later, intent, **arguments)

    assert soon["status"] == "unknown"


@pytest.mark.parametrize("number", range(len(METHODS) - 1))
async def test_a_step_refused_by_a_gateway_but_done_is_found(
    seeded: CallerSession, session: CallerSession, number: int
) -> None:
    """A gateway may refuse what the API has done; what exists is not created again."""
    spec = await copy_of_the_seed(seeded)
    await session.faults(*nth(number, kind="status_after_commit", status=422))
    answer = await session.call("apply_program", spec=spec)

    assert answer["status"] == "applied"
    assert await session.exported("Copy") == spec


async def test_a_publication_whose_answer_was_lost_is_found_by_reading(
    session: CallerSession,
) -> None:
    """It is published once, and the answer says so although Brevo's was lost."""
    await session.faults({"method": "POST", "path": "*/publish", "kind": "drop_after_commit"})
    answer = await session.call("apply_program", spec=RICH, publish=True)

    assert answer["status"] == "applied"
    assert answer["result"]["published"] is True


async def test_a_refused_publication_keeps_the_draft(session: CallerSession) -> None:
    """The draft is as described, and the answer says that it is not live."""
    fault = {"method": "POST", "path": "*/publish", "kind": "refuse_before", "status": 422}
    await session.faults(fault)
    answer = await session.answer("apply_program", spec=RICH, publish=True)

    assert answer.structured is not None
    assert answer.structured["status"] == "not_applied"
    assert "not published" in answer.text
    assert await session.exported("Rich Club") == RICH


async def test_a_limit_is_remembered_before_it_is_sent(session: CallerSession) -> None:
    """A lost answer to a limit stays known: the next plan warns that the limit may exist."""
    await session.faults({"method": "POST", "path": "*/limits", "kind": "drop_after_commit"})
    stopped = await session.answer("apply_program", spec=RICH)
    plan = await session.call("plan_program", spec=RICH)

    assert stopped.structured is not None
    assert stopped.structured["status"] == "unknown"
    notes = [c for c in plan["changes"] if c["action"] == "manual" and c["kind"] == "limit"]
    assert [note["name"] for note in notes] == ["Points: credit amount per 1 day"]
    assert "check in Brevo's app first" in notes[0]["details"]


async def test_limits_are_remembered_in_the_meta_of_the_program(session: CallerSession) -> None:
    """The API lists no limits, so their ids are kept beside the other keys."""
    await session.call("apply_program", spec=RICH)
    path = f"/v3/loyalty/config/programs/{await session.control.program()}"
    meta = (await session.control.get(path))["meta"]

    assert meta["team"] == "CRM"
    assert [set(entry) for entry in meta[LIMITS_KEY]] == [{"balance", "id"}] * 2


async def test_a_limit_that_is_refused_is_not_remembered(session: CallerSession) -> None:
    """A limit that was surely not created leaves no entry."""
    fault = {"method": "POST", "path": "*/limits", "kind": "refuse_before", "status": 422}
    await session.faults(fault)
    await session.answer("apply_program", spec=RICH)
    path = f"/v3/loyalty/config/programs/{await session.control.program()}"

    assert (await session.control.get(path))["meta"][LIMITS_KEY] == []
    await session.call("apply_program", spec=RICH)
    assert await session.exported("Rich Club") == RICH
