"""Settings of a program in words: `highest balance: 1,000 points`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.quoting import quoted_whole
from loyalty_mcp.tools.programs.group_memory import MEMORY_KEYS
from loyalty_mcp.tools.render import amount_text, value_text

NONE: Final = "none"
THRESHOLD: Final = "threshold of "
"""The label prefix of a threshold, which needs no label besides its amount."""

INTERNAL: Final = "isInternal"

ROUNDED: Final = {"lower": "down", "upper": "up", "natural": "to the nearest"}
SNAPPED: Final = {
    "startOfPeriod": ", moved to the start of that {unit}",
    "endOfPeriod": ", moved to the end of that {unit}",
    "start_of_period": ", moved to the start of that {unit}",
    "end_of_period": ", moved to the end of that {unit}",
}
ACTIVITY_WORDS: Final = {"rolling": "the last movement", "inactivity": "the last credit"}
OVERTAKING: Final = {"strict": "refused", "partial": "cut to what fits"}
EVALUATED: Final = {
    "real_time": "at once",
    "membership_anniversary": "on the anniversary of enrolment",
    "tier_anniversary": "on the anniversary of reaching the tier",
}

STAMPS: Final = frozenset(
    {
        *("id", "tier_id", "group_id", "reward_limit_id", "rule_id"),
        *("created_at", "updated_at", "deleted_at"),
        *("loyalty_program_id", "organization_id", "version_id", "loyalty_version_id"),
    }
)
"""Ids and times that differ between versions of an object that nobody edited."""

Settings = Mapping[str, Any]
"""The fields of an object in snake_case, as plain JSON."""


def balance_words(settings: Settings) -> dict[str, str]:
    """Return label and value of each setting of a balance definition."""
    unit = unit_word(settings.get("unit"))
    known = {
        "name": text_word(settings.get("name")),
        "unit": unit,
        "description": text_word(settings.get("description")),
        "lowest balance": cap_word(settings.get("min_amount"), unit),
        # The API writes "no cap" as a cap of 0.
        "highest balance": cap_word(settings.get("max_amount") or None, unit),
        "most in one credit": cap_word(settings.get("max_credit_amount_limit") or None, unit),
        "most in one debit": cap_word(settings.get("max_debit_amount_limit") or None, unit),
        "credits above the highest balance": choice_word(
            OVERTAKING, settings.get("balance_option_amount_overtaking_strategy")
        ),
        "credits are rounded": choice_word(ROUNDED, settings.get("balance_option_credit_rounding")),
        "debits are rounded": choice_word(ROUNDED, settings.get("balance_option_debit_rounding")),
        "expiry": expiry_word(settings),
        "image": text_word(settings.get("image_ref")),
    }
    return known | meta_words(settings) | other_words(settings, _BALANCE_FIELDS)


_BALANCE_FIELDS: Final = frozenset(
    {
        *("name", "unit", "description", "image_ref", "meta"),
        *("min_amount", "max_amount", "max_credit_amount_limit", "max_debit_amount_limit"),
        "balance_option_amount_overtaking_strategy",
        *("balance_option_credit_rounding", "balance_option_debit_rounding"),
        *("balance_availability_duration_value", "balance_availability_duration_unit"),
        *("balance_availability_duration_modifier", "balance_expiration_date", "expiryPolicy"),
    }
)


def expiry_word(settings: Settings) -> str:
    """Write how long points last after a credit."""
    value = settings.get("balance_availability_duration_value")
    unit = settings.get("balance_availability_duration_unit")
    day = settings.get("balance_expiration_date")
    policy = settings.get("expiryPolicy") or {}
    if policy.get("type") in ACTIVITY_WORDS:
        span = span_word(policy.get("duration"), policy.get("unit"))
        return f"{span} after {ACTIVITY_WORDS[policy['type']]}"
    if value and unit:
        snap = SNAPPED.get(settings.get("balance_availability_duration_modifier") or "", "")
        return f"{span_word(value, unit)} after the credit{snap.format(unit=unit)}"
    return f"on {day} (dd/mm) of each year" if day else "never"


def span_word(value: Any, unit: Any) -> str:
    """Write a duration: `1 month`, `12 months`."""
    return f"{value} {unit}{'' if value == 1 else 's'}"


def limit_words(settings: Settings, unit: str) -> dict[str, str]:
    """Return label and value of a limit, in a single sentence."""
    return {"": limit_word(settings, unit)} | other_words(settings, _LIMIT_FIELDS)


_LIMIT_FIELDS: Final = frozenset(
    {
        *("balance_definition_id", "transaction_type", "constraint_type", "value"),
        *("duration_value", "duration_unit", "sliding_schedule"),
    }
)


def limit_word(settings: Settings, unit: str) -> str:
    """Write a limit: `at most 500 points credited per member each calendar day`."""
    movement = settings.get("transaction_type") or "movement"
    if settings.get("constraint_type") == "transaction":
        value = settings.get("value")
        most = f"{value} {movement}{'' if value == 1 else 's'}"
    else:
        most = f"{cap_word(settings.get('value'), unit)} {movement}ed"
    return f"at most {most} per member {_period_word(settings)}"


def _period_word(settings: Settings) -> str:
    """Write the period of a limit."""
    value, unit = settings.get("duration_value"), settings.get("duration_unit")
    if settings.get("sliding_schedule"):
        return f"in any period of {span_word(value, unit)}"
    return f"each calendar {unit}" if value == 1 else f"every {value} calendar {unit}s"


def tier_words(settings: Settings, names: Mapping[str, str], unit: str) -> dict[str, str]:
    """Return label and value of each setting of a tier; a threshold needs no label.

    Args:
        settings: of the tier.
        names: by id, the balances and rewards that it can refer to.
        unit: of the program's only balance; empty if there are several.
    """
    known = {"name": text_word(settings.get("name"))}
    for condition in settings.get("access_conditions") or ():
        balance = condition.get("balance_definition_id") or ""
        name = quoted_whole(names.get(balance, balance))
        amount = condition.get("minimum_value") or 0
        known[f"{THRESHOLD}{name}"] = cap_word(amount, unit or name)
    known["image"] = text_word(settings.get("image_ref"))
    return known | other_words(settings, _TIER_FIELDS)


_TIER_FIELDS: Final = frozenset({"name", "access_conditions", "tier_rewards", "image_ref"})


def reward_names(settings: Settings, names: Mapping[str, str]) -> list[str]:
    """Return the names of the rewards of a tier, quoted."""
    ids = [each.get("reward_id") or "" for each in settings.get("tier_rewards") or ()]
    return [quoted_whole(names.get(each, each)) for each in ids]


def group_words(settings: Settings, names: Mapping[str, str]) -> dict[str, str]:
    """Return label and value of each setting of a tier group.

    Args:
        settings: of the group.
        names: by id, the tiers in its order.
    """
    order = [quoted_whole(names.get(each, each)) for each in settings.get("tier_order") or ()]
    known = {
        "name": text_word(settings.get("name")),
        "members move up": choice_word(EVALUATED, settings.get("upgrade_strategy")),
        "members move down": choice_word(EVALUATED, settings.get("downgrade_strategy")),
        "schedule of moves up": _schedule_word(settings.get("upgrade_schedule")),
        "schedule of moves down": _schedule_word(settings.get("downgrade_schedule")),
        "order": " < ".join(order) or NONE,
    }
    return known | meta_words(settings) | other_words(settings, _GROUP_FIELDS)


_GROUP_FIELDS: Final = frozenset(
    {
        *("name", "upgrade_strategy", "downgrade_strategy", "tier_order", "meta"),
        *("upgrade_schedule", "downgrade_schedule"),
    }
)


def _schedule_word(schedule: Settings | None) -> str:
    """Write when the tiers of a group are evaluated, if it has a schedule."""
    if not schedule:
        return NONE
    parts = []
    if schedule.get("duration_value"):
        span = span_word(schedule["duration_value"], schedule.get("duration_unit"))
        snap = SNAPPED.get(schedule.get("duration_modifier") or "", "")
        parts.append(f"every {span}{snap.format(unit=schedule.get('duration_unit'))}")
    if schedule.get("scheduled_date"):
        parts.append(f"on {schedule['scheduled_date']} (dd/mm) of each year")
    return " and ".join(parts) or NONE


def program_words(settings: Settings) -> dict[str, str]:
    """Return label and value of each text of a program."""
    known = {
        "name": text_word(settings.get("name")),
        "description": text_word(settings.get("description")),
    }
    return known | meta_words(settings) | other_words(settings, _PROGRAM_FIELDS)


_PROGRAM_FIELDS: Final = frozenset({"name", "description", "meta"})


def meta_words(settings: Settings) -> dict[str, str]:
    """Return label and value of each key of an object's `meta`, except our own."""
    meta = settings.get("meta") or {}
    words = {"hidden from members": "yes" if meta.get(INTERNAL) is True else "no"}
    for key, value in meta.items():
        if key != INTERNAL and key not in MEMORY_KEYS:
            words |= _flattened(f"meta {quoted_whole(key)}", value)
    return words


