"""Settings of the engine: where its data is kept, and switches for undocumented behaviour."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

CompleteTwice = Literal["refused", "ignored", "applied"]


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Settings of the engine.

    The switches, from `ignore_unknown_fields` on, are explained in `differences.py`; the control
    API changes them at run time.

    Attributes:
        database: The file for the data; `None` keeps it in memory.
        empty: Start without the seeded data, unless the file already contains data.
        api_key: The only accepted key, also for the control API; `None` accepts any that is not
            empty, and requires none under `/sandbox/`.
        rate_limit: Loyalty calls per hour; 0 for no limit.
        webhook_hosts: Hosts that webhooks may be sent to, in addition to this machine.
        ignore_unknown_fields: Ignore unknown fields and query parameters instead of refusing them.
        duplicate_enrolment_status: The status for a second enrolment of a contact.
        rejected_answer_status: 422, or 200 with a transaction whose status is `rejected`.
        checks_at_creation: Also check balance and caps when a draft is created.
        drafts_reserve: Open debits reserve their amount.
        default_ttl: Seconds after which a transaction without a ttl expires; `None` for never.
        oldest_first: Debits spend the oldest lot first, instead of the one that expires soonest.
        draft_configuration_applies: An unpublished program already accepts members and movements.
        partial_reports_requested: A trimmed credit shows the amount requested, not the one applied.
        orders_fall_due: When an order is processed at its `dueAt`.
        no_meta_in_history: Answers about members, including the history, omit `meta`.
        ttl_minutes: The ttl of a transaction counts minutes instead of seconds.
        history_lag: Seconds until reads about members show a write.
        drafts_in_balance: The shown balances include open drafts.
        complete_twice: A second completion is refused, ignored (200, nothing moves), or applied
            once more.
        filters_ignored: The lists of transactions, vouchers and rewards ignore their filters.
        history_oldest_first: The history is listed oldest first, whatever `sort` requests.
    """

    database: Path | None = None
    empty: bool = False
    api_key: str | None = field(default=None, repr=False)
    rate_limit: int = 600
    webhook_hosts: tuple[str, ...] = ()

    ignore_unknown_fields: bool = False
    duplicate_enrolment_status: Literal[400, 409] = 409
    rejected_answer_status: Literal[200, 422] = 422
    checks_at_creation: bool = False
    drafts_reserve: bool = False
    default_ttl: int | None = None
    oldest_first: bool = False
    draft_configuration_applies: bool = False
    partial_reports_requested: bool = False
    orders_fall_due: Literal["on_clock_step", "always", "never"] = "on_clock_step"
    no_meta_in_history: bool = False
    ttl_minutes: bool = False
    history_lag: float = 0
    drafts_in_balance: bool = False
    complete_twice: CompleteTwice = "refused"
    filters_ignored: bool = False
    history_oldest_first: bool = False
