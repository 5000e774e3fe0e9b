"""The steps of a plan for balances and their limits."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    create_balance_definition,
    update_balance_definition,
)
from loyalty_mcp.brevo.operations.limits import (
    BalanceLimit,
    create_balance_limit,
    update_balance_limit,
)
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, find_named
from loyalty_mcp.tools.programs.description import (
    ROUNDING,
    SNAP,
    describe_balance,
    limits_of,
)
from loyalty_mcp.tools.programs.plan_step import (
    AS_DESCRIBED,
    NOT_DESCRIBED,
    Step,
    changed_settings,
    changes_text,
    given_settings,
    keep_step,
    setting_text,
    settings_text,
    undescribed,
)
from loyalty_mcp.tools.programs.spec import BalanceSpec, LimitSpec, ProgramSpec

UNLISTED: Final = (
    "the API lists no limits, so check in Brevo's app that this balance has no limits made "
    "elsewhere: they would apply as well"
)
POSSIBLY_CREATED: Final = (
    "an earlier call sent this limit and lost the answer, and the API lists no limits; check in "
    "Brevo's app first and delete it there if it exists, because it is created again now"
)


def balance_steps(spec: ProgramSpec, existing: ProgramConfiguration) -> Iterator[Step]:
    """Yield the steps that make the balances as described."""
    for wanted in spec.balances:
        current = find_named("balance", wanted.name, existing.balances)
        yield (
            _create_balance(wanted, existing)
            if current is None
            else _change_balance(wanted, current, existing)
        )
    for other in undescribed(existing.balances, [each.name for each in spec.balances]):
        yield Step("keep", "balance", other.name, NOT_DESCRIBED)


def _create_balance(wanted: BalanceSpec, existing: ProgramConfiguration) -> Step:
    request = None
    if existing.program is not None:
        internal = None if wanted.internal is None else {"isInternal": wanted.internal}
        request = create_balance_definition(
            existing.program.id, wanted.name, meta=internal, **_definition_fields(wanted)
        )
    text = settings_text(given_settings(wanted, "limits"))
    return Step("create", "balance", wanted.name, text, request)


def _change_balance(
    wanted: BalanceSpec, current: BalanceDefinition, existing: ProgramConfiguration
) -> Step:
    settings = describe_balance(current)
    settings.setdefault("internal", False)
    given = given_settings(wanted, "limits")
    changes = changed_settings(given, settings)
    if not changes:
        return keep_step("balance", wanted.name, given, settings)
    merged = {**settings, **given, "name": current.name}
    replaced = _replaced_expiry(given)
    merged.pop(replaced, None)
    whole = BalanceSpec.model_validate(merged)
    fields = _definition_fields(whole)
    if current.balance_expiration_date and whole.expires_on is None:
        fields["balance_expiration_date"] = ""
    request = None
    if existing.program is not None:
        request = update_balance_definition(
            existing.program.id,
            current.id,
            current.name,
            image_ref=current.image_ref,
            meta={**(current.meta or {}), "isInternal": whole.internal is True},
            **fields,
        )
    text = changes_text(changes, settings)
    if replaced in settings:
        text += f"; {replaced} {setting_text(settings[replaced])} → none"
    return Step("change", "balance", wanted.name, text, request)


def _replaced_expiry(given: Mapping[str, Any]) -> str:
    """Return the kind of expiry that the given one replaces; empty if none is given."""
    if "expires_after" in given:
        return "expires_on"
    return "expires_after" if "expires_on" in given else ""


def _definition_fields(spec: BalanceSpec) -> dict[str, Any]:
    """Return the settings of a balance as the arguments of its operations."""
    life = spec.expires_after
    return {
        "unit": spec.unit,
        "description": spec.description,
        "min_amount": spec.minimum,
        "max_amount": spec.maximum,
        "max_credit_amount_limit": spec.credit_maximum,
        "max_debit_amount_limit": spec.debit_maximum,
        "balance_option_amount_overtaking_strategy": spec.over_maximum,
        "balance_option_credit_rounding": ROUNDING.get(spec.credit_rounding or ""),
        "balance_option_debit_rounding": ROUNDING.get(spec.debit_rounding or ""),
        "balance_availability_duration_value": life and life.value,
        "balance_availability_duration_unit": life and life.unit,
        "balance_availability_duration_modifier": life and SNAP[life.snap],
        "balance_expiration_date": spec.expires_on,
    }


def limit_steps(spec: ProgramSpec, existing: ProgramConfiguration) -> Iterator[Step]:
    """Yield the steps that make the limits of the balances as described."""
    for balance in spec.balances:
        definition = find_named("balance", balance.name, existing.balances)
        current = {} if definition is None else limits_of(definition.id, existing)
        for wanted in balance.limits:
            yield from _limit_step(balance, definition, wanted, current, existing)
        names = {wanted.name for wanted in balance.limits}
        for name in current:
            if name not in names:
                yield Step("keep", "limit", f"{balance.name}: {name}", NOT_DESCRIBED)
        if definition is not None and balance.limits and not _has_memory(definition.id, existing):
            yield Step("manual", "limit", balance.name, UNLISTED)


def _limit_step(
    balance: BalanceSpec,
    definition: BalanceDefinition | None,
    wanted: LimitSpec,
    current: Mapping[str, tuple[BalanceLimit, LimitSpec]],
    existing: ProgramConfiguration,
) -> Iterator[Step]:
    name = f"{balance.name}: {wanted.name}"
    ids = None if existing.program is None or definition is None else definition.id
    if wanted.name not in current:
        text = f"value {wanted.value}"
        if definition is not None and _is_unconfirmed(definition.id, wanted, existing):
            yield Step("manual", "limit", name, POSSIBLY_CREATED)
        if existing.program is None or ids is None:
            yield Step("create", "limit", name, text)
            return
        request = create_balance_limit(existing.program.id, ids, **_limit_fields(wanted))
        yield Step("create", "limit", name, text, request, (ids, wanted))
        return
    limit, has = current[wanted.name]
    if has.value == wanted.value:
        yield Step("keep", "limit", name, AS_DESCRIBED)
    elif existing.program is not None and ids is not None:
        text = f"value {has.value} → {wanted.value}"
        change = update_balance_limit(existing.program.id, ids, limit.id, **_limit_fields(wanted))
        yield Step("change", "limit", name, text, change)


def _is_unconfirmed(definition_id: str, wanted: LimitSpec, existing: ProgramConfiguration) -> bool:
    return any(
        owner == definition_id and spec.name == wanted.name
        for owner, spec in existing.unconfirmed_limits
    )


def _has_memory(definition_id: str, existing: ProgramConfiguration) -> bool:
    """Whether a limit of the balance is remembered, so that its others would be known as well."""
    return any(limit.balance_definition_id == definition_id for limit in existing.limits) or any(
        owner == definition_id for owner, _ in existing.unconfirmed_limits
    )


def _limit_fields(spec: LimitSpec) -> dict[str, Any]:
    """Return a limit as the arguments of its operations."""
    return {
        "constraint_type": spec.constraint_type,
        "transaction_type": spec.transaction_type,
        "duration_value": spec.per.value,
        "duration_unit": spec.per.unit,
        "value": spec.value,
        "sliding_schedule": spec.sliding,
    }
