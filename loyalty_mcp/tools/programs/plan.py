"""A plan: the ordered changes that turn a program into what its spec describes. Sends nothing."""

from collections.abc import Iterator
from typing import Final

from loyalty_mcp.brevo.operations.programs import create_program, patch_program
from loyalty_mcp.tools.programs.balance_steps import balance_steps, limit_steps
from loyalty_mcp.tools.programs.change_words import arrow, changed_details, new_details
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration
from loyalty_mcp.tools.programs.description import describe_program
from loyalty_mcp.tools.programs.group_memory import with_memory
from loyalty_mcp.tools.programs.plan_step import (
    Step,
    changed_settings,
    given_settings,
    keep_step,
)
from loyalty_mcp.tools.programs.reward_steps import reward_steps
from loyalty_mcp.tools.programs.setting_words import program_words, text_word
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.tier_group_steps import group_steps, order_steps
from loyalty_mcp.tools.programs.tier_steps import tier_steps

DOCUMENT_STAYS: Final = "the API sets the document id only when it creates a program"


def plan(spec: ProgramSpec, existing: ProgramConfiguration) -> tuple[Step, ...]:
    """Return the steps that turn the program into what is described, in order.

    Only the first step that sends something always has its request: later steps may need the id of
    an earlier one.

    Raises:
        AmbiguousReference: two existing objects have a name that the spec uses.
        InvalidArgument: a tier would get the threshold of a tier that stays.
    """
    return (
        *_program_steps(spec, existing),
        *balance_steps(spec, existing),
        *limit_steps(spec, existing),
        *reward_steps(spec, existing),
        *group_steps(spec, existing),
        *tier_steps(spec, existing),
        *order_steps(spec, existing),
    )


def _program_steps(spec: ProgramSpec, existing: ProgramConfiguration) -> Iterator[Step]:
    name, program = spec.program.name, existing.program
    wanted = given_settings(spec.program)
    if program is None:
        texts = spec.program
        request = create_program(name, texts.description, texts.document_id, meta=texts.meta)
        yield Step("create", "program", name, new_details(program_words(wanted)), request)
        return
    current = describe_program(program)
    meta = {**(current.get("meta") or {}), **(wanted.get("meta") or {})}
    if meta:
        wanted["meta"] = meta
    changes = changed_settings(wanted, current)
    if "document_id" in changes:
        wanted_id = changes.pop("document_id")
        change = arrow(text_word(current.get("document_id")), text_word(wanted_id))
        text = f"{DOCUMENT_STAYS}; {change}"
        yield Step("manual", "program", name, text)
    if not changes:
        yield keep_step("program", name, wanted, current)
        return
    request = patch_program(
        program.id,
        description=changes.get("description"),
        meta=with_memory(meta, program) if "meta" in changes else None,
    )
    before = {name: current.get(name) for name in changes}
    parts = changed_details(program_words(before), program_words(changes))
    yield Step("change", "program", name, "; ".join(parts), request)
