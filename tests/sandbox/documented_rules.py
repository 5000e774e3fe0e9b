"""The documented rules of the API's behaviour, and the tests that name them."""

from typing import NamedTuple


class Rule(NamedTuple):
    """One fact that Brevo documents, or that an official SDK states.

    Attributes:
        id: Section of the behaviour reference, and a word.
        fact: What holds, in our words.
        tests: The tests that show it, as `module::function`.
    """

    id: str
    fact: str
    tests: tuple[str, ...]


_HERE = "sandbox/test_documented_rules"
_DEFINITIONS = "sandbox/api/test_balance_definitions"
_SHAPES = "contract/test_sandbox_replies::test_an_answer_has_exactly_the_declared_fields"

RULES: tuple[Rule, ...] = (
    Rule(
        "1 key",
        "the key stands in the header api-key; without it, or with another, the answer is 401",
        (
            "sandbox/test_app::test_no_key_is_401",
            "sandbox/test_app::test_one_key_fits_where_one_is_set",
        ),
    ),
    Rule(
        "1 success",
        "creations and reads answer 200, deletions 204 without a body",
        (
            "contract/test_sandbox_replies::test_success_has_the_declared_status",
            "contract/test_sandbox_replies::test_a_call_that_answers_nothing_has_an_empty_body",
        ),
    ),
    Rule(
        "1 json", "JSON in and out", ("sandbox/test_app::test_a_body_that_is_no_document_is_400",)
    ),
    Rule(
        "1 errors",
        "an error is {code, message}",
        ("sandbox/test_app::test_what_does_not_exist_is_said_in_the_same_shape",),
    ),
    Rule(
        "1 statuses",
        "400, 404, 409 and 422 tell a malformed, absent, clashing and refused request apart",
        (
            "sandbox/api/test_subscriptions::test_enrolment_is_refused_when_it_does_not_fit",
            "sandbox/api/test_programs::test_names_are_unique",
            "sandbox/api/test_programs::test_an_unknown_program_is_not_found",
            "sandbox/test_app::test_a_document_that_does_not_fit_is_refused",
        ),
    ),
    Rule(
        "2 hour",
        "600 requests an hour for all loyalty calls together",
        ("sandbox/test_app::test_the_default_budget_is_600_an_hour",),
    ),
    Rule(
        "2 over",
        "beyond the limit 429, and three headers on every limited answer",
        ("sandbox/test_app::test_the_budget_is_told_and_kept",),
    ),
    Rule(
        "3 guard",
        "completing is the natural guard: a second call is refused, so there is no other key",
        ("sandbox/api/test_transactions::test_a_transaction_resolves_once",),
    ),
    Rule(
        "4 draft",
        "edits change a draft, members see the active version; draft is the default",
        (
            f"{_DEFINITIONS}::test_changes_wait_for_publication",
            "sandbox/api/test_limits::test_a_limit_waits_for_publication",
            "sandbox/api/test_tiers::test_groups_and_tiers_wait_for_publication",
            "sandbox/api/test_rewards::test_rewards_wait_for_publication",
        ),
    ),
    Rule(
        "4 lists",
        "draft lists show all that is not deleted, active lists what is live",
        (
            f"{_DEFINITIONS}::test_definitions_are_paged_and_sorted",
            "sandbox/api/test_tiers::test_groups_and_tiers_wait_for_publication",
        ),
    ),
    Rule(
        "4 publish",
        "the first publish turns the program from inactive to active",
        (
            "sandbox/api/test_programs::test_a_program_starts_inactive_and_becomes_active_by_publishing",
        ),
    ),
    Rule(
        "4 waits",
        "a later change waits for another publish",
        (
            f"{_DEFINITIONS}::test_changes_wait_for_publication",
            "sandbox/api/test_limits::test_a_deleted_limit_holds_until_publication",
        ),
    ),
    Rule(
        "4 states",
        "a program is inactive, active or draft",
        ("contract/test_sandbox_replies::test_values_have_the_declared_types",),
    ),
    Rule(
        "4 enrol",
        "nobody is enrolled before the first publish",
        ("sandbox/api/test_programs::test_the_draft_does_not_apply_before_the_first_publication",),
    ),
    Rule(
        "4 answer",
        "publish answers 200 with the program, whose state is active",
        (f"{_HERE}::test_publish_answers_the_program",),
    ),
    Rule(
        "5 lengths",
        "a name has up to 128 characters, a description up to 256",
        (f"{_HERE}::test_texts_have_their_longest_length",),
    ),
    Rule(
        "5 unique",
        "names of programs are unique: 409",
        ("sandbox/api/test_programs::test_names_are_unique",),
    ),
    Rule(
        "5 put",
        "PUT needs the name, PATCH needs nothing",
        (
            "sandbox/api/test_programs::test_put_replaces_and_patch_changes",
            f"{_HERE}::test_put_needs_a_name_and_patch_nothing",
        ),
    ),
    Rule(
        "5 delete",
        "deleting answers 204",
        ("contract/test_sandbox_replies::test_success_has_the_declared_status",),
    ),
    Rule(
        "6 contact",
        "the contact must exist: 404",
        ("sandbox/api/test_subscriptions::test_enrolment_is_refused_when_it_does_not_fit",),
    ),
    Rule(
        "6 start",
        "balances start at 0, on the default entry tier",
        (
            "sandbox/api/test_subscriptions::test_enrolment_starts_every_balance_at_zero",
            "sandbox/api/test_tiers::test_a_member_enters_on_the_entry_tier",
        ),
    ),
    Rule(
        "6 own id",
        "an own id has up to 64 characters; left out, one is made",
        (
            "sandbox/api/test_subscriptions::test_an_own_id_is_kept_or_made",
            f"{_HERE}::test_texts_have_their_longest_length",
        ),
    ),
    Rule(
        "6 taken",
        "an own id of another contact is a 400",
        ("sandbox/api/test_subscriptions::test_enrolment_is_refused_when_it_does_not_fit",),
    ),
    Rule(
        "6 past",
        "creationDate must be in the past",
        ("sandbox/api/test_subscriptions::test_enrolment_is_refused_when_it_does_not_fit",),
    ),
    Rule("6 reply", "an enrolment answers with eight fields", (_SHAPES,)),
    Rule(
        "6 shared",
        "further contacts share a subscription; its owner cannot be one of them: 409",
        ("sandbox/api/test_subscriptions::test_further_contacts_share_a_subscription",),
    ),
    Rule(
        "6 detach",
        "attached contacts are removed by ids in the query",
        ("sandbox/api/test_subscriptions::test_further_contacts_share_a_subscription",),
    ),
    Rule(
        "6 no list",
        "no operation lists members; contact-balances is the nearest",
        (
            "sandbox/api/test_balances::test_all_members_of_a_definition_are_listed",
            f"{_HERE}::test_what_the_api_lacks_is_not_found",
        ),
    ),
    Rule(
        "6 info",
        "account-info takes either id and returns all parts",
        (
            "sandbox/api/test_subscriptions::test_account_info_shows_the_parts_that_are_asked_for",
            "sandbox/api/test_tiers::test_a_member_has_a_tier_in_each_group",
            "sandbox/api/test_vouchers::test_account_info_shows_what_can_be_used",
        ),
    ),
    Rule(
        "7 unit",
        "a unit is POINTS or one of 16 currencies",
        (f"{_DEFINITIONS}::test_settings_that_do_not_fit_are_refused",),
    ),
    Rule(
        "7 lengths",
        "a name has up to 128 characters, a description up to 256",
        (f"{_HERE}::test_texts_have_their_longest_length",),
    ),
    Rule(
        "7 caps",
        "minAmount and maxAmount bound the balance, two more bound one movement",
        (
            "sandbox/rules/test_ledger::test_one_movement_has_its_own_ceiling",
            "sandbox/api/test_transactions::test_a_negative_floor_allows_overdraft",
            "sandbox/api/test_transactions::test_a_ceiling_refuses_or_trims",
        ),
    ),
    Rule(
        "7 strategy",
        "strict rejects, partial credits what fits",
        (
            "sandbox/api/test_transactions::test_a_ceiling_refuses_or_trims",
            "sandbox/rules/test_ledger::test_a_credit_is_refused_or_trimmed_at_the_ceiling",
        ),
    ),
    Rule(
        "7 rounding",
        "credits and debits are rounded separately: lower, upper, natural",
        ("sandbox/rules/test_ledger::test_amounts_are_rounded_by_their_size",),
    ),
    Rule(
        "7 duration",
        "a credit lives so many days, weeks, months or years, snapped where asked",
        ("sandbox/rules/test_ledger::test_a_credit_lives_as_its_definition_says",),
    ),
    Rule(
        "7 fixed day",
        "or until a fixed day; the two exclude each other",
        (
            "sandbox/rules/test_periods::test_a_fixed_day_lasts_to_its_end",
            f"{_DEFINITIONS}::test_settings_that_do_not_fit_are_refused",
        ),
    ),
    Rule(
        "7 lots",
        "expiry is per credit: lots have amount, createdAt and expiresAt",
        (
            "sandbox/api/test_balances::test_a_balance_is_the_sum_of_its_lots",
            "sandbox/api/test_balances::test_lots_expire_by_themselves",
        ),
    ),
    Rule(
        "7 minutes",
        "a credit may have a life of its own, only with autoComplete",
        (
            "sandbox/rules/test_ledger::test_a_credit_may_have_a_life_of_its_own",
            "sandbox/api/test_transactions::test_movements_that_do_not_fit_are_refused",
        ),
    ),
    Rule(
        "7 internal",
        "isInternal hides a balance unless includeInternal",
        ("sandbox/api/test_balances::test_internal_balances_are_hidden_unless_asked_for",),
    ),
    Rule(
        "8 kinds",
        "a limit caps credits or debits, by number or by sum",
        ("sandbox/api/test_limits::test_transaction_counts_movements_and_amount_sums_them",),
    ),
    Rule(
        "8 sliding",
        "slidingSchedule is a window that ends now, else it resets",
        (
            "sandbox/api/test_limits::test_a_sliding_window_rolls",
            "sandbox/api/test_limits::test_a_calendar_window_resets",
        ),
    ),
    Rule(
        "8 units",
        "requests take day, week, month and year",
        (
            "sandbox/api/test_limits::test_wrong_fields_are_refused",
            "sandbox/rules/test_limits::test_calendar_window_begins_with_its_period",
        ),
    ),
    Rule(
        "8 no list",
        "limits are read by id only",
        (
            "sandbox/api/test_limits::test_a_limit_reads_back_what_was_written",
            f"{_HERE}::test_what_the_api_lacks_is_not_found",
        ),
    ),
    Rule(
        "9 phases",
        "a draft moves nothing; completion, cancellation and ttl end it",
        (
            "sandbox/api/test_transactions::test_a_draft_moves_nothing_until_it_is_completed",
            "sandbox/api/test_transactions::test_a_draft_lapses_with_its_ttl",
        ),
    ),
    Rule(
        "9 states",
        "draft, completed, rejected, cancelled, expired",
        (
            "sandbox/api/test_transactions::test_the_history_is_filtered_and_paged",
            "contract/test_sandbox_replies::test_values_have_the_declared_types",
        ),
    ),
    Rule(
        "9 sign",
        "an amount is not 0; its sign is the type unless a type is given",
        (
            "sandbox/rules/test_ledger::test_the_sign_is_the_type_unless_a_type_is_given",
            "sandbox/api/test_transactions::test_the_type_wins_over_the_sign",
        ),
    ),
    Rule(
        "9 member",
        "by contactId or LoyaltySubscriptionId, one of which is needed",
        (
            "sandbox/api/test_transactions::test_the_member_is_named_by_either_id",
            "sandbox/api/test_transactions::test_movements_that_do_not_fit_are_refused",
        ),
    ),
    Rule(
        "9 ttl",
        "ttl is in seconds, at least 10",
        (
            f"{_HERE}::test_a_ttl_has_at_least_ten_seconds",
            "sandbox/api/test_transactions::test_a_draft_lapses_with_its_ttl",
        ),
    ),
    Rule(
        "9 auto",
        "autoComplete is false unless given",
        (
            "sandbox/api/test_transactions::test_auto_complete_applies_at_once",
            "sandbox/api/test_transactions::test_a_draft_moves_nothing_until_it_is_completed",
        ),
    ),
    Rule(
        "9 event time", "eventTime may lie in the past", (f"{_HERE}::test_an_event_time_is_kept",)
    ),
    Rule(
        "9 balance",
        "an answer carries the balance only when the movement was applied",
        (
            "sandbox/api/test_transactions::test_auto_complete_applies_at_once",
            "contract/test_sandbox_replies::test_what_is_said_only_sometimes_is_said",
        ),
    ),
    Rule(
        "9 completion",
        "completion updates the balance, evaluates real_time groups and reward"
        " rules, and is announced",
        (
            "sandbox/api/test_tiers::test_completion_evaluates_real_time_groups",
            "sandbox/api/test_rewards::test_a_matching_rule_issues_the_reward",
            "sandbox/records/test_event_families::test_tier_events_name_the_move",
        ),
    ),
    Rule(
        "9 return",
        "a completed one cannot be cancelled; returns are new debits",
        ("sandbox/api/test_transactions::test_a_transaction_resolves_once",),
    ),
    Rule(
        "9 twice",
        "completing twice is a 422",
        ("sandbox/api/test_transactions::test_a_transaction_resolves_once",),
    ),
    Rule(
        "9 enrolled",
        "a contact who is not enrolled is a 422",
        ("sandbox/api/test_transactions::test_movements_that_do_not_fit_are_refused",),
    ),
    Rule(
        "9 absent",
        "an unknown program or transaction is a 404",
        (
            "sandbox/api/test_transactions::test_unknown_transactions_are_not_found",
            "sandbox/api/test_programs::test_an_unknown_program_is_not_found",
        ),
    ),
    Rule(
        "9 ceiling",
        "a credit or debit above its ceiling or a limit is refused",
        (
            "sandbox/rules/test_ledger::test_one_movement_has_its_own_ceiling",
            "sandbox/api/test_limits::test_a_breach_is_rejected_and_announced",
        ),
    ),
    Rule(
        "9 order",
        "an order opens a movement, resolved by its transactionid",
        (
            "sandbox/api/test_transactions::test_an_order_is_a_draft_that_a_clock_step_processes",
            "sandbox/api/test_transactions::test_orders_that_do_not_fit_are_refused",
        ),
    ),
    Rule("9 order reply", "an order answers with a transactionid in its own spelling", (_SHAPES,)),
    Rule(
        "9 history",
        "history needs member and definition, filters, and sorts by createdAt",
        ("sandbox/api/test_transactions::test_the_history_is_filtered_and_paged",),
    ),
    Rule("9 items", "history items have eleven fields", (_SHAPES,)),
    Rule(
        "10 strategies",
        "real_time, membership_anniversary, tier_anniversary; update needs both",
        (
            "sandbox/api/test_tiers::test_membership_anniversary_downgrades_yearly",
            "sandbox/api/test_tiers::test_membership_anniversary_upgrades_yearly",
            "sandbox/api/test_tiers::test_tier_anniversary_counts_from_the_entry",
            f"{_HERE}::test_replacing_a_group_needs_both_strategies",
        ),
    ),
    Rule(
        "10 default",
        "both strategies are real_time unless given",
        ("sandbox/api/test_tiers::test_a_group_reads_back_what_was_written",),
    ),
    Rule(
        "10 schedules",
        "schedules are taken at creation only, and answered with their strategy",
        (
            "sandbox/api/test_tiers::test_a_group_reads_back_what_was_written",
            "sandbox/api/test_tiers::test_a_replaced_group_keeps_its_schedules",
        ),
    ),
    Rule(
        "10 order",
        "tierOrder lists tiers from low to high",
        (
            "sandbox/rules/test_tiers::test_tier_order_decides",
            "sandbox/api/test_tiers::test_a_replaced_group_keeps_its_schedules",
        ),
    ),
    Rule(
        "10 tier",
        "a tier has conditions, rewards issued on reaching it, and a tierId",
        (
            "sandbox/api/test_tiers::test_reaching_a_tier_issues_its_rewards",
            "sandbox/api/test_tiers::test_a_tier_is_replaced_and_deleted",
        ),
    ),
    Rule(
        "10 thresholds",
        "thresholds of a group differ",
        ("sandbox/api/test_tiers::test_thresholds_of_a_group_differ",),
    ),
    Rule(
        "10 recommended",
        "upgrade real_time, downgrade membership_anniversary works",
        ("sandbox/api/test_tiers::test_membership_anniversary_downgrades_yearly",),
    ),
    Rule(
        "10 by hand",
        "a tier is given by a POST without body; 409 and 424 are possible",
        (
            "sandbox/api/test_tiers::test_a_tier_given_by_hand_stays_until_a_downgrade_is_due",
            "sandbox/api/test_tiers::test_groups_and_tiers_wait_for_publication",
        ),
    ),
    Rule(
        "11 shell",
        "the API makes only the shell of a reward, and neither changes nor deletes it",
        (
            "sandbox/api/test_rewards::test_the_api_makes_the_shell_of_a_reward",
            f"{_HERE}::test_what_the_api_lacks_is_not_found",
        ),
    ),
    Rule(
        "11 ceilings",
        "totals and per-consumer ceilings bound issuing and redeeming",
        (
            "sandbox/api/test_vouchers::test_attribution_ceilings",
            "sandbox/api/test_vouchers::test_redemption_ceilings",
            "sandbox/api/test_vouchers::test_limits_of_a_reward_have_windows",
        ),
    ),
    Rule(
        "11 dates",
        "start, end and disabled dates steer a reward",
        ("sandbox/api/test_vouchers::test_closed_rewards_refuse",),
    ),
    Rule(
        "11 expiry",
        "a voucher ends by date, or by value, unit and modifier",
        (
            "sandbox/api/test_vouchers::test_the_reward_sets_the_expiry",
            "sandbox/rules/test_rewards::test_voucher_expiry_comes_from_the_reward",
        ),
    ),
    Rule(
        "11 price",
        "a reward may take a value or the whole of a balance",
        (
            "sandbox/api/test_vouchers::test_a_redemption_takes_its_price",
            "sandbox/api/test_vouchers::test_a_reward_may_take_all_or_what_is_there",
        ),
    ),
    Rule(
        "11 issue",
        "a voucher takes a member, and code, value, dates and meta where given",
        (
            "sandbox/api/test_vouchers::test_a_voucher_is_issued_and_listed",
            "sandbox/api/test_vouchers::test_wrong_vouchers_are_refused",
        ),
    ),
    Rule(
        "11 valid from",
        "validFrom is RFC 3339 or DD/MM/YYYY HH:MM AM/PM",
        (
            "sandbox/rules/test_rewards::test_moments_are_read_in_both_forms",
            "sandbox/api/test_vouchers::test_validity_begins_and_ends",
        ),
    ),
    Rule(
        "11 validate",
        "validating answers authorize and changes nothing",
        ("sandbox/api/test_vouchers::test_validating_changes_nothing",),
    ),
    Rule(
        "11 redeem",
        "redeeming has two phases, a ttl and a debit; autoComplete skips the second",
        (
            "sandbox/api/test_vouchers::test_redemption_has_two_phases",
            "sandbox/api/test_vouchers::test_an_open_redemption_holds_its_voucher",
            "sandbox/api/test_vouchers::test_a_redemption_takes_its_price",
        ),
    ),
    Rule(
        "11 named",
        "by voucher id or code, or by reward and member; nothing is formally required",
        ("sandbox/api/test_vouchers::test_a_voucher_is_named_in_three_ways",),
    ),
    Rule("11 status", "the status of a redemption is a plain text", (_SHAPES,)),
    Rule(
        "11 statuses",
        "412 and 417 belong to redemption",
        (
            "sandbox/api/test_vouchers::test_a_voucher_is_used_once",
            "sandbox/api/test_vouchers::test_redemption_ceilings",
        ),
    ),
    Rule(
        "11 revoke",
        "revoking takes ids in the query and answers 204",
        ("sandbox/api/test_vouchers::test_revoking_is_all_or_nothing",),
    ),
    Rule(
        "11 list",
        "vouchers are listed 1 to 100, 25 by default, newest update first",
        (
            f"{_HERE}::test_pages_have_their_bounds_and_defaults",
            "sandbox/api/test_vouchers::test_vouchers_are_listed_in_pages",
        ),
    ),
    Rule(
        "11 by itself",
        "vouchers come with a tier, and by a matching rule",
        (
            "sandbox/api/test_tiers::test_reaching_a_tier_issues_its_rewards",
            "sandbox/api/test_rewards::test_a_matching_rule_issues_the_reward",
        ),
    ),
    Rule(
        "12 offset",
        "lists take limit and offset",
        (
            f"{_HERE}::test_pages_have_their_bounds_and_defaults",
            "sandbox/api/test_rewards::test_rewards_are_listed_in_pages",
        ),
    ),
    Rule(
        "12 table",
        "each list has its bounds, its default, its sort words and its total",
        (
            f"{_HERE}::test_pages_have_their_bounds_and_defaults",
            f"{_HERE}::test_lists_sort_by_their_own_words",
        ),
    ),
    Rule(
        "13 post",
        "delivery is a POST to an address",
        ("sandbox/simulation/test_webhooks::test_events_are_sent_to_an_address",),
    ),
    Rule(
        "13 24",
        "there are 24 events, and each carries seven fields",
        ("sandbox/records/test_event_families::test_all_24_events_occur",),
    ),
    Rule(
        "13 fire",
        "value updated on completion, maximum at the cap, minimum at the floor,"
        " unauthorized when blocked, reminders days ahead",
        (
            "sandbox/records/test_event_families::test_all_24_events_occur",
            "sandbox/records/test_event_families::test_reminders_come_a_week_ahead",
            "sandbox/api/test_limits::test_a_breach_is_rejected_and_announced",
            "sandbox/simulation/test_webhooks::test_what_is_refused_but_announced_is_sent",
        ),
    ),
    Rule(
        "14 find",
        "email, SMS number and contact id are recognised, an own id needs its type",
        (
            "sandbox/api/test_contacts::test_a_contact_is_found_by_each_identifier",
            "sandbox/api/test_contacts::test_ext_id_needs_its_type",
        ),
    ),
    Rule(
        "14 phone",
        "a phone is given with its country code, with +, with 00 or with no prefix",
        ("sandbox/api/test_contacts::test_a_contact_is_found_by_each_identifier",),
    ),
    Rule(
        "14 list",
        "contacts are listed by id, list, attribute and time, with a total",
        ("sandbox/api/test_contacts::test_contacts_are_listed_and_filtered",),
    ),
    Rule(
        "14 create",
        "a contact needs an email, an own id or a number, and is changed only when asked",
        (
            "sandbox/api/test_contacts::test_a_contact_is_changed_only_when_asked",
            "sandbox/api/test_contacts::test_contacts_that_do_not_fit_are_refused",
        ),
    ),
)
