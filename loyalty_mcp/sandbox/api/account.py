"""The simulated Brevo account."""

from typing import Final

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import NoBody, NoQuery

ORGANIZATION: Final = 1_000_001
"""The number of the account in the answers of the Loyalty API."""

_ACCOUNT: Final[Json] = {
    "organization_id": str(ORGANIZATION),
    "user_id": 1,
    "enterprise": False,
    "companyName": "Sandbox",
    "email": "owner@example.com",
    "firstName": "Sandbox",
    "lastName": "Owner",
    "address": {"street": "", "city": "", "zipCode": "", "country": ""},
    "plan": [{"type": "free", "credits": 300, "creditsType": "sendLimit"}],
    "relay": {"enabled": False, "data": {"userName": "", "relay": "", "port": 0}},
}


def get_account(call: Call[NoQuery, NoBody]) -> Json:
    """Return the owner of the account and its plan."""
    del call
    return dict(_ACCOUNT)
