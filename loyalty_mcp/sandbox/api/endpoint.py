"""Endpoints: a method, a path, and a function that answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args

from loyalty_mcp.sandbox.api.fields import LARGEST_ID, UUID, Body, Query
from loyalty_mcp.sandbox.errors import Invalid, Refusal
from loyalty_mcp.sandbox.store import UnitOfWork

if TYPE_CHECKING:
    from loyalty_mcp.sandbox.engine import Engine

Json = dict[str, Any]
QueryT = TypeVar("QueryT", bound=Query)
BodyT = TypeVar("BodyT", bound=Body)


@dataclass(frozen=True, slots=True)
class Call(Generic[QueryT, BodyT]):
    """One validated request to the API, inside its database transaction."""

    unit: UnitOfWork
    path: Mapping[str, str]
    query: QueryT
    body: BodyT

    def id(self, name: str, refusal: type[Refusal] = Invalid) -> str:
        """Return a UUID from the path.

        Raises:
            Refusal: It is not a UUID; of the given class.
        """
        if not UUID.fullmatch(self.path[name]):
            raise refusal(f"{name}: must be a UUID")
        return self.path[name].lower()

    def contact_id(self, name: str = "cid", refusal: type[Refusal] = Invalid) -> int:
        """Return a contact id from the path.

        Raises:
            Refusal: It is not a contact id; of the given class.
        """
        digits = self.path[name]
        if digits.isascii() and digits.isdigit() and len(digits) <= 16:
            number = int(digits)
            if 1 <= number <= LARGEST_ID:
                return number
        raise refusal(f"{name}: must be a contact id, a whole number from 1")


@dataclass(frozen=True, slots=True)
class ControlCall(Generic[QueryT, BodyT]):
    """One request to the control API, which controls the engine and runs outside a transaction."""

    engine: "Engine"
    path: Mapping[str, str]
    query: QueryT
    body: BodyT


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route of the API.

    Attributes:
        method: The HTTP method.
        path: The path, with `{names}` for its parameters.
        answer: Handles a `Call` or a `ControlCall`, whose type names its query and body models;
            returns the reply, or `None` for 204.
        status: The status of a reply.
        invalid_status: The status for an invalid field: 422, or 400 for contacts.
        about_members: Whether it is about what members have rather than the configuration.
    """

    method: str
    path: str
    answer: Callable[[Any], Json | None]
    status: int = 200
    invalid_status: int = 422
    about_members: bool = False
    query: type[Query] = field(init=False)
    body: type[Body] = field(init=False)
    controls: bool = field(init=False)

    def __post_init__(self) -> None:
        call = self.answer.__annotations__["call"]
        query, body = get_args(call)
        object.__setattr__(self, "query", query)
        object.__setattr__(self, "body", body)
        object.__setattr__(self, "controls", call.__origin__ is ControlCall)


def without_meta(value: Any) -> Any:
    """Return a reply with every `meta` removed."""
    if isinstance(value, Mapping):
        return {name: without_meta(inner) for name, inner in value.items() if name != "meta"}
    if isinstance(value, list):
        return [without_meta(each) for each in value]
    return value
