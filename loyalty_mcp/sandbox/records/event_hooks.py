"""What follows from what: the hooks of the engine, in one place."""

from typing import Final

from loyalty_mcp.sandbox.records import anniversaries, issuing, limits, member_tiers
from loyalty_mcp.sandbox.rules.hooks import Hooks

HOOKS: Final = Hooks(
    before_application=(limits.refuse_beyond,),
    after_completion=(member_tiers.follow_movement, issuing.follow_movement),
    after_enrolment=(member_tiers.enter, anniversaries.begin_membership),
    after_expiry=(member_tiers.follow_balance,),
    after_publish=(member_tiers.follow_publication,),
)
