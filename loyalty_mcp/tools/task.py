"""A task: a tool that needs several requests, declared with its risk."""

import inspect
import typing
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from loyalty_mcp.brevo.operation import DeclarationError, Risk
from loyalty_mcp.brevo.types import Reply
from loyalty_mcp.intents.lifecycle import Preparation
from loyalty_mcp.tools.tool import Tool

Run = Callable[..., Awaitable[Reply]]
Prepare = Callable[..., Awaitable[Preparation]]
Say = Callable[[Any, datetime], str]
"""Converts an answer and the current time to words."""


def reads(*, text: Say | None = None) -> Callable[[Run], Tool]:
    """Declare a task that changes nothing.

    The function takes the context and the arguments. Its docstring is the description, and its
    return type the answer.

    Args:
        text: puts the answer into words; None for a plain list of its facts.
    """
    return lambda run: _declared(run, "read", text=text)


def guarded(
    risk: Risk,
    *,
    prepare: Prepare,
    reconcile: Run,
    requests: int,
    after_agreement: int | None = None,
    text: Say | None = None,
    versioned: bool = False,
) -> Callable[[Run], Tool]:
    """Declare a task that a person has to agree to.

    The function takes the context, the intent and the arguments.

    Args:
        risk: the highest risk that it can have.
        prepare: takes the context and the arguments; returns the preview.
        reconcile: determines the function's answer only by reading.
        requests: the maximum number of requests, from the preview to the end.
        after_agreement: how many of these follow the agreement; None for half of them.
        text: puts the answer into words; None for a plain list of its facts.
        versioned: whether its names are looked up only in the draft.

    Raises:
        DeclarationError: it changes nothing, so nobody has to agree.
    """
    if risk == "read":
        raise DeclarationError("a guarded task changes something")
    return lambda run: _declared(
        run,
        risk,
        prepare=prepare,
        reconcile=reconcile,
        requests=requests,
        after_agreement=after_agreement,
        text=text,
        versioned=versioned,
        skip=2,
    )


def _declared(run: Run, risk: Risk, *, skip: int = 1, **more: Any) -> Tool:
    if not inspect.getdoc(run):
        raise DeclarationError(f"{run.__name__} has no docstring, and that is its description")
    answer = typing.get_type_hints(run)["return"]
    return Tool(run.__name__, risk, run, answer, run, skip=skip, **more)
