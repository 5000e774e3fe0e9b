"""Whose requests are meant for this server: the Host and Origin it answers to. Pure."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from loyalty_mcp.settings import Settings

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
"""No page on the network has one of these as its name, so they are always safe to answer."""

NOBODYS: Final = {"", "0.0.0.0", "[0.0.0.0]", "::", "[::]"}  # noqa: S104 - compared, not bound
"""Everywhere is no name."""

HOST: Final = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Addresses:
    """What this server is called.

    Args:
        hosts: names in lower case, without port.
        origins: pages of other places that may call, as `scheme://host[:port]`.
    """

    hosts: frozenset[str]
    origins: frozenset[str]

    def answers_to(self, host: str) -> bool:
        """Whether a Host header names this server."""
        found = HOST.fullmatch(host.lower())
        return found is not None and found[1] in self.hosts

    def welcomes(self, origin: str) -> bool:
        """Whether a page of that Origin may call: one of our own names, or one that is listed."""
        if origin.lower() in self.origins:
            return True
        try:
            parsed = urlsplit(origin.lower())
        except ValueError:
            return False
        return parsed.scheme in {"http", "https"} and self.answers_to(parsed.netloc)


def addresses(settings: Settings, host: str) -> Addresses:
    """What a server is called that listens on `host`."""
    names: Sequence[str] = (*LOOPBACK_NAMES, *settings.allowed_hosts)
    hosts = {*names, host.lower(), f"[{host.lower()}]"}
    if settings.public_url is not None:
        hosts.add((urlsplit(settings.public_url).hostname or "").lower())
    return Addresses(frozenset(hosts - NOBODYS), frozenset(settings.allowed_origins))


def is_loopback(host: str) -> bool:
    """Whether what listens on `host` is reached from this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
