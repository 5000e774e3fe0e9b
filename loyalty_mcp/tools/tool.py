"""A tool: what the assistant sees of an operation or a task, derived from its declaration."""

import inspect
import json
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ValidationError

from loyalty_mcp.brevo.operation import Risk
from loyalty_mcp.brevo.types import LIVE_FIRST, Version
from loyalty_mcp.errors import AmbiguousReference, InvalidArgument, UnknownReference
from loyalty_mcp.intents.lifecycle import Preparation
from loyalty_mcp.tools.annotation_forms import form_of_model
from loyalty_mcp.tools.answer_schema import answer_schema
from loyalty_mcp.tools.argument_errors import argument_problems
from loyalty_mcp.tools.argument_forms import ObjectForm
from loyalty_mcp.tools.argument_model import (
    Arguments,
    Resolver,
    argument_model,
    reference_in,
    resolved,
)
from loyalty_mcp.tools.client_extras import without_client_extras
from loyalty_mcp.tools.schema import closed_if_empty, published_schema
from loyalty_mcp.tools.schema_cache import cached_schemas, without_arguments

DERIVED = ("parameters", "arguments", "form", "input_schema", "output_schema", "description")
"""Attributes that depend on which arguments are pinned, but not on their values."""


@dataclass(frozen=True)
class Tool:
    """One tool.

    Args:
        name: as published.
        risk: the highest risk that it can have.
        function: its signature is the input; its docstring the description.
        answer: the model of its result.
        run: carries it out, with the context, for a guarded tool the intent, and the arguments.
        prepare: for a guarded tool: makes the preview from the context and the arguments.
        reconcile: for a guarded tool: determines the answer of `run` only by reading, from the
            context, the intent and the arguments; raises what `run` would have raised.
        text: puts the answer into words; None for a plain list of its facts.
        read_text: the same for a plain read that needs names for ids: takes the context, the
            arguments with ids, and the reply.
        requests: the maximum number of requests, from the preview to the end.
        after_agreement: how many of these follow the agreement; None for half of them.
        skip: how many leading parameters of `function` do not come from the assistant.
        pinned: arguments that the settings fix, and that are not published.
        versioned: whether its names belong to one version of a program.
        group: the group of its operation; empty for a task.
    """

    name: str
    risk: Risk
    function: Callable[..., Any]
    answer: type[BaseModel]
    run: Callable[..., Awaitable[BaseModel]]
    prepare: Callable[..., Awaitable[Preparation]] | None = None
    reconcile: Callable[..., Awaitable[BaseModel]] | None = None
    text: Callable[[Any, datetime], str] | None = None
    read_text: Callable[..., Awaitable[str]] | None = None
    requests: int = 1
    after_agreement: int | None = None
    skip: int = 0
    pinned: Mapping[str, str] = field(default_factory=dict)
    versioned: bool = False
    group: str = ""

    @property
    def requests_after_agreement(self) -> int:
        """The maximum number of requests after the agreement."""
        half = (self.requests + 1) // 2
        return half if self.after_agreement is None else self.after_agreement

    @property
    def guarded(self) -> bool:
        """Whether a person has to agree."""
        return self.risk != "read"

    def with_pinned(self, values: Mapping[str, str]) -> "Tool":
        """This tool with pinned arguments; those that it does not have are ignored.

        If only values of pins differ, derived attributes are kept.
        """
        pinned = {name: value for name, value in values.items() if name in self.parameters}
        found = replace(self, pinned={**self.pinned, **pinned})
        if found.pinned == self.pinned:
            return self  # derived attributes may never be needed, and take long to build
        if found.pinned.keys() == self.pinned.keys():
            found.__dict__.update({name: getattr(self, name) for name in DERIVED})
        return found

    @property
    def title(self) -> str:
        """The title for people: its name as words."""
        return self.name.replace("_", " ").capitalize()

    @cached_property
    def description(self) -> str:
        """The description for the assistant: the docstring on one line, without what it raises."""
        text = (inspect.getdoc(self.function) or "").split("\n\nRaises:")[0]
        return " ".join(text.split("\n\nArgs:")[0].split())

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The annotations of the arguments, in order."""
        hints = typing.get_type_hints(self.function, include_extras=True)
        names = list(inspect.signature(self.function).parameters)[self.skip :]
        return {name: hints[name] for name in names}

    @cached_property
    def arguments(self) -> type[Arguments]:
        """The model that validates a call."""
        signature = inspect.signature(self.function).parameters
        free = {name: kind for name, kind in self.parameters.items() if name not in self.pinned}
        defaults = {
            name: signature[name].default
            for name in free
            if signature[name].default is not inspect.Parameter.empty
        }
        return argument_model(self.name, free, defaults, guarded=self.guarded)

    @cached_property
    def form(self) -> ObjectForm:
        """The form of the arguments, which accepts several spellings of a value."""
        return form_of_model(self.arguments)

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The published JSON schema of the arguments."""
        known = cached_schemas().get(self.name)
        return (
            self.derived_input()
            if known is None
            else without_arguments(known["input"], self.pinned)
        )

    @cached_property
    def output_schema(self) -> dict[str, Any]:
        """The published JSON schema of the structured content."""
        known = cached_schemas().get(self.name)
        return self.derived_output() if known is None else known["output"]

    def derived_input(self) -> dict[str, Any]:
        """The schema of the arguments, from their declaration."""
        return closed_if_empty(published_schema(self.arguments.model_json_schema()))

    def derived_output(self) -> dict[str, Any]:
        """The schema of the structured content, from the declaration of the answer."""
        return answer_schema(self.answer, self.parameters, guarded=self.guarded)

    def validated(self, given: Mapping[str, Any]) -> Arguments:
        """The validated arguments of a call, each converted to its declared value.

        Raises:
            InvalidArgument: names the argument and what would be right; never its value.
        """
        try:
            read = self.form.read(without_client_extras(given, self.form.fields))
            return self.arguments.model_validate_json(json.dumps(read))
        except ValidationError as error:
            problems = argument_problems(error, self.form)
            raise InvalidArgument(problems.text, argument=problems.argument) from None
        except (ValueError, RecursionError):
            raise InvalidArgument("The arguments are no JSON object that can be read.") from None

    def versions(self, given: Arguments) -> tuple[Version, ...]:
        """The versions in which the names of a call are looked up, in order.

        An object that is edited or read in one version is looked up only in that version: a name
        from another version could belong to a different object, or to none.
        """
        if not self.versioned:
            return LIVE_FIRST
        asked: Version | None = (
            self._said(given, "version") if "version" in self.parameters else None
        )
        return (asked or "draft",)

    async def received(self, given: Arguments, resolve: Resolver) -> dict[str, Any]:
        """The arguments as the function receives them, with every reference converted to an id.

        Raises:
            UnknownReference: a reference matches nothing.
            AmbiguousReference: a reference matches several objects.
        """
        found: dict[str, Any] = {}
        for name, annotation in self.parameters.items():
            said = self._said(given, name)
            unsaid = said is None and name not in self._references
            try:
                found[name] = None if unsaid else await resolved(annotation, said, resolve)
            except (UnknownReference, AmbiguousReference) as error:
                error.argument = error.argument or name
                raise
        return found

    def member_words(self, given: Arguments) -> str | None:
        """The reference to the member of a call; None if it does not name exactly one."""
        for name, annotation in self.parameters.items():
            reference = reference_in(annotation)
            if reference is not None and reference.kind == "member":
                said: str | None = self._said(given, name)
                return said
        return None

    @cached_property
    def _references(self) -> frozenset[str]:
        """The parameters that have a meaning even if they are omitted."""
        return frozenset(
            name for name, annotation in self.parameters.items() if reference_in(annotation)
        )

    def _said(self, given: Arguments, name: str) -> Any:
        return self.pinned[name] if name in self.pinned else getattr(given, name)


def said(given: Arguments) -> dict[str, Any]:
    """The arguments of a call as plain JSON, the basis of its digest."""
    return given.model_dump(mode="json", exclude={"confirmation"}, exclude_none=True)
