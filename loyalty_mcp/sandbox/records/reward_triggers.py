"""Reward rules: issue a voucher when a completed movement matches."""

from typing import Any

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.records import configuration, programs
from loyalty_mcp.sandbox.records.voucher_issue import try_to_issue
from loyalty_mcp.sandbox.rules import reward_rules
from loyalty_mcp.sandbox.rules.entities import CompletedMovement
from loyalty_mcp.sandbox.rules.ledger import type_of
from loyalty_mcp.sandbox.store import UnitOfWork


def issue_by_rule(unit: UnitOfWork, completed: CompletedMovement) -> None:
    """Issue the rewards whose rule the movement matches.

    Debits made for a voucher match no rule; otherwise a reward could issue itself.
    """
    if not {"voucherId", "redemptionId"}.isdisjoint(completed.movement.meta):
        return
    program = programs.load_program(unit, completed.member.program_id)
    version = configuration.version_in_force(unit, program)
    for item in configuration.all_items(unit, program.id, "reward", version):
        rule = item.body.get("rule")
        if rule and reward_rules.rule_matches(
            rule, _event_properties(completed), _contact_properties(unit, completed)
        ):
            try_to_issue(unit, program, completed.member, item.id)


def _event_properties(completed: CompletedMovement) -> dict[str, Any]:
    movement = completed.movement
    return {
        **movement.meta,
        "amount": movement.amount,
        "balance": completed.application.balance,
        "balanceDefinitionId": movement.definition_id,
        "transactionType": type_of(movement.amount),
    }


def _contact_properties(unit: UnitOfWork, completed: CompletedMovement) -> dict[str, Any]:
    row = unit.one("SELECT attributes FROM contacts WHERE id = ?", completed.member.contact_id)
    return {} if row is None else dict(documents.load(row["attributes"]))
