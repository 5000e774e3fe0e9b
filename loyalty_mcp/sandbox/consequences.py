"""What follows from what: the hooks of the engine, in one place."""

from typing import Final

from loyalty_mcp.sandbox.hooks import Hooks
from loyalty_mcp.sandbox.records import anniversaries, issuing, limits, standings

HOOKS: Final = Hooks(
    before_application=(limits.refuse_beyond,),
    after_completion=(standings.follow_movement, issuing.follow_movement),
    after_enrolment=(standings.enter, anniversaries.begin_membership),
    after_expiry=(standings.follow_balance,),
    after_publish=(standings.follow_publication,),
)
