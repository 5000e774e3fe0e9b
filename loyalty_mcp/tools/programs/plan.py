"""A plan: the ordered changes that make a program as its spec describes it. Sends nothing."""

from collections.abc import Iterator

from loyalty_mcp.brevo.operations.programs import create_program, patch_program
from loyalty_mcp.tools.programs.balance_steps import balance_steps, limit_steps
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration
from loyalty_mcp.tools.programs.description import describe_program
from loyalty_mcp.tools.programs.limit_memory import with_limit_memory
from loyalty_mcp.tools.programs.plan_step import (
    Step,
    changed_settings,
    changes_text,
    given_settings,
    keep_step,
    settings_text,
)
from loyalty_mcp.tools.programs.reward_steps import reward_steps
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.tier_steps import group_steps, order_steps, tier_steps


def plan(spec: ProgramSpec, existing: ProgramConfiguration) -> tuple[Step, ...]:
    """Return the steps that make the program as described, in the order of doing them.

    Only the first step that sends something is sure to have its request: later steps may need
    the id of an earlier one.

    Raises:
        AmbiguousReference: two existing objects have a name that the spec uses.
        InvalidArgument: a tier would have the threshold of a tier that stays.
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
        request = create_program(name, spec.program.description, meta=spec.program.meta)
        yield Step("create", "program", name, settings_text(wanted), request)
        return
    current = describe_program(program)
    meta = {**(current.get("meta") or {}), **(wanted.get("meta") or {})}
    if meta:
        wanted["meta"] = meta
    changes = changed_settings(wanted, current)
    if not changes:
        yield keep_step("program", name, wanted, current)
        return
    request = patch_program(
        program.id,
        description=changes.get("description"),
        meta=with_limit_memory({**meta}, program) if "meta" in changes else None,
    )
    yield Step("change", "program", name, changes_text(changes, current), request)
