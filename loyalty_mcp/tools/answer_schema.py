"""The published JSON schema of a tool's answer."""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel

from loyalty_mcp.tools.render import NOISE
from loyalty_mcp.tools.schema import published_schema

UNASKED = NOISE | frozenset(
    (
        *("meta", "deleted_at", "disabled_at", "event_time", "rejected_at", "cancelled_at"),
        *("subscription_pool_id", "subscription_generator_id", "pattern", "birthday_attribute"),
        *("code_generator_id", "config", "generator", "reward_configs", "trigger_id", "rule"),
        *("subtract_total_balance", "total_attribution", "total_redeem", "public_image"),
    )
)
"""Fields of an answer that its schema omits."""

SAID_BEFORE = frozenset(
    (
        *("contact_id", "balance_definition_id", "reward_id", "group_id", "document_id"),
        *("owner_contact_id", "transaction_type", "kind", "unit", "consumed_at", "code_count"),
        *("upgrade_schedule", "downgrade_schedule"),
        *("processed_at", "reject_reason", "expiration_date", "completed_at", "expires_at"),
    )
)
"""The same for the result of a change, in addition to everything that the call itself states."""

MADE = frozenset({"code", "transaction_id"})
"""Fields with the name of an argument for which the answer has a new value."""


def answer_schema(
    answer: type[BaseModel], arguments: Collection[str], *, guarded: bool
) -> dict[str, Any]:
    """The schema of the structured content.

    Args:
        answer: the model of the result.
        arguments: what the call itself states.
        guarded: whether the result comes in the envelope of a change.
    """
    left_out = UNASKED | (SAID_BEFORE.union(arguments) - MADE) if guarded else UNASKED
    result = published_schema(
        answer.model_json_schema(mode="serialization", by_alias=False),
        answer=True,
        without=left_out,
    )
    return envelope_schema(result) if guarded else result


def envelope_schema(result: dict[str, Any]) -> dict[str, Any]:
    """The schema of a guarded tool's answer around its `result`."""
    text = {"type": "string"}
    return {
        "properties": {
            "status": text,
            "intent": text,
            "preview": {"type": "object"},
            "confirmation": text,
            "expires_at": text,
            "result": result,
            "reason": text,
            "next": text,
            "done": text,
        },
        "type": "object",
        "required": ["status"],
    }
