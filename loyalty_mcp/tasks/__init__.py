"""Every task, one module per subject: these modules are the table of contents.

A task is published by being declared in one of them, in the order of the module. A task with the
name of an operation takes its place in the menu.
"""

from loyalty_mcp.task import Task
from loyalty_mcp.tasks import (
    enrolment,
    intents,
    member,
    points,
    programs,
    publishing,
    redemptions,
    transactions,
)

SUBJECTS = (member, enrolment, points, transactions, redemptions, programs, publishing, intents)

TASKS: dict[str, Task] = {
    task.name: task
    for subject in SUBJECTS
    for task in vars(subject).values()
    if isinstance(task, Task) and task.run.__module__ == subject.__name__
}
"""By name, in the order in which they are published."""
