"""A desk: what one caller gets; made once for each, and few menus for all."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from loyalty_mcp.config import Settings
from loyalty_mcp.context import Context
from loyalty_mcp.dispatch import Dispatch, Observe, unobserved
from loyalty_mcp.guard import Guard
from loyalty_mcp.menu import menu
from loyalty_mcp.principal import Principal
from loyalty_mcp.resources import Scope
from loyalty_mcp.tool import Tool

KEPT: Final = 1_000
"""Desks kept; one more is made again in a moment."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What one authorisation gets.

    Args:
        principal: who calls.
        dispatch: runs its tools.
        scope: what it may see in resources and completions.
        menu: what it is shown; the same for all who may do the same.
    """

    principal: Principal
    dispatch: Dispatch
    scope: Scope
    menu: Mapping[str, Tool]


class Desks:
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

    def _make(self, principal: Principal) -> Desk:
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
        dispatch = Dispatch(
            tools, context, self._guard, sandbox=self._settings.sandbox, observe=self._observe
        )
        return Desk(principal, dispatch, Scope(self._settings.program, member), shown)

    def _menu(self, principal: Principal, *, bound: bool) -> Mapping[str, Tool]:
        key = (principal.role, principal.read_only, bound)
        if key not in self._menus:
            self._menus[key] = menu(self._settings, principal)
        return self._menus[key]
