"""The lines of the five Brevo pages the product was asked for in, and where each of them holds.

`docs.generate` makes a table of them for `docs/sandbox.md`; `test_page_lines.py` checks it.
"""

from typing import Final, NamedTuple


class Line(NamedTuple):
    """A parameter, bound, enum, status or promise of a page.

    Attributes:
        page: The title of the page.
        line: What it says, in short.
        enforced: Where the sandbox enforces it: a module below `loyalty_mcp.sandbox`, and a name.
        tests: The tests that show it, as `module::function` below `tests`.
    """

    page: str
    line: str
    enforced: str
    tests: tuple[str, ...]


_BALANCE: Final = "Create subscription balances"
_LIMIT: Final = "Create balance limits"
_HOLDERS: Final = "Get balance list"
_DEFINITIONS: Final = "Get balance definition list"
_GUIDE: Final = "Set up a loyalty program"

_PAGES: Final = "sandbox/test_page_lines"
_STATUS: Final = f"{_PAGES}::test_each_page_answers_the_statuses_it_lists"
_SHAPE: Final = "contract/test_sandbox_replies::test_an_answer_has_exactly_the_declared_fields"
_TYPES: Final = "contract/test_sandbox_replies::test_values_have_the_declared_types"
_KEY: Final = "sandbox/test_app::test_no_key_is_401"
_SDK: Final = "sandbox/test_python_sdk::test_the_calls_of_the_reference_pages"
_BOUNDS: Final = "sandbox/test_documented_rules::test_pages_have_their_bounds_and_defaults"
_SORTS: Final = "sandbox/test_documented_rules::test_lists_sort_by_their_own_words"
_DEFAULTS: Final = f"{_PAGES}::test_the_definition_list_has_its_defaults"
_PATH_IDS: Final = f"{_PAGES}::test_ids_of_a_path_have_their_form"
_REQUIRED: Final = f"{_PAGES}::test_what_a_page_requires_is_required"
_ENUMS: Final = f"{_PAGES}::test_enums_take_their_words_and_no_other"
_LIMITS: Final = "sandbox/api/test_limits"
_BALANCES: Final = "sandbox/api/test_balances"
_GUIDE_DEFINITIONS: Final = "sandbox/api/test_guide_definitions"
_GUIDE_GROUPS: Final = "sandbox/api/test_guide_tier_groups"
_STORY: Final = "sandbox/test_setup_guide"
_CURL: Final = "docs/test_commands::test_the_set_up_guide_as_printed"
_PRINTED: Final = "docs/test_commands::test_the_official_node_sdk_runs"
_WRONG: Final = f"{_GUIDE_DEFINITIONS}::test_a_body_that_does_not_fit_leaves_nothing_behind"
_WHOLE: Final = f"{_GUIDE_DEFINITIONS}::test_a_definition_is_answered_in_the_words_of_the_guide"
_GROUP: Final = f"{_GUIDE_GROUPS}::test_a_group_is_answered_in_the_words_of_the_guide"
_GROUP_REQUIRED: Final = f"{_GUIDE_GROUPS}::test_what_the_guide_requires_is_required"
_EXPIRY: Final = f"{_STORY}::test_points_expire_on_the_day_their_policy_says"
_SILVER: Final = f"{_STORY}::test_a_member_reaches_silver_and_keeps_it_until_the_anniversary"
_CAPS: Final = f"{_GUIDE_DEFINITIONS}::test_the_caps_of_the_guide_hold"
_FREQUENCY: Final = f"{_GUIDE_DEFINITIONS}::test_the_frequency_limits_of_the_guide_hold"
_UNIT: Final = f"{_GUIDE_DEFINITIONS}::test_a_unit_is_an_enum_value_in_any_case_or_a_known_label"
_MINIMUM: Final = (
    f"{_GUIDE_DEFINITIONS}::test_falling_below_the_minimum_of_the_guide_is_announced_not_refused"
)
_TEXTS: Final = "sandbox/test_documented_rules::test_texts_have_their_longest_length"

