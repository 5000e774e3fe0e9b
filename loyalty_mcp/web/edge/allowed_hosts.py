"""The Host and Origin headers this server accepts. Pure."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from loyalty_mcp.settings import Settings

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
"""Always accepted, because no site on the network can have these names."""

UNSPECIFIED: Final = {"", "0.0.0.0", "[0.0.0.0]", "::", "[::]"}  # noqa: S104 - compared, not bound
"""Addresses that mean "every interface" and cannot be the host name of a request."""

HOST: Final = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The host names and origins that this server accepts.

    Args:
        hosts: host names in lower case, without port.
        origins: origins of other sites that may call, as `scheme://host[:port]`.
    """

    hosts: frozenset[str]
    origins: frozenset[str]

    def allows_host(self, host: str) -> bool:
        """Whether a Host header names this server, with any port."""
        match = HOST.fullmatch(host.lower())
        return match is not None and match[1] in self.hosts

    def allows_origin(self, origin: str) -> bool:
        """Whether a page of that origin may call: one of our own hosts, or a listed origin."""
        if origin.lower() in self.origins:
            return True
        try:
            parsed = urlsplit(origin.lower())
        except ValueError:
            return False
        return parsed.scheme in {"http", "https"} and self.allows_host(parsed.netloc)


def allowed_hosts(settings: Settings, host: str) -> AllowedHosts:
    """The names of a server that listens on `host`."""
    names: Sequence[str] = (*LOOPBACK_NAMES, *settings.allowed_hosts)
    hosts = {*names, host.lower(), f"[{host.lower()}]"}
    if settings.public_url is not None:
        name = _hostname(settings.public_url)
        hosts.add(f"[{name}]" if ":" in name else name)
    return AllowedHosts(frozenset(hosts - UNSPECIFIED), frozenset(settings.allowed_origins))


def exposed_by(settings: Settings, host: str) -> str | None:
    """The setting that lets other machines call; None if there is none.

    Args:
        settings: the settings.
        host: the address to listen on.
    """
    if not is_loopback(host):
        return f"--host {host}"
    if settings.public_url is not None and not is_loopback(_hostname(settings.public_url)):
        return f"LOYALTY_MCP_PUBLIC_URL {settings.public_url}"
    for name in settings.allowed_hosts:
        if not is_loopback(name.strip("[]")):
            return f"LOYALTY_MCP_ALLOWED_HOSTS {name}"
    return None


def _hostname(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host` is reachable only from this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
