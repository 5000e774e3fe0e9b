"""Every task, one module per subject: these modules are the table of contents.

A task is published by being declared in one of them, in the order of the module. A task with the
name of an operation takes its place in the menu.
"""

from loyalty_mcp.tools.members import (
    enrolment,
    explain_balance,
    find_member,
    get_member_overview,
)
from loyalty_mcp.tools.points import points, transactions
from loyalty_mcp.tools.programs import (
    apply_program,
    export_program,
    plan_program,
    publish_program,
)
from loyalty_mcp.tools.reports import check_intent, server_status
from loyalty_mcp.tools.rewards import redemptions
from loyalty_mcp.tools.task import Task

SUBJECTS = (
    find_member,
    get_member_overview,
    explain_balance,
    enrolment,
    points,
    transactions,
    redemptions,
    plan_program,
    apply_program,
    export_program,
    publish_program,
    check_intent,
    server_status,
)

TASKS: dict[str, Task] = {
    task.name: task
    for subject in SUBJECTS
    for task in vars(subject).values()
    if isinstance(task, Task) and task.run.__module__ == subject.__name__
}
"""By name, in the order in which they are published."""
