"""Partial updates: settings that a call omits are kept, because the tool sends the whole object.

The API replaces an object with what it receives. Each `update_` tool therefore reads the object,
changes the given settings, and sends all of them.
"""

import inspect
import logging
import typing
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import Field, create_model

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.types import Items, Reply
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.operation_request import request_of
from loyalty_mcp.tools.programs.group_memory import remember_group_meta
from loyalty_mcp.tools.programs.merged_arguments import (
    NAMED_OBJECT,
    merged_arguments,
    planned_settings,
)
from loyalty_mcp.tools.programs.updated_object import (
    UpdatedObject,
    object_details,
    object_words,
    read_updated_object,
    updated_text,
)
from loyalty_mcp.tools.send_window import DOUBTFUL, DidNotHappen, SteppedChange, effect_after
from loyalty_mcp.tools.tool import Tool

log = logging.getLogger(__name__)

REQUESTS: Final = 14
"""Maximum: program, object and names for the preview, and the requests after the agreement."""

AFTER_AGREEMENT: Final = 9
"""Maximum: object and names again, the change, and the same reads after a lost answer."""


def partial_update(operation: Operation[..., Any], description: str) -> Tool:
    """Return the tool of an operation that replaces an object, keeping omitted settings.

    Args:
        operation: replaces or changes one object of a program's configuration.
        description: for the assistant.
    """
    (answer,) = typing.get_args(typing.get_type_hints(operation.describe)["return"])
    fields: Any = {"summary": (str, ""), "changes": (Items[str], ())}
    result = _model(f"Updated{answer.__name__}", answer, fields)
    return Tool(
        name=operation.name,
        risk="write",
        function=_function(operation, description),
        answer=result,
        run=partial(send_partial_update, operation, result),
        prepare=partial(preview_partial_update, operation),
        reconcile=partial(reconcile_partial_update, operation, result),
        text=updated_text,
        requests=REQUESTS,
        after_agreement=AFTER_AGREEMENT,
        versioned=operation.versioned,
        group=operation.describe.__module__.rpartition(".")[2],
    )


def _model(name: str, base: type[Reply], fields: Mapping[str, Any]) -> type[Reply]:
    made: type[Reply] = create_model(name, __base__=base, **fields)
    return made


def _function(operation: Operation[..., Any], description: str) -> Any:
    """Return a function with the arguments of the tool: every setting optional, and `clear`."""
    hints = typing.get_type_hints(operation.describe, include_extras=True)
    parameters = []
    for name, parameter in inspect.signature(operation.describe).parameters.items():
        annotation, default = hints[name], parameter.default
        if name not in NAMED_OBJECT:
            annotation, default = annotation | None, None
        parameters.append(
            parameter.replace(
                annotation=annotation, default=default, kind=inspect.Parameter.KEYWORD_ONLY
            )
        )
    parameters.append(
        inspect.Parameter(
            "clear",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_clear_annotation(operation),
        )
    )

    def declared(**_arguments: Any) -> None:
        """Declare the arguments; the tool never calls it."""

    declared.__name__ = operation.name
    declared.__doc__ = description
    declared.__annotations__ = {each.name: each.annotation for each in parameters}
    function: Any = declared
    function.__signature__ = inspect.Signature(parameters)
    return function


def _clear_annotation(operation: Operation[..., Any]) -> Any:
    literal: Any = Literal
    name = literal[tuple(clearable(operation))]
    names: Any = tuple.__class_getitem__((name, ...))
    return Annotated[names, Field(min_length=1, description="Settings to empty")] | None


def clearable(operation: Operation[..., Any]) -> list[str]:
    """Return the settings of an object that may be empty."""
    return [
        name
        for name, parameter in inspect.signature(operation.describe).parameters.items()
        if name not in NAMED_OBJECT
        and name != "name"
        and parameter.default is not inspect.Parameter.empty
    ]


