"""A signed message (Standard Webhooks) to a web address when an intent waits for an operator."""

import base64
import hashlib
import hmac
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

import anyio
import httpx2

from loyalty_mcp.intents.lifecycle import Intent

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 10.0
RETRY_SECONDS: Final = (1.0, 5.0, 30.0, 120.0)
"""Pauses between attempts."""

MOST_QUEUED: Final = 1_000
SHOWN_ID: Final = 8
"""Characters of an intent's id in the message: enough to find it, too few to repeat the call."""


class ApprovalWebhook:
    """Sends one message for each intent that waits for an operator.

    A message contains the tool, the caller and the expiry, but nothing of the change itself: no
    arguments, no personal data and no confirmation. Messages that are not delivered when the
    process ends are lost; the approvals page lists everything that waits.

    Args:
        url: the receiver; redirects are not followed.
        secrets: sign each message; two during a rotation.
        now: the clock, UTC.
        page: the address of the approvals page; None if unknown.
        sandbox: whether the embedded sandbox is used.
        transport: how messages are sent; None for the network.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        now: Callable[[], datetime],
        *,
        page: str | None = None,
        sandbox: bool = False,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._url = url
        self._secrets = tuple(secrets)
        self._now = now
        self._page = page
        self._sandbox = sandbox
        self._transport = transport
        self._sleep = sleep
        self._queue: deque[Intent] = deque(maxlen=MOST_QUEUED)
        self._queued = anyio.Event()

    def announce(self, intent: Intent) -> None:
        """Queue a message about an intent, without waiting for its delivery."""
        self._queue.append(intent)
        self._queued.set()

    async def run(self) -> None:
        """Deliver queued messages until cancelled."""
        async with httpx2.AsyncClient(
            timeout=TIMEOUT_SECONDS, follow_redirects=False, transport=self._transport
        ) as http:
            while True:
                await self._queued.wait()
                self._queued = anyio.Event()
                while self._queue:
                    await self._deliver(http, self._queue.popleft())

    async def _deliver(self, http: httpx2.AsyncClient, intent: Intent) -> None:
        for pause in (*RETRY_SECONDS, None):
            problem = await self._attempt(http, intent)
            if problem is None:
                return
            if pause is None or self._now() >= intent.expires_at:
                log.error("the approval webhook was not delivered: %s", problem)
                return
            log.warning("the approval webhook failed, trying again: %s", problem)
            await self._sleep(pause)

    async def _attempt(self, http: httpx2.AsyncClient, intent: Intent) -> str | None:
        """Send a message once; the error, or None."""
        moment = self._now()
        body = message_about(intent, moment, page=self._page, sandbox=self._sandbox)
        # The id is the same for each attempt, so that the receiver can drop duplicates.
        message_id = f"approval_{intent.id[:SHOWN_ID]}"
        timestamp = str(int(moment.timestamp()))
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signatures(self._secrets, message_id, timestamp, body),
        }
        try:
            # The response body is not needed.
            async with http.stream("POST", self._url, content=body, headers=headers) as answer:
                return None if answer.is_success else f"status {answer.status_code}"
        except (httpx2.HTTPError, OSError) as error:
            return type(error).__name__


def message_about(intent: Intent, now: datetime, *, page: str | None, sandbox: bool) -> bytes:
    """The body of a message: what waits, and where to decide.

    Args:
        intent: waits for an operator.
        now: UTC.
        page: the address of the approvals page; None if unknown.
        sandbox: whether the embedded sandbox serves.
    """
    data = {
        "intent": intent.id[:SHOWN_ID],
        "tool": intent.tool,
        "asked_by": intent.caller,
        "expires_at": intent.expires_at.isoformat(),
        "page": page,
        "sandbox": sandbox,
    }
    message = {"type": "approval.waiting", "timestamp": now.isoformat(), "data": data}
    return json.dumps(message).encode()


def signatures(secrets: Sequence[str], message_id: str, timestamp: str, body: bytes) -> str:
    """The header `webhook-signature`: one signature per secret, separated by spaces."""
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    digests = (hmac.digest(secret.encode(), signed, hashlib.sha256) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
