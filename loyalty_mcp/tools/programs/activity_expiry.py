"""Expiry from a member's activity: supported by the sandbox, a manual step elsewhere.

Brevo's set-up guide describes it (`rolling`, `inactivity`), with endpoints that only the sandbox
has. The API reference has no fields for it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.limits import BalanceLimit
from loyalty_mcp.brevo.request import Request, post, put
from loyalty_mcp.brevo.types import Reply, plain
from loyalty_mcp.tools.programs.balance_spec import BalanceSpec, Expiry
from loyalty_mcp.tools.programs.plan_step import Step
from loyalty_mcp.tools.programs.setting_words import ACTIVITY_WORDS, span_word
from loyalty_mcp.tools.programs.spec import ProgramSpec


class GuideDefinition(Reply):
    """A balance definition in the answer of the guide's endpoints."""

    id: str


def define_through_guide(
    program: str,
    definition: str | None,
    spec: BalanceSpec,
    expiry: Expiry,
    limits: Iterable[BalanceLimit] = (),
) -> Request[GuideDefinition]:
    """Create or replace a balance with the guide's fields; its other settings are sent afterwards.

    Args:
        program: its id.
        definition: the id of the balance; None to create one.
        spec: the balance.
        expiry: of a kind that the API reference does not have.
        limits: its current limits; those that the guide's fields can express are sent, because they
            are replaced too.
    """
    policy: dict[str, Any] = {"type": "never"}
    if expiry.from_activity:
        policy = {"type": expiry.kind, "duration": expiry.value, "unit": expiry.unit}
    path = f"/loyalty/config/programs/{program}/balance-definitions"
    body: dict[str, Any] = {"name": spec.name, "unit": spec.unit, "expiryPolicy": policy}
    for limit in limits:
        if limit.constraint_type == "transaction" and not limit.sliding_schedule:
            frequency = {
                "value": plain(limit.value),
                "duration": limit.duration_value,
                "unit": limit.duration_unit,
            }
            body.setdefault(f"{limit.transaction_type}FrequencyLimit", frequency)
    if definition is None:
        return post(path, GuideDefinition, body)
    return put(f"{path}/{definition}", GuideDefinition, body)


def shown_activity_expiry(definition: BalanceDefinition) -> Expiry | None:
    """Return the expiry of a definition if it counts from activity."""
    policy = (definition.model_extra or {}).get("expiryPolicy")
    if not isinstance(policy, Mapping) or policy.get("type") not in ACTIVITY_WORDS:
        return None
    return Expiry.model_validate(
        {"kind": policy["type"], "value": policy.get("duration"), "unit": policy.get("unit")}
    )


def without_activity_expiry(spec: ProgramSpec) -> tuple[ProgramSpec, tuple[Step, ...]]:
    """Return a spec that the live API can represent, and a manual step for anything else.

    Args:
        spec: what is wanted.
    """
    balances = tuple(
        balance.model_copy(update={"expiry": None})
        if balance.expiry is not None and balance.expiry.from_activity
        else balance
        for balance in spec.balances
    )
    return spec.model_copy(update={"balances": balances}), tuple(_manual_steps(spec))


def _manual_steps(spec: ProgramSpec) -> Iterator[Step]:
    for balance in spec.balances:
        expiry = balance.expiry
        if expiry is None or not expiry.from_activity:
            continue
        span = span_word(expiry.value, expiry.unit)
        nearest = f'{{"kind": "after", "value": {expiry.value}, "unit": "{expiry.unit}"}}'
        yield Step(
            "manual",
            "balance",
            balance.name,
            f"the API has no expiry counted from {ACTIVITY_WORDS[expiry.kind]}, so set {span} in "
            f"Brevo's app; the nearest it can hold is {span} after each credit: expiry {nearest}",
        )
