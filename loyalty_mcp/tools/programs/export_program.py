"""export_program: an existing program as a spec."""

import json
from datetime import datetime
from typing import Any, Final

from loyalty_mcp.brevo.quoting import fenced
from loyalty_mcp.brevo.types import ProgramId, Reply
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.description import spec_of_existing
from loyalty_mcp.tools.programs.program_reading import read_program
from loyalty_mcp.tools.task import reads

LEFT_OUT: Final = (
    "Not included, because only Brevo's app has it: a reward's value, codes, rules and dates; "
    "schedules of tier groups; images of balances; limits not made by apply_program."
)


class ExportedProgram(Reply):
    """A program in the words of its description."""

    spec: dict[str, Any]


def exported_text(exported: ExportedProgram, _now: datetime) -> str:
    """Write a spec as JSON, fenced because its names come from outside."""
    text = json.dumps(exported.spec, ensure_ascii=False, separators=(",", ":"))
    return f"The spec for plan_program and apply_program:\n{fenced(text)}\n{LEFT_OUT}"


@reads(text=exported_text)
async def export_program(context: Context, program: ProgramId) -> ExportedProgram:
    """Write an existing program as a spec, for apply_program."""
    found = await context.references.program_now(program)
    existing = await read_program(context.brevo, found, None)
    spec = spec_of_existing(existing)
    return ExportedProgram(spec=spec.model_dump(mode="json", exclude_defaults=True))
