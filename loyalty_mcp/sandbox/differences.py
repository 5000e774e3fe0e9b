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
        "Unknown program, definition or contact of create_balance_order",
        "422",
        "the operation declares no 404",
        "behaviour 9",
    ),
    Difference(
        "A contact that shares a subscription",
        "reads and moves the owner's balances; answers carry the owner's contactId; it has no"
        " other place in the program",
        "what such a contact may do is not documented",
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
        "Opening a balance that is open",
        "answers with the open one",
        "not documented; repeating it is harmless",
        "operation create_subscription_balance",
    ),
    Difference(
        "params of get_account_info",
        "names of parts, divided by commas: balance, tier, reward, members, membership",
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
        "200 throughout, 201 for a contact; publish answers an empty object",
        "all typed sources agree on 200",
        "conflicts 13 and 17",
    ),
    Difference(
        "Paths of the setup guide",
        "404",
        "no SDK knows them",
        "conflicts 1, 7, 21, 24 to 27",
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
        "Contacts",
        "without statistics, segments and consent; updates do not merge contacts",
        "only finding the member matters here",
        "behaviour 14",
    ),
)
"""Every choice."""
