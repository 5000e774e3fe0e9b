"""The unpublished changes of a program, read fresh: what publishing would change for members."""

from dataclasses import dataclass
from typing import Any, Final

from loyalty_mcp.brevo.operations.programs import Program
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration
from loyalty_mcp.tools.programs.program_reading import read_versions
from loyalty_mcp.tools.programs.version_differences import (
    Difference,
    settings_of,
    version_differences,
)

UNLISTED_LIMITS: Final = (
    "Limits made outside this server are not compared: the API cannot list them."
)


@dataclass(frozen=True, slots=True)
class UnpublishedChanges:
    """What publishing a program would change.

    Args:
        program: its current state.
        live: the live version.
        draft: the version after publishing.
        differences: between the two, complete.
    """

    program: Program
    live: ProgramConfiguration
    draft: ProgramConfiguration
    differences: tuple[Difference, ...]

    @property
    def first_publication(self) -> bool:
        """Whether the program was never published."""
        return self.program.state != "active"

    @property
    def facts(self) -> dict[str, Any]:
        """Every value in full, for the guard to compare before it publishes."""
        return {
            "program": settings_of(self.program),
            "differences": [difference.facts for difference in self.differences],
        }


async def read_unpublished_changes(context: Context, program_id: str) -> UnpublishedChanges:
    """Compare the draft of a program with the live version, from fresh reads.

    Raises:
        NotFound: there is no program with that id.
        LoyaltyError: its configuration cannot be read.
    """
    program = await context.references.program_now(program_id)
    live, draft = await read_versions(context.brevo, program)
    return UnpublishedChanges(program, live, draft, version_differences(live, draft))
