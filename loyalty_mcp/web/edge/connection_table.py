"""The open connections, limited per address and in total."""

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol


class Connection(Protocol):
    """A connection in the table."""

    def abort(self) -> None:
        """Close it at once."""


class ConnectionTable:
    """Counts connections, and closes those that have waited longest if there are too many.

    A connection waits while none of its requests is being answered: it is idle, or its request is
    still arriving. A connection with a request that is being answered is never closed to make room.

    Args:
        max_connections: limit of open connections in total.
        max_per_address: limit of open connections from one address.
        trusted_proxies: addresses and networks without the limit per address, because their
            connections belong to many clients.
    """

    def __init__(
        self, max_connections: int, max_per_address: int, trusted_proxies: Sequence[str] = ()
    ) -> None:
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._proxies = [ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies]
        self._addresses: dict[Connection, str] = {}
        self._per_address: dict[str, OrderedDict[Connection, bool]] = {}
        self._waiting: OrderedDict[Connection, None] = OrderedDict()

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._addresses)

    def add(self, connection: Connection, address: str) -> bool:
        """Add a new waiting connection; another one may be aborted to make room.

        Returns:
            Whether there is room for it.
        """
        self._addresses[connection] = address
        neighbours = self._per_address.setdefault(address, OrderedDict())
        neighbours[connection] = True
        self._waiting[connection] = None
        if len(neighbours) > self._max_per_address and not self._is_proxy(address):
            dropped = next(each for each, waits in neighbours.items() if waits)
        elif len(self._addresses) > self._max_connections:
            dropped = next(iter(self._waiting))
        else:
            return True
        self.remove(dropped)
        if dropped is connection:
            return False
        dropped.abort()
        return True

    def set_busy(self, connection: Connection) -> None:
        """A request has arrived and is being answered."""
        if connection in self._waiting:
            del self._waiting[connection]
            self._per_address[self._addresses[connection]][connection] = False

    def set_waiting(self, connection: Connection) -> None:
        """The request has been answered, and the connection waits for another."""
        if connection in self._addresses:
            self._waiting[connection] = None
            neighbours = self._per_address[self._addresses[connection]]
            neighbours[connection] = True
            neighbours.move_to_end(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        address = self._addresses.pop(connection, None)
        if address is None:
            return
        self._waiting.pop(connection, None)
        neighbours = self._per_address[address]
        del neighbours[connection]
        if not neighbours:
            del self._per_address[address]

    def _is_proxy(self, address: str) -> bool:
        if not self._proxies:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)
