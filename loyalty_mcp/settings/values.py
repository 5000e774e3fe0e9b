"""Validation of setting values. Each check raises ValueError with the end of a sentence."""

import re
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr, ValidationInfo

WEB_ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
HOST: Final = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
ORIGIN: Final = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?")
ENCRYPTED: Final = re.compile(r"https:|http://(localhost|127\.0\.0\.1|\[::1\])[:/]")
"""Schemes that the network cannot read."""

DATABASES: Final = ("sqlite:///", "postgresql+asyncpg://")
OLD_SQLITE: Final = "sqlite+aiosqlite://"
"""The earlier spelling of `sqlite://`; still accepted."""

TEMPLATE: Final = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}")
"""A placeholder that the client should have replaced, such as `${user_config.api_key}`."""

SMTP_KEY_PREFIX: Final = "xsmtpsib-"
PLACEHOLDER_KEY: Final = re.compile(
    r"(xkeysib[-_])?("
    r"<.*>|\[.*\]|%\w+%|\$\w+"
    r"|(your|my|the|insert|enter|paste|put|add|replace)[-_ ].*"
    r"|(brevo[-_ ]?)?api[-_ ]?key(here)?|key|x{3,}[-x]*|\.{2,}"
    r"|change[-_ ]?(me|this|it)|placeholder|example|todo|none|null|undefined"
    r")",
    re.IGNORECASE,
)
"""Placeholders that people and templates leave in place of a key."""

RANDOM: Final = frozenset({"secret", "approval_webhook_secret"})
"""Settings with random values, which may look like a template by chance."""

SECRET_BYTES: Final = 32
MOST_SECRETS: Final = 2
MOST_FILE_BYTES: Final = 4_096


def without_template(value: Any, info: ValidationInfo) -> Any:
    """Refuse a template that the client did not replace, in any setting."""
    found = TEMPLATE.fullmatch if info.field_name in RANDOM else TEMPLATE.search
    if isinstance(value, str) and found(value):
        raise ValueError(
            "it still holds a placeholder that your client did not replace; give a value, or "
            "leave the setting out"
        )
    return value


def usable_key(value: SecretStr | None) -> SecretStr | None:
    """A plausible Brevo API key; None for a blank value."""
    key = "" if value is None else value.get_secret_value().strip()
    if PLACEHOLDER_KEY.fullmatch(key):
        raise ValueError(
            "it is a placeholder, not a key; copy the key from Brevo under SMTP & API, or "
            "leave it out for the embedded sandbox"
        )
    if key.startswith(SMTP_KEY_PREFIX):
        raise ValueError(
            "it is an SMTP key; create an API key (it begins with xkeysib-) in Brevo under "
            "SMTP & API, API keys"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("it has a character that no key has; copy it again from Brevo")
    return SecretStr(key) if key else None


def known_database(value: SecretStr | None) -> SecretStr | None:
    """The address of a supported database for the journal."""
    if value is None:
        return None
    address = value.get_secret_value()
    if address.startswith(OLD_SQLITE):
        address = f"sqlite://{address.removeprefix(OLD_SQLITE)}"
    if not address.startswith(DATABASES):
        raise ValueError("it must be sqlite:///FILE or postgresql+asyncpg://…")
    return SecretStr(address)


def readable_file(value: Path | None) -> Path | None:
    """A readable file that is not empty."""
    if value is None:
        return None
    try:
        with value.open("rb") as file:
            content = file.read(MOST_FILE_BYTES + 1)
        text = content.decode().strip()
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("the file is no UTF-8 text") from None
    if not text:
        raise ValueError("the file is empty")
    if len(content) > MOST_FILE_BYTES:
        raise ValueError(f"the file is larger than {MOST_FILE_BYTES} bytes")
    return value


def split_secrets(value: str) -> tuple[str, ...]:
    """The secrets in a value: one, or two separated by a comma."""
    return tuple(secret.strip() for secret in value.split(","))


def strong_secret(value: SecretStr | None) -> SecretStr | None:
    """One or two secrets, each long enough."""
    if value is None:
        return None
    secrets = split_secrets(value.get_secret_value())
    if len(secrets) > MOST_SECRETS:
        raise ValueError("give one secret, or two with one comma between them")
    if any(len(secret.encode()) < SECRET_BYTES for secret in secrets):
        which = "one of the two" if len(secrets) > 1 else "it"
        raise ValueError(
            f"{which} is too short; give {SECRET_BYTES} bytes or more, without a comma in a secret"
        )
    return value


def api_root(value: str) -> str:
    """The root of the API, without a trailing slash."""
    if not WEB_ADDRESS.fullmatch(value):
        raise ValueError("it must be an address such as https://api.brevo.com/v3")
    return value.rstrip("/")


def web_address(value: str | None) -> str | None:
    """An address without query, fragment and user, and without a trailing slash."""
    if value is not None and not WEB_ADDRESS.fullmatch(value):
        raise ValueError("it must be an address such as https://loyalty.example.com")
    return None if value is None else value.rstrip("/")


def webhook_address(value: str | None) -> str | None:
    """An address for messages: HTTPS, or on this machine."""
    if value is not None and not (WEB_ADDRESS.fullmatch(value) and ENCRYPTED.match(value)):
        raise ValueError("it must be an address such as https://hooks.example.com/loyalty")
    return value


def issuer_address(value: str | None) -> str | None:
    """The address of an authorization server; a trailing slash is kept, as in the claim."""
    if value is not None and not WEB_ADDRESS.fullmatch(value):
        raise ValueError("it must be the address of the authorization server, letter by letter")
    return value


def host_names(value: tuple[str, ...]) -> tuple[str, ...]:
    """Names as in the Host header, in lower case."""
    for host in value:
        if not HOST.fullmatch(host):
            raise ValueError("give names such as loyalty.example.com, without scheme or port")
    return tuple(host.lower() for host in value)


def web_origins(value: tuple[str, ...]) -> tuple[str, ...]:
    """Origins as in the Origin header, in lower case."""
    for origin in value:
        if not ORIGIN.fullmatch(origin):
            raise ValueError("give origins such as https://app.example.com, without a path")
    return tuple(origin.lower() for origin in value)


def networks(value: tuple[str, ...]) -> tuple[str, ...]:
    """Networks; a single address is a network of one."""
    from ipaddress import ip_network  # noqa: PLC0415 - rarely needed

    try:
        return tuple(str(ip_network(network, strict=False)) for network in value)
    except ValueError:
        raise ValueError("give addresses or networks such as 10.0.0.7 or 10.0.0.0/8") from None
