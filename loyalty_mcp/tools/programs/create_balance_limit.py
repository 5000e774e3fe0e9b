"""create_balance_limit: a limit whose id is stored in the program, because the API lists none."""

from datetime import datetime

from loyalty_mcp.brevo.operations import limits
from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    get_balance_definition,
)
from loyalty_mcp.brevo.operations.limits import (
    BalanceLimit,
    ConstraintType,
    Direction,
    MostInPeriod,
    PeriodLength,
    PeriodUnit,
    Sliding,
)
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import BalanceId, ProgramId
from loyalty_mcp.errors import OutcomeUnknown
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.balance_spec import LimitSpec, Window
from loyalty_mcp.tools.programs.limit_creation import send_new_limit
from loyalty_mcp.tools.programs.program_reading import read_limits
from loyalty_mcp.tools.programs.setting_words import limit_word, unit_word
from loyalty_mcp.tools.programs.version_differences import settings_of
from loyalty_mcp.tools.send_window import SteppedChange
from loyalty_mcp.tools.task import guarded


class CreatedLimit(BalanceLimit):
    """A new limit in the draft, with the name and the unit of its balance."""

    balance: str
    balance_unit: str


async def preview_limit(
    context: Context, *, program: str, balance: str, **window: object
) -> Preparation:
    """Return the preview: the limit in words, and limits of the same kind."""
    found = await context.references.program_now(program)
    definition = await context.brevo.send(get_balance_definition(program, balance, "draft"))
    limit = BalanceLimit.model_validate({"id": "", **window})
    others = [
        settings_of(other)
        for other in await read_limits(context.brevo, found, "draft")
        if other.balance_definition_id == balance
        and other.transaction_type == limit.transaction_type
    ]
    unit = unit_word(definition.unit)
    sentence = limit_word(settings_of(limit), unit)
    return Preparation(
        Preview(
            f"Limit balance {quoted(definition.name)}: {sentence}, in the draft of program "
            f"{quoted(found.name)}.",
            warnings=tuple(f"It has this limit already: {limit_word(o, unit)}." for o in others),
        ),
        facts={
            "program": settings_of(found),
            "balance": settings_of(definition),
            "limits": others,
        },
    )


async def reconcile_limit(
    context: Context,  # noqa: ARG001 - the API lists no limits, so there is nothing to read
    intent: Intent,  # noqa: ARG001
    **_arguments: object,
) -> CreatedLimit:
    """Report that no read shows the outcome.

    Raises:
        OutcomeUnknown: always.
    """
    raise OutcomeUnknown(
        "The API lists no limits, so no read can tell whether it was created. Check in Brevo's app."
    )


def created_limit_text(limit: CreatedLimit, _now: datetime) -> str:
    """Write the new limit in words."""
    sentence = limit_word(settings_of(limit), limit.balance_unit)
    return (
        f"Limited balance {quoted(limit.balance)} in the draft: {sentence}. "
        f"Limit id: {limit.id}. publish_program makes it live."
    )


@guarded(
    "write",
    prepare=preview_limit,
    reconcile=reconcile_limit,
    requests=9,
    after_agreement=6,
    text=created_limit_text,
    versioned=True,
)
async def create_balance_limit(
    context: Context,
    intent: Intent,
    program: ProgramId,
    balance: BalanceId,
    *,
    constraint_type: ConstraintType,
    transaction_type: Direction,
    duration_value: PeriodLength,
    duration_unit: PeriodUnit,
    value: MostInPeriod,
    sliding_schedule: Sliding | None = None,
) -> CreatedLimit:
    """Limit how often or how much a member may earn or spend in a period, in the draft."""
    found = await context.references.program_now(program)
    definition: BalanceDefinition = await context.brevo.send(
        get_balance_definition(program, balance, "draft")
    )
    request = limits.create_balance_limit(
        program,
        balance,
        constraint_type=constraint_type,
        transaction_type=transaction_type,
        duration_value=duration_value,
        duration_unit=duration_unit,
        value=value,
        sliding_schedule=sliding_schedule,
    )
    limit = LimitSpec(
        transaction_type=transaction_type,
        constraint_type=constraint_type,
        value=value,
        per=Window(value=duration_value, unit=duration_unit),
        sliding=sliding_schedule is True,
    )
    change = SteppedChange(context, intent)
    _, created = await send_new_limit(change, found, balance, limit, request)
    return CreatedLimit(
        **created.model_dump(),
        balance=definition.name,
        balance_unit=unit_word(definition.unit),
    )
