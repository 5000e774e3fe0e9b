"""The tools that carry out the rows of batches, by name."""

from collections.abc import Mapping
from typing import Final

from loyalty_mcp.brevo.operations.subscriptions import create_subscription
from loyalty_mcp.brevo.operations.tiers import assign_tier
from loyalty_mcp.tools.bulk.reverse_transaction import reverse_transaction
from loyalty_mcp.tools.operation_tool import tool_of
from loyalty_mcp.tools.points.credit_and_debit import credit_points, debit_points
from loyalty_mcp.tools.tool import Tool

ROW_TOOLS: Final[Mapping[str, Tool]] = {
    tool.name: tool
    for tool in (
        credit_points,
        debit_points,
        reverse_transaction,
        tool_of(create_subscription),
        tool_of(assign_tier),
    )
}
"""Each does for one member what a batch does for many."""
