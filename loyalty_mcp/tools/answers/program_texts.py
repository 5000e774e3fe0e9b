"""Programs and balance definitions in words."""

from collections.abc import Mapping
from typing import Any, Final

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition, BalanceDefinitions
from loyalty_mcp.brevo.operations.limits import BalanceLimit
from loyalty_mcp.brevo.operations.programs import Program, Programs
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.visibility import is_internal
from loyalty_mcp.tools.answers.listing import list_text, version_heading, version_of
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.programs.setting_words import (
    NONE,
    balance_words,
    expiry_word,
    limit_word,
    unit_word,
)

STATES: Final = {"active": "live", "inactive": "not published yet", "draft": "not published yet"}

ALWAYS_SAID: Final = frozenset({"name", "unit", "description", "expiry", "image"})
"""Settings of a balance that the first part of its line states, or that nobody needs."""


async def programs_text(_context: Context, arguments: Mapping[str, Any], found: Programs) -> str:
    """Each program with its state."""
    lines = [_program_line(program) for program in found.items]
    return list_text("Programs", lines, offset=arguments.get("offset"))


async def program_text(_context: Context, _arguments: Mapping[str, Any], found: Program) -> str:
    """One program with its state."""
    return _program_line(found)


def _program_line(program: Program) -> str:
    state = STATES.get(program.state or "") or quoted(program.state or "state unknown")
    description = f" {quoted(program.description)}" if program.description else ""
    document = f" Document {quoted(program.document_id)}." if program.document_id else ""
    return f"{quoted(program.name)}: {state}.{description}{document}"


async def balance_definitions_text(
    _context: Context, arguments: Mapping[str, Any], found: BalanceDefinitions
) -> str:
    """Each balance with its unit, expiry and caps."""
    lines = [balance_definition_line(item) for item in found.items]
    heading = version_heading("balances", arguments)
    return list_text(heading, lines, offset=arguments.get("offset"))


async def balance_definition_text(
    _context: Context, arguments: Mapping[str, Any], found: BalanceDefinition
) -> str:
    """One balance with its unit, expiry and caps."""
    return f"{version_heading('balance', arguments)} {balance_definition_line(found)}"


def balance_definition_line(definition: BalanceDefinition) -> str:
    """A balance in one line; unset settings are omitted."""
    settings = definition.model_dump(mode="json", exclude_none=True)
    mark = ", internal" if is_internal(definition) else ""
    words = {
        label: word
        for label, word in balance_words(settings).items()
        if label not in ALWAYS_SAID and word not in {NONE, "no"} and label != "hidden from members"
    }
    parts = [f"expiry: {expiry_word(settings)}"]
    parts += [f"{label}: {word}" for label, word in words.items()]
    description = f" {quoted(definition.description)}" if definition.description else ""
    line = f"{quoted(definition.name)} ({unit_of(definition)}{mark}): {'; '.join(parts)}."
    return f"{line}{description}"


async def balance_limit_text(
    context: Context, arguments: Mapping[str, Any], found: BalanceLimit
) -> str:
    """A limit as one sentence."""
    definitions = await context.references.balances(arguments["program"], version_of(arguments))
    definition = next((item for item in definitions if item.id == arguments["balance"]), None)
    unit = unit_word(None if definition is None else definition.unit)
    name = f"{quoted(definition.name)}: " if definition is not None else ""
    settings = found.model_dump(mode="json", exclude_none=True)
    return f"{name}{limit_word(settings, unit)}."