async def preview_partial_update(
    operation: Operation[..., Any], context: Context, **arguments: Any
) -> Preparation:
    """Return the preview: each setting that changes, old → new.

    Raises:
        InvalidArgument: the arguments contradict one another.
        Refused: nothing would change.
        LoyaltyError: the object cannot be read.
    """
    found = await read_updated_object(operation, context, arguments)
    merged = merged_arguments(operation, found, arguments)
    request_of(operation, merged)
    after = planned_settings(found, merged)
    details = object_details(found, after)
    if not details:
        raise Refused(f"{found.title} is like that already, so there is nothing to change.")
    old, new = object_words(found, found.settings), object_words(found, after)
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return Preparation(
        Preview(
            f"Change {found.place}: {'; '.join(details)}.",
            before={name or found.kind: old.get(name, "none") for name in changed},
            after={name or found.kind: new.get(name, "none") for name in changed},
            warnings=found.warnings,
        ),
        facts={"object": found.settings, "planned": after, "changes": details},
    )


async def send_partial_update(
    operation: Operation[..., Any],
    result: type[Reply],
    context: Context,
    intent: Intent,
    **arguments: Any,
) -> Reply:
    """Send the whole object with the given settings changed.

    Raises:
        LoyaltyError: it was refused and not carried out.
        OutcomeUnknown: its answer was lost, and its effect is not visible.
    """
    found = await read_updated_object(operation, context, arguments)
    merged = merged_arguments(operation, found, arguments)
    change = SteppedChange(context, intent)
    try:
        reply: Reply = await change.send(request_of(operation, merged))
    except DOUBTFUL as failure:
        reply = await effect_after(
            context, failure, lambda: _effect(operation, context, intent, arguments)
        )
    await _remember_meta(operation, change, found, merged)
    return _result(result, reply, found, intent)


async def _remember_meta(
    operation: Operation[..., Any],
    change: SteppedChange,
    found: UpdatedObject,
    merged: Mapping[str, Any],
) -> None:
    """Store the `meta` of a tier group in its program, because no read returns it."""
    meta = merged.get("meta") or {}
    if operation.name != "update_tier_group" or meta == (found.settings.get("meta") or {}):
        return
    try:
        await change.send(remember_group_meta(found.program, found.id, meta))
    except LoyaltyError as error:
        # The group is changed; a failure to store its meta must not hide that.
        log.warning("the meta of tier group %s is not remembered: %s", found.id, error)


async def reconcile_partial_update(
    operation: Operation[..., Any],
    result: type[Reply],
    context: Context,
    intent: Intent,
    *,
    close: bool,  # noqa: ARG001 - a single request leaves nothing open to close
    may_come: bool,
    **arguments: Any,
) -> Reply:
    """Determine the outcome of an update by reading.

    Raises:
        DidNotHappen: the object is unchanged, and the update can no longer arrive.
        OutcomeUnknown: it may still arrive, or somebody else changed the object.
        LoyaltyError: the object cannot be read.
    """
    reply = await _effect(operation, context, intent, arguments)
    if reply is not None:
        found = await read_updated_object(operation, context, arguments)
        return _result(result, reply, found, intent)
    if may_come:
        raise OutcomeUnknown("Its effect does not show yet, and it may still arrive.")
    raise DidNotHappen("It did not take effect.")


async def _effect(
    operation: Operation[..., Any],
    context: Context,
    intent: Intent,
    arguments: Mapping[str, Any],
) -> Reply | None:
    """Return the object if it is as planned; None if it is unchanged.

    Raises:
        OutcomeUnknown: it is neither.
    """
    context.brevo.forget_call()
    found = await read_updated_object(operation, context, arguments)
    now = object_words(found, found.settings)
    if now == object_words(found, intent.facts["planned"]):
        return found.item
    if now == object_words(found, intent.facts["object"]):
        return None
    raise OutcomeUnknown("It was changed since, and no read can tell by whom.")


def _result(result: type[Reply], reply: Reply, found: UpdatedObject, intent: Intent) -> Reply:
    """Return the current object, with the changes in words."""
    values = reply.model_dump(exclude_none=True)
    return result.model_validate(
        {**values, "summary": found.title, "changes": intent.facts["changes"]}
    )
