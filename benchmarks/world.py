"""Where the seeded program is, and how the same read is asked of each contender."""

from typing import Any

import httpx2

KEY = {"api-key": "benchmark"}


def seeded(upstream: str) -> tuple[str, str]:
    """The ids of the seeded program and of its visible balance."""
    with httpx2.Client(base_url=upstream, headers=KEY) as http:
        program = http.get("/loyalty/config/programs").json()["items"][0]["id"]
        path = f"/loyalty/balance/programs/{program}/balance-definitions"
        balances = http.get(path).json()["items"]
    visible = next(b for b in balances if not (b.get("meta") or {}).get("isInternal"))
    return program, visible["id"]


def members(upstream: str) -> list[int]:
    """The contact ids of the members."""
    with httpx2.Client(base_url=upstream, headers=KEY) as http:
        return [contact["id"] for contact in http.get("/contacts?limit=1000").json()["contacts"]]


def balance_path(program: str, member: int) -> str:
    """The path of the one upstream request that a balance read needs."""
    return f"/loyalty/balance/programs/{program}/subscriptions/{member}/balances"


def balance_read(contender: str, program: str, member: int) -> tuple[str, dict[str, Any]]:
    """The tool and the arguments that read a member's balances."""
    if contender == "loyalty-mcp":
        return "get_subscription_balances", {"program": "VIP Club", "member": str(member)}
    if contender == "wrapping":
        return "get_subscription_balances", {"pid": program, "cid": member}
    return "get_subscription_balances", {"program_id": program, "contact_id": member}
