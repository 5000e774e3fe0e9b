"""A tool: what the assistant sees of an operation or a task, derived from one declaration."""

import inspect
import json
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from loyalty_mcp.brevo.operation import Risk
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import LIVE_FIRST, Input, Reference, Version
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.intents.lifecycle import Preparation
from loyalty_mcp.tools.render import NOISE
from loyalty_mcp.tools.schema import bare, published
from loyalty_mcp.tools.schema_cache import kept, without

LONGEST_REFERENCE = 320
"""An email address has at most 320 characters, and no name is longer."""

OPTIONAL_REFERENCES = frozenset({"program", "balance"})
"""These may be left out where there is only one."""

UNASKED = NOISE | frozenset(
    (
        *("meta", "deleted_at", "disabled_at", "event_time", "rejected_at", "cancelled_at"),
        *("subscription_pool_id", "subscription_generator_id", "pattern", "birthday_attribute"),
        *("code_generator_id", "config", "generator", "reward_configs", "trigger_id", "rule"),
        *("subtract_total_balance", "total_attribution", "total_redeem", "public_image"),
    )
)
"""Facts of an answer that its schema does not name, though the answer has them."""

SAID_BEFORE = frozenset(
    (
        *("contact_id", "balance_definition_id", "reward_id", "group_id", "document_id"),
        *("owner_contact_id", "transaction_type", "kind", "unit", "consumed_at", "code_count"),
        *("upgrade_schedule", "downgrade_schedule"),
        *("processed_at", "reject_reason", "expiration_date", "completed_at", "expires_at"),
    )
)
"""The same for the result of a change, beside all that the call itself said."""

MADE = frozenset({"code", "transaction_id"})
"""What an answer says anew under the name of an argument."""

Resolver = Callable[[Reference, str | None], Awaitable[Any]]


def _text(value: Any) -> Any:
    """A contact id is often given as a number; it is the same reference."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Arguments(BaseModel):
    """The arguments of a tool as the assistant gives them: references are still names."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


def reference_in(annotation: Any) -> Reference | None:
    """The reference that an annotation marks, looking through `| None`."""
    if get_origin(annotation) is Annotated:
        for mark in get_args(annotation)[1:]:
            if isinstance(mark, Reference):
                return mark
        return reference_in(get_args(annotation)[0])
    if get_origin(annotation) in {types.UnionType, typing.Union}:
        marks = [reference_in(part) for part in get_args(annotation)]
        return next((mark for mark in marks if mark is not None), None)
    return None


def _description(annotation: Any) -> str | None:
    if get_origin(annotation) is Annotated:
        for mark in get_args(annotation)[1:]:
            if isinstance(mark, FieldInfo) and mark.description:
                return mark.description
        return _description(get_args(annotation)[0])
    for part in get_args(annotation):
        if found := _description(part):
            return found
    return None


def as_given(annotation: Any) -> Any:
    """The annotation with every reference turned into the text a person would say."""
    reference = reference_in(annotation)
    if reference is not None:
        named = Annotated[
            str,
            Field(min_length=1, max_length=LONGEST_REFERENCE, description=_description(annotation)),
            BeforeValidator(_text),
        ]
        optional = type(None) in get_args(annotation)
        return named | None if optional else named
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(as_given(parts[0]), *parts[1:])]
    if origin is tuple:
        return tuple.__class_getitem__((as_given(parts[0]), ...))
    if origin in {types.UnionType, typing.Union}:
        return typing.Union[tuple(as_given(part) for part in parts)]  # noqa: UP007 - built at run time
    if inspect.isclass(annotation) and issubclass(annotation, Input):
        return _input_as_given(annotation)
    return annotation


def _input_as_given(model: type[Input]) -> type[BaseModel]:
    hints = typing.get_type_hints(model, include_extras=True)
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        default = ... if info.is_required() else info.get_default(call_default_factory=True)
        fields[name] = (as_given(hints[name]), Field(default, description=info.description))
    return create_model(model.__name__, __base__=Arguments, **fields)


