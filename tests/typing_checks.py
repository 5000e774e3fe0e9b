"""What callers see of our types: read by the type checker, never run."""

from decimal import Decimal
from typing import assert_type

from loyalty_mcp.brevo.budget import Budget
from loyalty_mcp.brevo.client import Brevo
from loyalty_mcp.brevo.name_matching import Candidate, choose
from loyalty_mcp.brevo.operations.programs import Program, Programs, get_program, list_programs
from loyalty_mcp.brevo.operations.transactions import (
    Transaction,
    TransactionHistory,
    complete_transaction,
    create_transaction,
    list_transaction_history,
)
from loyalty_mcp.brevo.operations.vouchers import Validation, validate_voucher
from loyalty_mcp.brevo.references import References
from loyalty_mcp.brevo.request import Request, get, post
from loyalty_mcp.brevo.types import Done
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.server.dispatcher import Answer, Dialog, Dispatcher


def an_operation_describes_a_typed_request() -> None:
    """Calling an operation keeps its arguments and its reply typed."""
    assert_type(list_programs(limit=3), Request[Programs])
    assert_type(get_program("p"), Request[Program])
    assert_type(complete_transaction("p", "t"), Request[Transaction])
    assert_type(create_transaction("p", 1, "b", Decimal(5)), Request[Transaction])
    assert_type(list_transaction_history("p", 1, "b"), Request[TransactionHistory])
    assert_type(validate_voucher("p", code="c"), Request[Validation])


def a_wrong_argument_is_an_error() -> None:
    """The type checker knows the arguments of an operation: each of these is refused."""
    get_program(1)  # type: ignore[arg-type] # an id is text
    get_program()  # type: ignore[call-arg] # it is required
    list_programs(page=2)  # type: ignore[call-arg] # there is none
    create_transaction("p", "101", "b", Decimal(5))  # type: ignore[arg-type] # resolved by now
    create_transaction("p", 1, "b", 0.1)  # type: ignore[arg-type] # amounts are exact


def a_request_keeps_the_type_of_its_reply() -> None:
    """The verbs hand the reply's type on."""
    assert_type(get("/x", Program), Request[Program])
    assert_type(post("/x", Done), Request[Done])


async def sending_gives_the_reply(brevo: Brevo) -> None:
    """What comes back is the model that the request names."""
    assert_type(await brevo.send(list_programs()), Programs)
    assert_type(await brevo.configuration(get_program("p")), Program)
    assert_type((await brevo.send(complete_transaction("p", "t"))).amount, Decimal | None)
    assert_type(brevo.budget, Budget | None)


async def references_give_ids(references: References) -> None:
    """Names go in, ids come out."""
    assert_type(await references.program("VIP Club"), str)
    assert_type(await references.member("p", "101"), int)
    assert_type(choose("tier", "Gold", []), Candidate)


async def a_call_is_answered_or_asks(dispatcher: Dispatcher) -> None:
    """There is no third way for a call to end."""
    assert_type(await dispatcher.call("t", {}, Caller("local", can_ask=False)), Answer | Dialog)
