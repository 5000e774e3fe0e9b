"""A task: a tool that needs several requests, declared with its risk."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loyalty_mcp.brevo.operation import DeclarationError, Risk
from loyalty_mcp.brevo.types import Reply
from loyalty_mcp.intents.lifecycle import Preparation

Run = Callable[..., Awaitable[Reply]]
Prepare = Callable[..., Awaitable[Preparation]]
Say = Callable[[Any, datetime], str]
"""From an answer and the present moment to words."""


@dataclass(frozen=True, slots=True)
class Task:
    """A tool made of several operations.

    Args:
        name: the tool's name.
        risk: the worst that the task can do.
        run: takes the context, for a guarded task the intent, and the arguments; its docstring
            is the description, its return type the answer.
        prepare: for a guarded task: the context and the arguments to what a person agrees to.
        settle: for a guarded task: the context, the intent and the arguments to the same answer
            as `run`, found by reading alone; raises what `run` would have raised.
        text: says the answer in words; None for the plain list of its facts.
        requests: how many it takes of the hour's budget, from the preview to the end.
    """

    name: str
    risk: Risk
    run: Run
    prepare: Prepare | None = None
    reconcile: Run | None = None
    text: Say | None = None
    requests: int = 1

    @property
    def skip(self) -> int:
        """How many leading parameters are ours, and not the assistant's."""
        return 1 if self.risk == "read" else 2


def reads(*, text: Say | None = None) -> Callable[[Run], Task]:
    """A task that changes nothing."""
    return lambda run: _declare(Task(run.__name__, "read", run, text=text))


def guarded(
    risk: Risk, *, prepare: Prepare, reconcile: Run, requests: int, text: Say | None = None
) -> Callable[[Run], Task]:
    """A task that a person has to agree to."""
    if risk == "read":
        raise DeclarationError("a guarded task changes something")
    return lambda run: _declare(Task(run.__name__, risk, run, prepare, reconcile, text, requests))


def _declare(task: Task) -> Task:
    if not inspect.getdoc(task.run):
        raise DeclarationError(f"{task.name} has no docstring, and that is its description")
    return task
