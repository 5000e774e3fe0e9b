"""What every client library is made to do, and what it has to tell of it.

Each program of this folder runs on the library that it tries, in an environment of its own.
None of them knows our package: they start its command, and read what it answers.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final, Protocol

CONFIRMATION: Final = re.compile(r'confirmation"?:? ?"([0-9a-f]{32})"')
"""A confirmation as a model reads it, in a sentence or in JSON."""

READ: Final = ("get_member_overview", {"member": "101"})
DEBIT: Final = {"member": "101", "amount": 50, "reason": "Goodwill"}
TOO_MUCH: Final = {**DEBIT, "amount": 100_000}

Arguments = dict[str, Any]


class Session(Protocol):
    """A connection to a server, as the library offers it."""

    async def tools(self) -> list[str]:
        """The names of the tools."""
        ...

    async def call(self, name: str, arguments: Arguments) -> str:
        """Call a tool; everything that the library would show a model of the answer."""
        ...


@dataclass
class Person:
    """Somebody who is shown dialogs, and agrees from the second on.

    Args:
        shown: the message of each dialog so far.
    """

    shown: list[str] = field(default_factory=list)

    def agrees(self, message: str) -> bool:
        """Whether they agree to what a dialog asks."""
        self.shown.append(message)
        return len(self.shown) > 1


@dataclass(frozen=True)
class Server:
    """How the server is started.

    Args:
        command: the program.
        arguments: of the program.
        environment: all of its variables.
    """

    command: str
    arguments: list[str]
    environment: dict[str, str]


Connect = Callable[[Server, Person | None], AbstractAsyncContextManager[Session]]
"""Opens a session; without a person, the client has no dialogs."""


async def seen_through(connect: Connect, server: Server, *, dialogs: bool) -> dict[str, Any]:
    """Read, preview, confirm and confirm again; then decline in a dialog, and agree in one."""
    async with connect(server, None) as session:
        found: dict[str, Any] = {"tools": await session.tools()}
        found["before"] = await session.call(*READ)
        found["error"] = await session.call("debit_points", TOO_MUCH)
        found["preview"] = preview = await session.call("debit_points", DEBIT)
        issued = CONFIRMATION.search(preview)
        agreed = {**DEBIT, "confirmation": issued[1] if issued else ""}
        found["applied"] = await session.call("debit_points", agreed)
        found["again"] = await session.call("debit_points", agreed)
        found["after"] = await session.call(*READ)
    if dialogs:
        person = Person()
        async with connect(server, person) as session:
            found["declined"] = await session.call("debit_points", DEBIT)
            found["agreed"] = await session.call("debit_points", DEBIT)
            found["end"] = await session.call(*READ)
        found["dialogs"] = person.shown
    return found


def run(package: str, connect: Connect, *, dialogs: bool = True, **more: Any) -> None:
    """Tell the story of a library as one line of JSON; the command of the server is given.

    Args:
        package: the distribution whose version is told.
        connect: opens a session of the library.
        dialogs: whether the library can show them.
        more: functions of the server, each telling something else.
    """
    command, *arguments = sys.argv[1:]
    server = Server(command, arguments, dict(os.environ))

    async def everything() -> dict[str, Any]:
        found = {"version": version(package)}
        for name, tell in more.items():
            found[name] = await tell(server)
        return found | await seen_through(connect, server, dialogs=dialogs)

    sys.stdout.write(json.dumps(asyncio.run(everything())) + "\n")
