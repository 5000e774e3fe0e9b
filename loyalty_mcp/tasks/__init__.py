"""Every task, one module per subject: this list is the table of contents."""

from loyalty_mcp.task import Task
from loyalty_mcp.tasks import intents, member, points

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        member.find_member,
        member.get_member_overview,
        points.credit_points,
        points.debit_points,
        intents.get_server_status,
        intents.check_intent,
    )
}
"""By name, in the order in which they are published."""
