"""The ids of a program's limits, stored in its `meta` because the API lists no limits."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from loyalty_mcp.brevo.operations.programs import Program, patch_program
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.types import ID_PATTERN
from loyalty_mcp.tools.programs.balance_spec import LimitSpec

LIMITS_KEY: Final = "loyaltyMcpLimits"
"""The key in a program's `meta` that holds the ids of its limits."""


def remembered_limits(program: Program) -> list[dict[str, Any]]:
    """Return the stored limits of a program.

    Each entry has the id of its `balance`, and either its own `id` or, as `sent`, what was sent
    before the id was known. Entries in another form are not ours and are ignored.
    """
    kept = (program.meta or {}).get(LIMITS_KEY)
    entries = kept if isinstance(kept, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and _is_entry(entry)]


def _is_entry(entry: Mapping[str, Any]) -> bool:
    known = isinstance(entry.get("id"), str) and re.fullmatch(ID_PATTERN, entry["id"])
    owner = entry.get("balance")
    return (
        isinstance(owner, str)
        and re.fullmatch(ID_PATTERN, owner) is not None
        and bool(known or isinstance(entry.get("sent"), dict))
    )


def unconfirmed_limits(program: Program) -> tuple[tuple[str, LimitSpec], ...]:
    """Return balance id and limit of each limit that was sent but whose id is not known."""
    found = []
    for entry in remembered_limits(program):
        if "id" in entry:
            continue
        with contextlib.suppress(ValidationError):
            found.append((entry["balance"], LimitSpec.model_validate(entry["sent"])))
    return tuple(found)


def remember_limits(program: Program, entries: Sequence[Mapping[str, Any]]) -> Request[Program]:
    """Write the stored limits into the program's `meta`; its other keys stay."""
    meta = {**(program.meta or {}), LIMITS_KEY: list(entries)}
    return patch_program(program.id, meta=meta)
