"""Serving over standard input and output, until the input ends or a signal arrives."""

import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, cast

import anyio
from anyio import from_thread
from anyio.abc import ObjectSendStream
from anyio.lowlevel import current_token

from loyalty_mcp.server.lazy_models import built_on_first_use
from loyalty_mcp.server.message_lines import messages_in

with built_on_first_use():
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server
    from mcp.shared.message import SessionMessage

CHUNK_BYTES: Final = 65_536
ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


async def serve_stdio(server: Server[None]) -> None:
    """Serve the client that started this process.

    Ends when the input ends, or on SIGINT or SIGTERM. A change that is being carried out is
    finished.
    """
    messages = InputMessages(sys.stdin.fileno())
    async with (
        stdio_server(stdin=cast("Any", messages)) as (read, write),
        anyio.create_task_group() as group,
    ):
        messages.answer_errors_on(write)
        if sys.platform != "win32":
            group.start_soon(_end_on_signal, messages)
        await server.run(read, write, server.create_initialization_options())
        group.cancel_scope.cancel()


class InputMessages:
    """The messages that arrive on a file descriptor, as text.

    Args:
        descriptor: read from until its end.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._send, self._lines = anyio.create_memory_object_stream[bytes]()
        self._output: ObjectSendStream[SessionMessage] | None = None
        self._has_output = anyio.Event()

    def answer_errors_on(self, output: ObjectSendStream[SessionMessage]) -> None:
        """Set where to answer lines without a valid message."""
        self._output = output
        self._has_output.set()

    def end(self) -> None:
        """Accept no more messages, as if the input had ended."""
        self._send.close()

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield one message after the other; invalid ones are answered with an error."""
        reading = (self._descriptor, self._send, current_token())
        threading.Thread(target=_read_lines, args=reading, daemon=True).start()
        with self._send, self._lines:
            async for line in self._lines:
                for message in messages_in(line):
                    if isinstance(message, str):
                        yield message
                        continue
                    await self._has_output.wait()
                    if self._output is not None:
                        await self._output.send(SessionMessage(message))


def _read_lines(descriptor: int, lines: ObjectSendStream[bytes], token: Any) -> None:
    """Read lines from a descriptor in a separate thread, and send them to the event loop.

    A read that waits for input cannot be cancelled, so nothing waits for this thread. It reads the
    descriptor directly, because the interpreter cannot exit while a thread holds the lock of
    `sys.stdin`.
    """
    begun = bytearray()
    # The server may end while a line is being passed on.
    with suppress(OSError, RuntimeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while chunk := os.read(descriptor, CHUNK_BYTES):
            begun += chunk
            if b"\n" in chunk:
                *whole, rest = bytes(begun).split(b"\n")
                begun = bytearray(rest)
                for line in whole:
                    from_thread.run(lines.send, line, token=token)
        from_thread.run(lines.send, bytes(begun), token=token)
        from_thread.run(lines.aclose, token=token)


async def _end_on_signal(messages: InputMessages) -> None:
    with anyio.open_signal_receiver(*ENDING_SIGNALS) as signals:
        async for _ in signals:
            messages.end()
