"""The picture of a change on the approvals page: what its script is given to draw."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from loyalty_mcp.intents.lifecycle import BATCH_ROWS, Intent, Preview, new_id
from loyalty_mcp.web.approvals.pages import Viewer, render_intents

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VIEWER = Viewer("/approvals", "operator:anna", "token", NOW)


def drawn(preview: Preview, **kept: Any) -> dict[str, Any]:
    """What the script draws of a change that waits."""
    intent = Intent(
        id=new_id(),
        tool="bulk_change",
        digest="0" * 64,
        caller="token:agent",
        account="a",
        scope="full",
        arguments={},
        resolved=(),
        facts={},
        preview=preview,
        route="operator",
        state="proposed",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
        kept=kept,
    )
    (found,) = re.findall(r'data-change="([^"]*)"', render_intents(VIEWER, [intent]))
    values: dict[str, Any] = json.loads(html.unescape(found))
    return values


def test_numbers_stay_numbers() -> None:
    """Amounts are drawn as bars, so they come as numbers; structures keep their shape."""
    before = {"balance": Decimal(280), "unit": "points", "tiers": {"Status": "Bronze"}}
    found = drawn(Preview("Credit.", before, {**before, "balance": Decimal("285.5")}))

    assert found["before"] == {"balance": 280, "unit": "points", "tiers": {"Status": "Bronze"}}
    assert found["after"]["balance"] == 285.5


def test_personal_data_are_masked_and_nothing_is_hidden() -> None:
    """Texts are as the words of the page have them, in names, values, lines and rows."""
    preview = Preview(
        "Credit members.\n- Row 1: anna.keller@example.com",
        {"e\u202email": "anna.keller@example.com"},
        {"e\u202email": "\u202eresu@example.com", "sms": "\n+4915112345678"},
        typed="5",
    )
    row = {"number": 1, "member": "4915112345678", "refused": "No \u200bsuch", "tool": "other"}

    assert drawn(preview, **{BATCH_ROWS: [row]}) == {
        "summary": "- Row 1: a***@e***.com",
        "before": {"e[U+202E]mail": "a***@e***.com"},
        "after": {"e[U+202E]mail": "[U+202E]***@e***.com", "sms": "\n+49***678"},
        "rows": [{"number": 1, "member": "491***678", "refused": "No [U+200B]such"}],
    }


def test_markup_cannot_end_the_attribute() -> None:
    """Quotes and markup in a value stay in it."""
    hostile = "\"'><img src=x onerror=alert(1)>"

    assert drawn(Preview("x", {}, {hostile: hostile}))["after"] == {hostile: hostile}
