"""What one caller gets: tools, scope and dispatcher, cached per principal."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from loyalty_mcp.guard.guard import Guard
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.server.dispatcher import Dispatcher, Observe, unobserved
from loyalty_mcp.server.resources import Scope
from loyalty_mcp.settings import Settings
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.registry import menu
from loyalty_mcp.tools.tool import Tool

KEPT: Final = 1_000
"""Desks kept; one more is made again in a moment."""


@dataclass(frozen=True, slots=True)
class CallerSession:
    """What one authorisation gets.

    Args:
        principal: who calls.
        dispatch: runs its tools.
        scope: what it may see in resources and completions.
        menu: what it is shown; the same for all who may do the same.
    """

    principal: Principal
    dispatcher: Dispatcher
    scope: Scope
    menu: Mapping[str, Tool]


class CallerSessions:
    """The desks of one server.

    Args:
        context: what tools work with.
        guard: who has to agree.
        observe: told of every call.

    Raises:
        BadSetting: the menu cannot be made of the settings.
    """

    def __init__(self, context: Context, guard: Guard, observe: Observe = unobserved) -> None:
        self._context = context
        self._guard = guard
        self._observe = observe
        self._settings: Settings = context.settings
        self._menus: dict[tuple[str, bool, bool], Mapping[str, Tool]] = {}
        self.of = functools.lru_cache(maxsize=KEPT)(self._make)

    def _make(self, principal: Principal) -> CallerSession:
        member = principal.member or self._settings.member
        shown = self._menu(principal, bound=member is not None)
        tools = shown
        if principal.member is not None:
            tools = {name: tool.holding(member=principal.member) for name, tool in shown.items()}
        context = replace(
            self._context,
            caller=principal.name,
            role=principal.role,
            operator=principal.operator,
        )
        dispatcher = Dispatcher(
            tools, context, self._guard, sandbox=self._settings.sandbox, observe=self._observe
        )
        return CallerSession(principal, dispatcher, Scope(self._settings.program, member), shown)

    def _menu(self, principal: Principal, *, bound: bool) -> Mapping[str, Tool]:
        key = (principal.role, principal.read_only, bound)
        if key not in self._menus:
            self._menus[key] = menu(self._settings, principal)
        return self._menus[key]
