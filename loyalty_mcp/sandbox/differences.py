"""Where the sandbox had to choose: what the sources leave open or disagree on, as data."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Difference:
    """One choice.

    Attributes:
        subject: What it is about.
        choice: What the sandbox does.
        why: Why this rather than something else.
        source: Where the question comes from: a section of the behaviour reference, a row of the
            conflicts, or the design.
        switch: The field of `SandboxSettings` that changes it, if one does.
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
        "a misspelled cap that is ignored is a cap that does not exist",
        "conflict 2",
        "ignore_unknown_fields",
    ),
    Difference(
        "A movement that balance, caps or limits refuse",
        "422 when it is applied, and a rejected transaction in the history, for good",
        "the caller learns it at once, and the history tells what was tried",
        "behaviour 16.1",
        "rejected_answer_status",
    ),
    Difference(
        "When balance and caps are looked at",
        "when a movement is applied; its shape when it is created",
        "a draft moves nothing, and the balance may change before it is completed",
        "behaviour 16.2",
        "checks_at_creation",
    ),
    Difference(
        "Whether open debits set funds aside",
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
        "a field guide saw it; the definition declares neither 409 nor another status for it",
        "behaviour 16.5, conflict 22",
        "duplicate_enrolment_status",
    ),
    Difference(
        "Which lots a debit spends",
        "soonest expiring first, then oldest",
        "the member loses least",
        "behaviour 16.6",
        "oldest_first",
    ),
    Difference(
        "Configuration before the first publication",
        "does not apply: members and movements are refused with 422",
        "the active version rules members",
        "behaviour 16.7",
        "draft_configuration_applies",
    ),
    Difference(
        "The amount of a trimmed credit",
        "the amount that was applied",
        "the schema has no second field for the one asked for",
        "behaviour 16.8",
        "partial_reports_requested",
    ),
    Difference(
        "What happens when an order falls due",
        "nothing by itself; a step of the clock processes what falls due on the way",
        "no source says that the engine acts; a rehearsal must be able to show it",
        "behaviour 16.9",
        "orders_fall_due",
    ),
    Difference(
        "Where meta is shown",
        "in every answer that declares it, the history included; the switch leaves it out of all"
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
        "When a write is seen",
        "at once; the switch shows it in reads about members only after so many seconds, at most"
        " a tenth later",
        "no source says that reads see their own writes",
        "design 8",
        "history_lag",
    ),
    Difference(
        "Whether a balance includes open drafts",
        "it does not; the switch includes them in the balances shown, and still moves nothing",
        "the guide says that the balance is unchanged until completion",
        "behaviour 9, design 8",
        "drafts_in_balance",
    ),
    Difference(
        "Completing a transaction twice",
        "422; the switch ignores the second completion (200, nothing moves) or applies it once"
        " more, as a further transaction in the history",
        "the guide says that it is refused",
        "behaviour 9, design 8",
        "complete_twice",
    ),
    Difference(
        "Whether filters filter",
        "they do; the switch ignores those of the history, of vouchers and of rewards",
        "a parameter that the API does not know is silently ignored by many APIs",
        "design 8",
        "filters_ignored",
    ),
    Difference(
        "The order of the history",
        "newest first unless sort says otherwise; the switch lists it oldest first always",
        "the default is not documented",
        "behaviour 12, design 8",
        "history_oldest_first",
    ),
    Difference(
        "Message texts",
        "our own, stable; they never repeat what was sent",
        "no source lists them",
        "behaviour 16.10",
    ),
    Difference(
        "The rate limit",
        "600 loyalty calls an hour, from the first call on, by the sandbox's clock",
        "the General tier; the shape of the window is not documented",
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
        "Edges of a life",
        "startOfPeriod is the first instant of the period, endOfPeriod the first after it, and a"
        " fixed day lasts to its end; 29 February falls to the 28th",
        "the names do not say which instant is meant",
        "design 10",
    ),
    Difference(
        "Where a lot's life begins",
        "at the completion of the credit, not at eventTime",
        "the definition counts from the credit",
        "behaviour 7",
    ),
    Difference(
        "Rounding",
        "none without an option; with one, POINTS, JPY and CLP become whole and other currencies"
        " keep two decimals; debits are rounded by size; done when the movement is created",
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
        "only that it bounds the balance is documented",
        "design 10",
    ),
    Difference(
        "Passing maxAmount without a strategy",
        "strict; partial without any room is refused",
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
        "it only applies with autoComplete; ignoring it would make points that never expire",
        "behaviour 7",
    ),
    Difference(
        "expirationDate of a transaction",
        "the moment at which the transaction itself lapses by its ttl",
        "the sources do not exclude another reading",
        "operation create_transaction",
    ),
    Difference(
        "Expiry of lots",
        "leaves no transaction; the balance falls and an event tells of it",
        "no source mentions one",
        "design 10",
    ),
    Difference(
        "Spelling of LoyaltySubscriptionId",
        "both spellings are read when a transaction is created",
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
        "reads and moves the owner's balances; answers carry the owner's contactId; it has no"
        " other place in the program",
        "what such a contact may do is not documented",
        "behaviour 6",
    ),
    Difference(
        "Deleting a contact",
        "400 while the contact is a member of a program or shares a membership",
        "what becomes of the membership is not documented",
        "behaviour 6",
    ),
    Difference(
        "Balances of a member",
        "every live definition is shown, at 0 where nothing moved; internal ones only on request,"
        " and their lists are empty without it",
        "what is shown of a definition that was published after enrolment is not documented",
        "behaviour 6 and 7",
    ),
    Difference(
        "expiresAt and consumedAt of a balance",
        "when something of it expires next, and when a debit last took something of it",
        "the page gives one date for a balance that is made of lots",
        "operation create_subscription_balance",
    ),
    Difference(
        "Opening a balance that is open",
        "answers with the open one",
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
        "the sources give none, but for 20 in an old SDK",
        "behaviour 12",
    ),
    Difference(
        "count",
        "the grand total, on every list that has it",
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
        "what the member held is gone; enrolling again begins at 0",
        "the effect is not documented",
        "behaviour 6",
    ),
    Difference(
        "A draft whose definition went out of force",
        "is rejected when it is completed",
        "only live configuration moves balances",
        "behaviour 16.7",
    ),
    Difference(
        "Creation statuses and the answer of publish",
        "200 throughout, 201 for a contact; publish answers the program",
        "all typed sources agree on 200; the guide shows the program, and the SDKs, which expect"
        " nothing, take it",
        "conflicts 13 and 17",
    ),
    Difference(
        "Paths of the setup guide",
        "POST .../config/programs/{pid}/balance-definitions and .../tier-groups take the guide's"
        " bodies and answer in its words; GET on both, and PUT on a definition, are ours; what one"
        " door made, the other shows",
        "whoever follows the guide gets a running program, although no SDK knows these paths",
        "conflicts 1, 2, 7 and 8, design 10",
    ),
    Difference(
        "Other paths that only guides show",
        "404: the members path, and the tier, voucher and transaction reads under subscriptions",
        "no SDK knows them, and account-info answers the same",
        "conflicts 21, 24 to 27",
    ),
    Difference(
        "unit of the guide",
        "one of the 17 units in any case, or a label that means only one of them: points, pts, €,"
        " £, ¥ and the like; $ is refused; the reference takes the 17 units as they are written",
        "the guide calls it a display label, the reference an enum",
        "conflict 5",
    ),
    Difference(
        "expiryPolicy rolling and inactivity",
        "rolling: every completed movement moves the end of all lots to the duration from now;"
        " inactivity (or inactivity-based): every completed credit does; a credit with an end of"
        " its own keeps it; the expiry of a lot is no movement",
        "the guide says from last activity, and without purchase; the reference has no field for"
        " either, so it shows the duration and, added to it, expiryPolicy",
        "conflict 3, design 10",
    ),
    Difference(
        "expiryPolicy fixed",
        "needs date, written dd/mm; never takes neither date nor duration",
        "the guide says a calendar date each year and names no field for it",
        "conflict 3, design 10",
    ),
    Difference(
        "roundingPolicy",
        "none keeps decimals; round_half_up, floor and ceiling are natural, lower and upper, for"
        " credits and debits alike",
        "the reference has one option for each, and none of them is none",
        "conflict 4",
    ),
    Difference(
        "minBalance of the guide",
        "a threshold: a debit may go below it, down to 0, and falling below it is announced by"
        " balance_minimum_value_reached; minAmount of the reference is a floor that refuses debits",
        "the guide says that falling below it can trigger automations, the reference that it is"
        " the lowest balance allowed",
        "conflict 2, behaviour 13",
    ),
    Difference(
        "When balance_minimum_value_reached is sent",
        "when a balance crosses its minimum downwards, by a debit or by expiry; a refused debit"
        " changes nothing and sends only balance_transaction_unauthorized",
        "the guide says that the balance drops below the minimum",
        "behaviour 13, design 10",
    ),
    Difference(
        "creditFrequencyLimit and debitFrequencyLimit",
        "{value, duration, unit}, kept as a limit that counts transactions in calendar periods;"
        " the answer adds its id, by which the reference reads it",
        "the guide names the fields but not their parts",
        "conflict 2, design 10",
    ),
    Difference(
        "Updating by the reference what the guide made",
        "the kind of expiry stays while the duration is repeated, minBalance while minAmount is"
        " not given, the label while the unit is the same",
        "the reference replaces all settings, but has no words for these",
        "design 10",
    ),
    Difference(
        "Inline tiers",
        "at least one, each threshold once, ordered by threshold; a group that is refused leaves"
        " nothing behind; both triggers are required",
        "the guide says so, but for the order of a list that is not ordered",
        "conflict 8",
    ),
    Difference(
        "Words of the other dialect",
        "422 with the right word, at every endpoint: unknown fields, other spellings of known"
        " ones, and values such as CREDIT or pending",
        "the guides and the reference name the same things differently",
        "conflicts 2, 8, 33, 35 and 37",
    ),
    Difference(
        "Fields without a value",
        "null; dates in the history that did not happen are left out",
        "the declarations mark few fields as nullable and none as required",
        "operations",
    ),
    Difference(
        "When reminders come",
        "seven days ahead",
        "the number of days is set in the app",
        "behaviour 13",
    ),
    Difference(
        "Events that are kept",
        "the last 10,000; contact_properties are the contact's present ones",
        "they are for reading, not an archive",
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
        "a made-up account: its number, owner and plan, without credits that run down",
        "it tells accounts apart, which is all that is needed here",
        "design 10",
    ),
    Difference(
        "OAuth client credentials",
        "POST /realms/partner/oauth/token takes any id and secret, or the given key as the secret; "
        "an opaque token for an hour, kept in memory; account, contacts and loyalty, read and "
        "write; a missing scope is 403",
        "the guide tells path, grant, lifetime and invalid_scope; a client should not look into a "
        "token",
        "Brevo's guide on machine-to-machine authentication and its changelog of October 2026",
    ),
    Difference(
        "Contacts",
        "without statistics, segments and consent; updates do not merge contacts",
        "only finding the member matters here",
        "behaviour 14",
    ),
    Difference(
        "Calendar windows of limits",
        "begin with a day, a Monday, a month or a year; several units are blocks counted from"
        " 1900-01-01, so that three months are quarters; a sliding window leaves out its first"
        " instant",
        "only the names are documented",
        "behaviour 8",
    ),
    Difference(
        "What a limit counts",
        "completed movements at the time of completion, by the amount that was applied; a"
        " movement that fills the window exactly is allowed",
        "the moment of the check is not documented",
        "behaviour 8 and 16.2",
    ),
    Difference(
        "slidingSchedule left out",
        "false: a calendar window",
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
        "all must hold; the highest tier that holds wins",
        "the safer reading",
        "behaviour 10",
    ),
    Difference(
        "The order of tiers",
        "tierOrder, and where it leaves a tier out, the thresholds; replies name all tiers",
        "tiers are added after their group, one by one",
        "behaviour 10",
    ),
    Difference(
        "Two tiers with one threshold",
        "422",
        "create_tier declares no 400",
        "conflict 18",
    ),
    Difference(
        "Tiers before the first publication",
        "can be made",
        "only a field guide forbids it",
        "conflict 19",
    ),
    Difference(
        "Deleting a tier group",
        "409 while its draft has tiers",
        "the reason of the declared 409 is not documented",
        "operation delete_tier_group",
    ),
    Difference(
        "A tier given by hand",
        "stays until an evaluation would raise it or a downgrade evaluation falls due; with"
        " real_time that is the next change of a balance; 409 when the member is on it already,"
        " 424 while it is not published",
        "whether an evaluation overrides it is not documented",
        "behaviour 10, design 10",
    ),
    Difference(
        "Rewards of a tier",
        "issued to who climbs to it, also by hand, not to who falls to it",
        "the definition speaks of reaching a tier",
        "behaviour 10 and 11",
    ),
    Difference(
        "A group published after a member enrolled",
        "puts the member on a tier at the next change of a balance, on the entry tier unless an"
        " upgrade is due; who stands on a tier that is gone is placed at once",
        "publishing is no evaluation",
        "behaviour 10",
    ),
    Difference(
        "Expiry of a lot",
        "is a change of the balance: real_time groups evaluate",
        "real_time means every change",
        "behaviour 10",
    ),
    Difference(
        "Schedules of a tier group",
        "replace the year of an anniversary strategy by another interval, or by a fixed day, which"
        " is evaluated as it begins; real_time ignores them",
        "their interaction with the strategies is not documented",
        "behaviour 10",
    ),
    Difference(
        "What can be done with an unpublished reward",
        "422 when a voucher of it is issued",
        "the active version rules members",
        "behaviour 4 and 16.7",
    ),
    Difference(
        "Closed rewards and ceilings",
        "422 when issuing, 417 when redeeming; a revoked voucher is not counted, an open redemption"
        " is",
        "only the field names are documented",
        "behaviour 11, design 10",
    ),
    Difference(
        "Types of limits of a reward",
        "attribution, attributionPerConsumer, totalAttribution, redeem, redeemPerConsumer,"
        " totalRedeem",
        "the words are not documented; these are the names of the plain ceilings",
        "behaviour 11",
    ),
    Difference(
        "What a voucher costs",
        "subtractTotalBalance the whole balance, else subtractBalanceValue; with the strategy"
        " partial what is there of it; taken at the redemption, with the strategy attribution when"
        " it is issued; nothing to take is a refusal",
        "the values of the strategy are not documented",
        "behaviour 11",
    ),
    Difference(
        "The debit of a redemption",
        "is a draft until the redemption is completed, with the same ttl",
        "redemptions are said to have two phases like transactions",
        "behaviour 11",
    ),
    Difference(
        "States of a redemption",
        "draft, completed, rejected, cancelled, expired; a refused completion is rejected for good",
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
        "404 an unknown voucher; 412 consumed, revoked, expired, not yet valid, held by another"
        " open redemption, or the redemption is over; 417 a rule, a limit or the price refuses",
        "only the status names are documented",
        "behaviour 11, design 10",
    ),
    Difference(
        "Validating",
        "authorize is false for a voucher that could not be redeemed; 404 for an unknown one",
        "whether it is a 4xx is not documented",
        "behaviour 11",
    ),
    Difference(
        "Which voucher a reward and a member mean",
        "the usable one that expires soonest",
        "the combinations of fields are not documented",
        "behaviour 11",
    ),
    Difference(
        "Revoking",
        "needs ids; all or none; 422 for a consumed voucher, 404 for a revoked one; an open"
        " redemption is cancelled",
        "a call without ids could be meant for all",
        "conflicts 49 and 50",
    ),
    Difference(
        "Which vouchers are shown",
        "list_vouchers shows all but the revoked, get_account_info those that can be used now or"
        " later",
        "account info has no field that tells a used voucher",
        "behaviour 11",
    ),
    Difference(
        "Codes",
        "given, or the next of the pool, or the reward's one code, or generated: # a digit, ? a"
        " letter of the pattern; a code is used once, 422 otherwise; an empty pool refuses",
        "how codes come about is not spelled out",
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
        "a day (DD/MM/YYYY or YYYY-MM-DD) lasts to its end; else the forms of validFrom; it wins"
        " over the reward's, whose date wins over its duration, which runs from validFrom",
        "the format is not stated",
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
        " contains, and, or; computed expressions are refused, redeemRules are kept without effect",
        "the language is not documented",
        "behaviour 9 and 11",
    ),
    Difference(
        "state of a reward",
        "active, scheduled, ended or disabled, by its dates",
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
        "they are not readable in the sources",
        "behaviour 13",
    ),
    Difference(
        "Anniversary events",
        "each month, and instead each year; after a long leap of the clock those of the last two"
        " years",
        "only their names are documented",
        "behaviour 13",
    ),
    Difference(
        "Delivery of webhooks",
        "each event once, without the retries of 10 minutes to 8 hours",
        "a rehearsal does not wait",
        "behaviour 13",
    ),
)
"""Every choice."""