LINES: Final[tuple[Line, ...]] = (
    Line(
        _BALANCE,
        "the call of the Node SDK",
        "api.balances.create_subscription_balance",
        (_SDK, _PRINTED),
    ),
    Line(_BALANCE, "key in the header `api-key`", "app.create_app", (_KEY,)),
    Line(_BALANCE, "`pid`: required, uuid", "api.endpoint.Call.id", (_PATH_IDS,)),
    Line(
        _BALANCE,
        "`cid`: required, contact id (the page says uuid)",
        "api.endpoint.Call.contact_id",
        (_PATH_IDS,),
    ),
    Line(
        _BALANCE, "`balanceDefinitionId`: required, uuid", "api.balances.NewBalance", (_REQUIRED,)
    ),
    Line(
        _BALANCE,
        "creates a balance for a contact",
        "records.balances.open_balance",
        (f"{_BALANCES}::test_a_balance_is_opened_once",),
    ),
    Line(
        _BALANCE,
        "answer: `id`, `amount`, `loyaltyProgramId`, `organizationId`, `contactId`,"
        " `balanceDefinitionId`, `createdAt`",
        "api.balances.create_subscription_balance",
        (_SHAPE, _TYPES),
    ),
    Line(
        _BALANCE,
        "`expiresAt`, `consumedAt`: when it expires, when it was last consumed",
        "records.balances.next_expiry",
        (f"{_BALANCES}::test_an_opened_balance_tells_its_next_expiry_and_its_last_debit",),
    ),
    Line(_BALANCE, "401, 403, 404, 422, 500", "errors.Refusal", (_STATUS,)),
    Line(_LIMIT, "the call of the Node SDK", "api.limits.create_balance_limit", (_SDK, _PRINTED)),
    Line(_LIMIT, "key in the header `api-key`", "app.create_app", (_KEY,)),
    Line(_LIMIT, "`pid`, `bdid`: required, uuid", "api.endpoint.Call.id", (_PATH_IDS,)),
    Line(
        _LIMIT,
        "`constraintType`: required, transaction count or amount",
        "rules.limits.allows",
        (
            _REQUIRED,
            _ENUMS,
            f"{_LIMITS}::test_transaction_counts_movements_and_amount_sums_them",
        ),
    ),
    Line(
        _LIMIT,
        "`durationUnit`: required, day, week, month or year",
        "rules.limits.window_start",
        (_REQUIRED, _ENUMS, f"{_LIMITS}::test_a_calendar_window_resets"),
    ),
    Line(
        _LIMIT,
        "`durationValue`: required, whole number",
        "api.limits.LimitFields",
        (_REQUIRED, f"{_LIMITS}::test_wrong_fields_are_refused"),
    ),
    Line(
        _LIMIT,
        "`transactionType`: required, credit or debit",
        "api.limits.LimitFields",
        (_REQUIRED, _ENUMS),
    ),
    Line(
        _LIMIT,
        "`value`: required, whole number, the most that is allowed",
        "records.limits.refuse_beyond_limits",
        (_REQUIRED, f"{_LIMITS}::test_a_breach_is_rejected_and_announced"),
    ),
    Line(
        _LIMIT,
        "`slidingSchedule`: optional, a rolling schedule",
        "rules.limits.window_start",
        (f"{_LIMITS}::test_a_sliding_window_rolls",),
    ),
    Line(
        _LIMIT,
        "answer: the limit with its id and dates",
        "api.limits.limit_reply",
        (_SHAPE, _TYPES, f"{_LIMITS}::test_a_limit_reads_back_what_was_written"),
    ),
    Line(_LIMIT, "401, 403, 422, 424, 500", "errors.Refusal", (_STATUS,)),
    Line(
        _HOLDERS, "the call of the Node SDK", "api.balances.list_contact_balances", (_SDK, _PRINTED)
    ),
    Line(_HOLDERS, "key in the header `api-key`", "app.create_app", (_KEY,)),
    Line(_HOLDERS, "`pid`: required, uuid", "api.endpoint.Call.id", (_PATH_IDS,)),
    Line(
        _HOLDERS,
        "`includeInternal`: optional, internal definitions too",
        "api.balances.InternalQuery",
        (f"{_BALANCES}::test_internal_balances_are_hidden_unless_asked_for",),
    ),
    Line(_HOLDERS, "`limit`: 1 to 500", "api.balances.HoldingsPage", (_BOUNDS,)),
    Line(
        _HOLDERS,
        "`offset`: 0 or more",
        "api.balances.HoldingsPage",
        (
            _BOUNDS,
            "sandbox/api/test_wrong_values::test_a_page_outside_its_bounds_is_told_the_bound",
        ),
    ),
    Line(_HOLDERS, "`sort`: asc or desc", "api.balances.HoldingsPage", (_ENUMS,)),
    Line(
        _HOLDERS, "`sortField`: updatedAt or value", "api.balances.HoldingsPage", (_SORTS, _ENUMS)
    ),
    Line(
        _HOLDERS, "`balanceDefinitionId`: required, uuid", "api.balances.HoldingsPage", (_REQUIRED,)
    ),
    Line(
        _HOLDERS,
        "answer: the balances of all subscriptions, and how many there are",
        "records.balances.holdings",
        (_SHAPE, _TYPES, f"{_BALANCES}::test_all_members_of_a_definition_are_listed"),
    ),
    Line(_HOLDERS, "401, 403, 404, 422, 500", "errors.Refusal", (_STATUS,)),
    Line(
        _DEFINITIONS,
        "the call of the Node SDK",
        "api.balance_definitions.list_balance_definitions",
        (_SDK, _PRINTED),
    ),
    Line(_DEFINITIONS, "key in the header `api-key`", "app.create_app", (_KEY,)),
    Line(_DEFINITIONS, "`pid`: required, uuid", "api.endpoint.Call.id", (_PATH_IDS,)),
    Line(
        _DEFINITIONS,
        "`limit`: 1 to 500, 200 by default",
        "api.balance_definitions.DefinitionPage",
        (_BOUNDS, _DEFAULTS),
    ),
    Line(
        _DEFINITIONS,
        "`offset`: 0 or more, 0 by default",
        "api.balance_definitions.DefinitionPage",
        (_BOUNDS, _DEFAULTS),
    ),
    Line(
        _DEFINITIONS,
        "`sortField`: name, created_at or updated_at, which is the default",
        "api.balance_definitions.DefinitionPage",
        (_SORTS, _ENUMS, _DEFAULTS),
    ),
    Line(
        _DEFINITIONS,
        "`sort`: asc, or desc, which is the default",
        "api.balance_definitions.DefinitionPage",
        (_ENUMS, _DEFAULTS),
    ),
    Line(
        _DEFINITIONS,
        "`version`: active, or draft, which is the default",
        "api.fields.VersionQuery",
        (_ENUMS, _DEFAULTS),
    ),
    Line(
        _DEFINITIONS,
        "answer: `items`, each with every setting and its dates",
        "api.balance_definitions.definition_reply",
        (_SHAPE, _TYPES),
    ),
    Line(
        _DEFINITIONS,
        "401, 403, 422, 500 (an unknown program is a 422)",
        "records.programs.load_program",
        (_STATUS,),
    ),
    Line(_GUIDE, "key in the header `api-key`", "app.create_app", (_KEY, _CURL)),
    Line(_GUIDE, "step 1: `POST .../config/programs`", "api.programs.create_program", (_CURL,)),
    Line(
        _GUIDE,
        "`name`: required, at most 128 characters",
        "api.programs.NewProgram",
        (_TEXTS, _REQUIRED),
    ),
    Line(_GUIDE, "`description`: at most 256 characters", "api.programs.NewProgram", (_TEXTS,)),
    Line(
        _GUIDE,
        "`documentId`: an external reference",
        "api.programs.NewProgram",
        ("sandbox/api/test_programs::test_a_document_id_is_any_text",),
    ),
    Line(
        _GUIDE,
        "`meta`: arbitrary keys and values",
        "api.programs.NewProgram",
        ("sandbox/api/test_programs::test_meta_is_kept_exactly",),
    ),
    Line(
        _GUIDE,
        "`state` starts as inactive; nobody is enrolled before the first publication",
        "records.programs.load_running_program",
        (
            _CURL,
            "sandbox/api/test_programs::test_the_draft_does_not_apply_before_the_first_publication",
        ),
    ),
    Line(
        _GUIDE,
        "step 2: `POST .../config/programs/{pid}/balance-definitions`",
        "api.guide_definitions.create_guide_definition",
        (_CURL, _WHOLE),
    ),
    Line(_GUIDE, "`name`: required", "api.guide_definitions.GuideDefinition", (_REQUIRED,)),
    Line(
        _GUIDE,
        "`unit`: required, a label such as points or €",
        "api.guide_definitions.unit_of_label",
        (
            _REQUIRED,
            f"{_GUIDE_DEFINITIONS}::test_a_unit_is_an_enum_value_in_any_case_or_a_known_label",
        ),
    ),
    Line(_GUIDE, "`expiryPolicy.type`: never", "rules.ledger.lot_expiry", (_EXPIRY,)),
    Line(
        _GUIDE,
        "`expiryPolicy.type`: rolling, from the last activity",
        "rules.ledger.renewal",
        (_EXPIRY,),
    ),
    Line(
        _GUIDE,
        "`expiryPolicy.type`: fixed, a calendar date each year",
        "rules.periods.end_of_next",
        (_EXPIRY,),
    ),
    Line(
        _GUIDE,
        "`expiryPolicy.type`: inactivity-based, so long without a purchase",
        "rules.ledger.renewal",
        (_EXPIRY,),
    ),
    Line(
        _GUIDE,
        "`expiryPolicy.duration` and `unit`: for rolling and inactivity",
        "api.guide_definitions.ExpiryPolicyFields",
        (_WRONG,),
    ),
    Line(
        _GUIDE,
        "`roundingPolicy`: none, round_half_up, floor or ceiling",
        "rules.ledger.rounded_amount",
        (f"{_GUIDE_DEFINITIONS}::test_the_rounding_policies_of_the_guide",),
    ),
    Line(
        _GUIDE,
        "`maxBalance`: credits beyond are refused, with balance_transaction_unauthorized",
        "rules.ledger.apply_movement",
        (_CAPS,),
    ),
    Line(
        _GUIDE,
        "`minBalance`: falling below it can trigger automations",
        "rules.ledger.falls_below_minimum",
        (_MINIMUM, f"{_GUIDE_DEFINITIONS}::test_expiry_below_the_minimum_is_announced"),
    ),
    Line(
        _GUIDE,
        "`maxCreditPerOperation`, `maxDebitPerOperation`",
        "rules.ledger.apply_movement",
        (_CAPS,),
    ),
    Line(
        _GUIDE,
        "`creditFrequencyLimit`, `debitFrequencyLimit`: operations in a period",
        "records.limits.refuse_beyond_limits",
        (_FREQUENCY,),
    ),
    Line(
        _GUIDE,
        "`meta.isInternal` hides the balance unless includeInternal is true",
        "api.balances.get_subscription_balances",
        (f"{_GUIDE_DEFINITIONS}::test_an_internal_balance_of_the_guide_is_hidden",),
    ),
    Line(
        _GUIDE,
        "step 3: `POST .../config/programs/{pid}/tier-groups`",
        "api.guide_tier_groups.create_guide_tier_group",
        (_CURL, _GROUP),
    ),
    Line(
        _GUIDE,
        "`name`, `balanceDefinitionId`, both triggers and `tiers`: required",
        "api.guide_tier_groups.GuideTierGroup",
        (_GROUP_REQUIRED,),
    ),
    Line(
        _GUIDE,
        "each tier requires `name` and `threshold`",
        "api.guide_tier_groups.GuideTier",
        (f"{_GUIDE_GROUPS}::test_a_group_that_does_not_fit_leaves_nothing_behind",),
    ),
    Line(_GUIDE, "`meta.isInternal` of a group", "api.tiers.tier_part", (_GROUP,)),
    Line(
        _GUIDE,
        "real_time: re-evaluated on every completed transaction",
        "records.member_tiers.reevaluate_after_movement",
        (_SILVER,),
    ),
    Line(
        _GUIDE,
        "membership_anniversary: once a year on the enrolment anniversary",
        "records.member_tiers.evaluate_member",
        (_SILVER,),
    ),
    Line(
        _GUIDE,
        "tier_anniversary: once a year on the tier entry anniversary",
        "records.member_tiers.evaluate_member",
        ("sandbox/api/test_tiers::test_tier_anniversary_counts_from_the_entry",),
    ),
    Line(
        _GUIDE,
        "upgrades at once, and no status is lost within the year",
        "rules.tiers.evaluate_tier",
        (_SILVER,),
    ),
    Line(
        _GUIDE,
        "thresholds of a group are unique",
        "api.guide_tier_groups.create_guide_tier_group",
        (
            f"{_GUIDE_GROUPS}::test_a_group_that_does_not_fit_leaves_nothing_behind",
            "sandbox/api/test_tiers::test_thresholds_of_a_group_differ",
        ),
    ),
    Line(
        _GUIDE,
        "a threshold change requires publishing again",
        "records.configuration.publish_draft",
        (f"{_GUIDE_GROUPS}::test_a_threshold_change_waits_for_publication",),
    ),
    Line(
        _GUIDE,
        "step 4: publish answers the program with the state active",
        "api.programs.publish_program",
        (_CURL, "sandbox/test_documented_rules::test_publish_answers_the_program"),
    ),
    Line(
        _GUIDE,
        "later changes to tiers, definitions and rewards wait for publishing",
        "records.configuration.publish_draft",
        (
            f"{_GUIDE_DEFINITIONS}::test_a_definition_of_the_guide_waits_for_publication",
            "sandbox/api/test_rewards::test_rewards_wait_for_publication",
        ),
    ),
)
