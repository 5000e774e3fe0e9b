"""An operation: one endpoint of the API as a typed function, with its risk."""

import inspect
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, ParamSpec, TypeVar

from pydantic import BaseModel

from loyalty_mcp.brevo.request import Request

Risk = Literal["read", "write", "moves_value", "destructive"]

P = ParamSpec("P")
ReplyT = TypeVar("ReplyT", bound=BaseModel)


class DeclarationError(TypeError):
    """A tool is declared incorrectly. Raised on import, so users never see it."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[P, ReplyT]):
    """One endpoint. Calling it returns the request and sends nothing.

    Args:
        name: the tool's name.
        risk: the highest risk that the operation can have.
        describe: the function; its signature is the input, its docstring the description.
        preview: one sentence with arguments in braces; empty for a read.
        before: the read that shows the object before the change; its required arguments are among
            those of the operation.
    """

    name: str
    risk: Risk
    describe: Callable[P, Request[ReplyT]]
    preview: str = ""
    before: "Operation[..., Any] | None" = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Request[ReplyT]:
        """The request for these arguments."""
        return self.describe(*args, **kwargs)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the arguments, in order."""
        return tuple(inspect.signature(self.describe).parameters)

    @property
    def versioned(self) -> bool:
        """Whether its names are looked up in one version of a program, by default the draft.

        True for every change of configuration and for every read with a version argument.
        """
        looks = self if self.risk == "read" else self.before
        return self.risk == "write" or (looks is not None and "version" in looks.parameters)


def _declare(
    function: Callable[P, Request[ReplyT]],
    risk: Risk,
    preview: str = "",
    before: Operation[..., Any] | None = None,
) -> Operation[P, ReplyT]:
    name = function.__name__
    parameters = inspect.signature(function).parameters
    if not inspect.getdoc(function):
        raise DeclarationError(f"{name} has no docstring, and that is its description")
    for _, field, _, _ in string.Formatter().parse(preview):
        if field is not None and field not in parameters:
            raise DeclarationError(f"the preview of {name} names {field}, which is no argument")
    if before is not None:
        read = inspect.signature(before.describe).parameters
        needed = {key for key, parameter in read.items() if parameter.default is parameter.empty}
        if before.risk != "read" or not needed <= set(parameters):
            raise DeclarationError(f"{name} cannot look at its object by {before.name}")
    return Operation(name, risk, function, preview, before)


def read(function: Callable[P, Request[ReplyT]]) -> Operation[P, ReplyT]:
    """An operation that changes nothing."""
    return _declare(function, "read")


def write(
    preview: str, *, before: Operation[..., Any] | None = None
) -> Callable[[Callable[P, Request[ReplyT]]], Operation[P, ReplyT]]:
    """An operation that changes configuration, and no member's points, tier or voucher."""
    return lambda function: _declare(function, "write", preview, before)


def moves_value(
    preview: str, *, before: Operation[..., Any] | None = None
) -> Callable[[Callable[P, Request[ReplyT]]], Operation[P, ReplyT]]:
    """An operation that can change what a member has."""
    return lambda function: _declare(function, "moves_value", preview, before)


def destructive(
    preview: str, *, before: Operation[..., Any] | None = None
) -> Callable[[Callable[P, Request[ReplyT]]], Operation[P, ReplyT]]:
    """An operation that destroys something that cannot be restored."""
    return lambda function: _declare(function, "destructive", preview, before)
