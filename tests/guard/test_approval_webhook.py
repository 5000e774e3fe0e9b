"""The webhook for waiting intents: its contents, signature and retries."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import httpx2
import pytest

from loyalty_mcp.errors import BadSetting
from loyalty_mcp.guard.approval_webhook import (
    MOST_QUEUED,
    RETRY_SECONDS,
    TIMEOUT_SECONDS,
    ApprovalWebhook,
    signatures,
)
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.server.bootstrap import Runtime, approval_webhook
from loyalty_mcp.settings import read_settings
from tests.intents.journal.test_journal import NOW, an_intent

URL = "https://hooks.example/loyalty"
LONG_ENOUGH = 5.0
"""Seconds after which a message that never comes fails a test."""

SECRET = "a secret of the receiver longer than 32 bytes"  # noqa: S105 - of this test alone


async def delivered(intent: Intent, statuses: list[int]) -> Any:
    """The requests and pauses for one message, with these answers."""
    requests: list[httpx2.Request] = []
    pauses: list[float] = []
    done = anyio.Event()
    attempts = len(statuses)

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        if len(requests) == attempts:
            done.set()
        return httpx2.Response(
            statuses[len(requests) - 1], headers={"location": "https://x.example"}
        )

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    webhook = ApprovalWebhook(
        URL,
        [SECRET],
        lambda: NOW,
        page="https://loyalty.example/approvals",
        transport=httpx2.MockTransport(answer),
        sleep=sleep,
    )
    webhook.announce(intent)
    async with anyio.create_task_group() as group:
        group.start_soon(webhook.run)
        with anyio.fail_after(LONG_ENOUGH):
            await done.wait()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    return requests, pauses


def waits() -> Intent:
    """An intent that waits for an operator for another day."""
    return replace(an_intent(), route="operator", expires_at=NOW + timedelta(days=1))


async def test_a_message_is_signed_and_holds_nothing_of_the_change() -> None:
    """The receiver can verify it; it contains no arguments, confirmation or complete id."""
    intent = replace(waits(), arguments={"member": "anna@example.com", "reason": "canary"})
    (request,), pauses = await delivered(intent, [204])
    body = request.content
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    digest = hmac.digest(SECRET.encode(), signed + body, hashlib.sha256)
    expected = base64.b64encode(digest).decode()

    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert (str(request.url), pauses) == (URL, [])
    assert json.loads(body) == {
        "type": "approval.waiting",
        "timestamp": NOW.isoformat(),
        "data": {
            "intent": intent.id[:8],
            "tool": "credit_points",
            "asked_by": "local",
            "expires_at": intent.expires_at.isoformat(),
            "page": "https://loyalty.example/approvals",
            "sandbox": False,
        },
    }
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    text = f"{body!r} {request.headers}"
    assert not [word for word in (intent.id, "anna", "canary", SECRET) if word in text]


async def test_a_failed_message_is_tried_again_with_the_same_id() -> None:
    """After errors and redirects it is sent again with growing pauses, until it succeeds."""
    requests, pauses = await delivered(waits(), [500, 302, 429, 200])

    assert pauses == list(RETRY_SECONDS[:3])
    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert {request.url.host for request in requests} == {"hooks.example"}


async def test_a_message_is_given_up_in_the_end() -> None:
    """After five attempts no more are made."""
    requests, pauses = await delivered(waits(), [503] * 5)

    assert (len(requests), pauses) == (5, list(RETRY_SECONDS))


async def test_nobody_is_told_of_what_has_expired() -> None:
    """A message is not sent again once its intent no longer waits."""
    requests, pauses = await delivered(replace(waits(), expires_at=NOW), [503])

    assert (len(requests), pauses) == (1, [])


async def test_nobody_is_told_at_the_very_moment_it_expires() -> None:
    """An intent has expired at its expiry, not after it."""
    _, pauses = await delivered(replace(waits(), expires_at=NOW), [500])

    assert pauses == []


async def test_what_is_tried_again_and_given_up_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The operator of the receiver finds the status there, and no word of the change."""
    await delivered(waits(), [500, 302, 429, 503, 404])

    tried = [f"failed, trying again: status {status}" for status in (500, 302, 429, 503)]
    lines = [
        f"{record.levelname} {record.message}"
        for record in caplog.records
        if record.name == "loyalty_mcp.guard.approval_webhook"
    ]
    assert lines == [
        *(f"WARNING the approval webhook {line}" for line in tried),
        "ERROR the approval webhook was not delivered: status 404",
    ]


async def test_an_address_that_cannot_be_reached_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log names the kind of failure, and the message arrives when the address is back."""
    attempts: list[httpx2.Request] = []
    arrived = anyio.Event()

    def answer(request: httpx2.Request) -> httpx2.Response:
        attempts.append(request)
        if len(attempts) == 1:
            raise httpx2.ConnectError("no route to https://hooks.example")
        arrived.set()
        return httpx2.Response(204)

    async def sleep(_seconds: float) -> None:
        assert [record.message for record in caplog.records if "webhook" in record.name] == [
            "the approval webhook failed, trying again: ConnectError"
        ]

    transport = httpx2.MockTransport(answer)
    webhook = ApprovalWebhook(URL, [SECRET], lambda: NOW, transport=transport, sleep=sleep)
    async with anyio.create_task_group() as group:
        group.start_soon(webhook.run)
        webhook.announce(waits())
        with anyio.fail_after(LONG_ENOUGH):
            await arrived.wait()
        group.cancel_scope.cancel()

    assert [json.loads(request.content)["data"]["page"] for request in attempts] == [None, None]
    assert attempts[0].extensions["timeout"]["connect"] == TIMEOUT_SECONDS


async def test_the_newest_thousand_are_told_when_nothing_gets_out() -> None:
    """A receiver that is away for long does not fill the memory."""
    webhook = ApprovalWebhook(URL, [SECRET], lambda: NOW)
    for number in range(MOST_QUEUED + 1):
        webhook.announce(replace(waits(), id=f"{number:032x}"))

    assert len(webhook._queue) == MOST_QUEUED
    assert webhook._queue[0].id == f"{1:032x}"


def test_two_secrets_give_two_signatures() -> None:
    """During a rotation, the receiver may have either secret."""
    both = signatures([SECRET, "next"], "id", "1", b"{}").split()

    assert both == [signatures([each], "id", "1", b"{}") for each in (SECRET, "next")]


def test_a_webhook_needs_a_secret() -> None:
    """An address without a secret stops the start."""
    with pytest.raises(BadSetting, match="APPROVAL_WEBHOOK_SECRET is missing"):
        approval_webhook(read_settings(approval_webhook=URL))


@pytest.mark.parametrize(("confirm", "announced"), [("operator", 1), ("token", 0)])
async def test_only_what_waits_for_an_operator_is_announced(
    make_runtime: Callable[..., Runtime], confirm: str, announced: int
) -> None:
    """A preview that waits for a confirmation is not announced."""
    runtime = make_runtime(confirm=confirm, approval_webhook=URL, approval_webhook_secret=SECRET)
    debit = {"member": "101", "amount": 5, "reason": "x"}
    await runtime.dispatcher.call("debit_points", debit, Caller("local", can_ask=False))

    assert runtime.webhook is not None
    assert len(runtime.webhook._queue) == announced
