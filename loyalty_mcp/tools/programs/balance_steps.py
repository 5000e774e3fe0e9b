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
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.types import plain
from loyalty_mcp.tools.programs.activity_expiry import (
    define_through_guide,
    shown_activity_expiry,
)
from loyalty_mcp.tools.programs.balance_spec import BalanceSpec, Expiry, LimitSpec
from loyalty_mcp.tools.programs.change_words import changed_details, new_details
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, find_named
from loyalty_mcp.tools.programs.description import (
    ROUNDING,
    SNAP,
    describe_balance,
    describe_expiry,
    expiry_settings,
    limits_of,
)
from loyalty_mcp.tools.programs.plan_step import (
    AS_DESCRIBED,
    NOT_DESCRIBED,
    FollowUp,
    Step,
    changed_settings,
    given_settings,
    keep_step,
    undescribed,
)
from loyalty_mcp.tools.programs.setting_words import (
    INTERNAL,
    balance_words,
    limit_word,
    unit_word,
)
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.version_differences import settings_of

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
    expiry = wanted.described_expiry
    through_guide = expiry is not None and expiry.from_activity
    request: Request[Any] | None = None
    follow_up: FollowUp | None = None
    if existing.program is not None and expiry is not None and through_guide:
        request = define_through_guide(existing.program.id, None, wanted, expiry)
    elif existing.program is not None:
        request = create_balance_definition(
            existing.program.id,
            wanted.name,
            meta=_meta(wanted, {}) or None,
            **_definition_fields(wanted),
        )
    if through_guide:
        follow_up = _complete_definition(wanted, {}, image=None, day="")
    text = new_details(balance_words(_planned_settings(wanted, _meta(wanted, {}))))
    return Step("create", "balance", wanted.name, text, request, follow_up)


def _change_balance(
    wanted: BalanceSpec, current: BalanceDefinition, existing: ProgramConfiguration
) -> Step:
    settings = {"internal": False, **describe_balance(current)}
    settings["expiry"] = expiry_settings(describe_expiry(current))
    given = _given(wanted)
    if "meta" in given:
        given["meta"] = {**settings.get("meta", {}), **given["meta"]}
    changes = changed_settings(given, settings)
    if not changes:
        if settings["expiry"]["kind"] == "never":
            del settings["expiry"]
        return keep_step("balance", wanted.name, given, settings)
    whole = BalanceSpec.model_validate({**settings, **given, "name": current.name})
    expiry = whole.described_expiry or Expiry(kind="never")
    day = "" if current.balance_expiration_date else None
    complete = _complete_definition(whole, current.meta or {}, image=current.image_ref, day=day)
    limits = [each for each in existing.limits if each.balance_definition_id == current.id]
    request: Request[Any] | None = None
    follow_up: FollowUp | None = None
    if "expiry" in changes and (expiry.from_activity or shown_activity_expiry(current)):
        follow_up = complete
    if existing.program is not None:
        request = (
            complete(existing, current)
            if follow_up is None
            else define_through_guide(existing.program.id, current.id, whole, expiry, limits)
        )
    planned = _planned_settings(whole, _meta(whole, current.meta or {}), image=current.image_ref)
    parts = changed_details(balance_words(settings_of(current)), balance_words(planned))
    return Step("change", "balance", wanted.name, "; ".join(parts), request, follow_up)


def _given(wanted: BalanceSpec) -> dict[str, Any]:
    """Return the settings that a spec gives for a balance, its expiry in one spelling."""
    given = given_settings(wanted, "limits", "expiry", "expires_after", "expires_on")
    expiry = wanted.described_expiry
    return given if expiry is None else {**given, "expiry": expiry_settings(expiry)}


def _complete_definition(
    spec: BalanceSpec, meta: Mapping[str, Any], *, image: str | None, day: str | None
) -> FollowUp:
    """Return what replaces all settings of a definition.

    Args:
        spec: the settings.
        meta: the current `meta` of the definition.
        image: its current image.
        day: what is sent for a fixed day of expiry that is not wanted: an empty text removes it.
    """
    fields = _definition_fields(spec)
    if fields["balance_expiration_date"] is None:
        fields["balance_expiration_date"] = day

    def request(existing: ProgramConfiguration, definition: Any) -> Request[BalanceDefinition]:
        if existing.program is None:
            raise AssertionError("a balance belongs to a program")
        return update_balance_definition(
            existing.program.id,
            definition.id,
            spec.name,
            image_ref=image,
            meta={**_meta(spec, meta), INTERNAL: spec.internal is True},
            **fields,
        )

    return request


def _planned_settings(
    spec: BalanceSpec, meta: Mapping[str, Any], *, image: str | None = None
) -> dict[str, Any]:
    """Return the settings of a definition as they will be, in the spelling of the API."""
    settings = {
        **_definition_fields(spec),
        "name": spec.name,
        "image_ref": image,
        "meta": meta,
        "expiryPolicy": _guide_policy(spec.described_expiry),
    }
    return {name: plain(value) for name, value in settings.items()}


def _guide_policy(expiry: Expiry | None) -> dict[str, Any]:
    if expiry is None or not expiry.from_activity:
        return {}
    return {"type": expiry.kind, "duration": expiry.value, "unit": expiry.unit}


def _meta(spec: BalanceSpec, current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `meta` of a definition; keys that the spec does not name stay."""
    internal = {} if spec.internal is None else {INTERNAL: spec.internal}
    return {**current, **(spec.meta or {}), **internal}


def _definition_fields(spec: BalanceSpec) -> dict[str, Any]:
    """Return the settings of a balance as the arguments of its operations."""
    expiry = spec.described_expiry or Expiry(kind="never")
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
        "balance_availability_duration_value": expiry.value,
        "balance_availability_duration_unit": expiry.unit,
        "balance_availability_duration_modifier": expiry.value and SNAP[expiry.snap or "none"],
        "balance_expiration_date": expiry.day,
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
        text = _limit_text(wanted, balance)
        if definition is not None and _is_unconfirmed(definition.id, wanted, existing):
            yield Step("manual", "limit", name, POSSIBLY_CREATED)
        if existing.program is None or ids is None:
            yield Step("create", "limit", name, text)
            return
        request = create_balance_limit(existing.program.id, ids, **_limit_fields(wanted))
        yield Step("create", "limit", name, text, request, limit=(ids, wanted))
        return
    limit, has = current[wanted.name]
    if has.value == wanted.value:
        yield Step("keep", "limit", name, AS_DESCRIBED)
    elif existing.program is not None and ids is not None:
        text = f"{_limit_text(has, balance)} → {_limit_text(wanted, balance)}"
        change = update_balance_limit(existing.program.id, ids, limit.id, **_limit_fields(wanted))
        yield Step("change", "limit", name, text, change)


def _is_unconfirmed(definition_id: str, wanted: LimitSpec, existing: ProgramConfiguration) -> bool:
    return any(
        owner == definition_id and spec.name == wanted.name
        for owner, spec in existing.unconfirmed_limits
    )


def _has_memory(definition_id: str, existing: ProgramConfiguration) -> bool:
    """Whether a limit of the balance is stored, so that its other limits would be known too."""
    return any(limit.balance_definition_id == definition_id for limit in existing.limits) or any(
        owner == definition_id for owner, _ in existing.unconfirmed_limits
    )


def _limit_text(limit: LimitSpec, balance: BalanceSpec) -> str:
    return limit_word(_limit_fields(limit), unit_word(balance.unit))


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