def other_words(settings: Settings, known: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return label and value of every setting without words of its own."""
    words: dict[str, str] = {}
    for name, value in settings.items():
        if name not in known and name not in STAMPS:
            words |= _flattened(_label(name), value)
    return words


def _flattened(label: str, value: Any) -> dict[str, str]:
    """Return a line for each plain value inside a value, so that no raw data is shown."""
    words: dict[str, str] = {}
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in STAMPS:
                words |= _flattened(f"{label} {_label(key)}", inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value, start=1):
            words |= _flattened(f"{label} {place}", inner)
    elif value not in (None, ""):
        words[label] = text_word(value) if isinstance(value, str) else value_text(value)
    return words


def _label(name: str) -> str:
    plain = name.replace("_", " ")
    return plain if plain.replace(" ", "").isalpha() and plain.islower() else quoted_whole(name)


def text_word(value: Any) -> str:
    """Write a text in full, quoted; `none` if there is none."""
    return quoted_whole(str(value)) if value not in (None, "") else NONE


def cap_word(value: Any, unit: str) -> str:
    """Write an amount with its unit; `none` if there is none."""
    return NONE if value is None else amount_text(Decimal(str(value)), unit)


def unit_word(unit: Any) -> str:
    """Write the unit of a balance: `points`, or the currency."""
    return "points" if unit in {None, "", "POINTS"} else str(unit)


def choice_word(words: Mapping[str, str], value: Any) -> str:
    """Write a choice of the API in words; an unknown one is quoted."""
    return words.get(value) or text_word(value)
