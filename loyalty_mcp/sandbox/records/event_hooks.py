"""The hooks of the engine, in one place."""

from typing import Final

from loyalty_mcp.sandbox.records import anniversaries, limits, member_tiers, reward_triggers
from loyalty_mcp.sandbox.rules.hooks import Hooks

HOOKS: Final = Hooks(
    before_application=(limits.refuse_beyond_limits,),
    after_completion=(member_tiers.reevaluate_after_movement, reward_triggers.issue_by_rule),
    after_enrolment=(member_tiers.enter_tiers, anniversaries.plan_membership_anniversaries),
    after_expiry=(member_tiers.reevaluate_member,),
    after_publish=(member_tiers.reevaluate_after_publication,),
)
