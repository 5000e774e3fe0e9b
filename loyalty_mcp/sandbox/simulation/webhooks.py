"""Webhooks: send recorded events to one address, after their cause was committed."""

import logging
import threading
from queue import Empty, Full, Queue
from typing import Final

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.records import events
from loyalty_mcp.sandbox.store import Store

MAX_WAITING: Final = 10_000
"""How many events may wait for a slow receiver; further ones are recorded but not sent."""

ANSWER_SECONDS: Final = 5.0
"""How long a receiver may take to answer."""

_LOG: Final = logging.getLogger(__name__)


class Webhooks:
    """Sends events from a separate thread, so that no request waits for a receiver.

    Each event is sent once, whatever the receiver answers.

    Args:
        store: Where the events are recorded.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._url: str | None = None
        self._sent_up_to = 0
        self._waiting: Queue[bytes | None] = Queue()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str | None:
        """The receiver of events; `None` for none."""
        return self._url

    def send_to(self, url: str | None) -> None:
        """Send future events to this address; `None` for none."""
        self.close()
        self._url = url
        if url is None:
            return
        with self._store.unit() as unit:
            self._sent_up_to = events.last_event(unit)
        _LOG.warning("Webhooks are sent to %s.", url.partition("?")[0])
        self._waiting = Queue(MAX_WAITING)
        self._thread = threading.Thread(
            target=_send_all, args=(url, self._waiting), name="sandbox-webhooks", daemon=True
        )
        self._thread.start()

    def deliver(self) -> None:
        """Queue the events recorded since the last call; never waits and never fails."""
        if self._url is None:
            return
        with self._store.unit() as unit:
            for seq, event in events.events_since(unit, self._sent_up_to):
                self._sent_up_to = seq
                try:
                    self._waiting.put_nowait(documents.dump(event).encode())
                except Full:
                    _LOG.warning("A webhook was dropped: its receiver is too slow.")

    def drain(self) -> None:
        """Wait until everything in the queue has been sent."""
        self._waiting.join()

    def close(self) -> None:
        """Stop sending, and drop what is still in the queue."""
        self._url = None
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            while True:
                self._waiting.get_nowait()
                self._waiting.task_done()
        except Empty:
            self._waiting.put(None)


def _send_all(url: str, waiting: Queue[bytes | None]) -> None:
    import httpx2  # noqa: PLC0415 - the engine starts inside other programs, which rarely need it

    # Webhooks stay on this machine, so no proxy of the environment is used.
    with httpx2.Client(timeout=ANSWER_SECONDS, trust_env=False) as http:
        while (event := waiting.get()) is not None:
            try:
                http.post(url, content=event, headers={"content-type": "application/json"})
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                _LOG.warning("A webhook was not delivered: %s.", type(error).__name__)
            finally:
                waiting.task_done()
        waiting.task_done()
