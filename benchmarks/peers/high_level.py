"""A peer: eight typed functions on the official SDK's high-level server, one request each."""

import os
import sys
from typing import Any

import httpx2
from mcp.server.mcpserver import MCPServer
from shapes import request_of

http = httpx2.AsyncClient(
    base_url=os.environ["UPSTREAM"],
    headers={"api-key": "benchmark"},
    limits=httpx2.Limits(max_connections=64, max_keepalive_connections=64),
)
server = MCPServer("high-level")


async def sent(tool: str, **given: Any) -> dict[str, Any]:
    """One upstream request, its answer passed on."""
    method, path, query, body = request_of(tool, given)
    response = await http.request(method, path, params=query, json=body)
    answer: dict[str, Any] = response.raise_for_status().json()
    return answer


@server.tool()
async def list_programs() -> dict[str, Any]:
    """List loyalty programs."""
    return await sent("list_programs")


@server.tool()
async def get_program(program_id: str) -> dict[str, Any]:
    """Get one loyalty program."""
    return await sent("get_program", program_id=program_id)


@server.tool()
async def list_balance_definitions(program_id: str) -> dict[str, Any]:
    """List the balances of a program."""
    return await sent("list_balance_definitions", program_id=program_id)


@server.tool()
async def get_subscription_balances(program_id: str, contact_id: int) -> dict[str, Any]:
    """Get what a member has."""
    return await sent("get_subscription_balances", program_id=program_id, contact_id=contact_id)


@server.tool()
async def list_transaction_history(
    program_id: str, contact_id: int, balance_definition_id: str
) -> dict[str, Any]:
    """List the movements of a member."""
    return await sent(
        "list_transaction_history",
        program_id=program_id,
        contactId=contact_id,
        balanceDefinitionId=balance_definition_id,
    )


@server.tool()
async def get_account_info(program_id: str, contact_id: int) -> dict[str, Any]:
    """Get everything of a member."""
    return await sent("get_account_info", program_id=program_id, contactId=contact_id)


@server.tool()
async def create_transaction(
    program_id: str, contact_id: int, balance_definition_id: str, amount: float
) -> dict[str, Any]:
    """Credit or debit a member."""
    return await sent(
        "create_transaction",
        program_id=program_id,
        contactId=contact_id,
        balanceDefinitionId=balance_definition_id,
        amount=amount,
    )


@server.tool()
async def complete_transaction(program_id: str, transaction_id: str) -> dict[str, Any]:
    """Complete a transaction."""
    return await sent("complete_transaction", program_id=program_id, transaction_id=transaction_id)


if len(sys.argv) > 1:
    server.run("streamable-http", port=int(sys.argv[1]), json_response=True, stateless_http=True)
else:
    server.run("stdio")
