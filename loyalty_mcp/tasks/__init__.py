"""Every task, one module per subject: this list is the table of contents.

A task with the name of an operation takes its place in the menu.
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

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        member.find_member,
        member.get_member_overview,
        enrolment.enroll_member,
        points.credit_points,
        points.debit_points,
        transactions.reverse_transaction,
        transactions.complete_transaction,
        transactions.cancel_transaction,
        redemptions.redeem_for_member,
        redemptions.redeem_voucher,
        redemptions.complete_redemption,
        programs.plan_program,
        programs.apply_program,
        programs.export_program,
        publishing.publish_program,
        intents.get_server_status,
        intents.check_intent,
    )
}
"""By name, in the order in which they are published."""
