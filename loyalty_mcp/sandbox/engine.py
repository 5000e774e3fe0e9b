"""The engine: store, faults and budgets, and the processing of a request."""

from collections.abc import Callable, Mapping
from datetime import datetime

from loyalty_mcp.sandbox import seed
from loyalty_mcp.sandbox.access_tokens import AccessTokens
from loyalty_mcp.sandbox.api.endpoint import Call, ControlCall, Endpoint, Json, without_meta
from loyalty_mcp.sandbox.api.fields import Body, Query
from loyalty_mcp.sandbox.records import due
from loyalty_mcp.sandbox.records.due_events import process_due
from loyalty_mcp.sandbox.rules.hooks import Hooks
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.sandbox.simulation.budget import CONTACT_CALLS, Budget
from loyalty_mcp.sandbox.simulation.faults import Faults
from loyalty_mcp.sandbox.simulation.webhooks import Webhooks
from loyalty_mcp.sandbox.store import Store, UnitOfWork, random_id, real_time


class Engine:
    """One sandbox.

    Args:
        settings: Where the data is kept, and the switches.
        hooks: Functions called after movements, enrolments and publications.
        clock: Returns the real time.
        new_id: Creates an id.
    """

    def __init__(
        self,
        settings: SandboxSettings,
        hooks: Hooks,
        *,
        clock: Callable[[], datetime] = real_time,
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self._initial_settings = settings
        self.store = Store(settings, hooks=hooks, clock=clock, new_id=new_id)
        self.webhooks = Webhooks(self.store)
        self.faults = Faults()
        self.access_tokens = AccessTokens(settings.api_key)
        self.loyalty_budget = Budget(settings.rate_limit)
        self.contacts_budget = Budget(CONTACT_CALLS if settings.rate_limit else 0)
        if not self.store.started:
            self.reset(only_once=True)

    def reset(self, *, only_once: bool = False) -> None:
        """Reset to the start: seeded or empty, real time, no faults, full budgets.

        Args:
            only_once: Keep data that another process has put into the file in the meantime.
        """
        self.webhooks.send_to(None)
        self.use(self._initial_settings)
        fill = _nothing if self.settings.empty else seed.fill_seed
        self.store.start(fill, only_once=only_once)
        self.faults.replace(())
        self.access_tokens.revoke()
        self.loyalty_budget.refill()
        self.contacts_budget.refill()

    @property
    def settings(self) -> SandboxSettings:
        """The current settings."""
        return self.store.settings

    def use(self, settings: SandboxSettings) -> None:
        """Continue with other switches."""
        self.store.use(settings)
        self.loyalty_budget.limit = settings.rate_limit

    def budget_for(self, path: str) -> Budget | None:
        """Return the budget that a request to this path counts against."""
        if path.startswith("/v3/loyalty/"):
            return self.loyalty_budget
        return self.contacts_budget if path.startswith("/v3/contacts") else None

    def answer(
        self, endpoint: Endpoint, path: Mapping[str, str], query: Query, body: Body
    ) -> Json | None:
        """Handle one request.

        Raises:
            Refusal: The request is refused.
        """
        try:
            self.process_due()
            if endpoint.controls:
                return endpoint.answer(ControlCall(self, path, query, body))
            lags = endpoint.about_members and endpoint.method == "GET"
            with self.store.reading() if lags else self.store.unit() as unit:
                reply = endpoint.answer(Call(unit, path, query, body))
            hides = endpoint.about_members and self.settings.no_meta_in_history
            return without_meta(reply) if hides else reply
        finally:
            self.webhooks.deliver()

    def process_due(self, *, stepped_from: datetime | None = None) -> None:
        """Process everything that fell due since the last request."""
        with self.store.unit() as unit:
            if stepped_from is not None or due.anything_due(unit):
                process_due(unit, stepped_from=stepped_from)

    def step_clock(self, moment: datetime) -> None:
        """Move the clock, processing everything that falls due on the way.

        Raises:
            Invalid: The time lies before the present, or too far ahead.
        """
        before = self.store.now()
        self.store.set_now(moment)
        self.process_due(stepped_from=before)


def _nothing(unit: UnitOfWork) -> None:
    """Leave the store empty."""
    del unit