async def resolved(annotation: Any, value: Any, resolve: Resolver) -> Any:
    """`value` as the function receives it: every reference in it turned into an id."""
    reference = reference_in(annotation)
    if reference is not None:
        optional = type(None) in get_args(annotation)
        return None if value is None and optional else await resolve(reference, value)
    if value is None:
        return None
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return await resolved(parts[0], value, resolve)
    if origin is tuple:
        return tuple([await resolved(parts[0], item, resolve) for item in value])
    if origin in {types.UnionType, typing.Union}:
        kept = [part for part in parts if part is not type(None)]
        return await resolved(kept[0], value, resolve) if len(kept) == 1 else value
    if inspect.isclass(annotation) and issubclass(annotation, Input):
        hints = typing.get_type_hints(annotation, include_extras=True)
        return annotation(
            **{
                name: await resolved(hints[name], getattr(value, name), resolve)
                for name in annotation.model_fields
            }
        )
    return value


@dataclass(frozen=True)
class Tool:
    """One tool.

    Args:
        name: as published.
        risk: the worst it can do.
        function: its signature is the input; its docstring the description.
        answer: the model of its result.
        run: carries it out: the context, for a guarded tool the intent, and the arguments.
        prepare: for a guarded tool: what a person agrees to; also gets what was said.
        settle: for a guarded tool: finds out by reading what became of it.
        text: says the answer in words; None for the plain list of its facts.
        requests: how many it takes of the hour's budget, from the preview to the end.
        skip: how many leading parameters of `function` are not the assistant's.
        pinned: arguments that the settings have fixed, and that are not published.
        described: arguments that the tool which its description names describes already.
        versioned: whether what it names is of one version of a program.
    """

    name: str
    risk: Risk
    function: Callable[..., Any]
    answer: type[BaseModel]
    run: Callable[..., Awaitable[BaseModel]]
    prepare: Callable[..., Awaitable[Preparation]] | None = None
    reconcile: Callable[..., Awaitable[BaseModel]] | None = None
    text: Callable[[Any, datetime], str] | None = None
    requests: int = 1
    skip: int = 0
    pinned: Mapping[str, str] = field(default_factory=dict)
    described: frozenset[str] = frozenset()
    versioned: bool = False

    @property
    def guarded(self) -> bool:
        """Whether a person has to agree."""
        return self.risk != "read"

    def holding(self, **pinned: str) -> "Tool":
        """This tool with other values for what is pinned; what is derived from it stays."""
        known = {name: value for name, value in pinned.items() if name in self.pinned}
        found = replace(self, pinned={**self.pinned, **known})
        derived = ("parameters", "arguments", "input_schema", "output_schema", "description")
        found.__dict__.update({name: getattr(self, name) for name in derived})
        return found

    @cached_property
    def description(self) -> str:
        """What the assistant reads: the docstring in one line, without what it raises."""
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
        """The model that checks a call."""
        signature = inspect.signature(self.function).parameters
        fields: dict[str, Any] = {}
        for name, annotation in self.parameters.items():
            if name in self.pinned:
                continue
            default = signature[name].default
            reference = reference_in(annotation)
            given = as_given(annotation)
            if reference is not None and reference.kind in OPTIONAL_REFERENCES:
                given, default = given | None, None
            required = default is inspect.Parameter.empty
            fields[name] = (given, PydanticUndefined if required else default)
        if self.guarded:
            fields["confirmation"] = (Annotated[str, Field(max_length=64)] | None, None)
        return create_model(f"{self.name}_arguments", __base__=Arguments, **fields)

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments, as published."""
        known = kept().get(self.name)
        return self.derived_input() if known is None else without(known["input"], self.pinned)

    @cached_property
    def output_schema(self) -> dict[str, Any]:
        """The JSON schema of the structured content, as published."""
        known = kept().get(self.name)
        return self.derived_output() if known is None else known["output"]

    def derived_input(self) -> dict[str, Any]:
        """The schema of the arguments, from their declaration."""
        found = published(self.arguments.model_json_schema())
        for name in self.described.intersection(found["properties"]):
            found["properties"][name] = bare(found["properties"][name])
        return found

    def derived_output(self) -> dict[str, Any]:
        """The schema of the structured content, from the declaration of the answer."""
        said_before = SAID_BEFORE.union(self.parameters) - MADE
        left_out = UNASKED | said_before if self.guarded else UNASKED
        answer = published(
            self.answer.model_json_schema(mode="serialization", by_alias=False),
            answer=True,
            without=left_out,
        )
        return envelope_schema(answer) if self.guarded else answer

    def validated(self, given: Mapping[str, Any]) -> Arguments:
        """The checked arguments of a call.

        Raises:
            InvalidArgument: which argument is wrong and what would be right; never its value.
        """
        try:
            return self.arguments.model_validate_json(json.dumps(given))
        except ValidationError as error:
            raise InvalidArgument(_sentence(error, self.arguments)) from None
        except (ValueError, RecursionError):
            raise InvalidArgument("The arguments are no JSON object that can be read.") from None

    def versions(self, given: Arguments) -> tuple[Version, ...]:
        """Where the names of a call are looked up, in order.

        What is edited, or read in one version, is looked for in that alone: a name from another
        version may be another object's in this one, or nobody's.
        """
        if not self.versioned:
            return LIVE_FIRST
        asked: Version | None = (
            self._said(given, "version") if "version" in self.parameters else None
        )
        return (asked or "draft",)

    async def received(self, given: Arguments, resolve: Resolver) -> dict[str, Any]:
        """The arguments as the function receives them: every reference turned into an id.

        Raises:
            UnknownReference: a reference means nothing.
            AmbiguousReference: a reference means several things.
        """
        found: dict[str, Any] = {}
        for name, annotation in self.parameters.items():
            said = self._said(given, name)
            unsaid = said is None and name not in self._references
            found[name] = None if unsaid else await resolved(annotation, said, resolve)
        return found

    @cached_property
    def _references(self) -> frozenset[str]:
        """The parameters that may mean something although nothing was said."""
        return frozenset(
            name for name, annotation in self.parameters.items() if reference_in(annotation)
        )

    def _said(self, given: Arguments, name: str) -> Any:
        return self.pinned[name] if name in self.pinned else getattr(given, name)


def said(given: Arguments) -> dict[str, Any]:
    """The arguments of a call as plain JSON: what its digest is made of."""
    return given.model_dump(mode="json", exclude={"confirmation"}, exclude_none=True)


def envelope_schema(result: dict[str, Any]) -> dict[str, Any]:
    """The schema of what a guarded tool answers around its `result`."""
    text = {"type": "string"}
    return {
        "properties": {
            "status": text,
            "intent": text,
            "preview": {"type": "object"},
            "confirmation": text,
            "expires_at": text,
            "result": result,
            "reason": text,
        },
        "type": "object",
        "required": ["status"],
    }


def _sentence(error: ValidationError, model: type[Arguments]) -> str:
    """What is wrong with the first three arguments that are wrong."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return " ".join(_problem(problem, model) for problem in problems[:3])


def _problem(problem: Any, model: type[Arguments]) -> str:
    path = [part for part in problem["loc"] if not _internal(part)]
    where = quoted(".".join(str(part) for part in path))
    if problem["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return f"Argument {where} is unknown; this tool takes: {known or 'no arguments'}."
    if problem["type"] == "missing":
        return f"Argument {where} is missing."
    message = problem["msg"].removeprefix("Value error, ")
    return f"Argument {where}: {message[0].lower()}{message[1:]}."


def _internal(part: Any) -> bool:
    """Whether a part of an error's place is pydantic's own word for a branch, not a field."""
    return isinstance(part, str) and ("[" in part or part in {"str", "none"})
