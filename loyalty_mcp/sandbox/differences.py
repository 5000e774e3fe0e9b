"""The sandbox's choices where the sources are silent or disagree, as data."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Difference:
    """One choice.

    Attributes:
        subject: The topic.
        choice: What the sandbox does.
        why: The reason for this choice.
        source: The origin of the question: a section of the behaviour reference, a row of the
            conflicts, or the design.
        switch: The field of `SandboxSettings` that changes it, if there is one.
    """

    subject: str
    choice: str
    why: str
    source: str
    switch: str | None = None


DIFFERENCES: Final = (
    Difference(
        "Unknown fields and query parameters",
        "refused with 422, naming the field",
        "if a misspelled cap were ignored, there would be no cap",
        "conflict 2",
        "ignore_unknown_fields",
    ),
    Difference(
        "A movement that the balance, a cap or a limit forbids",
        "422 when it is applied, and permanently a rejected transaction in the history",
        "the caller learns it immediately, and the history shows the attempt",
        "behaviour 16.1",
        "rejected_answer_status",
    ),
    Difference(
        "When balance and caps are checked",
        "when a movement is applied; its fields when it is created",
        "a draft moves nothing, and the balance may change before it is completed",
        "behaviour 16.2",
        "checks_at_creation",
    ),
    Difference(
        "Whether open debits reserve funds",
        "they do not",
        "no source mentions a reservation",
        "behaviour 16.3",
        "drafts_reserve",
    ),
    Difference(
        "A transaction without a ttl",
        "stays open until it is completed or cancelled",
        "no source gives a default",
        "behaviour 16.4",
        "default_ttl",
    ),
    Difference(
        "Enrolling a contact twice",
        "409",
        "a field guide reports it; the definition declares neither 409 nor another status for it",
        "behaviour 16.5, conflict 22",
        "duplicate_enrolment_status",
    ),
    Difference(
        "Which lots a debit consumes",
        "the lot that expires soonest, then the oldest",
        "the member loses the fewest points",
        "behaviour 16.6",
        "oldest_first",
    ),
    Difference(
        "Configuration before the first publication",
        "does not apply: members and movements are refused with 422",
        "the active version applies to members",
        "behaviour 16.7",
        "draft_configuration_applies",
    ),
    Difference(
        "The amount of a trimmed credit",
        "the amount that was applied",
        "the schema has no second field for the requested amount",
        "behaviour 16.8",
        "partial_reports_requested",
    ),
    Difference(
        "What happens when an order falls due",
        "nothing automatically; advancing the clock processes everything that falls due",
        "no source says that the engine acts; a rehearsal must be able to show it",
        "behaviour 16.9",
        "orders_fall_due",
    ),
    Difference(
        "Where meta is returned",
        "in every answer that declares it, including the history; the switch omits it from all"
        " answers about members",
        "the definition declares it; a proxy may strip it",
        "behaviour 9, design 8",
        "no_meta_in_history",
    ),
    Difference(
        "The unit of ttl",
        "seconds, at least 10; the switch counts minutes",
        "the definition says seconds, an older text minutes",
        "conflict 36",
        "ttl_minutes",
    ),
    Difference(
        "When a write becomes visible",
        "immediately; with the switch, reads about members show it only after this many seconds, at"
        " most a tenth later",
        "no source says that reads see their own writes",
        "design 8",
        "history_lag",
    ),
    Difference(
        "Whether a balance includes open drafts",
        "it does not; the switch includes them in the shown balances, without moving points",
        "the guide says that the balance is unchanged until completion",
        "behaviour 9, design 8",
        "drafts_in_balance",
    ),
    Difference(
        "Completing a transaction twice",
        "422; the switch ignores the second completion (200, nothing moves) or applies it again,"
        " as another transaction in the history",
        "the guide says that it is refused",
        "behaviour 9, design 8",
        "complete_twice",
    ),
    Difference(
        "Whether list filters are applied",
        "they are; the switch ignores those of the history, of vouchers and of rewards",
        "many APIs silently ignore unknown parameters",
        "design 8",
        "filters_ignored",
    ),
    Difference(
        "The order of the history",
        "newest first by default; with the switch, always oldest first",
        "the default is not documented",
        "behaviour 12, design 8",
        "history_oldest_first",
    ),
    Difference(
        "Message texts",
        "our own, and stable; they never repeat what was sent",
        "no source lists them",
        "behaviour 16.10",
    ),
    Difference(
        "The rate limit",
        "600 loyalty calls per hour, starting with the first call, by the sandbox's clock",
        "the limit of the General tier; the kind of window is not documented",
        "behaviour 2, conflict 58",
        "rate_limit",
    ),
    Difference(
        "Time zone and weeks",
        "UTC; weeks begin on Monday",
        "the account's zone is not part of the API",
        "design 10",
    ),
    Difference(
        "Start and end of a lifetime",
        "startOfPeriod is the first instant of the period, endOfPeriod the first after it, and a"
        " fixed day lasts to its end; 29 February becomes the 28th",
        "the names do not say which instant is meant",
        "design 10",
    ),
    Difference(
        "When a lot's lifetime begins",
        "at the completion of the credit, not at eventTime",
        "the definition counts from the credit",
        "behaviour 7",
    ),
    Difference(
        "Rounding",
        "none without an option; with one, POINTS, JPY and CLP are rounded to whole numbers and"
        " other currencies to two decimals; debits are rounded by absolute value; applied when the"
        " movement is created",
        "the precision is not documented",
        "design 10, behaviour 7",
    ),
    Difference(
        "Decimals and size",
        "at most six decimals, below 10^12 in size; more is refused with 422",
        "sums have to stay exact",
        "behaviour 7",
    ),
    Difference(
        "The floor",
        "0 without minAmount; a negative minAmount allows overdraft, which credits repay first",
        "the documentation only says that it limits the balance",
        "design 10",
    ),
    Difference(
        "Exceeding maxAmount without a strategy",
        "strict; partial is refused if nothing fits",
        "the default is not documented",
        "behaviour 7, design 10",
    ),
    Difference(
        "A sign that contradicts transactionType",
        "the type decides, and debits are shown with a negative amount",
        "the guide says that the sign counts unless the type says otherwise",
        "behaviour 9",
    ),
    Difference(
        "balanceExpiryInMinutes without autoComplete",
        "422",
        "it only applies with autoComplete; ignoring it would create points that never expire",
        "behaviour 7",
    ),
    Difference(
        "expirationDate of a transaction",
        "the time at which the transaction itself expires because of its ttl",
        "the sources allow other interpretations",
        "operation create_transaction",
    ),
    Difference(
        "Expiry of lots",
        "creates no transaction; the balance decreases, and an event is sent",
        "no source mentions one",
        "design 10",
    ),
    Difference(
        "Spelling of LoyaltySubscriptionId",
        "both spellings are accepted when a transaction is created",
        "the guide and the definition differ",
        "conflict 35",
    ),
    Difference(
        "Malformed ids in a path",
        "422; 400 on delete_subscription",
        "as the operations declare",
        "operations",
    ),
    Difference(
        "An unknown program where the operation declares no 404",
        "422 with the code document_not_found: list_balance_definitions, get_account_info,"
        " create_balance_order (also an unknown definition or contact), create_reward and"
        " get_code_count",
        "a status that a page does not list would surprise its readers",
        "operations",
    ),
    Difference(
        "A contact that shares a subscription",
        "reads and changes the owner's balances; answers contain the owner's contactId; the contact"
        " has no other membership in the program",
        "what such a contact may do is not documented",
        "behaviour 6",
    ),
    Difference(
        "Deleting a contact",
        "400 while the contact is a member of a program or shares a membership",
        "the effect on the membership is not documented",
        "behaviour 6",
    ),
    Difference(
        "Balances of a member",
        "every live definition is shown, with 0 if nothing moved; internal ones only on request,"
        " and their lists are empty otherwise",
        "the answer for a definition that was published after the enrolment is not documented",
        "behaviour 6 and 7",
    ),
    Difference(
        "expiresAt and consumedAt of a balance",
        "when part of the balance expires next, and when it was last debited",
        "the page has one date for a balance that consists of lots",
        "operation create_subscription_balance",
    ),
    Difference(
        "Opening a balance that is already open",
        "returns the open one",
        "not documented; repeating it is harmless",
        "operation create_subscription_balance",
    ),
    Difference(
        "params of get_account_info",
        "names of parts, separated by commas: balance, tier, reward, members, membership",
        "the syntax is not documented",
        "behaviour 6",
    ),
    Difference(
        "Page sizes without a documented default",
        "50 programs, 200 balances and lots, 20 movements; at most 500",
        "the sources give none, except 20 in an old SDK",
        "behaviour 12",
    ),
    Difference(
        "count",
        "the total number, in every list that has it",
        "the sources do not say whether the page or the total is meant",
        "behaviour 12",
    ),
    Difference(
        "Deleting a program",
        "its members and history can no longer be reached, and its name is free",
        "the effect is not documented",
        "behaviour 5",
    ),
    Difference(
        "Ending a subscription",
        "everything the member had is lost; enrolling again starts at 0",
        "the effect is not documented",
        "behaviour 6",
    ),
    Difference(
        "A draft whose definition is no longer active",
        "is rejected when it is completed",
        "only live configuration moves balances",
        "behaviour 16.7",
    ),
    Difference(
        "Creation statuses and the answer of publish",
        "200 everywhere, but 201 for a contact; publish returns the program",
        "all typed sources agree on 200; the guide shows the program, and the SDKs, which expect"
        " no body, accept it",
        "conflicts 13 and 17",
    ),
    Difference(
        "Paths of the setup guide",
        "POST .../config/programs/{pid}/balance-definitions and .../tier-groups accept the guide's"
        " bodies and answer in its terms; GET on both, and PUT on a definition, are our additions;"
        " objects are visible through both sets of paths",
        "following the guide results in a working program, although no SDK has these paths",
        "conflicts 1, 2, 7 and 8, design 10",
    ),
    Difference(
        "Other paths that appear only in guides",
        "404: the members path, and the tier, voucher and transaction reads under subscriptions",
        "no SDK has them, and account-info returns the same data",
        "conflicts 21, 24 to 27",
    ),
    Difference(
        "unit of the guide",
        "one of the 17 units in any case, or a label for exactly one of them: points, pts, €, £, ¥"
        " and similar ones; $ is refused; the reference's paths accept only the exact units",
        "the guide calls it a display label, the reference an enum",
        "conflict 5",
    ),
    Difference(
        "expiryPolicy rolling and inactivity",
        "rolling: every completed movement restarts the lifetime of all lots; inactivity (or"
        " inactivity-based): every completed credit does; a credit with its own expiry keeps it;"
        " the expiry of a lot is not a movement",
        'the guide says "from last activity" and "without purchase"; the reference has no field'
        " for either, so its paths return the duration, and additionally expiryPolicy",
        "conflict 3, design 10",
    ),
    Difference(
        "expiryPolicy fixed",
        "requires date in the form dd/mm; never accepts neither date nor duration",
        "the guide mentions a calendar date each year, but no field for it",
        "conflict 3, design 10",
    ),
    Difference(
        "roundingPolicy",
        "none keeps decimals; round_half_up, floor and ceiling are natural, lower and upper, for"
        " credits and debits alike",
        "the reference has an option for each except none",
        "conflict 4",
    ),
    Difference(
        "minBalance of the guide",
        "a threshold: a debit may go below it, down to 0, which sends the event"
        " balance_minimum_value_reached; minAmount of the reference is a floor that refuses debits",
        "the guide says that falling below it can trigger automations, and the reference that it is"
        " the lowest allowed balance",
        "conflict 2, behaviour 13",
    ),
    Difference(
        "When balance_minimum_value_reached is sent",
        "when a balance falls below its minimum, by a debit or by expiry; a refused debit changes"
        " nothing and sends only balance_transaction_unauthorized",
        "the guide says that the balance drops below the minimum",
        "behaviour 13, design 10",
    ),
    Difference(
        "creditFrequencyLimit and debitFrequencyLimit",
        "{value, duration, unit}, stored as a limit on the number of transactions per calendar"
        " period; the answer adds its id, with which the reference's paths can read it",
        "the guide names the fields but not their contents",
        "conflict 2, design 10",
    ),
    Difference(
        "Updating a guide definition through the reference's paths",
        "the kind of expiry stays if the duration is repeated, minBalance if minAmount is not"
        " given, and the label if the unit is the same",
        "the reference replaces all settings, but has no fields for these",
        "design 10",
    ),
    Difference(
        "Inline tiers",
        "at least one, with different thresholds, ordered by threshold; a refused group leaves"
        " nothing behind; both triggers are required",
        "the guide says so, except for the order of an unordered list",
        "conflict 8",
    ),
    Difference(
        "Terms of the other dialect",
        "422 with the right term, at every endpoint: unknown fields, other spellings of known"
        " ones, and values such as CREDIT or pending",
        "the guides and the reference name the same things differently",
        "conflicts 2, 8, 33, 35 and 37",
    ),
    Difference(
        "Fields without a value",
        "null; in the history, dates of events that did not happen are omitted",
        "the declarations mark few fields as nullable and none as required",
        "operations",
    ),
    Difference(
        "When reminders are sent",
        "seven days in advance",
        "the number of days is set in the app",
        "behaviour 13",
    ),
    Difference(
        "Stored events",
        "the last 10,000; contact_properties are the contact's current ones",
        "they are for testing, not an archive",
        "behaviour 13",
    ),
    Difference(
        "documentId",
        "any text of at most 256 characters; two programs cannot share one",
        "the guide calls it an external reference",
        "behaviour 5",
    ),
    Difference(
        "GET /v3/account",
        "a fictional account: its number, owner and plan, without credits that decrease",
        "only the identity of the account is needed here",
        "design 10",
    ),
    Difference(
        "OAuth client credentials",
        "POST /realms/partner/oauth/token accepts any id and secret, or the given key as the "
        "secret; it returns an opaque token for an hour, kept in memory; scopes are account, "
        "contacts and loyalty, read and write; a missing scope gives 403",
        "the guide gives path, grant, lifetime and invalid_scope; a client should not parse a "
        "token",
        "Brevo's guide on machine-to-machine authentication and its changelog of October 2026",
    ),
    Difference(
        "Contacts",
        "without statistics, segments and consent; updates do not merge contacts",
        "only finding a member is needed here",
        "behaviour 14",
    ),
    Difference(
        "Calendar periods of limits",
        "begin with a day, a Monday, a month or a year; several units are blocks counted from"
        " 1900-01-01, so that three months are quarters; a sliding period excludes its first"
        " instant",
        "only the names are documented",
        "behaviour 8",
    ),
    Difference(
        "What a limit counts",
        "completed movements at the time of completion, with the applied amount; a movement that"
        " reaches the limit exactly is allowed",
        "the time of the check is not documented",
        "behaviour 8 and 16.2",
    ),
    Difference(
        "slidingSchedule not given",
        "false: a calendar period",
        "the default is not documented",
        "behaviour 8",
    ),
    Difference(
        "A limit under an unknown program or definition",
        "424",
        "the operation declares no 404",
        "operation create_balance_limit",
    ),
    Difference(
        "Several access conditions",
        "all must be met; the highest tier whose conditions are met applies",
        "the safer interpretation",
        "behaviour 10",
    ),
    Difference(
        "The order of tiers",
        "tierOrder, and the thresholds for tiers that it omits; replies name all tiers",
        "tiers are created after their group, one by one",
        "behaviour 10",
    ),
    Difference(
        "Two tiers with the same threshold",
        "422",
        "create_tier declares no 400",
        "conflict 18",
    ),
    Difference(
        "Tiers before the first publication",
        "can be created",
        "only a field guide forbids it",
        "conflict 19",
    ),
    Difference(
        "Deleting a tier group",
        "409 while its draft has tiers",
        "the reason for the declared 409 is not documented",
        "operation delete_tier_group",
    ),
    Difference(
        "A manually assigned tier",
        "stays until an evaluation upgrades it or a downgrade evaluation falls due; with real_time"
        " that is the next change of a balance; 409 if the member already has it, 424 while it is"
        " not published",
        "whether an evaluation overrides it is not documented",
        "behaviour 10, design 10",
    ),
    Difference(
        "Rewards of a tier",
        "issued to a member who moves up to it, also manually, but not to one who moves down",
        'the definition says "reaching a tier"',
        "behaviour 10 and 11",
    ),
    Difference(
        "A group published after a member enrolled",
        "gives the member a tier at the next change of a balance, the entry tier unless an upgrade"
        " is due; members of a deleted tier get a new one immediately",
        "publishing is not an evaluation",
        "behaviour 10",
    ),
    Difference(
        "Expiry of a lot",
        "is a change of the balance, so real_time groups are evaluated",
        "real_time means every change",
        "behaviour 10",
    ),
    Difference(
        "Schedules of a tier group",
        "replace the year of an anniversary strategy with another interval, or with a fixed day,"
        " which is evaluated at its start; real_time ignores them",
        "their interaction with the strategies is not documented",
        "behaviour 10",
    ),
    Difference(
        "Issuing a voucher of an unpublished reward",
        "422",
        "the active version applies to members",
        "behaviour 4 and 16.7",
    ),
    Difference(
        "Closed rewards and ceilings",
        "422 when issuing, 417 when redeeming; a revoked voucher does not count, an open redemption"
        " does",
        "only the field names are documented",
        "behaviour 11, design 10",
    ),
    Difference(
        "Types of limits of a reward",
        "attribution, attributionPerConsumer, totalAttribution, redeem, redeemPerConsumer,"
        " totalRedeem",
        "the values are not documented; these are the names of the simple ceilings",
        "behaviour 11",
    ),
    Difference(
        "What a voucher costs",
        "the whole balance with subtractTotalBalance, otherwise subtractBalanceValue; with the"
        " strategy partial at most the balance; charged at the redemption, or at issue with the"
        " strategy attribution; refused if there is nothing to charge",
        "the values of the strategy are not documented",
        "behaviour 11",
    ),
    Difference(
        "The debit of a redemption",
        "is a draft until the redemption is completed, with the same ttl",
        "the documentation says that redemptions have two phases like transactions",
        "behaviour 11",
    ),
    Difference(
        "States of a redemption",
        "draft, completed, rejected, cancelled, expired; a refused completion is rejected"
        " permanently",
        "the timestamps suggest the states of transactions",
        "behaviour 11",
    ),
    Difference(
        "A redemption without a ttl, or with 0",
        "stays open until it is completed or its voucher is revoked",
        "no source gives a default",
        "behaviour 11",
    ),
    Difference(
        "Statuses of a redemption",
        "404 for an unknown voucher; 412 if it is consumed, revoked, expired, not yet valid or"
        " reserved by another open redemption, or if the redemption has ended; 417 if a rule, a"
        " limit or the price forbids it",
        "only the names of the statuses are documented",
        "behaviour 11, design 10",
    ),
    Difference(
        "Validating a voucher",
        "authorize is false for a voucher that cannot be redeemed; 404 for an unknown one",
        "whether the answer is a 4xx is not documented",
        "behaviour 11",
    ),
    Difference(
        "A voucher named by reward and member",
        "the usable one that expires soonest",
        "the combinations of fields are not documented",
        "behaviour 11",
    ),
    Difference(
        "Revoking vouchers",
        "requires ids; revokes all or none; 422 for a consumed voucher, 404 for a revoked one; an"
        " open redemption is cancelled",
        "a call without ids could mean all vouchers",
        "conflicts 49 and 50",
    ),
    Difference(
        "Which vouchers are returned",
        "list_vouchers returns all except revoked ones, get_account_info those that can be used now"
        " or later",
        "account info has no field for used vouchers",
        "behaviour 11",
    ),
    Difference(
        "Voucher codes",
        "given, or the next of the pool, or the reward's only code, or generated from a pattern"
        " with # for a digit and ? for a letter; 422 for a used code, or an empty pool",
        "the generation of codes is not documented in detail",
        "behaviour 11",
    ),
    Difference(
        "An unknown code pool",
        "422 with the code document_not_found",
        "the operation declares no 404",
        "operation get_code_count",
    ),
    Difference(
        "expirationDate of a voucher",
        "a date (DD/MM/YYYY or YYYY-MM-DD) means its end; other forms are those of validFrom; it"
        " takes precedence over the reward's date, and that over the reward's duration, which"
        " starts at validFrom",
        "the format is not documented",
        "behaviour 11",
    ),
    Difference(
        "metadata_key_value",
        "key:value",
        "the syntax is not documented",
        "operation list_vouchers",
    ),
    Difference(
        "Reward rules",
        "a completed movement is compared with the rule's condition: eq, ne, gt, gte, lt, lte, in,"
        " contains, and, or; computed expressions are refused, redeemRules are stored without"
        " effect",
        "the rule language is not documented",
        "behaviour 9 and 11",
    ),
    Difference(
        "state of a reward",
        "active, scheduled, ended or disabled, according to its dates",
        "only the filter all is documented",
        "operation list_rewards",
    ),
    Difference(
        "publicImage",
        "any URI",
        "only a field guide reports a restriction",
        "conflict 20",
    ),
    Difference(
        "Fields of tier and voucher events",
        "our own, in the style of the others: tier_group, tier, previous_tier; reward, voucher",
        "the sources do not show them",
        "behaviour 13",
    ),
    Difference(
        "Anniversary events",
        "each month, and yearly ones instead of every twelfth; after a long jump of the clock,"
        " those of the last two years",
        "only their names are documented",
        "behaviour 13",
    ),
    Difference(
        "Delivery of webhooks",
        "each event once, without the retries of 10 minutes to 8 hours",
        "a rehearsal does not wait for them",
        "behaviour 13",
    ),
)
"""Every choice."""
