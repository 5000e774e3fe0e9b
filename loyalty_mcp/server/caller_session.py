"""Tools and scope of one caller, cached per principal."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from loyalty_mcp.brevo.references import References
from loyalty_mcp.brevo.visibility import MemberView
from loyalty_mcp.guard.guard import Guard
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.intents.roles import definition_of
from loyalty_mcp.server.dispatcher import CallObserver, Dispatcher, ignore_call
from loyalty_mcp.server.resources import Scope
from loyalty_mcp.settings import Settings
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.registry import menu
from loyalty_mcp.tools.tool import Tool

CACHED_SESSIONS: Final = 1_000
"""The number of cached sessions; rebuilding an evicted one takes less than a millisecond."""


@dataclass(frozen=True, slots=True)
class CallerSession:
    """The tools and scope of one principal.

    Args:
        principal: who calls.
        context: what its tools, resources and completions use.
        dispatcher: runs its tools.
        scope: what it may see in resources and completions.
        menu: its published tools; shared by all principals with the same rights.
    """

    principal: Principal
    context: Context
    dispatcher: Dispatcher
    scope: Scope
    menu: Mapping[str, Tool]


class CallerSessions:
    """The sessions of all callers of one server.

    Args:
        context: the clients, the journal and the settings that tools use.
        guard: carries out the changes of all sessions.
        observe: called with every call of a tool.

    Raises:
        BadSetting: the settings give no menu.
    """

    def __init__(self, context: Context, guard: Guard, observe: CallObserver = ignore_call) -> None:
        self._context = context
        self._guard = guard
        self._observe = observe
        self._settings: Settings = context.settings
        self._member_view = MemberView(context.brevo)
        self._menus: dict[tuple[str, bool, bool], Mapping[str, Tool]] = {}
        self.of = functools.lru_cache(maxsize=CACHED_SESSIONS)(self._create)

    def _create(self, principal: Principal) -> CallerSession:
        member = principal.member or self._settings.member
        shown = self._menu(principal, bound=member is not None)
        tools = shown
        if principal.member is not None:
            pinned = {"member": principal.member}
            tools = {name: tool.with_pinned(pinned) for name, tool in shown.items()}
        context = replace(
            self._context,
            caller=principal.name,
            role=principal.role,
            operator=principal.operator,
        )
        if definition_of(principal.role).sees_as_member:
            brevo = context.brevo.seen_through(self._member_view)
            references = References(brevo, self._settings.program)
            context = replace(context, brevo=brevo, references=references)
        dispatcher = Dispatcher(
            tools, context, self._guard, sandbox=self._settings.sandbox, observe=self._observe
        )
        scope = Scope(self._settings.program, member)
        return CallerSession(principal, context, dispatcher, scope, shown)

    def _menu(self, principal: Principal, *, bound: bool) -> Mapping[str, Tool]:
        key = (principal.role, principal.read_only, bound)
        if key not in self._menus:
            self._menus[key] = menu(self._settings, principal)
        return self._menus[key]
