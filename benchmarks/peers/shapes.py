"""The eight tools that the peers on the official SDK publish: paths and arguments."""

from dataclasses import dataclass
from typing import Any

PROGRAM = "/loyalty/config/programs/{program_id}"
BALANCE = "/loyalty/balance/programs/{program_id}"


@dataclass(frozen=True)
class Shape:
    """One tool.

    Args:
        description: what the assistant reads.
        method: of the request.
        path: below the API root, with the arguments that stand in it.
        query: the arguments that stand in the query.
        body: the arguments that stand in the body.
    """

    description: str
    method: str
    path: str
    query: tuple[str, ...] = ()
    body: tuple[str, ...] = ()


TOOLS = {
    "list_programs": Shape("List loyalty programs.", "GET", "/loyalty/config/programs"),
    "get_program": Shape("Get one loyalty program.", "GET", PROGRAM),
    "list_balance_definitions": Shape(
        "List the balances of a program.", "GET", f"{BALANCE}/balance-definitions"
    ),
    "get_subscription_balances": Shape(
        "Get what a member has.", "GET", BALANCE + "/subscriptions/{contact_id}/balances"
    ),
    "list_transaction_history": Shape(
        "List the movements of a member.",
        "GET",
        f"{BALANCE}/transaction-history",
        ("contactId", "balanceDefinitionId"),
    ),
    "get_account_info": Shape(
        "Get everything of a member.", "GET", f"{PROGRAM}/account-info", ("contactId",)
    ),
    "create_transaction": Shape(
        "Credit or debit a member.",
        "POST",
        f"{BALANCE}/transactions",
        (),
        ("contactId", "balanceDefinitionId", "amount"),
    ),
    "complete_transaction": Shape(
        "Complete a transaction.", "POST", BALANCE + "/transactions/{transaction_id}/complete"
    ),
}
NUMBERS = {"contact_id": "integer", "contactId": "integer", "amount": "number"}


def arguments(tool: Shape) -> tuple[str, ...]:
    """The names of the arguments."""
    inside = [part.split("}")[0] for part in tool.path.split("{")[1:]]
    return (*inside, *tool.query, *tool.body)


def described(tool: Shape) -> dict[str, Any]:
    """The schema of the arguments."""
    names = arguments(tool)
    return {
        "type": "object",
        "properties": {name: {"type": NUMBERS.get(name, "string")} for name in names},
        "required": list(names),
    }


def request_of(
    name: str, given: dict[str, Any]
) -> tuple[str, str, dict[str, Any] | None, dict[str, Any] | None]:
    """Method, path, query and body of a call."""
    tool = TOOLS[name]
    query = {key: given[key] for key in tool.query} or None
    body = {key: given[key] for key in tool.body} or None
    return tool.method, tool.path.format(**given), query, body
